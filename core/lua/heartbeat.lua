-- SPDX-License-Identifier: Apache-2.0
-- An instance says that it lives, and learns who else does.
-- KEYS: instances, schema
-- ARGV: own instance id, own description (JSON), ms of silence after which an instance is dead, layout's version
-- Returns {now ms, {live instance id …}, {dead instance id …}, 1 when the instance was known or 0, 1 when the
-- layout's version was missing or 0 (Redis has lost everything)}. A value is "<heartbeat ms> <description>".
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local added = redis.pcall("HSET", KEYS[1], ARGV[1], now .. " " .. ARGV[2])
if type(added) ~= "number" then
    -- An instance isn't dead because Redis is full: it takes what is written after something was removed (see claim.lua).
    added = 1 - redis.call("HDEL", KEYS[1], ARGV[1])
    redis.call("HSET", KEYS[1], ARGV[1], now .. " " .. ARGV[2])
end
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
-- Who loses everything loses us, too.
local is_lost = 0
if added == 1 and redis.call("EXISTS", KEYS[2]) == 0 then
    redis.call("SET", KEYS[2], ARGV[4])
    is_lost = 1
end
return { now, live, dead, 1 - added, is_lost }
