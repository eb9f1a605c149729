-- SPDX-License-Identifier: Apache-2.0
-- @use health
-- A fresh delivery goes to its subscription's queue: after a failed first attempt, or instead of one.
-- KEYS: events, queue:<sub>, due, parked:<sub>, message:<event>, settled:<entry>, totals, health:<sub>, open,
--       breakers, order:<sub>
-- ARGV: 1 group, 2 entry id, 3 event id, 4 subscription, 5 delay ms, 6 attempts made, 7 first attempt ms,
--       8 last attempt ms, 9 last status, 10 last error, 11 stored event,
--       12 "1": this is the event's only delivery, acknowledge it here, 13 "1": leave `due` alone (paused),
--       14 own consumer, 15 report of the attempt ("": there was none; see health_fail), 16 policy,
--       17 "1": the subscription is ordered
-- Returns {1, breaker, ms to wait, "1": disable it}; 2 when this delivery was settled before (a lost reply); 0 when the
-- entry isn't pending with the caller (any more: another instance took over while we were away, or it was
-- acknowledged). Then nothing is done, and the caller must not acknowledge: whoever holds the entry may still need it.
-- The acknowledgement is last: when Redis is full the first write is refused and nothing has happened.
local names = { health = KEYS[8], open = KEYS[9], breakers = KEYS[10], subscription = ARGV[4] }
local pending = redis.pcall("XPENDING", KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1, ARGV[14])
local has_group = not pending.err
if has_group and #pending == 0 then return 0 end
if redis.call("SISMEMBER", KEYS[6], ARGV[4]) == 1 then return 2 end

local now = health_clock()
local is_new = redis.call("HEXISTS", KEYS[4], ARGV[3]) == 0
local due = now + tonumber(ARGV[5])
if is_new then
    redis.call("HSETNX", KEYS[5], "event", ARGV[11])
    redis.call("HINCRBY", KEYS[5], "refs", 1)
    -- Its age counts from the entry, whoever read it when.
    local born, sequence = string.match(ARGV[2], "^(%d+)-(%d+)$")
    redis.call("HSET", KEYS[4], ARGV[3],
        table.concat({ ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], born, "-" }, " "))
    redis.call("ZADD", KEYS[2], due, ARGV[3])
    redis.call("HINCRBY", KEYS[7], "parked", 1)
    if ARGV[17] == "1" then
        -- The order of the stream: exact up to 2048 entries a millisecond.
        redis.call("ZADD", KEYS[11], tonumber(born) * 2048 + math.min(2047, tonumber(sequence)), ARGV[3])
    end
end
local health, flag
if ARGV[15] ~= "" and is_new then
    health, flag = health_fail(names, ARGV[15], ARGV[16], "")
else
    health, flag = health_read(names), 0
end
if is_new and ARGV[13] ~= "1" then
    redis.call("ZADD", KEYS[3], "LT", math.max(due, health_wait_until(health)), ARGV[4])
end
if ARGV[12] ~= "1" then
    redis.call("SADD", KEYS[6], ARGV[4])
    redis.call("PEXPIRE", KEYS[6], 604800000)
elseif has_group then
    redis.call("XACK", KEYS[1], ARGV[1], ARGV[2])
end
return health_answer(1, health, now, flag)
