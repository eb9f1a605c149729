-- SPDX-License-Identifier: Apache-2.0
-- Takes over what a dead instance's consumer holds, a batch at a time; removes the consumer only when it
-- holds nothing (removing one drops what it holds).
-- KEYS: events
-- ARGV: group, the dead consumer, own consumer, at most how many (0: only remove it if it is empty)
-- Returns {1 when the consumer is gone or 0, entries lost (pending but no longer in the stream), {entry …}}
local count = tonumber(ARGV[4])
local pending = redis.call("XPENDING", KEYS[1], ARGV[1], "-", "+", math.max(count, 1), ARGV[2])
if #pending == 0 then
    redis.call("XGROUP", "DELCONSUMER", KEYS[1], ARGV[1], ARGV[2])
    return { 1, 0, {} }
end
if count == 0 then return { 0, 0, {} } end
local entries, lost = {}, 0
for _, item in ipairs(pending) do
    local claimed = redis.call("XCLAIM", KEYS[1], ARGV[1], ARGV[3], 0, item[1])
    if claimed[1] then
        entries[#entries + 1] = claimed[1]
    else
        -- Redis 7 has dropped it from the pending list by now; acknowledging covers older ones.
        redis.call("XACK", KEYS[1], ARGV[1], item[1])
        lost = lost + 1
    end
end
return { 0, lost, entries }
