-- SPDX-License-Identifier: Apache-2.0
-- Adds a key of the admin API, unless there are too many.
-- KEYS: keys
-- ARGV: id, stored JSON, at most how many
-- Returns 1, or 0 when it was not added.
if redis.call("HLEN", KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
return redis.call("HSETNX", KEYS[1], ARGV[1], ARGV[2])
