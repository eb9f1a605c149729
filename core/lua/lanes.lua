-- SPDX-License-Identifier: Apache-2.0
-- A worker says what its lanes are doing; this replaces what it said before.
-- KEYS: lanes:<instance>:<worker>
-- ARGV: ms until it is forgotten, then subscription, "<in flight> <limit> <waiting>", …
-- Returns 1. Removing comes first, so it also works when Redis is full (see claim.lua).
redis.call("DEL", KEYS[1])
for i = 2, #ARGV, 1000 do -- unpack has a limit
    redis.call("HSET", KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
if #ARGV > 1 then redis.call("PEXPIRE", KEYS[1], ARGV[1]) end
return 1
