# SPDX-License-Identifier: Apache-2.0
"""One event to many subscriptions: it leaves a part at a time, reaches each once, and nobody else waits for it."""

import json
from collections import Counter

import pytest
from harness.receiver_fast import OK
from harness.wait import wait_until

COUNT = 1500  # many parts, and more than there are slots with the flags below
FLAGS = ["--workers", "2", "--max-in-flight", "512", "--retry-schedule", "200ms,200ms,200ms"]


@pytest.fixture
def many(start, fast_receiver, redis_server):
    """So many subscriptions to "all.*" of as many paths, and one to "other": their ids by path."""
    first = start(flags=FLAGS)
    template = first.api.subscribe(fast_receiver.url("/0"), ["all.*"])
    first.api.subscribe(fast_receiver.url("/other"), ["other"])
    stored = json.loads(redis_server.client.hget("petrel:subscriptions", template["id"]))
    assert first.terminate() == 0
    pipe = redis_server.client.pipeline(transaction=False)
    for i in range(1, COUNT):
        one = {**stored, "id": f"sub_{i:022d}", "url": fast_receiver.url(f"/{i}")}
        pipe.hset("petrel:subscriptions", one["id"], json.dumps(one))
    pipe.execute()
    return {f"/{i}" for i in range(COUNT)}


def test_each_gets_it_once(start, fast_receiver, redis_server, many, xadd):
    taken = Counter()
    fast_receiver.decide = lambda path, event: taken.update([path, (path, event)]) or OK
    petrel = start(flags=FLAGS)
    xadd(type="all.x", data="1")
    for _ in range(10):
        xadd(type="other", data="1")
    wait_until(lambda: redis_server.is_settled(11), 60, "all settled")
    wait_until(lambda: redis_server.totals().get("parked", 0) == 0, 60, "nothing is parked")
    assert {path for path in taken if isinstance(path, str)} == many | {"/other"}
    assert all(count == 1 for key, count in taken.items() if isinstance(key, tuple))
    assert petrel.terminate() == 0


def test_a_drain_in_the_middle_leaves_nothing_pending(start, fast_receiver, redis_server, many, xadd):
    taken = Counter()
    fast_receiver.decide = lambda path, event: taken.update([path]) or OK
    petrel = start(flags=FLAGS)
    xadd(type="all.x", data="1")
    wait_until(lambda: taken, 30, "the first ones")
    assert petrel.terminate() == 0
    assert redis_server.client.xpending("petrel:events", "petrel")["pending"] == 0
    early = sum(taken.values())
    assert early + redis_server.totals().get("parked", 0) == COUNT
    start(flags=FLAGS)
    wait_until(lambda: sum(taken.values()) >= COUNT, 60, "the others")
    assert set(taken) == many and set(taken.values()) == {1}
