-- SPDX-License-Identifier: Apache-2.0
-- The rate limit of a subscription, over the whole fleet: grants sends from one bucket (generic cell rate algorithm,
-- ITU-T I.371: only the time at which the bucket will be full again is kept). Who asks a little late, as one that waits
-- for its time always does, has the next one that much sooner: so the rate comes out exactly, also with a burst of 1.
-- KEYS: rate:<sub>
-- ARGV: sends per second (a decimal number), burst, how many are wanted
-- Returns {granted, ms until the next one (0: now)}.
local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2]
local interval = 1000000 / tonumber(ARGV[1])
local burst, wanted = tonumber(ARGV[2]), tonumber(ARGV[3])
local LATE_MAX = 100000 -- µs
local late = math.min(interval / 2, LATE_MAX)
local noted = tonumber(redis.call("GET", KEYS[1]) or now)
-- Never emptier than empty, whatever an earlier, slower limit or another clock has left behind.
local full_at = math.max(now - late, math.min(now + burst * interval, noted))
local free = math.floor((burst * interval - (full_at - now)) / interval + 0.000001)
local granted = math.max(0, math.min(wanted, free))
full_at = full_at + granted * interval
if granted > 0 or full_at < noted then
    -- Removed first: what is limited must be able to leave when Redis is full (see claim.lua).
    redis.call("DEL", KEYS[1])
    redis.call("SET", KEYS[1], string.format("%.0f", full_at), "PX", math.ceil((full_at - now) / 1000) + 1000)
end
local wait = 0
if free - granted < 1 then wait = math.ceil((full_at - now - (burst - 1) * interval) / 1000) end
return { granted, math.max(0, wait) }
