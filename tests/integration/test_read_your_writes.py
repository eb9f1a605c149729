# SPDX-License-Identifier: Apache-2.0
"""Who changes a subscription and then publishes finds the change in force, without waiting: whichever instance reads
the event."""

import pytest

from harness.wait import stays, wait_until

ROUNDS = 40


@pytest.fixture
def two(start):
    """serve, whose API the tests use, and a second dispatcher: each reads some of the events."""
    both = start(), start("dispatcher")
    for one in both:
        one.wait_ready()
    yield both[0]
    for one in both:
        assert "didn't come in time" not in one.output()


def subscribe(petrel, url, event_types=("*",)):
    """Without waiting for anything, other than the harness's own."""
    return petrel.api.ok("POST", "/v1/subscriptions", json={"url": url, "event_types": list(event_types)})


def test_a_new_subscriber_gets_what_is_published_right_after(two, receiver, xadd):
    for number in range(ROUNDS):
        subscribe(two, receiver.url(f"/{number}"), [f"t.{number}"])
        xadd(type=f"t.{number}", data="1")
    wait_until(lambda: receiver.count() >= ROUNDS, 20, "every event has found its subscriber")
    assert [receiver.count(f"/{number}") for number in range(ROUNDS)] == [1] * ROUNDS


def test_a_test_event_right_after_the_subscription(two, receiver):
    for number in range(ROUNDS // 2):
        made = subscribe(two, receiver.url(f"/{number}"))
        two.api.ok("POST", f"/v1/subscriptions/{made['id']}/test")
    wait_until(lambda: receiver.count() >= ROUNDS // 2, 20, "every test event has arrived")


def test_what_is_published_after_a_pause_parks(two, receiver, redis_server, xadd):
    for number in range(ROUNDS // 4):
        made = subscribe(two, receiver.url(f"/{number}"), [f"t.{number}"])
        two.api.ok("POST", f"/v1/subscriptions/{made['id']}/pause")
        xadd(type=f"t.{number}", data="1")
    wait_until(lambda: redis_server.totals().get("parked", 0) == ROUNDS // 4, 20, "all are parked")
    assert receiver.count() == 0


def test_what_is_published_after_a_removal_is_not_sent(two, receiver, redis_server, xadd):
    for number in range(ROUNDS // 4):
        made = subscribe(two, receiver.url(f"/{number}"), [f"t.{number}"])
        two.api.ok("DELETE", f"/v1/subscriptions/{made['id']}")
        xadd(type=f"t.{number}", data="1")
    wait_until(lambda: redis_server.is_settled(ROUNDS // 4), 20, "all are settled")
    stays(lambda: receiver.count() == 0, 0.2, "nothing is sent")
