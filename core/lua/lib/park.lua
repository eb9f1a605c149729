-- SPDX-License-Identifier: Apache-2.0
-- How a fresh delivery gets into its subscription's queue. Prepended to the scripts that say `-- @use park`.
local SETTLED_KEPT_MS = 604800000 -- 7 days

-- Whether the caller may settle this delivery: 1 yes; 2 it is settled already (a lost reply); 0 no, the entry isn't
-- pending with its consumer. The second answer: whether there is a group that an acknowledgement could go to.
local function park_judge(events, group, entry, consumer, settled, subscription)
    local pending = redis.pcall("XPENDING", events, group, entry, entry, 1, consumer)
    local has_group = not pending.err
    if has_group and #pending == 0 then return 0, has_group end
    if redis.call("SISMEMBER", settled, subscription) == 1 then return 2, has_group end
    return 1, has_group
end

-- keys: {queue = , parked = , message = , order = key}, order only for ordered subscriptions.
-- state: "<attempts> <first attempt ms> <last attempt ms> <last status> <last error>". Its age counts from the entry,
-- whoever read it when. False when the event is in the queue already. The first write is one that a full Redis refuses.
local function park_enter(keys, event, stored, entry, state, due)
    if redis.call("HEXISTS", keys.parked, event) == 1 then return false end
    local born, sequence = string.match(entry, "^(%d+)-(%d+)$")
    redis.call("HSETNX", keys.message, "event", stored)
    redis.call("HINCRBY", keys.message, "refs", 1)
    redis.call("HSET", keys.parked, event, state .. " " .. born .. " -")
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
