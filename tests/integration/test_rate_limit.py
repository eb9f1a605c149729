# SPDX-License-Identifier: Apache-2.0
"""A rate limit paces a subscription, over all instances together."""

import time

import pytest
from harness.wait import wait_until

SECONDS = 6


def feed(redis_server, count):
    pipe = redis_server.client.pipeline(transaction=False)
    for number in range(count):
        pipe.xadd("petrel:events", {"type": "a", "data": str(number)})
    pipe.execute()


@pytest.mark.parametrize("instances", [1, 3])
@pytest.mark.parametrize("rate", [1, 10, 300])
def test_the_rate_is_kept_over_all_instances(start, fast_receiver, redis_server, rate, instances):
    fleet = [start()] + [start("dispatcher") for _ in range(instances - 1)]
    fleet[0].api.subscribe(fast_receiver.url("/"), rate_limit={"per_second": rate, "burst": max(1, rate // 10)})
    fed = time.monotonic()
    feed(redis_server, rate * SECONDS * 2 + 10)
    wait_until(lambda: fast_receiver.log, 10, "the first")
    began = fast_receiver.log[0].at
    wait_until(lambda: time.monotonic() - began > SECONDS, SECONDS + 5, "the time is over")
    until = began + SECONDS
    count = sum(entry.at <= until for entry in list(fast_receiver.log))
    print(f"{rate}/s, {instances} instances: {count / SECONDS:.2f}/s")
    # Never faster: the bucket's size is all that may come on top of the rate. The bucket was first asked after `fed`; when
    # the first one arrived says little of that: it may have taken much longer than the last.
    assert count <= rate * (until - fed) + max(1, rate // 10) + 1
    assert count >= rate * SECONDS * 0.8 - 1
    # Limited means paced, not retried.
    assert len(fast_receiver.accepted()) == len(fast_receiver.log)


def test_a_limited_one_holds_nobody_up(start, fast_receiver, redis_server):
    petrel = start()
    petrel.api.subscribe(fast_receiver.url("/slow"), ["a"], rate_limit=1)
    petrel.api.subscribe(fast_receiver.url("/free"), ["*"])
    feed(redis_server, 2000)
    wait_until(lambda: sum(e.path == "/free" for e in list(fast_receiver.log)) == 2000, 30, "the free one has all")
    assert sum(e.path == "/slow" for e in list(fast_receiver.log)) <= 32


def test_a_limit_that_is_lifted(start, fast_receiver, redis_server):
    petrel = start()
    subscription = petrel.api.subscribe(fast_receiver.url("/"), rate_limit=1)
    feed(redis_server, 100)
    wait_until(lambda: fast_receiver.log, 10, "the first")
    petrel.api.patch(f"/v1/subscriptions/{subscription['id']}", {"rate_limit": None})
    wait_until(lambda: len(fast_receiver.accepted()) == 100, 20, "all the others")


def test_a_limit_that_is_raised_counts_at_once(start, fast_receiver, redis_server):
    petrel = start()
    subscription = petrel.api.subscribe(fast_receiver.url("/"), rate_limit={"per_second": 0.01, "burst": 1})
    feed(redis_server, 50)
    wait_until(lambda: fast_receiver.log, 10, "the first, and the next is due in 100 s")
    petrel.api.patch(f"/v1/subscriptions/{subscription['id']}", {"rate_limit": {"per_second": 50, "burst": 5}})
    wait_until(lambda: len(fast_receiver.accepted()) == 50, 20, "all the others")
