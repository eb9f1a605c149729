-- SPDX-License-Identifier: Apache-2.0
-- Trims the stream's settled past, by count and age, never an entry that is pending or unread in any group; and notes
-- the floor: up to there all is settled (what group.lua makes a lost group from).
-- KEYS: events, marks, floor, totals
-- ARGV: group, entries to retain, ms to retain (0: no bound by age), at most how many to remove in a call
-- Returns {removed, 1 when there may be more to remove now, unread and pending entries, parked deliveries}.
-- Cost: O(removed), and removed is bounded, whatever the backlog; the caller comes again.
--
-- While nothing is pending or unread, the count is Redis's own (MAXLEN). Otherwise the rank of the first entry to keep
-- isn't known to Redis; it comes from marks (entries ever added, last id at that time), a hundredth of what is
-- retained apart, so that there are a hundred of them: more is kept rather than less.
local retain, retain_ms, most = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
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
-- The id before, or one a little older where a number of Lua can't tell.
local function before(id)
    local ms, seq = string.match(id, "^(%d+)-(%d+)$")
    if #seq > 15 then return ms .. "-0" end
    if seq ~= "0" then return ms .. string.format("-%.0f", tonumber(seq) - 1) end
    if ms == "0" then return "0-0" end
    return string.format("%.0f-18446744073709551615", tonumber(ms) - 1)
end

local parked = tonumber(redis.call("HGET", KEYS[4], "parked") or "0")
local groups = redis.pcall("XINFO", "GROUPS", KEYS[1])
if groups.err or #groups == 0 then return { 0, 0, 0, parked } end
local info = redis.call("XINFO", "STREAM", KEYS[1])
local added, last = field(info, "entries-added"), field(info, "last-generated-id")

-- Every group counts, not only petrel's own: others may read the same stream.
local bound
local waiting, is_all_settled = 0, true
for _, group in ipairs(groups) do
    local safe = field(group, "last-delivered-id")
    local pending = redis.call("XPENDING", KEYS[1], field(group, "name"))
    local settled = safe
    if pending[1] > 0 then
        is_all_settled = false
        settled = before(pending[2])
        if is_before(pending[2], safe) then safe = pending[2] end
    end
    if is_before(safe, last) then is_all_settled = false end
    if not bound or is_before(safe, bound) then bound = safe end
    if field(group, "name") == ARGV[1] then
        waiting = pending[1] + (field(group, "lag") or 0)
        -- Refused when Redis is full, as the marks are: then the older one has to do.
        if settled ~= "0-0" then redis.pcall("SET", KEYS[3], settled) end
    end
end

local removed, has_more = 0, 0
-- Whole nodes of the stream, a bounded number of them; when none is left to go, what remains is within one.
local function trim(strategy, threshold)
    local count = redis.call("XTRIM", KEYS[1], strategy, "~", threshold, "LIMIT", most)
    if count > 0 then has_more = 1 else count = redis.call("XTRIM", KEYS[1], strategy, threshold) end
    removed = removed + count
end

local newest = redis.call("ZREVRANGE", KEYS[2], 0, 0, "WITHSCORES")
if newest[2] and tonumber(newest[2]) > added then -- of a stream that was deleted
    redis.call("DEL", KEYS[2])
    newest = {}
end
if not newest[2] or added - tonumber(newest[2]) >= math.max(1, math.floor(retain / 100)) then
    redis.pcall("ZADD", KEYS[2], added, last)
end
local cutoff
local mark = redis.call("ZREVRANGEBYSCORE", KEYS[2], added - retain, "-inf", "WITHSCORES", "LIMIT", 0, 1)
if mark[1] then
    cutoff = mark[1]
    redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", "(" .. mark[2])
end
if retain_ms > 0 then
    local time = redis.call("TIME")
    local old = string.format("%.0f-0", time[1] * 1000 + math.floor(time[2] / 1000) - retain_ms)
    if not cutoff or is_before(cutoff, old) then cutoff = old end
end
if is_all_settled and field(info, "length") > retain then trim("MAXLEN", ARGV[2]) end
if cutoff and has_more == 0 then trim("MINID", is_before(bound, cutoff) and bound or cutoff) end
return { removed, has_more, waiting, parked }
