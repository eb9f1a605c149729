-- SPDX-License-Identifier: Apache-2.0
-- An instance says that it lives, and learns who else does.
-- KEYS: instances
-- ARGV: own instance id, own description (JSON), ms of silence after which an instance is dead
-- Returns {now ms, {live instance id …}, {dead instance id …}}. A value is "<heartbeat ms> <description>".
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Removed first: an instance isn't dead because Redis is full (see claim.lua).
redis.call("HDEL", KEYS[1], ARGV[1])
redis.call("HSET", KEYS[1], ARGV[1], now .. " " .. ARGV[2])
local live, dead = {}, {}
local all = redis.call("HGETALL", KEYS[1])
for i = 1, #all, 2 do
    local beat = tonumber(string.match(all[i + 1], "^%d+") or "0")
    if now - beat > tonumber(ARGV[3]) then
        dead[#dead + 1] = all[i]
    else
        live[#live + 1] = all[i]
    end
end
return { now, live, dead }
