-- SPDX-License-Identifier: Apache-2.0
-- @use state
-- Extends leases the caller still holds (attempts that take longer than a lease).
-- KEYS: queue:<sub>, parked:<sub>
-- ARGV: lease ms, lease token, event id …
-- Returns how many are still held.
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = 0
for i = 3, #ARGV do
    if state_is_held(redis.call("HGET", KEYS[2], ARGV[i]), ARGV[2]) then
        -- Removed first: a lease lasts when Redis is full too (see claim.lua).
        redis.call("ZREM", KEYS[1], ARGV[i])
        redis.call("ZADD", KEYS[1], now + tonumber(ARGV[1]), ARGV[i])
        held = held + 1
    end
end
return held
