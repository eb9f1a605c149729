-- SPDX-License-Identifier: Apache-2.0
-- @use health
-- @use park
-- A fresh delivery goes to its subscription's queue after a failed first attempt. (Without one: park_many.lua.)
-- KEYS: events, queue:<sub>, due, parked:<sub>, message:<event>, settled:<entry>, totals, health:<sub>, open,
--       breakers, order:<sub>
-- ARGV: 1 group, 2 entry id, 3 event id, 4 subscription, 5 delay ms, 6 attempts made, 7 first attempt ms,
--       8 last attempt ms, 9 last status, 10 last error, 11 stored event,
--       12 "1": this is the event's only delivery, acknowledge it here, 13 "1": leave `due` alone (paused),
--       14 own consumer, 15 report of the attempt ("": there was none; see health_fail), 16 policy,
--       17 "1": the subscription is ordered
-- Returns {1, breaker, ms to wait, "1": disable it, moves}; 2 when this delivery was settled before (a lost reply); 0
-- when the entry isn't pending with the caller (any more: another instance took over while we were away, or it was
-- acknowledged). Then nothing is done, and the caller must not acknowledge: whoever holds the entry may still need it.
-- The acknowledgement is last: when Redis is full the first write is refused and nothing has happened.
local names = { health = KEYS[8], open = KEYS[9], breakers = KEYS[10], subscription = ARGV[4] }
local held = park_held(KEYS[1], ARGV[1], ARGV[14], { ARGV[2] })
local result = park_judge(held, ARGV[2], KEYS[6], ARGV[4])
if result ~= 1 then return result end

local now = health_clock()
local due = now + tonumber(ARGV[5])
local keys = { queue = KEYS[2], parked = KEYS[4], message = KEYS[5], order = ARGV[17] == "1" and KEYS[11] }
local is_new = park_enter(keys, ARGV[3], ARGV[11], ARGV[2], table.concat(ARGV, " ", 6, 10), due)
local health, flag
if ARGV[15] ~= "" and is_new then
    health, flag = health_fail(names, ARGV[15], ARGV[16], "")
else
    health, flag = health_read(names), 0
end
if is_new then
    redis.call("HINCRBY", KEYS[7], "parked", 1)
    if ARGV[13] ~= "1" then
        redis.call("ZADD", KEYS[3], "LT", math.max(due, health_wait_until(health)), ARGV[4])
    end
end
if ARGV[12] ~= "1" then
    park_note(KEYS[6], ARGV[4])
elseif held then
    redis.call("XACK", KEYS[1], ARGV[1], ARGV[2])
end
return health_answer(1, health, now, flag)
