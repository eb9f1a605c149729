-- SPDX-License-Identifier: Apache-2.0
-- A leased delivery arrived: it leaves the queue, and its event's copy goes with the last reference.
-- KEYS: queue:<sub>, parked:<sub>, message:<event>, totals
-- ARGV: event id, lease token
-- Returns 1, or 0 when the lease isn't the caller's any more (nothing is done).
local state = redis.call("HGET", KEYS[2], ARGV[1])
if not state or string.match(state, "%S+$") ~= ARGV[2] then return 0 end
-- Removing comes first: it is allowed even when Redis is full, and after it so is the counting.
redis.call("HDEL", KEYS[2], ARGV[1])
redis.call("ZREM", KEYS[1], ARGV[1])
if redis.call("HINCRBY", KEYS[3], "refs", -1) <= 0 then redis.call("DEL", KEYS[3]) end
redis.call("HINCRBY", KEYS[4], "parked", -1)
redis.call("HINCRBY", KEYS[4], "delivered", 1)
return 1
