-- SPDX-License-Identifier: Apache-2.0
-- The state of a parked delivery, its field in parked:<sub>. Prepended to the scripts that say `-- @use state`.
--   "<born ms>[ <attempts> <first attempt> <last attempt> <last status>[ <last error>]][ @<lease>]"
-- born: what its age counts from. The first attempt is so many ms after it, the last one after the first. What says nothing
-- is left out: all of the attempts before the first one; an error that the status tells. So it takes 16 or 32 bytes
-- of a Redis, not 64. core/parked_state.c reads it.

-- tried: {attempts, first attempt ms, last attempt ms, last status, last error}, "-" for no error.
local function state_make(born, tried)
    if tried[1] == "0" then return born end
    local text = table.concat({ born, tried[1], tried[2] - born, tried[3] - tried[2], tried[4] }, " ")
    local told = tried[4] == "0" and "-" or "http_status"
    return tried[5] == told and text or text .. " " .. tried[5]
end

local function state_lease(state, token)
    return string.gsub(state, " @%S+$", "") .. " @" .. token
end

-- Whether it is leased by this token; false of no state, too.
local function state_is_held(state, token)
    return state and string.match(state, " @(%S+)$") == token
end

-- As text; nil when it isn't petrel's.
local function state_born(state)
    return string.match(state, "^%d+")
end
