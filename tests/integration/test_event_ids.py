# SPDX-License-Identifier: Apache-2.0
"""An event's id is one event's while anything of it waits or is dead, however long ago it was published: the copy of
its body in Redis bears the id, and must never be taken for another event's, least of all another tenant's."""

import json

import pytest
from harness.receiver import Answer
from harness.wait import stays, wait_until

SECRET = "acme's own"


@pytest.fixture
def petrel(start):
    return start(flags=["--dedupe-window", "1s", "--retry-schedule", "300ms,300ms,300ms,300ms"])


def forgotten(redis_server, event_id):
    """Its window is over."""
    wait_until(lambda: not redis_server.client.exists(f"petrel:seen:{event_id}"), 10, "the window ends")


@pytest.fixture(params=["parked", "dead"])
def held(request, petrel, receiver, redis_server, xadd):
    """An event of tenant acme that waits, or is a dead letter, and whose window is over."""
    receiver.script("/acme", [Answer(500)])
    fields = {"retry_schedule": ["1h"]} if request.param == "parked" else {"retry_schedule": []}
    petrel.api.subscribe(receiver.url("/acme"), tenant="acme", **fields)
    xadd(type="a", data=json.dumps(SECRET), tenant="acme", id="same")
    wait_until(lambda: redis_server.client.exists("petrel:message:same"), 10, "its copy is in Redis")
    forgotten(redis_server, "same")
    return "same"


@pytest.mark.parametrize("tenant", ["other", "acme"])
def test_an_id_that_is_held_is_no_other_events(held, petrel, receiver, redis_server, xadd, tenant):
    receiver.script("/other", [Answer(500), Answer(200)])
    petrel.api.subscribe(receiver.url("/other"), ["b"], tenant=tenant)
    entry = xadd(type="b", data='"another"', tenant=tenant, id=held)
    rejected = wait_until(lambda: petrel.api.items("/v1/rejected-events"), 10, "it is rejected")
    assert rejected[0]["entry_id"] == entry and rejected[0]["reason"].startswith("id: \"same\" is still that of the entry ")
    assert receiver.count("/other") == 0
    # What holds it is as it was, and once it is gone the other one may come.
    assert SECRET in redis_server.client.get(f"petrel:message:{held}")
    redis_server.client.delete("petrel:message:same")
    forgotten(redis_server, held)
    petrel.api.ok("POST", f"/v1/rejected-events/{rejected[0]['id']}/requeue")
    wait_until(lambda: receiver.accepted("/other") == [held], 10, "it arrives, at the second attempt")
    assert all(SECRET.encode() not in request.body for request in receiver.at("/other"))


def test_an_event_goes_on_though_its_window_is_over(petrel, receiver, redis_server, xadd):
    """It holds its id itself: read again after the window, it is no other."""
    receiver.script("/", lambda n: Answer(500) if n < 4 else Answer(200))
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1", id="mine")
    forgotten(redis_server, "mine")
    wait_until(lambda: receiver.accepted("/") == ["mine"], 10, "it arrives at last")
    assert petrel.api.items("/v1/rejected-events") == []


def test_a_copy_is_never_sent_to_another_tenant(petrel, receiver, redis_server, xadd):
    """Whatever is in Redis: the last look before sending."""
    receiver.script("/", [Answer(500), Answer(200)])
    subscription = petrel.api.subscribe(receiver.url("/"), tenant="other", retry_schedule=["2s"])["id"]
    xadd(type="a", data="1", tenant="other", id="mixed")
    wait_until(lambda: redis_server.client.zcard(f"petrel:queue:{subscription}"), 10, "parked")
    copy = redis_server.client.get("petrel:message:mixed")
    redis_server.client.set("petrel:message:mixed", copy.replace("tenant other", "tenant acme"))
    letters = wait_until(lambda: petrel.api.items("/v1/dead-letters"), 10, "it is a dead letter")
    assert letters[0]["reason"] == "payload_lost"
    stays(lambda: receiver.count() == 1, 0.3, "nothing more was sent")


def test_replay_takes_no_other_events_copy(held, petrel, receiver, redis_server, xadd):
    """The stream has two events of one id, the later of them without a trace but its entry."""
    subscription = petrel.api.subscribe(receiver.url("/replayed"), ["b"], tenant="other")["id"]
    redis_server.client.xadd("petrel:events", {"type": "b", "data": "1", "tenant": "other", "id": held})
    wait_until(lambda: petrel.api.items("/v1/rejected-events"), 10, "it is rejected")
    assert petrel.api.ok("POST", f"/v1/subscriptions/{subscription}/replay", json={"since": "1h"})["queued"] == 0
    stays(lambda: receiver.count("/replayed") == 0, 0.3, "nothing was sent")
