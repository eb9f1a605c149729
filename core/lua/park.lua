-- SPDX-License-Identifier: Apache-2.0
-- A fresh delivery goes to its subscription's queue: after a failed first attempt, or instead of one.
-- KEYS: events, queue:<sub>, due, parked:<sub>, message:<event>, settled:<entry>, totals
-- ARGV: 1 group, 2 entry id, 3 event id, 4 subscription, 5 delay ms, 6 attempts made, 7 first attempt ms,
--       8 last attempt ms, 9 last status, 10 last error, 11 stored event,
--       12 "1": this is the event's only delivery, acknowledge it here, 13 "1": leave `due` alone (paused),
--       14 own consumer
-- Returns 1; 2 when this delivery was settled before (a lost reply); 0 when the entry isn't pending with the
-- caller (any more: another instance took over while we were away, or it was acknowledged). Then nothing is done,
-- and the caller must not acknowledge: whoever holds the entry may still need it.
-- The acknowledgement is last: when Redis is full the first write is refused and nothing has happened.
local pending = redis.pcall("XPENDING", KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1, ARGV[14])
local has_group = not pending.err
if has_group and #pending == 0 then return 0 end
if redis.call("SISMEMBER", KEYS[6], ARGV[4]) == 1 then return 2 end

if redis.call("HEXISTS", KEYS[4], ARGV[3]) == 0 then
    local time = redis.call("TIME")
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local due = now + tonumber(ARGV[5])
    redis.call("HSETNX", KEYS[5], "event", ARGV[11])
    redis.call("HINCRBY", KEYS[5], "refs", 1)
    redis.call("HSET", KEYS[4], ARGV[3],
        table.concat({ ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], "-" }, " "))
    redis.call("ZADD", KEYS[2], due, ARGV[3])
    redis.call("HINCRBY", KEYS[7], "parked", 1)
    if ARGV[13] ~= "1" then redis.call("ZADD", KEYS[3], "LT", due, ARGV[4]) end
end
if ARGV[12] ~= "1" then
    redis.call("SADD", KEYS[6], ARGV[4])
    redis.call("PEXPIRE", KEYS[6], 604800000)
elseif has_group then
    redis.call("XACK", KEYS[1], ARGV[1], ARGV[2])
end
return 1
