-- SPDX-License-Identifier: Apache-2.0
-- @use own_event
-- @use health
-- @use state
-- @use claim
-- Leases due deliveries of one subscription to the caller, as many as its breaker lets through: all when closed, one
-- probe at a time when open, 2^stage a second when half open. Those too old, to be buried, instead where one is the first,
-- or while nothing may go because the breaker is open: they cost the subscriber nothing.
-- KEYS: queue:<sub>, due, parked:<sub>, health:<sub>, open, breakers, events
-- ARGV: 1 subscription, 2 at most how many, 3 lease ms, 4 lease token, 5 cap of the subscription,
--       6 ms after which a delivery is too old; -1: all are, whatever the breaker says,
--       7 id, 8 tenant, 9 data of the event that tells of a recovery (id "": nobody asks for it)
-- Returns {now ms, ms until the queue is to be looked at again (-1: empty), breaker, 1 if it was closed now + 2 if what
-- follows is too old and not to be attempted, event id, state (before the lease), …}.
-- Cost: O(log queue + claimed), whatever the backlog.
-- Removing comes first, because a script that has removed something may also write when Redis is full: what is
-- parked must be able to leave, or a full Redis would stay full.
redis.call("ZREM", KEYS[2], ARGV[1])
local names = { health = KEYS[4], open = KEYS[5], breakers = KEYS[6], subscription = ARGV[1],
    events = KEYS[7], recovered = { ARGV[7], ARGV[8], ARGV[9] } }
local now = health_clock()
local health = health_read(names)
local limit, wait, has_closed = tonumber(ARGV[2]), 0, 0
local max_age = tonumber(ARGV[6])
-- Of a subscription that is gone or disabled everything may leave: it is buried, not sent.
if max_age >= 0 then
    limit, wait, has_closed = claim_allowance(names, health, now, limit, tonumber(ARGV[5]), KEYS[1], KEYS[3])
end
local EXPIRED_AT_ONCE = 64 -- they need no slots
local result = { now, -1, health.state, has_closed }

local function lease(id, state)
    redis.call("HSET", KEYS[3], id, state_lease(state, ARGV[4]))
    redis.call("ZADD", KEYS[1], "XX", now + tonumber(ARGV[3]), id)
    result[#result + 1] = id
    result[#result + 1] = state
end

local function due_ids(count)
    return redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", now, "LIMIT", 0, count)
end

local function is_expired(state)
    return state and max_age >= 0 and now - (state_born(state) or now) > max_age
end

local claimed = 0
local ids = due_ids(math.max(1, limit))
if is_expired(ids[1] and redis.call("HGET", KEYS[3], ids[1])) or (limit <= 0 and health.state == "open") then
    for _, id in ipairs(due_ids(EXPIRED_AT_ONCE)) do
        local state = redis.call("HGET", KEYS[3], id)
        if is_expired(state) then
            lease(id, state)
            claimed = claimed + 1
        end
    end
    if claimed > 0 then result[4] = has_closed + 2 end
    if claimed == EXPIRED_AT_ONCE then wait = 0 end -- there may be more of them
elseif limit > 0 then
    for _, id in ipairs(ids) do
        local state = redis.call("HGET", KEYS[3], id)
        if state then
            lease(id, state)
            claimed = claimed + 1
            claim_note(names, health, id, ARGV[4], claimed)
        else
            redis.call("ZREM", KEYS[1], id)
        end
    end
end
local first = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
if first[2] then
    local at = math.max(now + wait, tonumber(first[2]))
    redis.call("ZADD", KEYS[2], at, ARGV[1])
    result[2] = at - now
end
return result
