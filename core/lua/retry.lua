-- SPDX-License-Identifier: Apache-2.0
-- @use health
-- @use state
-- A leased delivery waits again: after a failed attempt, or given back unattempted (attempts unchanged).
-- KEYS: queue:<sub>, due, parked:<sub>, health:<sub>, open, breakers
-- ARGV: 1 event id, 2 lease token, 3 subscription, 4 delay ms, 5 attempts made, 6 first attempt ms,
--       7 last attempt ms, 8 last status, 9 last error, 10 "1": leave `due` alone (paused),
--       11 report of the attempt ("": there was none; see health_fail), 12 policy
-- Returns {1, breaker, ms to wait, "1": disable it}, or 0 when the lease isn't the caller's any more (nothing is
-- done).
local state = redis.call("HGET", KEYS[3], ARGV[1])
if not state_is_held(state, ARGV[2]) then return 0 end
local names = { health = KEYS[4], open = KEYS[5], breakers = KEYS[6], subscription = ARGV[3] }
local now = health_clock()
local due = now + tonumber(ARGV[4])
local born = state_born(state) or now
-- Removed first: a failed attempt is written down when Redis is full too (see claim.lua).
redis.call("HDEL", KEYS[3], ARGV[1])
redis.call("HSET", KEYS[3], ARGV[1], state_make(born, { unpack(ARGV, 5, 9) }))
redis.call("ZADD", KEYS[1], due, ARGV[1])
local health, flag
if ARGV[11] ~= "" then
    health, flag = health_fail(names, ARGV[11], ARGV[12], ARGV[2])
else
    health, flag = health_read(names), 0
end
if ARGV[10] ~= "1" then
    redis.call("ZADD", KEYS[2], "LT", math.max(due, health_wait_until(health)), ARGV[3])
end
return health_answer(1, health, now, flag)
