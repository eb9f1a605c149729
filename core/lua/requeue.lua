-- SPDX-License-Identifier: Apache-2.0
-- A rejected event goes back to the stream, as its producer wrote it: as the newest entry.
-- KEYS: rejected, events
-- ARGV: id in rejected
-- Returns the new entry's id; 0 when there is no such entry; -1 when some of its fields weren't kept (nothing is done).
local found = redis.call("XRANGE", KEYS[1], ARGV[1], ARGV[1])
if not found[1] then return 0 end
local fields = {}
for i = 1, #found[1][2], 2 do
    local name = found[1][2][i]
    if name == "petrel_fields_dropped" and i == 5 then return -1 end
    if i > 4 then
        fields[#fields + 1] = name
        fields[#fields + 1] = found[1][2][i + 1]
    end
end
if #fields == 0 then return -1 end
local id = redis.call("XADD", KEYS[2], "*", unpack(fields))
redis.call("XDEL", KEYS[1], ARGV[1])
return id
