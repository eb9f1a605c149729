-- SPDX-License-Identifier: Apache-2.0
-- @use health
-- Says when a subscription's queue is to be looked at next: later while paused; now on resume, and then it drains at
-- a slow start.
-- KEYS: due, queue:<sub>, health:<sub>, open, breakers
-- ARGV: subscription, delay ms, "1": resumed
-- Returns how many deliveries are parked.
local now = health_clock()
local parked = redis.call("ZCARD", KEYS[2])
-- Removed first: so it works when Redis is full too (see claim.lua).
redis.call("ZREM", KEYS[1], ARGV[1])
if parked == 0 then return 0 end
redis.call("ZADD", KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
if ARGV[3] == "1" then
    local names = { health = KEYS[3], open = KEYS[4], breakers = KEYS[5], subscription = ARGV[1] }
    redis.call("HSET", names.health, "state", "half_open", "since", now, "stage", 0, "stage_at", now, "used", 0,
        "failures", 0, "failing_since", 0)
    redis.call("HDEL", names.health, "probe", "probe_event")
    redis.call("ZADD", names.open, -now, ARGV[1])
    health_tell(names, "half_open", 0)
end
return parked
