-- SPDX-License-Identifier: Apache-2.0
-- A leased delivery waits again: after a failed attempt, or given back unattempted (attempts unchanged).
-- KEYS: queue:<sub>, due, parked:<sub>
-- ARGV: 1 event id, 2 lease token, 3 subscription, 4 delay ms, 5 attempts made, 6 first attempt ms,
--       7 last attempt ms, 8 last status, 9 last error, 10 "1": leave `due` alone (paused)
-- Returns 1, or 0 when the lease isn't the caller's any more (nothing is done).
local state = redis.call("HGET", KEYS[3], ARGV[1])
if not state or string.match(state, "%S+$") ~= ARGV[2] then return 0 end
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = now + tonumber(ARGV[4])
-- Removed first: a failed attempt is written down when Redis is full too (see claim.lua).
redis.call("HDEL", KEYS[3], ARGV[1])
redis.call("HSET", KEYS[3], ARGV[1],
    table.concat({ ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], "-" }, " "))
redis.call("ZADD", KEYS[1], due, ARGV[1])
if ARGV[10] ~= "1" then redis.call("ZADD", KEYS[2], "LT", due, ARGV[3]) end
return 1
