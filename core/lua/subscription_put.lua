-- SPDX-License-Identifier: Apache-2.0
-- @use own_event
-- Creates, replaces or deletes a subscription, only if it still is what the caller read, and tells all.
-- KEYS: subscriptions, changes, events
-- ARGV: 1 id, 2 new stored JSON ("" deletes), 3 stored JSON the caller read ("" = there is none),
--       4 id, 5 tenant, 6 data of the event that tells that it was disabled (id "": there is nothing to tell)
-- Returns 1, or 0 when somebody else changed it meanwhile (read again, then try again).
local present = redis.call("HGET", KEYS[1], ARGV[1]) or ""
if present ~= ARGV[3] then return 0 end
if ARGV[2] == "" then
    redis.call("HDEL", KEYS[1], ARGV[1])
else
    redis.call("HSET", KEYS[1], ARGV[1], ARGV[2])
end
redis.call("XADD", KEYS[2], "MAXLEN", "~", 10000, "*", "id", ARGV[1])
own_event(KEYS[3], "petrel.subscription.disabled", ARGV[4], ARGV[5], ARGV[6])
return 1
