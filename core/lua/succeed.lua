-- SPDX-License-Identifier: Apache-2.0
-- @use health
-- An attempt straight from the stream succeeded after failures: the fleet learns that the subscriber is well.
-- KEYS: health:<sub>, open, breakers, queue:<sub>, due
-- ARGV: subscription
-- Returns {1, breaker, ms to wait, "1": this closed the breaker}.
local names = { health = KEYS[1], open = KEYS[2], breakers = KEYS[3], subscription = ARGV[1] }
local health, has_closed = health_succeed(names, KEYS[4], nil)
local now = health_clock()
if health.state == "half_open" and redis.call("EXISTS", KEYS[4]) == 1 then
    redis.call("ZADD", KEYS[5], "LT", now, ARGV[1])
end
return health_answer(1, health, now, has_closed)
