-- SPDX-License-Identifier: Apache-2.0
-- How many deliveries a claim may lease now, by the subscription's breaker. Needs health.lua and state.lua in
-- front.
-- Returns how many, ms until it is worth asking again (0: the queue's own time), 1 if the slow start is over by now.
local STAGE_MS = 1000

-- A probe is under way: its lease is alive.
local function claim_is_probing(health, queue, parked, now)
    if health.probe == "" then return false end
    local state = redis.call("HGET", parked, health.probe_event)
    local until_ms = redis.call("ZSCORE", queue, health.probe_event)
    return state_is_held(state, health.probe) and until_ms and tonumber(until_ms) > now
end

local function claim_allowance(names, health, now, wanted, cap, queue, parked)
    if health.hold_until > now then return 0, health.hold_until - now, 0 end
    if health.state == "open" then
        if claim_is_probing(health, queue, parked, now) then return 0, STAGE_MS, 0 end
        if health.probe_at > now then return 0, health.probe_at - now, 0 end
        return math.min(wanted, 1), 0, 0
    end
    if health.state == "half_open" then
        if health.used > 0 and now - health.stage_at >= STAGE_MS then
            health.stage, health.used, health.stage_at = health.stage + 1, 0, now
            if 2 ^ health.stage > cap then
                health_close(names, health, now)
                return wanted, 0, 1
            end
            redis.call("HSET", names.health, "stage", health.stage, "used", 0, "stage_at", now)
        end
        local left = 2 ^ health.stage - health.used
        if left <= 0 then return 0, health.stage_at + STAGE_MS - now, 0 end
        return math.min(wanted, left), 0, 0
    end
    return wanted, 0, 0
end

-- A delivery was leased; `count` is its number in this claim.
local function claim_note(names, health, event, token, count)
    if health.state == "open" and count == 1 then
        redis.call("HSET", names.health, "probe", token, "probe_event", event)
    elseif health.state == "half_open" then
        if health.used == 0 and count == 1 then
            health.stage_at = health_clock()
            redis.call("HSET", names.health, "stage_at", health.stage_at)
        end
        redis.call("HINCRBY", names.health, "used", 1)
    end
end
