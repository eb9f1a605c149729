-- SPDX-License-Identifier: Apache-2.0
-- @use own_event
-- @use health
-- @use message
-- @use state
-- A delivery is given up: fresh (from the stream) or leased (from the queue), it becomes a dead letter.
-- KEYS: events, queue:<sub>, parked:<sub>, message:<event>, settled:<entry>, totals, dead, dead:<id>,
--       health:<sub>, open, breakers, order:<sub>
-- ARGV: 1 group, 2 entry id, 3 event id, 4 subscription, 5 dead letter id, 6 lease token ("" when fresh),
--       7 copy of the event ("" when leased), 8 "1": the event's only delivery, acknowledge it here,
--       9 own consumer ("" when leased), 10 report of the attempt ("": there was none; see health_fail),
--       11 policy, 12 id, 13 tenant, 14 data of the event that tells of the death (id "": nobody asks for it),
--       15… field, value of the dead letter
-- Returns {1, breaker, ms to wait, "1": disable it}; 2 when it was settled before (a lost reply); 0 when the lease or
-- the entry isn't the caller's any more (nothing is done, and the caller must not acknowledge the entry).
local names = { health = KEYS[9], open = KEYS[10], breakers = KEYS[11], subscription = ARGV[4] }
local is_leased = ARGV[6] ~= ""
local has_group = false
if is_leased then
    if not state_is_held(redis.call("HGET", KEYS[3], ARGV[3]), ARGV[6]) then return 0 end
else
    local pending = redis.pcall("XPENDING", KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1, ARGV[9])
    has_group = not pending.err
    if has_group and #pending == 0 then return 0 end
    if redis.call("SISMEMBER", KEYS[5], ARGV[4]) == 1 then return 2 end
end
local now = health_clock()
local is_new = redis.call("EXISTS", KEYS[8]) == 0
redis.call("HSET", KEYS[8], "event", ARGV[3], "subscription", ARGV[4], "died_at", now,
    unpack(ARGV, 15))
redis.call("ZADD", KEYS[7], now, ARGV[5])
-- An ordered one keeps its place, for when it is redriven.
local place = redis.call("ZSCORE", KEYS[12], ARGV[3])
if place then
    redis.call("HSET", KEYS[8], "order", place)
    redis.call("ZREM", KEYS[12], ARGV[3])
end
own_event(KEYS[1], "petrel.delivery.dead", ARGV[12], ARGV[13], ARGV[14])
if is_leased then
    redis.call("HDEL", KEYS[3], ARGV[3])
    redis.call("ZREM", KEYS[2], ARGV[3])
    redis.call("HINCRBY", KEYS[6], "parked", -1)
    -- The queue's reference becomes the dead letter's, unless that one already has its own.
    if not is_new then message_release(KEYS[4]) end
else
    if is_new then
        message_refer(KEYS[4], ARGV[7])
    else
        message_keep(KEYS[4], ARGV[7])
    end
    if ARGV[8] ~= "1" then
        redis.call("SADD", KEYS[5], ARGV[4])
        redis.call("PEXPIRE", KEYS[5], 604800000)
    elseif has_group then
        redis.call("XACK", KEYS[1], ARGV[1], ARGV[2])
    end
end
redis.call("HINCRBY", KEYS[6], "dead", 1)
if ARGV[10] == "" then return health_answer(1, health_read(names), now, 0) end
local health, flag = health_fail(names, ARGV[10], ARGV[11], ARGV[6])
return health_answer(1, health, now, flag)
