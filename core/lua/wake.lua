-- SPDX-License-Identifier: Apache-2.0
-- Says when a subscription's queue is to be looked at next: now on resume, later while paused.
-- KEYS: due, queue:<sub>
-- ARGV: subscription, delay ms
-- Returns how many deliveries are parked.
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local parked = redis.call("ZCARD", KEYS[2])
-- Removed first: so it works when Redis is full too (see claim.lua).
redis.call("ZREM", KEYS[1], ARGV[1])
if parked > 0 then redis.call("ZADD", KEYS[1], now + tonumber(ARGV[2]), ARGV[1]) end
return parked
