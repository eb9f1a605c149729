-- SPDX-License-Identifier: Apache-2.0
-- @use health
-- @use message
-- @use state
-- @use park
-- A fresh delivery goes to its subscription's queue after a failed first attempt. (Without one: park_many.lua.)
-- KEYS: events, queue:<sub>, due, parked:<sub>, message:<event>, settled:<entry>, totals, health:<sub>, open,
--       breakers, order:<sub>
-- ARGV: 1 group, 2 entry id, 3 event id, 4 subscription, 5 delay ms, 6 attempts made, 7 first attempt ms,
--       8 last attempt ms, 9 last status, 10 last error, 11 copy of the event,
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
local parking = { queue = KEYS[2], due = KEYS[3], parked = KEYS[4], totals = KEYS[7], subscription = ARGV[4] }
if ARGV[17] == "1" then parking.order = KEYS[11] end
local health, flag
local failure = park_whole(parking, function()
    local entered = park_enter(parking, KEYS[5], ARGV[3], ARGV[11], ARGV[2], { unpack(ARGV, 6, 10) }, due)
    if ARGV[15] ~= "" and entered then
        health, flag = health_fail(names, ARGV[15], ARGV[16], "")
    else
        health, flag = health_read(names), 0
    end
    park_announce(parking, due, ARGV[13] ~= "1" and health_wait_until(health))
    if ARGV[12] ~= "1" then
        park_note(parking, entered, KEYS[6])
    elseif held then
        redis.call("XACK", KEYS[1], ARGV[1], ARGV[2])
    end
end)
if failure then return failure end
return health_answer(1, health, now, flag)
