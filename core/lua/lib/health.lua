-- SPDX-License-Identifier: Apache-2.0
-- The health of a subscription in one shard, shared by the fleet: counts of failures, and the circuit breaker.
-- Prepended to the scripts that say `-- @use health`, after own_event.lua where they may close a breaker. A hash,
-- health:<sub>, with the fields
--   state          open | half_open; absent: closed
--   since          ms, when it came into this state
--   failures       failed attempts in a row
--   minute, total, failed    attempts in the minute that runs
--   interval, probe_at       ms between probes; when the next one may start
--   probe, probe_event       lease token of the probe under way, and its event
--   stage, stage_at, used    slow start: 2^stage deliveries in the second that began at stage_at
--   hold_until     ms; until then the subscriber asked to be left alone (Retry-After)
--   failing_since, last_success, last_failure    ms
--
--   closed ──failures in a row, or failure rate──> open ──probe succeeds──> half_open ──2^stage > cap──> closed
--                                                   ^ └─probe fails: longer interval      │
--                                                   └──────────── failures ───────────────┘
-- Those that aren't closed stand in the zset `open`, scored by `since`, negative while half open, so that each kind can
-- be counted; each change of state is told in the stream `breakers`, and to the caller; the recovery to subscribers, too.
-- Nothing here writes before the script's own first write: a full Redis refuses that one, and nothing has happened.
local HEALTH_NUMBERS = { "failures", "minute", "total", "failed", "interval", "probe_at", "stage", "stage_at",
    "used", "hold_until", "failing_since", "last_success", "last_failure", "since" }
local NEWS_KEPT = 1000
local KEPT_MS = 30 * 86400000 -- after the last change
local health_moves = {} -- the states that this call has put the breaker into

-- names: {health = key, open = key, breakers = key, subscription = id}; where it may be closed also {events = key,
-- recovered = {id, tenant, data of the event that tells of it; id "": nobody asks for it}}
local function health_read(names)
    local values = redis.call("HMGET", names.health, "state", "probe", "probe_event", unpack(HEALTH_NUMBERS))
    local health = { state = values[1] or "closed", probe = values[2] or "", probe_event = values[3] or "" }
    for i, name in ipairs(HEALTH_NUMBERS) do health[name] = tonumber(values[i + 3] or nil) or 0 end
    return health
end

local function health_clock()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000), tonumber(time[2])
end

-- "<failures in a row> <failure rate, %> <of at least> <first probe ms> <last probe ms> <ms until disabled>"
local function health_policy(text)
    local n = {}
    for number in string.gmatch(text, "%d+") do n[#n + 1] = tonumber(number) end
    return { failures = n[1], rate = n[2], minimum = n[3], first = n[4], last = n[5], disable_after = n[6] }
end

local function health_tell(names, state, ms)
    redis.call("XADD", names.breakers, "MAXLEN", "~", NEWS_KEPT, "*", "subscription", names.subscription,
        "state", state, "ms", ms)
    if state ~= "hold" then health_moves[#health_moves + 1] = state end
end

-- ±20 %, from the clock's microseconds: probes of many subscriptions spread.
local function health_spread(interval, micros)
    return math.floor(interval * (0.8 + 0.4 * (micros % 1000) / 999))
end

local function health_open(names, health, now, micros, interval)
    local wait = health_spread(interval, micros)
    health.state, health.since, health.interval, health.probe_at = "open", now, interval, now + wait
    redis.call("HSET", names.health, "state", "open", "since", now, "interval", interval, "probe_at", now + wait)
    redis.call("HDEL", names.health, "probe", "probe_event", "stage", "stage_at", "used")
    redis.call("ZADD", names.open, now, names.subscription)
    health_tell(names, "open", wait)
end

-- Somebody says that the subscriber is well. A slow start only where it has something to be slow with, or where others
-- take the breaker for open.
local function health_resume(names, now, parked)
    if redis.call("EXISTS", names.health) == 1 then
        redis.call("HSET", names.health, "failures", 0, "total", 0, "failed", 0, "failing_since", 0)
    end
    if parked == 0 and not redis.call("HGET", names.health, "state") then return end
    redis.call("HSET", names.health, "state", "half_open", "since", now, "stage", 0, "stage_at", now, "used", 0)
    redis.call("HDEL", names.health, "interval", "probe_at", "probe", "probe_event")
    redis.call("PEXPIRE", names.health, KEPT_MS)
    redis.call("ZADD", names.open, -now, names.subscription)
    health_tell(names, "half_open", 0)
end

local function health_close(names, health, now)
    health.state = "closed"
    redis.call("HSET", names.health, "since", now, "failures", 0, "total", 0, "failed", 0)
    redis.call("HDEL", names.health, "state", "interval", "probe_at", "probe", "probe_event", "stage", "stage_at",
        "used")
    redis.call("ZREM", names.open, names.subscription)
    health_tell(names, "closed", 0)
    own_event(names.events, "petrel.subscription.recovered", unpack(names.recovered))
end

-- An attempt failed. report: "<successes told with it> <hold ms> <1: it counts as a failure, 0: only the hold>".
-- Returns the health after it, and 1 when the subscription has failed for so long that it is to be disabled.
local function health_fail(names, report, policy_text, token)
    local successes, hold, counts = string.match(report, "^(%d+) (%d+) ([01])$")
    successes, hold = tonumber(successes), tonumber(hold)
    local policy = health_policy(policy_text)
    local now, micros = health_clock()
    local health = health_read(names)
    local minute = math.floor(now / 60000)
    if health.minute ~= minute then health.minute, health.total, health.failed = minute, 0, 0 end
    if successes > 0 then health.failures, health.last_success = 0, now end
    if health.last_success >= health.failing_since then health.failing_since = 0 end
    health.total = health.total + successes
    if counts == "1" then
        health.failures, health.total, health.failed = health.failures + 1, health.total + 1, health.failed + 1
        health.last_failure = now
        if health.failing_since == 0 then health.failing_since = now end
    end
    redis.call("HSET", names.health, "failures", health.failures, "minute", minute, "total", health.total,
        "failed", health.failed, "failing_since", health.failing_since, "last_success", health.last_success,
        "last_failure", health.last_failure)
    redis.call("PEXPIRE", names.health, KEPT_MS)
    if hold > 0 and now + hold > health.hold_until then
        local is_news = now + hold > health.hold_until + 1000
        health.hold_until = now + hold
        redis.call("HSET", names.health, "hold_until", health.hold_until)
        if is_news then health_tell(names, "hold", hold) end
    end
    -- After a resume there was no interval yet.
    local longer = math.min(policy.last, math.max(policy.first, health.interval * 2))
    local is_probe = health.state == "open" and token ~= "" and token == health.probe
    if counts == "1" then
        if health.state == "closed" then
            local is_rate = health.total >= policy.minimum and health.failed * 100 >= policy.rate * health.total
            if health.failures >= policy.failures or is_rate then
                health_open(names, health, now, micros, policy.first)
            end
        elseif health.state == "half_open" then
            if health.failures >= math.min(policy.failures, 2 ^ health.stage) then
                health_open(names, health, now, micros, longer)
            end
        elseif is_probe then
            health_open(names, health, now, micros, longer)
        end
    elseif is_probe then
        -- "Too many requests" is no failure, but no success either: the next probe isn't due at once.
        health.probe_at = now + health_spread(health.interval, micros)
        redis.call("HSET", names.health, "probe_at", health.probe_at)
    end
    local is_hopeless = health.failing_since > 0 and now - health.failing_since >= policy.disable_after
    return health, is_hopeless and 1 or 0
end

-- Attempts succeeded: `leases` has their lease tokens as keys; nil for one that came straight from the stream.
-- Returns the health. When nothing waits, no slow start is needed: the breaker closes.
local function health_succeed(names, queue, leases)
    local now = health_clock()
    local health = health_read(names)
    if health.failures > 0 or health.failing_since > 0 or now - health.last_success > 60000 then
        redis.call("HSET", names.health, "failures", 0, "failing_since", 0, "last_success", now)
        redis.call("PEXPIRE", names.health, KEPT_MS)
        health.failures = 0
    end
    if health.state == "open" and (not leases or leases[health.probe]) then
        health.state, health.since = "half_open", now
        redis.call("HSET", names.health, "state", "half_open", "since", now, "stage", 1, "stage_at", now, "used", 0)
        redis.call("HDEL", names.health, "probe", "probe_event")
        redis.call("ZADD", names.open, -now, names.subscription)
        health_tell(names, "half_open", 0)
    end
    if health.state == "half_open" and redis.call("EXISTS", queue) == 0 then
        health_close(names, health, now)
    end
    return health
end

-- When the queue of a subscription may be looked at, from its health: 0 means at once.
local function health_wait_until(health)
    local wait = health.hold_until
    if health.state == "open" then wait = math.max(wait, health.probe_at) end
    return wait
end

-- What a script that changed something answers: {1, state, ms to wait, 1: it is to be disabled, "states that it came into
-- on the way"}.
local function health_answer(result, health, now, is_hopeless)
    return { result, health.state, math.max(0, health_wait_until(health) - now), is_hopeless, table.concat(health_moves, " ") }
end
