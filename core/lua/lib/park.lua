-- SPDX-License-Identifier: Apache-2.0
-- How a fresh delivery gets into its subscription's queue. Prepended to the scripts that say `-- @use park`.
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

-- keys: {queue = , parked = , message = , order = key}, order only for ordered subscriptions.
-- state: "<attempts> <first attempt ms> <last attempt ms> <last status> <last error>". Its age counts from the entry,
-- whoever read it when. False when the event is in the queue already. The first write is one that a full Redis refuses.
local function park_enter(keys, event, stored, entry, state, due)
    local born, sequence = string.match(entry, "^(%d+)-(%d+)$")
    if redis.call("HSETNX", keys.parked, event, state .. " " .. born .. " -") == 0 then return false end
    redis.call("HSETNX", keys.message, "event", stored)
    redis.call("HINCRBY", keys.message, "refs", 1)
    redis.call("ZADD", keys.queue, due, event)
    if keys.order then
        -- The order of the stream: exact up to 2048 entries a millisecond.
        redis.call("ZADD", keys.order, tonumber(born) * 2048 + math.min(2047, tonumber(sequence)), event)
    end
    return true
end

-- One delivery of several: noted, so that a crash doesn't repeat it. Its entry stays pending.
local function park_note(settled, subscription)
    redis.call("SADD", settled, subscription)
    redis.call("PEXPIRE", settled, SETTLED_KEPT_MS)
end
