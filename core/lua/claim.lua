-- SPDX-License-Identifier: Apache-2.0
-- Leases due deliveries of one subscription to the caller.
-- KEYS: queue:<sub>, due, parked:<sub>
-- ARGV: subscription, at most how many, lease ms, lease token
-- Returns {now ms, ms until the queue is to be looked at again (-1: empty), event id, state, …}; a state is
-- "<attempts> <first attempt ms> <last attempt ms> <last status> <last error> <lease or ->".
-- Cost: O(log queue + claimed), whatever the backlog.
-- Removing comes first, because a script that has removed something may also write when Redis is full: what is
-- parked must be able to leave, or a full Redis would stay full.
redis.call("ZREM", KEYS[2], ARGV[1])
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local result = { now, -1 }
local ids = redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", now, "LIMIT", 0, ARGV[2])
for _, id in ipairs(ids) do
    local state = redis.call("HGET", KEYS[3], id)
    if state then
        redis.call("HSET", KEYS[3], id, (string.gsub(state, "%S+$", ARGV[4])))
        redis.call("ZADD", KEYS[1], "XX", now + tonumber(ARGV[3]), id)
        result[#result + 1] = id
        result[#result + 1] = state
    else
        redis.call("ZREM", KEYS[1], id)
    end
end
local first = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
if first[2] then
    redis.call("ZADD", KEYS[2], math.max(now, tonumber(first[2])), ARGV[1])
    result[2] = math.max(0, tonumber(first[2]) - now)
end
return result
