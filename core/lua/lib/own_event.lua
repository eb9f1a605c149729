-- SPDX-License-Identifier: Apache-2.0
-- An event of petrel's own goes into the stream by the script that does what it tells of: whoever finds that done finds that
-- it was told, and a call sent again after a lost reply does neither. id "": no subscription asks for it.
local function own_event(events, type, id, tenant, data)
    if id ~= "" then
        redis.call("XADD", events, "*", "type", type, "id", id, "tenant", tenant, "data", data)
    end
end
