-- SPDX-License-Identifier: Apache-2.0
-- Trims the stream's settled past, by count and age, never an entry that is pending or unread.
-- Ranks come from marks, one per call: (entries ever added, last id at that time).
-- KEYS: events, marks
-- ARGV: group, entries to retain, ms to retain (0: no bound by age)
-- Returns how many entries were removed.
local function field(list, name)
    for i = 1, #list, 2 do
        if list[i] == name then return list[i + 1] end
    end
end
local function is_before(a, b)
    local ams, aseq = string.match(a, "^(%d+)-(%d+)$")
    local bms, bseq = string.match(b, "^(%d+)-(%d+)$")
    ams, bms = tonumber(ams), tonumber(bms)
    return ams < bms or (ams == bms and tonumber(aseq) < tonumber(bseq))
end
local groups = redis.pcall("XINFO", "GROUPS", KEYS[1])
if groups.err or #groups == 0 then return 0 end
local info = redis.call("XINFO", "STREAM", KEYS[1])
local added = field(info, "entries-added")
if not added then return 0 end

-- Every group counts, not only petrel's own: others may read the same stream.
local bound
for _, group in ipairs(groups) do
    local safe = field(group, "last-delivered-id")
    local pending = redis.call("XPENDING", KEYS[1], field(group, "name"))
    if pending[1] > 0 and is_before(pending[2], safe) then safe = pending[2] end
    if not bound or is_before(safe, bound) then bound = safe end
end

local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Refused when Redis is full: then the marks there are have to do, since trimming is what makes room.
redis.pcall("ZADD", KEYS[2], added, field(info, "last-generated-id"))
local cutoff
local mark = redis.call("ZREVRANGEBYSCORE", KEYS[2], added - tonumber(ARGV[2]), "-inf", "LIMIT", 0, 1)
if mark[1] then cutoff = mark[1] end
if tonumber(ARGV[3]) > 0 then
    local old = string.format("%.0f-0", now - tonumber(ARGV[3]))
    if not cutoff or is_before(cutoff, old) then cutoff = old end
end
if not cutoff then return 0 end
if is_before(bound, cutoff) then cutoff = bound end
local removed = redis.call("XTRIM", KEYS[1], "MINID", cutoff)
redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", added - tonumber(ARGV[2]) - 1)
return removed
