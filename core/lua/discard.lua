-- SPDX-License-Identifier: Apache-2.0
-- @use message
-- Deletes a dead letter for good; its event's copy goes with the last reference.
-- KEYS: dead, dead:<id>, message:<event>
-- ARGV: dead letter id
-- Returns 1, or 0 when there is no such dead letter.
if redis.call("ZREM", KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call("DEL", KEYS[2])
message_release(KEYS[3])
return 1
