-- SPDX-License-Identifier: Apache-2.0
-- @use own_event
-- @use health
-- An attempt straight from the stream succeeded after failures: the fleet learns that the subscriber is well.
-- KEYS: health:<sub>, open, breakers, queue:<sub>, due, events
-- ARGV: 1 subscription, 2 id, 3 tenant, 4 data of the event that tells of a recovery (id "": nobody asks for it)
-- Returns {1, breaker, ms to wait, 0, moves}.
local names = { health = KEYS[1], open = KEYS[2], breakers = KEYS[3], subscription = ARGV[1],
    events = KEYS[6], recovered = { ARGV[2], ARGV[3], ARGV[4] } }
local health = health_succeed(names, KEYS[4], nil)
local now = health_clock()
if health.state == "half_open" and redis.call("EXISTS", KEYS[4]) == 1 then
    redis.call("ZADD", KEYS[5], "LT", now, ARGV[1])
end
return health_answer(1, health, now, 0)
