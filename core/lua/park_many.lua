-- SPDX-License-Identifier: Apache-2.0
-- @use health
-- @use message
-- @use state
-- @use park
-- Fresh deliveries of one subscription go to its queue without an attempt.
-- KEYS: 1 events, 2 queue:<sub>, 3 due, 4 parked:<sub>, 5 totals, 6 health:<sub>, 7 open, 8 breakers, 9 order:<sub>;
--       then for each: message:<event>, settled:<entry>
-- ARGV: 1 group, 2 subscription, 3 delay ms, 4 "1": leave `due` alone (paused), 5 "1": the subscription is ordered,
--       6 the consumer that they are pending with; then for each, in the order of the stream: entry id, event id,
--       copy of the event, "1": it is the event's only delivery, acknowledge it here
-- Returns {1, breaker, ms to wait, 0, moves, a result for each}, the results as park.lua's: 1 done, 2 settled before,
-- 0 refused.
-- The acknowledgements are last: when Redis is full the first write is refused and nothing has happened.
local FIRST_KEY, KEYS_EACH, FIRST_ARG, ARGS_EACH = 10, 2, 7, 4
local UNTRIED = { "0" }
local names = { health = KEYS[6], open = KEYS[7], breakers = KEYS[8], subscription = ARGV[2] }
local now = health_clock()
local due = now + tonumber(ARGV[3])
local parking = { queue = KEYS[2], due = KEYS[3], parked = KEYS[4], totals = KEYS[5], subscription = ARGV[2] }
if ARGV[5] == "1" then parking.order = KEYS[9] end
local entries = {}
for arg = FIRST_ARG, #ARGV, ARGS_EACH do entries[#entries + 1] = ARGV[arg] end
local held = park_held(KEYS[1], ARGV[1], ARGV[6], entries)
local health = health_read(names)
local results, acknowledged = {}, {}
local failure = park_whole(parking, function()
    for i, entry in ipairs(entries) do
        local key, arg = FIRST_KEY + (i - 1) * KEYS_EACH, FIRST_ARG + (i - 1) * ARGS_EACH
        local settled = KEYS[key + 1]
        results[i] = park_judge(held, entry, settled, ARGV[2])
        if results[i] == 1 then
            local entered = park_enter(parking, KEYS[key], ARGV[arg + 1], ARGV[arg + 2], entry, UNTRIED, due)
            if ARGV[arg + 3] ~= "1" then
                park_note(parking, entered, settled)
            elseif held then
                acknowledged[#acknowledged + 1] = entry
            end
        end
    end
    park_announce(parking, due, ARGV[4] ~= "1" and health_wait_until(health))
    if acknowledged[1] then redis.call("XACK", KEYS[1], ARGV[1], unpack(acknowledged)) end
end)
if failure then return failure end
local answer = health_answer(1, health, now, 0)
for i, result in ipairs(results) do answer[5 + i] = result end
return answer
