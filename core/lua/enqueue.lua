-- SPDX-License-Identifier: Apache-2.0
-- @use message
-- @use state
-- An event is delivered to a subscription once more, by request: it goes to the queue, due now, with a new schedule and a
-- new age; an ordered one to its old place. If it is a dead letter, it is one no longer.
-- KEYS: events, queue:<sub>, due, parked:<sub>, message:<event>, totals, order:<sub>, dead, dead:<id>
-- ARGV: 1 group, 2 entry id, 3 event id, 4 subscription, 5 dead letter id, 6 copy of the event, 7 "1": ordered
-- Returns 1; 0 when it is in the queue already, still in hand, or when the copy that is there is another event's with the
-- same id (nothing is done).
-- The first write is one that a full Redis refuses: then nothing has happened.
if redis.call("HEXISTS", KEYS[4], ARGV[3]) == 1 then return 0 end
if (message_entry(KEYS[5]) or ARGV[2]) ~= ARGV[2] then return 0 end
local pending = redis.pcall("XPENDING", KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)
if not pending.err and #pending > 0 then return 0 end
-- What no dispatcher has read will be delivered anyway.
local groups = redis.pcall("XINFO", "GROUPS", KEYS[1])
for i = 1, groups.err and 0 or #groups do
    local group = {}
    for j = 1, #groups[i], 2 do group[groups[i][j]] = groups[i][j + 1] end
    if group["name"] == ARGV[1] then
        local ms, sequence = string.match(ARGV[2], "^(%d+)-(%d+)$")
        local last_ms, last_sequence = string.match(group["last-delivered-id"], "^(%d+)-(%d+)$")
        ms, last_ms = tonumber(ms), tonumber(last_ms)
        if ms > last_ms or (ms == last_ms and tonumber(sequence) > tonumber(last_sequence)) then
            return 0
        end
    end
end
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A dead letter's reference becomes the queue's.
if redis.call("ZSCORE", KEYS[8], ARGV[5]) then
    message_keep(KEYS[5], ARGV[6])
    redis.call("ZREM", KEYS[8], ARGV[5])
    redis.call("DEL", KEYS[9])
else
    message_refer(KEYS[5], ARGV[6])
end
redis.call("HSET", KEYS[4], ARGV[3], state_make(now, { "0" }))
redis.call("ZADD", KEYS[2], now, ARGV[3])
redis.call("HINCRBY", KEYS[6], "parked", 1)
if ARGV[7] == "1" then
    local born, sequence = string.match(ARGV[2], "^(%d+)-(%d+)$")
    redis.call("ZADD", KEYS[7], tonumber(born) * 2048 + math.min(2047, tonumber(sequence)), ARGV[3])
end
redis.call("ZADD", KEYS[3], "LT", now, ARGV[4])
return 1
