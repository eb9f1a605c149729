-- SPDX-License-Identifier: Apache-2.0
-- Trims the stream's settled past, by count and age, never an entry that is pending or unread in any group; and notes
-- the floor: up to there all is settled (what group.lua makes a lost group from).
-- KEYS: events, floor, totals
-- ARGV: group, entries to retain, ms to retain (0: no bound by age), at most how many to remove in a call,
--       "1": Redis is short of memory
-- Returns {removed, 1 when there may be more to remove now, unread and pending entries, parked deliveries, entries left}.
-- Cost: O(removed), and removed is bounded, whatever the backlog; the caller comes again.
--
-- By count: while anything is pending or unread, whole nodes of the stream (100 entries) go that are older than it,
-- no more entries than there are too many; MAXLEN, which is exact, only when all is settled: it deletes pending
-- entries like any others. When memory is short the settled ones that are younger than something pending go, too, one by
-- one: what can't be parked for want of memory stays pending, and would keep everything after it.
local SWEEP_STEP, SWEEP_STEPS = 8, 250 -- a look at 2,000 at most, few at a time: entries may be large
local retain, retain_ms, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
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

local parked = tonumber(redis.call("HGET", KEYS[3], "parked") or "0")
local groups = redis.pcall("XINFO", "GROUPS", KEYS[1])
if groups.err or #groups == 0 then return { 0, 0, 0, parked, 0 } end
local info = redis.call("XINFO", "STREAM", KEYS[1])
local last = field(info, "last-generated-id")

-- Every group counts, not only petrel's own: others may read the same stream.
local bound, read_to
local waiting, is_all_settled = 0, true
for _, group in ipairs(groups) do
    local safe = field(group, "last-delivered-id")
    if not read_to or is_before(safe, read_to) then read_to = safe end
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
        -- Refused when Redis is full: then the older one has to do.
        if settled ~= "0-0" then redis.pcall("SET", KEYS[2], settled) end
    end
end

local removed, has_more = 0, 0
local function trim(limit, strategy, threshold)
    local count = redis.call("XTRIM", KEYS[1], strategy, "~", threshold, "LIMIT", limit)
    if count > 0 then has_more = 1 end
    removed = removed + count
    return count
end
local excess = field(info, "length") - retain
-- Of those from `from` on that every group has read.
local function sweep(from)
    for _ = 1, SWEEP_STEPS do
        local entries = redis.call("XRANGE", KEYS[1], from, read_to, "COUNT", SWEEP_STEP)
        if #entries == 0 or removed >= excess then return end
        local first, last_id = entries[1][1], entries[#entries][1]
        local is_pending, settled = {}, {}
        for _, group in ipairs(groups) do
            local pending = redis.call("XPENDING", KEYS[1], field(group, "name"), first, last_id, SWEEP_STEP)
            for _, one in ipairs(pending) do is_pending[one[1]] = true end
        end
        for _, entry in ipairs(entries) do
            if not is_pending[entry[1]] then settled[#settled + 1] = entry[1] end
        end
        if settled[1] then
            removed = removed + redis.call("XDEL", KEYS[1], unpack(settled))
            has_more = 1
        end
        from = "(" .. last_id
    end
end
if excess > 0 and not is_all_settled then
    if trim(math.min(excess, most), "MINID", bound) == 0 and ARGV[5] == "1" then sweep(bound) end
elseif excess > 0 and trim(most, "MAXLEN", ARGV[2]) == 0 then
    -- No whole node is left to go: what remains is within one.
    removed = removed + redis.call("XTRIM", KEYS[1], "MAXLEN", ARGV[2])
end
if retain_ms > 0 and has_more == 0 then
    local time = redis.call("TIME")
    local old = string.format("%.0f-0", time[1] * 1000 + math.floor(time[2] / 1000) - retain_ms)
    if is_before(bound, old) then old = bound end
    local first = field(info, "first-entry")
    if first and is_before(first[1], old) and trim(most, "MINID", old) == 0 then
        removed = removed + redis.call("XTRIM", KEYS[1], "MINID", old)
    end
end
return { removed, has_more, waiting, parked, field(info, "length") - removed }
