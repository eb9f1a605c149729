# SPDX-License-Identifier: Apache-2.0
"""Redis answers, but refuses one thing: a right taken away by mistake, a key that somebody else has written over.

What can't be written down stays pending; it is taken up again by the same, living instance once Redis lets it, and what
was written down meanwhile isn't repeated.
"""

import json

import pytest
from harness.receiver import Answer
from harness.wait import stays, wait_until

pytestmark = pytest.mark.smoke

FLAGS = ["--retry-schedule", "200ms,200ms,200ms,200ms,200ms"]


def wait_settled(redis_server, events):
    wait_until(lambda: redis_server.is_settled(events), 30, "everything is settled")


@pytest.mark.parametrize("delay_s", [0, 0.5], ids=["the other has arrived", "the other arrives later"])
def test_a_delivery_that_could_not_be_parked(start, redis_server, receiver, xadd, delay_s):
    petrel = start(flags=FLAGS)
    receiver.script("/sick", [Answer(status=500), Answer()])
    receiver.script("/well", [Answer(delay_s=delay_s)])
    petrel.api.subscribe(receiver.url("/well"))
    petrel.api.subscribe(receiver.url("/sick"))
    redis_server.client.set("petrel:totals", "no hash")
    xadd(type="a.b", data="1")
    wait_until(lambda: "Redis refused a change of state" in petrel.output(), 10, "parking is refused")
    redis_server.client.delete("petrel:totals")
    wait_until(lambda: receiver.accepted("/sick"), 30, "it is sent again")
    wait_settled(redis_server, 1)
    assert receiver.count("/well") == 1


def test_a_malformed_event_that_could_not_be_set_aside(start, redis_server, xadd):
    petrel = start(flags=FLAGS)
    redis_server.client.set("petrel:rejected", "no stream")
    xadd(nothing="1")
    wait_until(lambda: "Redis refused an acknowledgement" in petrel.output(), 10, "rejecting is refused")
    redis_server.client.delete("petrel:rejected")
    wait_settled(redis_server, 1)
    assert redis_server.client.xlen("petrel:rejected") == 1


def test_what_stays_refused_is_tried_ever_more_seldom(start, redis_server, receiver, xadd):
    petrel = start(flags=FLAGS)
    receiver.script("/sick", [Answer(status=500)])
    subscription = petrel.api.subscribe(receiver.url("/sick"))["id"]
    redis_server.client.set(f"petrel:parked:{subscription}", "no hash")
    xadd(type="a.b", data="1")
    wait_until(lambda: receiver.count("/sick") >= 4, 30, "it is tried again")
    first, *_, fourth = (request.arrived_at for request in receiver.at("/sick")[:4])
    # After 1 s, 2 s and 4 s, however late the first one came.
    assert fourth - first > 5


def test_a_right_taken_away_and_given_back(start, redis_server, receiver, xadd):
    petrel = start(flags=FLAGS)
    petrel.api.subscribe(receiver.url("/well"))
    redis_server.client.execute_command("ACL", "SETUSER", "default", "-xack")
    for number in range(50):
        xadd(type="a.b", data=str(number))
    wait_until(lambda: receiver.count("/well") == 50, 10, "all have arrived")
    wait_until(lambda: "NOPERM" in petrel.output(), 10, "it is told")
    stays(lambda: redis_server.pending() == 50, 1, "nothing is acknowledged")
    redis_server.client.execute_command("ACL", "SETUSER", "default", "+xack")
    wait_settled(redis_server, 50)
    assert receiver.count("/well") == 50
    assert petrel.output().count("NOPERM") <= 4


@pytest.mark.parametrize("right", ["set", "xack", "zadd", "hincrby"])
def test_what_could_not_be_parked_as_a_whole_is_not_parked_at_all(start, redis_server, receiver, xadd, right):
    petrel = start(flags=FLAGS)
    # In order: each goes through the queue, and one script puts it there and acknowledges it.
    petrel.api.subscribe(receiver.url("/ordered"), ordered=True)
    redis_server.client.execute_command("ACL", "SETUSER", "default", f"-{right}")
    for number in range(20):
        xadd(type="a.b", data=str(number))
    wait_until(lambda: "Redis refused a change of state" in petrel.output(), 10, "parking is refused")
    wait_until(lambda: redis_server.pending() == 20, 10, "all are read")
    stays(lambda: redis_server.pending() == 20, 1, "nothing is acknowledged")
    redis_server.client.execute_command("ACL", "SETUSER", "default", f"+{right}")
    wait_settled(redis_server, 20)
    assert [json.loads(request.body)["data"] for request in receiver.at("/ordered")] == list(range(20))
    assert redis_server.client.hget("petrel:totals", "parked") == "0"
