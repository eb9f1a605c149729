-- SPDX-License-Identifier: Apache-2.0
-- Makes the consumer group where there is none. A lost one begins again after the floor (trim.lua: everything up
-- to there was settled), so that the retained past isn't sent again; without a floor at the start of the stream, and
-- never at its end: what was added while there was no group is not to be lost.
-- KEYS: events, floor
-- ARGV: group
-- Returns the id after which it reads when it was made, "" when it was there.
local function is_before(a, b)
    local ams, aseq = string.match(a, "^(%d+)-(%d+)$")
    local bms, bseq = string.match(b, "^(%d+)-(%d+)$")
    ams, bms = tonumber(ams), tonumber(bms)
    return ams < bms or (ams == bms and tonumber(aseq) < tonumber(bseq))
end
local start = "0-0"
local floor = redis.call("GET", KEYS[2])
local info = redis.pcall("XINFO", "STREAM", KEYS[1])
if floor and not info.err then
    for i = 1, #info, 2 do
        -- A stream that ends before the floor is another one than the floor was taken of.
        if info[i] == "last-generated-id" and not is_before(info[i + 1], floor) then start = floor end
    end
end
local made = redis.pcall("XGROUP", "CREATE", KEYS[1], ARGV[1], start, "MKSTREAM")
if not made.err then return start end
if string.find(made.err, "^BUSYGROUP") then return "" end
return made
