-- SPDX-License-Identifier: Apache-2.0
-- Which subscriptions have something due: the look itself books each for VISIT ms, so that one instance at a
-- time looks, and a dead one's look is forgotten by itself. claim.lua then sets the exact time.
-- KEYS: due
-- ARGV: limit
-- Returns {now ms, ms until the next subscription is due (-1: none), subscription …}; when there is none now is 0.
local VISIT = 1000
-- Most looks find nothing.
if redis.call("EXISTS", KEYS[1]) == 0 then return { 0, -1 } end
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local subscriptions = redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", now, "LIMIT", 0, ARGV[1])
for _, subscription in ipairs(subscriptions) do
    -- Removed first: so it works when Redis is full too (see claim.lua).
    redis.call("ZREM", KEYS[1], subscription)
    redis.call("ZADD", KEYS[1], now + VISIT, subscription)
end
local first = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
local wait = -1
if first[2] then wait = math.max(0, tonumber(first[2]) - now) end
return { now, wait, unpack(subscriptions) }
