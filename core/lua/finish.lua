-- SPDX-License-Identifier: Apache-2.0
-- @use health
-- A leased delivery arrived: it leaves the queue, and its event's copy goes with the last reference.
-- KEYS: queue:<sub>, parked:<sub>, message:<event>, totals, health:<sub>, open, breakers, due, order:<sub>
-- ARGV: 1 event id, 2 lease token, 3 subscription
-- Returns {1, breaker, ms to wait, "1": this closed the breaker}, or 0 when the lease isn't the caller's any more
-- (nothing is done).
local state = redis.call("HGET", KEYS[2], ARGV[1])
if not state or string.match(state, "%S+$") ~= ARGV[2] then return 0 end
local names = { health = KEYS[5], open = KEYS[6], breakers = KEYS[7], subscription = ARGV[3] }
-- Removing comes first: it is allowed even when Redis is full, and after it so is the counting.
redis.call("HDEL", KEYS[2], ARGV[1])
redis.call("ZREM", KEYS[1], ARGV[1])
redis.call("ZREM", KEYS[9], ARGV[1])
if redis.call("HINCRBY", KEYS[3], "refs", -1) <= 0 then redis.call("DEL", KEYS[3]) end
redis.call("HINCRBY", KEYS[4], "parked", -1)
redis.call("HINCRBY", KEYS[4], "delivered", 1)
local health, has_closed = health_succeed(names, KEYS[1], ARGV[2])
local now = health_clock()
-- Slow start begins now, not when the next probe would have been.
if health.state == "half_open" and redis.call("EXISTS", KEYS[1]) == 1 then
    redis.call("ZADD", KEYS[8], "LT", now, ARGV[3])
end
return health_answer(1, health, now, has_closed)
