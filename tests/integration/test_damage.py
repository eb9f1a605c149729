# SPDX-License-Identifier: Apache-2.0
"""Things in petrel's own keys that petrel never put there: by hand, by another program, by a restored backup.

Whoever can write to Redis may do anything, so what becomes of such things is not promised; but they end no process and
are in nobody's way.
"""

import pytest

from harness.wait import wait_until

pytestmark = pytest.mark.smoke

LONG = "x" * 300
NO_LETTERS = ["", "no letter", "evt_1.", ".sub_1", "a.b.c", LONG, "evt\x1f.sub_1"]


def test_members_of_the_dead_set_that_are_no_letters(petrel, redis_server):
    for score, member in enumerate(NO_LETTERS):
        redis_server.client.zadd("petrel:dead", {member: score})
        redis_server.client.hset(f"petrel:dead:{member}", mapping={"type": "a", "attempts": "x"})
    redis_server.client.zadd("petrel:dead", {"evt_1.sub_1": 1e300})
    redis_server.client.hset("petrel:dead:evt_1.sub_1", mapping={"type": "a", "last_status": "many"})
    letters = petrel.api.items("/v1/dead-letters")
    assert [letter["id"] for letter in letters] == ["evt_1.sub_1"]
    assert petrel.api.items("/v1/dead-letters", subscription="sub_1")
    for member in NO_LETTERS:
        if member and "\x1f" not in member:
            assert petrel.api.get(f"/v1/dead-letters/{member}").status_code == 404
    assert petrel.is_running()


def test_queues_of_nobody_and_events_that_are_none(petrel, redis_server, receiver, xadd):
    subscription = petrel.api.subscribe(receiver.url())["id"]
    client = redis_server.client
    for member in ["", LONG, "no id", "sub_nobody"]:
        client.zadd("petrel:due", {member: 0})
        client.zadd(f"petrel:queue:{member}", {"evt_1": 0})
    for event in ["", LONG, "no id", "evt_damaged", "evt_without_state"]:
        client.zadd(f"petrel:queue:{subscription}", {event: 0})
        client.hset(f"petrel:parked:{subscription}", event, "not a state at all")
    client.hdel(f"petrel:parked:{subscription}", "evt_without_state")
    client.set("petrel:message:evt_damaged", "00000001 9\n")
    client.zadd("petrel:due", {subscription: 0})
    # All of it was looked at, and the next event goes its way.
    wait_until(lambda: "evt_damaged" not in client.zrange(f"petrel:queue:{subscription}", 0, -1), 20,
               "the damaged event has left the queue")
    xadd(type="a.b", data='"still here"')
    wait_until(lambda: any(b"still here" in request.body for request in receiver.requests), 20, "a delivery arrives")
    assert petrel.is_running()


def test_subscriptions_attempts_and_rejected_events_that_are_none(petrel, redis_server, receiver, xadd):
    client = redis_server.client
    petrel.api.subscribe(receiver.url())
    client.hset("petrel:subscriptions", mapping={"": "{}", "sub_x": "{", "sub_y": '{"created_at_ms":"x"}', LONG: "[]"})
    client.hset("petrel:instances", mapping={"": "", "nobody": "{"})
    client.xadd("petrel:changes", {"id": LONG, "op": "put"})
    client.xadd("petrel:changes", {"hue": "red"})
    for stream in ("attempts", "rejected"):
        client.xadd(f"petrel:{stream}", {"event": LONG, "subscription": "\x00", "number": "-1", "at": "x", "reason": LONG})
    assert len(petrel.api.items("/v1/subscriptions")) == 1
    assert petrel.api.get("/v1/subscriptions/sub_x").status_code in (404, 409)
    assert len(petrel.api.items("/v1/attempts")) == 1
    assert len(petrel.api.items("/v1/rejected-events")) == 1
    xadd(type="a.b", data='"still here"')
    wait_until(lambda: receiver.requests, 20, "a delivery arrives")
    assert petrel.is_running()
