-- SPDX-License-Identifier: Apache-2.0
-- @use own_event
-- @use health
-- @use message
-- @use state
-- Leased deliveries of one subscription arrived: they leave the queue, and an event's copy goes with the last
-- reference.
-- KEYS: 1 queue:<sub>, 2 parked:<sub>, 3 totals, 4 health:<sub>, 5 open, 6 breakers, 7 due, 8 order:<sub>, 9 events; then
--       for each: message:<event>
-- ARGV: 1 subscription, 2 id, 3 tenant, 4 data of the event that tells of a recovery (id "": nobody asks for it); then for
--       each: event id, lease token
-- Returns {1, breaker, ms to wait, 0, moves, a result for each}: 1 done; 0 its lease isn't
-- the caller's any more (nothing is done).
local names = { health = KEYS[4], open = KEYS[5], breakers = KEYS[6], subscription = ARGV[1],
    events = KEYS[9], recovered = { ARGV[2], ARGV[3], ARGV[4] } }
local results, leases, finished = {}, {}, 0
for i = 1, (#ARGV - 4) / 2 do
    local event, lease, message = ARGV[2 * i + 3], ARGV[2 * i + 4], KEYS[9 + i]
    if state_is_held(redis.call("HGET", KEYS[2], event), lease) then
        -- Removing comes first: it is allowed even when Redis is full, and after it so is the counting.
        redis.call("HDEL", KEYS[2], event)
        redis.call("ZREM", KEYS[1], event)
        redis.call("ZREM", KEYS[8], event)
        message_release(message)
        leases[lease] = true
        finished = finished + 1
        results[i] = 1
    else
        results[i] = 0
    end
end
local now = health_clock()
local health
if finished > 0 then
    redis.call("HINCRBY", KEYS[3], "parked", -finished)
    redis.call("HINCRBY", KEYS[3], "delivered", finished)
    health = health_succeed(names, KEYS[1], leases)
    -- Slow start begins now, not when the next probe would have been.
    if health.state == "half_open" and redis.call("EXISTS", KEYS[1]) == 1 then
        redis.call("ZADD", KEYS[7], "LT", now, ARGV[1])
    end
else
    health = health_read(names)
end
local answer = health_answer(1, health, now, 0)
for i, result in ipairs(results) do answer[5 + i] = result end
return answer
