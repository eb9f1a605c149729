-- SPDX-License-Identifier: Apache-2.0
-- The one copy of a parked or dead event, message:<event>: made with the first reference, gone with the last. Prepended to
-- the scripts that say `-- @use message`. No other script knows the form:
--   "<references, 8 digits> <version>\n", then with an id of the producer's own "entry <entry id>\n", then what
--   core/event_stored.c says.
-- A string, because each further field of a hash costs more memory than all of this; of fixed width, so that counting
-- changes eight bytes in their place. Who makes a copy gives it with one reference.
local COUNT_LAST = 7 -- its digits are the bytes 0 to 7: more references than Redis has room for the deliveries of
local ENTRY_LAST = 63 -- 11 bytes, "entry ", and at most 41 of an entry id

-- Its references, changed by so many; nil when there is no copy, or none of petrel's.
local function message_count(key, change)
    local count = tonumber(redis.call("GETRANGE", key, 0, COUNT_LAST))
    if not count then return nil end
    count = count + change
    if count > 0 then redis.call("SETRANGE", key, 0, string.format("%08d", count)) end
    return count
end

-- Made if there is none; its references stay as they are.
local function message_keep(key, copy)
    return redis.call("SET", key, copy, "NX")
end

-- One more reference; made if there is none.
local function message_refer(key, copy)
    if not message_keep(key, copy) then message_count(key, 1) end
end

-- One reference less.
local function message_release(key)
    if message_count(key, -1) == 0 then redis.call("DEL", key) end
end

-- The entry whose event it is, nil when there is no copy, or when the event's id says it.
local function message_entry(key)
    return string.match(redis.call("GETRANGE", key, 0, ENTRY_LAST), "^[^\n]*\nentry (%S+)\n")
end
