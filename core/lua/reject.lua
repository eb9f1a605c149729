-- SPDX-License-Identifier: Apache-2.0
-- Moves an entry that is no event from the stream's pending list to `rejected`, whole, with the reason.
-- KEYS: events, rejected, totals
-- ARGV: group, entry id, reason, own consumer
-- Returns 1, or 0 when the entry isn't pending with the caller any more (nothing is done).
-- Lua's stack bounds how many fields one command can carry; beyond that the rest is counted, not kept.
local MAX_WORDS = 4000
local pending = redis.pcall("XPENDING", KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1, ARGV[4])
if not pending.err and #pending == 0 then return 0 end

local args = { "petrel_entry", ARGV[2], "petrel_reason", ARGV[3] }
local found = redis.call("XRANGE", KEYS[1], ARGV[2], ARGV[2])
if found[1] then
    local words = found[1][2]
    if #words > MAX_WORDS then
        args[#args + 1] = "petrel_fields_dropped"
        args[#args + 1] = tostring((#words - MAX_WORDS) / 2)
    end
    for i = 1, math.min(#words, MAX_WORDS) do args[#args + 1] = words[i] end
end
local row = redis.call("XADD", KEYS[2], "*", unpack(args))
if not pending.err then
    local acknowledged = redis.pcall("XACK", KEYS[1], ARGV[1], ARGV[2])
    if type(acknowledged) == "table" then
        redis.call("XDEL", KEYS[2], row) -- it comes again, and is set aside then
        return acknowledged
    end
end
redis.call("HINCRBY", KEYS[3], "rejected", 1)
return 1
