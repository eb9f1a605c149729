-- SPDX-License-Identifier: Apache-2.0
-- Dedupe: which entry owns each producer-given event id within the window.
-- KEYS: seen:<event id> …
-- ARGV: window ms, then one entry id per key
-- Returns the owner's entry id per key: the caller's own when it is the first (or again, after a crash).
local owners = {}
for i, key in ipairs(KEYS) do
    local owner = redis.call("GET", key)
    if not owner then
        owner = ARGV[i + 1]
        redis.call("SET", key, owner, "PX", ARGV[1])
    end
    owners[i] = owner
end
return owners
