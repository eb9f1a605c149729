-- SPDX-License-Identifier: Apache-2.0
-- @use message
-- @use state
-- A dead letter goes back to its subscription's queue, due now, with a new schedule and a new age; an ordered one to
-- its old place.
-- KEYS: dead, dead:<id>, queue:<sub>, due, parked:<sub>, message:<event>, totals, order:<sub>
-- ARGV: dead letter id, event id, subscription
-- Returns 1; 0 when there is no such dead letter; -1 when its event's copy is gone (nothing is done).
if not redis.call("ZSCORE", KEYS[1], ARGV[1]) then return 0 end
if redis.call("EXISTS", KEYS[6]) == 0 then return -1 end
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call("HEXISTS", KEYS[5], ARGV[2]) == 0 then
    redis.call("HSET", KEYS[5], ARGV[2], state_make(now, { "0" }))
    redis.call("ZADD", KEYS[3], now, ARGV[2])
    redis.call("HINCRBY", KEYS[7], "parked", 1)
    local place = redis.call("HGET", KEYS[2], "order")
    if place then redis.call("ZADD", KEYS[8], place, ARGV[2]) end
else
    message_release(KEYS[6])
end
redis.call("ZADD", KEYS[4], "LT", now, ARGV[3])
redis.call("ZREM", KEYS[1], ARGV[1])
redis.call("DEL", KEYS[2])
return 1
