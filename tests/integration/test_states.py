# SPDX-License-Identifier: Apache-2.0
"""A subscription that is paused, resumed, disabled, deleted: what becomes of its deliveries."""

import pytest
from harness.receiver import Answer
from harness.wait import stays, wait_until


def set_state(petrel, subscription, verb):
    petrel.api.ok("POST", f"/v1/subscriptions/{subscription['id']}/{verb}")


def parked(redis_server, subscription):
    return redis_server.client.hlen(f"petrel:parked:{subscription['id']}")


def publish_until_parked(xadd, redis_server, subscription, count):
    """Publishes until `count` events are parked: the workers know of a pause a moment after the API answered."""
    published = []

    def enough():
        if parked(redis_server, subscription) < count:
            published.append("msg_0_" + xadd(type="a", data=str(len(published))).replace("-", "_"))
            wait_until(lambda: redis_server.pending() == 0, 15, "it is settled")
        return parked(redis_server, subscription) >= count

    wait_until(enough, 20, f"{count} parked")
    return published


def test_paused_parks_and_resume_delivers(petrel, receiver, xadd, redis_server):
    held = petrel.api.subscribe(receiver.url("/held"))
    petrel.api.subscribe(receiver.url("/other"))
    set_state(petrel, held, "pause")
    published = publish_until_parked(xadd, redis_server, held, 20)
    wait_until(lambda: receiver.count("/other") == len(published), 15, "the other subscription's")
    before = receiver.count("/held")
    stays(lambda: receiver.count("/held") == before, 1.2, "nothing is sent while it is paused")
    set_state(petrel, held, "resume")
    wait_until(lambda: receiver.count("/held") == len(published), 10, "all that was held")
    assert {r.id for r in receiver.at("/held")} == set(published)
    assert all(r.attempt == 1 for r in receiver.at("/held")), "waiting is no attempt"
    wait_until(lambda: redis_server.is_settled(len(published)), 15, "settled")


def test_retries_wait_for_resume_too(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", "300ms"])
    receiver.script("/", [Answer(500), Answer(200)])
    held = petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    wait_until(lambda: parked(redis_server, held) == 1, 15, "parked after its failure")
    set_state(petrel, held, "pause")
    # Unless its turn came before the pause was known.
    stays(lambda: receiver.count() <= 2, 1.0, "no attempt")
    set_state(petrel, held, "resume")
    wait_until(lambda: receiver.count() == 2, 10, "the retry")
    assert [r.attempt for r in receiver.at("/")] == [1, 2]


@pytest.mark.parametrize("verb, reason", [("disable", "subscription_disabled"), ("delete", "subscription_deleted")])
def test_parked_deliveries_of_who_is_gone_become_dead_letters(petrel, receiver, xadd, redis_server, verb, reason):
    held = petrel.api.subscribe(receiver.url("/"))
    set_state(petrel, held, "pause")
    publish_until_parked(xadd, redis_server, held, 30)
    before = receiver.count()
    if verb == "delete":
        petrel.api.ok("DELETE", f"/v1/subscriptions/{held['id']}")
    else:
        set_state(petrel, held, "disable")
    letters = wait_until(lambda: len(i := petrel.api.items("/v1/dead-letters", limit=100)) == 30 and i, 40,
                         "30 dead letters")
    assert {letter["reason"] for letter in letters} == {reason}
    assert {(letter["attempts"], letter["first_attempt_at"]) for letter in letters} == {(0, None)}
    assert receiver.count() == before
    assert parked(redis_server, held) == 0 and redis_server.totals()["parked"] == 0
    answer = petrel.api.call("POST", f"/v1/dead-letters/{letters[0]['id']}/redrive")
    assert answer.status_code == 409, answer.text


def test_a_redrive_after_a_disabled_subscription_is_resumed(petrel, receiver, xadd, redis_server):
    held = petrel.api.subscribe(receiver.url("/"))
    set_state(petrel, held, "pause")
    publish_until_parked(xadd, redis_server, held, 1)
    before = receiver.count()
    set_state(petrel, held, "disable")
    letter = wait_until(lambda: petrel.api.items("/v1/dead-letters"), 40, "a dead letter")[0]
    set_state(petrel, held, "resume")
    petrel.api.ok("POST", f"/v1/dead-letters/{letter['id']}/redrive")
    wait_until(lambda: receiver.count() == before + 1, 10, "the delivery")


def test_disabled_gets_nothing_new_and_resume_starts_afresh(petrel, receiver, xadd, redis_server):
    subscription = petrel.api.subscribe(receiver.url("/"))
    set_state(petrel, subscription, "disable")
    published = 0

    def is_left_out():
        nonlocal published
        before = receiver.count()
        xadd(type="a", data="1")
        published += 1
        wait_until(lambda: redis_server.is_settled(published), 15, "settled")
        return receiver.count() == before

    wait_until(is_left_out, 15, "new events are not delivered")
    before = receiver.count()
    set_state(petrel, subscription, "resume")

    def is_back():
        xadd(type="a", data="2")
        return receiver.count() > before

    wait_until(is_back, 15, "active again")
    assert petrel.api.items("/v1/dead-letters") == []
