-- SPDX-License-Identifier: Apache-2.0
-- @use health
-- @use park
-- Fresh deliveries of one subscription go to its queue without an attempt.
-- KEYS: 1 events, 2 queue:<sub>, 3 due, 4 parked:<sub>, 5 totals, 6 health:<sub>, 7 open, 8 breakers, 9 order:<sub>;
--       then for each: message:<event>, settled:<entry>
-- ARGV: 1 group, 2 subscription, 3 delay ms, 4 "1": leave `due` alone (paused), 5 "1": the subscription is ordered;
--       then for each: entry id, event id, the consumer it is pending with, stored event,
--       "1": it is the event's only delivery, acknowledge it here
-- Returns {1, breaker, ms to wait, 0, moves, a result for each}, the results as park.lua's: 1 done, 2 settled before,
-- 0 refused.
-- The acknowledgements are last: when Redis is full the first write is refused and nothing has happened.
local FIRST_KEY, KEYS_EACH, FIRST_ARG, ARGS_EACH = 10, 2, 6, 5
local names = { health = KEYS[6], open = KEYS[7], breakers = KEYS[8], subscription = ARGV[2] }
local now = health_clock()
local due = now + tonumber(ARGV[3])
local results, acknowledged, entered = {}, {}, 0
for i = 0, (#ARGV - FIRST_ARG + 1) / ARGS_EACH - 1 do
    local key, arg = FIRST_KEY + i * KEYS_EACH, FIRST_ARG + i * ARGS_EACH
    local entry, event, consumer, stored, is_sole = unpack(ARGV, arg, arg + ARGS_EACH - 1)
    local result, has_group = park_judge(KEYS[1], ARGV[1], entry, consumer, KEYS[key + 1], ARGV[2])
    if result == 1 then
        local keys = { queue = KEYS[2], parked = KEYS[4], message = KEYS[key], order = ARGV[5] == "1" and KEYS[9] }
        if park_enter(keys, event, stored, entry, "0 0 0 0 -", due) then entered = entered + 1 end
        if is_sole ~= "1" then
            park_note(KEYS[key + 1], ARGV[2])
        elseif has_group then
            acknowledged[#acknowledged + 1] = entry
        end
    end
    results[i + 1] = result
end
local health = health_read(names)
if entered > 0 then
    redis.call("HINCRBY", KEYS[5], "parked", entered)
    if ARGV[4] ~= "1" then
        redis.call("ZADD", KEYS[3], "LT", math.max(due, health_wait_until(health)), ARGV[2])
    end
end
if acknowledged[1] then redis.call("XACK", KEYS[1], ARGV[1], unpack(acknowledged)) end
local answer = health_answer(1, health, now, 0)
for i, result in ipairs(results) do answer[5 + i] = result end
return answer
