-- SPDX-License-Identifier: Apache-2.0
-- @use health
-- Says when a subscription's queue is to be looked at next: later while paused; now on resume, and then it drains at
-- a slow start. Who resumes says that the subscriber is well, so what was counted of its failures begins anew.
-- KEYS: due, queue:<sub>, health:<sub>, open, breakers
-- ARGV: subscription, delay ms, "1": resumed
-- Returns how many deliveries are parked.
local now = health_clock()
local parked = redis.call("ZCARD", KEYS[2])
-- Removed first: so it works when Redis is full too (see claim.lua).
redis.call("ZREM", KEYS[1], ARGV[1])
if parked > 0 then redis.call("ZADD", KEYS[1], now + tonumber(ARGV[2]), ARGV[1]) end
if ARGV[3] == "1" then
    health_resume({ health = KEYS[3], open = KEYS[4], breakers = KEYS[5], subscription = ARGV[1] }, now, parked)
end
return parked
