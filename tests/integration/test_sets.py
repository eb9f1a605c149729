# SPDX-License-Identifier: Apache-2.0
"""The promise, on ten thousand events to ten subscriptions that fail at random: accepted = delivered + parked + dead,
and nothing arrives twice unless an attempt of it failed after the subscriber had taken it."""

import os
import random
from collections import Counter

from harness.processes import BINARY
from harness.receiver_fast import OK, status_line
from harness.wait import wait_until

# The sanitizers make everything several times slower: fewer for them.
EVENTS = 10_000 if "/release/" in BINARY else 2_000
# Subscription → the chances that an attempt is answered with a 500, that the connection is broken before any answer,
# and that it is broken after the subscriber took the event.
FAILURES = {"/0": (0, 0, 0), "/1": (0.02, 0, 0), "/2": (0.1, 0, 0), "/3": (0, 0.03, 0), "/4": (0.05, 0.05, 0),
            "/5": (0, 0, 0.03), "/6": (0.3, 0, 0), "/7": (0.05, 0, 0.02), "/paused": (0, 0, 0), "/broken": (1, 0, 0)}


def members(redis_server, subscription):
    """Event ids that are parked, and those that are dead letters, of a subscription."""
    parked = set(redis_server.client.hkeys(f"petrel:parked:{subscription['id']}"))
    dead = {letter.split(".")[0] for letter in redis_server.client.zrange("petrel:dead", 0, -1)
            if letter.endswith("." + subscription["id"])}
    return parked, dead


def test_everything_accepted_is_delivered_parked_or_dead(start, fast_receiver, redis_server):
    seed = int(os.environ.get("PETREL_TEST_SEED", random.randrange(2**32)))
    print(f"seed: {seed} (PETREL_TEST_SEED repeats it)")
    dice = random.Random(seed)
    taken, lost_answers, failures, breaks = Counter(), Counter(), Counter(), Counter()

    def decide(path, event):
        refused, broken, broken_after = FAILURES[path]
        roll = dice.random()
        if roll < refused + broken:
            failures[path, event] += 1
            breaks[path, event] += roll >= refused
            return status_line(500) if roll < refused else None
        taken[path, event] += 1
        if roll < refused + broken + broken_after:
            lost_answers[path, event] += 1
            breaks[path, event] += 1
            return None
        return OK

    fast_receiver.decide = decide
    petrel = start(flags=["--retry-schedule", "20ms,20ms,20ms", "--max-concurrency", "64"])
    subscriptions = {path: petrel.api.subscribe(fast_receiver.url(path), ["*"]) for path in FAILURES}
    petrel.api.ok("POST", f"/v1/subscriptions/{subscriptions['/paused']['id']}/pause")

    events = []
    for start_at in range(0, EVENTS, 1000):
        pipe = redis_server.client.pipeline(transaction=False)
        for i in range(start_at, start_at + 1000):
            pipe.xadd("petrel:events", {"type": f"t{i % 7}.x", "data": f'{{"n":{i}}}'})
        events += ["msg_0_" + entry.replace("-", "_") for entry in pipe.execute()]
    assert len(set(events)) == EVENTS

    def has_ended():
        """The stream is empty, and only the paused and the broken one may still have something parked."""
        lag = redis_server.client.xinfo_groups("petrel:events")[0]
        resting = sum(redis_server.client.hlen(f"petrel:parked:{subscriptions[p]['id']}") for p in ("/paused", "/broken"))
        return lag["lag"] == 0 and lag["pending"] == 0 and redis_server.totals().get("parked", 0) == resting

    wait_until(has_ended, 240, "everything has ended or waits for good")
    assert petrel.terminate() == 0

    for path, subscription in subscriptions.items():
        parked, dead = members(redis_server, subscription)
        delivered = {event for (at, event) in taken if at == path}
        told = {event for event in delivered if taken[path, event] > lost_answers[path, event]}
        print(f"{path}: {len(delivered)} delivered, {len(parked)} parked, {len(dead)} dead, "
              f"{sum(n for (at, _), n in failures.items() if at == path)} failures")
        # petrel knows of those whose answer it got: they are in no other state.
        assert not told & parked and not told & dead
        assert delivered | parked | dead == set(events), "nothing is lost"
        # Nothing twice unless an attempt failed: here, after the subscriber had taken it.
        twice = {event for event in events if taken[path, event] > 1 + lost_answers[path, event]}
        assert not twice
        # And no more attempts than the schedule allows. A kept connection that breaks before any answer may have been closed
        # before the request came: libcurl sends it once more, as the same attempt (RFC 9112 §9.5).
        assert all(taken[path, e] + failures[path, e] <= 4 + breaks[path, e] for e in events)
    assert not members(redis_server, subscriptions["/0"])[1] and not members(redis_server, subscriptions["/0"])[0]
    parked, dead = members(redis_server, subscriptions["/paused"])
    early = {event for (at, event) in taken if at == "/paused"}
    assert parked == set(events) - early and not dead
    totals = redis_server.totals()
    assert totals["dead"] == redis_server.client.zcard("petrel:dead")
    assert totals["delivered"] == sum(taken.values()) - sum(lost_answers.values())
    assert "data loss" not in petrel.output()
