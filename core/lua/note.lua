-- SPDX-License-Identifier: Apache-2.0
-- Some deliveries of a pending entry have arrived, the others not yet: noted for whoever takes the entry over.
-- KEYS: events, settled:<entry>
-- ARGV: group, entry id, own consumer, subscription … (up to some thousands: Lua's stack)
-- Returns 1, or 0 when the entry isn't pending with the caller any more (nothing is left behind then).
local pending = redis.pcall("XPENDING", KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1, ARGV[3])
if pending.err or #pending == 0 then return 0 end
redis.call("SADD", KEYS[2], unpack(ARGV, 4))
redis.call("PEXPIRE", KEYS[2], 604800000)
return 1
