-- SPDX-License-Identifier: Apache-2.0
-- @use own_event
-- @use health
-- @use state
-- @use claim
-- Leases the first delivery, in the order of the stream, of an ordered subscription; nothing while the first one is
-- leased or waits for its retry. An entry that is pending and not fanned out yet may hold an earlier delivery: then
-- nothing is leased either. `fanned` has the pending entries that are fanned out; all before `fanned_to` are.
-- KEYS: as those of claim.lua (queue:<sub>, due, parked:<sub>, health:<sub>, open, breakers, events), then order:<sub>,
--       fanned, fanned_to
-- ARGV: 1 subscription, 2 at most how many, 3 lease ms, 4 lease token, 5 cap, 6 group,
--       7 id, 8 tenant, 9 data of the event that tells of a recovery (id "": nobody asks for it)
-- Returns the same as claim.lua.
redis.call("ZREM", KEYS[2], ARGV[1])
local ENTRIES_AT_ONCE = 500 -- looked at per call
local SOON_MS = 20          -- until entries being fanned out are looked at again
local names = { health = KEYS[4], open = KEYS[5], breakers = KEYS[6], subscription = ARGV[1],
    events = KEYS[7], recovered = { ARGV[7], ARGV[8], ARGV[9] } }
local now = health_clock()
local health = health_read(names)
local result = { now, -1, health.state, 0 }

local function come_again(wait)
    redis.call("ZADD", KEYS[2], now + wait, ARGV[1])
    result[2] = wait
    return result
end

-- "<ms>-<seq>" of a place in the order, as park.lua made it.
local function entry_of(score)
    return string.format("%.0f-%.0f", math.floor(score / 2048), score % 2048)
end

-- Whether every pending entry before `entry` is fanned out.
local function is_reached(entry)
    local from = redis.call("GET", KEYS[10])
    local pending = redis.pcall("XPENDING", KEYS[7], ARGV[6], from or "-", "(" .. entry,
        ENTRIES_AT_ONCE)
    if pending.err then return true end -- no group: nothing is pending
    local ids = {}
    for i, item in ipairs(pending) do ids[i] = item[1] end
    if #ids > 0 then
        for _, score in ipairs(redis.call("ZMSCORE", KEYS[9], unpack(ids))) do
            if not score then return false end
        end
    end
    -- Nobody has to look at those before it again. At this one itself they do: its other deliveries may not be parked yet.
    redis.call("SET", KEYS[10], #ids == ENTRIES_AT_ONCE and ids[#ids] or entry)
    return #ids < ENTRIES_AT_ONCE
end

local first = redis.call("ZRANGE", KEYS[8], 0, 0, "WITHSCORES")
while first[1] and not redis.call("HGET", KEYS[3], first[1]) do
    redis.call("ZREM", KEYS[8], first[1]) -- left the queue by another way
    first = redis.call("ZRANGE", KEYS[8], 0, 0, "WITHSCORES")
end
if not first[1] then return result end
local id = first[1]
local due = tonumber(redis.call("ZSCORE", KEYS[1], id) or now)
if due > now then return come_again(due - now) end
local limit, wait, has_closed = claim_allowance(names, health, now, math.min(1, tonumber(ARGV[2])),
    tonumber(ARGV[5]), KEYS[1], KEYS[3])
result[3], result[4] = health.state, has_closed
if limit < 1 then return come_again(math.max(wait, SOON_MS)) end
if not is_reached(entry_of(tonumber(first[2]))) then return come_again(SOON_MS) end
local state = redis.call("HGET", KEYS[3], id)
redis.call("HSET", KEYS[3], id, state_lease(state, ARGV[4]))
redis.call("ZADD", KEYS[1], now + tonumber(ARGV[3]), id)
claim_note(names, health, id, ARGV[4], 1)
result[5], result[6] = id, state
-- The next one only after this: its end wakes the queue, or its lease's end.
redis.call("ZADD", KEYS[2], now + tonumber(ARGV[3]), ARGV[1])
result[2] = tonumber(ARGV[3])
return result
