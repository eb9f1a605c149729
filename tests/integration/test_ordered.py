# SPDX-License-Identifier: Apache-2.0
"""Ordered subscriptions: the order of the stream, one at a time, whatever fails or dies."""

import os
import random

import pytest
from harness.processes import BINARY
from harness.receiver import Answer
from harness.receiver_fast import OK, status_line
from harness.wait import stays, wait_until

EVENTS = int(os.environ.get("PETREL_ORDERED_EVENTS", 600 if "/release/" in BINARY else 200))


def place(event):
    """msg_0_<ms>_<seq> → its place in the stream."""
    ms, seq = event.split("_")[2:]
    return int(ms), int(seq)


def check_order(entries, path, events):
    """Each success is of the event after the last one's, or that one again (in flight when its dispatcher died)."""
    last = None
    for entry in entries:
        if entry.path != path or not entry.is_accepted:
            continue
        if last is not None and entry.event != last:
            assert place(entry.event) > place(last), f"{path}: {entry.event} after {last}"
        last = entry.event
    assert {e.event for e in entries if e.path == path and e.is_accepted} == events, path


def publish(redis_server, count):
    pipe = redis_server.client.pipeline(transaction=False)
    for number in range(count):
        pipe.xadd("petrel:events", {"type": "a", "data": str(number)})
    return {"msg_0_" + entry.replace("-", "_") for entry in pipe.execute()}


def test_the_order_survives_failures_and_deaths(start, fast_receiver, redis_server):
    seed = int(os.environ.get("PETREL_TEST_SEED", random.randrange(2**32)))
    print(f"seed: {seed} (PETREL_TEST_SEED repeats it)")
    dice = random.Random(seed)
    flags = ["--retry-schedule", ",".join(["20ms"] * 60), "--instance-timeout", "2s"]
    fast_receiver.decide = lambda path, event: OK if path == "/plain" or dice.random() > 0.1 else status_line(500)
    fleet = [start(flags=flags), start("dispatcher", flags=flags), start("dispatcher", flags=flags)]
    paths = [f"/{n}" for n in range(4)]
    for path in paths:
        fleet[0].api.subscribe(fast_receiver.url(path), ordered=True)
    fleet[0].api.subscribe(fast_receiver.url("/plain"))
    events = set()
    for round_number in range(3):
        before = len(fast_receiver.log)
        events |= publish(redis_server, EVENTS // 3)
        time_to_kill = dice.random()
        wait_until(lambda: len(fast_receiver.log) > before + 20, 20, "deliveries flow")
        stays(lambda: True, time_to_kill, "the load runs")
        fleet[1 + round_number % 2].kill9()
        fleet[1 + round_number % 2] = start("dispatcher", flags=flags)

    def accepted(path):
        return {e.event for e in list(fast_receiver.log) if e.path == path and e.is_accepted}

    wait_until(lambda: all(accepted(path) >= events for path in [*paths, "/plain"]), 120, "everything has arrived")
    for path in paths:
        check_order(list(fast_receiver.log), path, events)


def test_one_at_a_time(start, receiver, redis_server):
    fleet = [start(), start("dispatcher")]
    receiver.script("/", lambda number: Answer(200, delay_s=0.02))
    fleet[0].api.subscribe(receiver.url("/"), ordered=True)
    events = publish(redis_server, 40)
    wait_until(lambda: set(receiver.accepted("/")) == events, 30, "all have arrived")
    # The receiver notes a request when it answers: the next one starts after that.
    times = [r.arrived_at for r in receiver.requests]
    assert [r.id for r in receiver.requests] == sorted(events, key=place)
    assert times == sorted(times)


def test_a_slow_neighbour_of_the_same_events_delays_nobody(start, receiver, redis_server):
    petrel = start(flags=["--request-timeout", "60s"])
    receiver.script("/hang", [Answer(hang=True)])
    petrel.api.subscribe(receiver.url("/hang"))
    petrel.api.subscribe(receiver.url("/"), ordered=True)
    events = publish(redis_server, 20)
    wait_until(lambda: set(receiver.accepted("/")) == events, 30, "the ordered one has all before any hanging one ends")
    assert [r.id for r in receiver.at("/")] == sorted(events, key=place)


def test_who_comes_while_others_hang_does_not_wait_for_them(start, receiver, redis_server):
    petrel = start(flags=["--request-timeout", "15s"])
    receiver.script("/hang", [Answer(hang=True)])
    hanging = petrel.api.subscribe(receiver.url("/hang"))
    path = f"/v1/subscriptions/{hanging['id']}"
    publish(redis_server, 3)
    wait_until(lambda: petrel.api.ok("GET", path)["health"]["in_flight"] == 3, 10, "its requests hang")
    petrel.api.subscribe(receiver.url("/"), ordered=True)
    events = publish(redis_server, 5)
    wait_until(lambda: set(receiver.accepted("/")) == events, 6, "the ordered one has all before any hanging one ends")


@pytest.mark.parametrize("choice", ["skip", "block"])
def test_a_poisonous_one_is_skipped_or_blocks_as_chosen(start, fast_receiver, redis_server, choice):
    petrel = start(flags=["--retry-schedule", "50ms,50ms"])
    poison = ["poison"]
    fast_receiver.decide = lambda path, event: status_line(500) if [event] == poison else OK
    subscription = petrel.api.subscribe(fast_receiver.url("/"), ordered=True, ordered_failure=choice)["id"]
    petrel.api.subscribe(fast_receiver.url("/other"), ordered=True)
    entry = redis_server.client.xadd("petrel:events", {"type": "b", "data": "1", "id": "poison"})
    assert entry
    others = publish(redis_server, 10)
    seen = lambda path: {e.event for e in list(fast_receiver.log) if e.path == path and e.is_accepted}  # noqa: E731
    if choice == "skip":
        wait_until(lambda: seen("/") == others, 20, "the others have arrived")
        assert [i["event"] for i in petrel.api.items("/v1/dead-letters")][0] == "poison"
        return
    wait_until(lambda: sum(e.event == "poison" and e.path == "/" for e in list(fast_receiver.log)) > 8, 20, "it goes on")
    assert not seen("/") and petrel.api.items("/v1/dead-letters", subscription=subscription) == []
    poison.clear()
    wait_until(lambda: seen("/") == others | {"poison"}, 20, "all arrive once it is well")


def test_order_cannot_be_changed_later(start, receiver):
    petrel = start()
    made = petrel.api.subscribe(receiver.url("/"))
    answer = petrel.api.patch(f"/v1/subscriptions/{made['id']}", {"ordered": True})
    assert answer.status_code == 422 and "create a new subscription" in answer.json()["errors"][0]["message"]
