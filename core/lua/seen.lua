-- SPDX-License-Identifier: Apache-2.0
-- @use message
-- Dedupe: which entry owns each producer-given event id within the window. An id is also taken, however old, while
-- anything of its event is parked or dead: the copy of the body in Redis bears the id, and must not be taken for another
-- event's.
-- KEYS: seen:<event id> …, message:<event id> … in the same order
-- ARGV: window ms, then one entry id per event
-- Returns per event the owner's entry id: the caller's own when it is the first (or again, after a crash); or
-- "held <entry id>" when the window is over, but that entry's copy is still there (nothing is written).
-- A full Redis takes it, too, because something is removed first: it is little, and what is delivered makes more room.
local count = #ARGV - 1
local owners, has_removed = {}, false

for i = 1, count do
    local entry = ARGV[i + 1]
    local owner = redis.call("GET", KEYS[i])
    if not owner then
        local holding = message_entry(KEYS[count + i]) or entry
        if holding == entry then
            owner = entry
            if not has_removed then redis.call("DEL", KEYS[i]) end
            has_removed = true
            redis.call("SET", KEYS[i], owner, "PX", ARGV[1])
        else
            owner = "held " .. holding
        end
    end
    owners[i] = owner
end
return owners
