-- SPDX-License-Identifier: Apache-2.0
-- How a fresh delivery gets into its subscription's queue. Prepended to the scripts that say `-- @use park`. Needs
-- message.lua and state.lua in front.
local SETTLED_KEPT_MS = 604800000 -- 7 days

-- Which of these entries (in the order of the stream) are pending with the consumer: {entry = true}, nil when there is no
-- group.
local function park_held(events, group, consumer, entries)
    -- One question for all. Others of the consumer's may lie between them: then each is asked for alone.
    local limit = 4 * #entries
    local pending = redis.pcall("XPENDING", events, group, entries[1], entries[#entries], limit, consumer)
    if pending.err then return nil end
    local held = {}
    for i = 1, #pending do held[pending[i][1]] = true end
    if #pending < limit then return held end
    for _, entry in ipairs(entries) do
        held[entry] = #redis.call("XPENDING", events, group, entry, entry, 1, consumer) > 0
    end
    return held
end

-- Whether the caller may settle this delivery: 1 yes; 2 it is settled already (a lost reply); 0 no, its entry isn't
-- pending with the caller. held: of park_held.
local function park_judge(held, entry, settled, subscription)
    if held and not held[entry] then return 0 end
    if redis.call("SISMEMBER", settled, subscription) == 1 then return 2 end
    return 1
end

-- parking: {queue = , parked = , order = , due = , totals = , subscription = }, keys (order only for ordered ones) and
-- an id; see park_whole.
-- copy: see message.lua; tried: see state_make. Its age counts from the entry, whoever read it when. Returns what was
-- entered, nil when the event is in the queue already. The first write is one that a full Redis refuses.
local function park_enter(parking, message, event, copy, entry, tried, due)
    local born, sequence = string.match(entry, "^(%d+)-(%d+)$")
    if redis.call("HSETNX", parking.parked, event, state_make(born, tried)) == 0 then return nil end
    local entered = { event = event }
    parking.entered[#parking.entered + 1] = entered
    message_refer(message, copy)
    entered.message = message
    redis.call("ZADD", parking.queue, due, event)
    if parking.order then
        -- The order of the stream: exact up to 2048 entries a millisecond.
        redis.call("ZADD", parking.order, tonumber(born) * 2048 + math.min(2047, tonumber(sequence)), event)
    end
    return entered
end

-- One delivery of several: noted, so that a crash doesn't repeat it. Its entry stays pending. entered: of park_enter.
local function park_note(parking, entered, settled)
    if entered then entered.settled = settled end
    redis.call("SADD", settled, parking.subscription)
    redis.call("PEXPIRE", settled, SETTLED_KEPT_MS)
end

local function take_back(parking, entered)
    if redis.pcall("HDEL", parking.parked, entered.event) ~= 1 then return end -- then it stays as a whole
    redis.pcall("ZREM", parking.queue, entered.event)
    if parking.order then redis.pcall("ZREM", parking.order, entered.event) end
    if entered.settled then redis.pcall("SREM", entered.settled, parking.subscription) end
    if entered.message then pcall(message_release, entered.message) end
end

-- All of `write` or nothing of what it entered: when a command of it is refused (a right taken away, a key of another
-- type) the queue must not keep what its entry, still pending, will bring once more. Returns the error, or nil.
local function park_whole(parking, write)
    parking.entered = {}
    local is_done, failure = pcall(write)
    if is_done then return nil end
    for _, entered in ipairs(parking.entered) do take_back(parking, entered) end
    if parking.counted then redis.pcall("HINCRBY", parking.totals, "parked", -parking.counted) end
    return type(failure) == "table" and failure or redis.error_reply(failure)
end

-- What was entered becomes due, unless wait_until is nil (paused), and counts.
local function park_announce(parking, due, wait_until)
    local count = #parking.entered
    if count == 0 then return end
    redis.call("HINCRBY", parking.totals, "parked", count)
    parking.counted = count
    if wait_until then redis.call("ZADD", parking.due, "LT", math.max(due, wait_until), parking.subscription) end
end
