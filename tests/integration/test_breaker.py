# SPDX-License-Identifier: Apache-2.0
"""A sick subscriber costs a probe, not a storm; and comes back slowly."""

import threading
import time

import pytest
from harness.receiver import Answer
from harness.receiver_fast import OK, status_line
from harness.wait import stays, wait_until

QUICK = ["--breaker-failures", "5", "--breaker-probe", "300ms", "--breaker-probe-max", "1s"]
RETRIES = ",".join(["50ms"] * 40)


def health(redis_server, subscription):
    return redis_server.client.hgetall(f"petrel:health:{subscription['id']}")


def is_open(redis_server, subscription):
    return health(redis_server, subscription).get("state") == "open"


def test_an_open_breaker_lets_only_probes_through_and_burns_no_attempts(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", RETRIES, *QUICK])
    receiver.script("/", lambda number: Answer(500))
    subscription = petrel.api.subscribe(receiver.url("/"))
    for number in range(20):
        xadd(type="a", data=str(number))
    wait_until(lambda: is_open(redis_server, subscription), 10, "the breaker is open")
    wait_until(lambda: int(health(redis_server, subscription).get("interval", 0)) >= 1000, 20, "the interval has grown")
    before = receiver.count()
    for number in range(20, 60):
        xadd(type="a", data=str(number))
    began = time.monotonic()
    stays(lambda: receiver.count() - before <= (time.monotonic() - began) / 0.75 + 2, 4, "a probe a second at the most")
    assert receiver.count() > before, "there are probes"

    receiver.script("/", lambda number: Answer(200))
    wait_until(lambda: len(set(receiver.accepted("/"))) == 60, 30, "all arrive after recovery")
    late = [r for r in receiver.requests if r.body.endswith(tuple(f'"data":{n}}}'.encode() for n in range(25, 60)))]
    # Of those that came while it was open only the probes had an attempt before.
    assert sum(r.attempt == 1 and r.status == 200 for r in late) >= 25
    wait_until(lambda: "state" not in health(redis_server, subscription), 20, "the breaker is closed")


def test_one_probe_at_a_time_over_the_whole_fleet(start, receiver, xadd, redis_server):
    flags = ["--retry-schedule", RETRIES, "--breaker-failures", "3", "--breaker-probe", "10ms", "--breaker-probe-max",
             "10ms"]
    fleet = [start(flags=flags), start("dispatcher", flags=flags), start("dispatcher", flags=flags)]
    most, probes = 0, 0

    def answer(number):
        # Runs when a request has come; the receiver counts it, on the same thread, just before its answer goes out.
        nonlocal most, probes
        most, probes = max(most, number + 1 - receiver.count()), probes + 1
        return Answer(500, delay_s=0.015)

    def all_wait():
        """All are parked, and nobody holds one; a probe may."""
        states = redis_server.client.hvals(f"petrel:parked:{subscription['id']}")
        return redis_server.pending() == 0 and len(states) == 30 and sum("@" in state for state in states) <= 1

    receiver.script("/", lambda number: Answer(500))
    subscription = fleet[0].api.subscribe(receiver.url("/"), retry_schedule=["10ms"] * 60)
    for number in range(30):
        xadd(type="a", data=str(number))
    wait_until(lambda: is_open(redis_server, subscription), 10, "the breaker is open")
    # What was in flight when it opened has ended.
    wait_until(all_wait, 20, "all is parked")
    time_of_last = receiver.count()
    wait_until(lambda: receiver.count() > time_of_last, 10, "a probe")
    receiver.script("/", answer)
    wait_until(lambda: probes > 100, 60, "a hundred probes")
    assert most == 1


def test_recovery_is_a_slow_start(start, fast_receiver, redis_server, xadd):
    petrel = start(flags=["--retry-schedule", RETRIES, *QUICK])
    fast_receiver.decide = lambda path, event: status_line(500)
    subscription = petrel.api.subscribe(fast_receiver.url("/"), max_concurrency=32)
    pipe = redis_server.client.pipeline(transaction=False)
    for number in range(400):
        pipe.xadd("petrel:events", {"type": "a", "data": str(number)})
    pipe.execute()
    wait_until(lambda: is_open(redis_server, subscription), 10, "the breaker is open")
    wait_until(lambda: redis_server.client.hlen(f"petrel:parked:{subscription['id']}") == 400, 20, "all are parked")
    fast_receiver.decide = lambda path, event: OK
    wait_until(lambda: len(fast_receiver.accepted()) == 400, 60, "all arrive")
    times = [entry.at for entry in fast_receiver.log if entry.is_accepted]
    # 1 (the probe), 2, 4, 8, 16, 32 in the seconds that follow: by the end of second n at most 2^(n+1) - 1.
    for second in range(5):
        count = sum(t - times[0] < second for t in times)
        assert count <= 2 ** (second + 1), f"{count} within {second} s"


@pytest.mark.smoke
def test_what_is_too_old_dies_also_while_the_breaker_is_open(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", RETRIES, "--breaker-failures", "3", "--breaker-probe", "500ms",
                          "--breaker-probe-max", "500ms", "--max-age", "3s"])
    receiver.script("/", lambda number: Answer(500))
    petrel.api.subscribe(receiver.url("/"))
    for number in range(30):
        xadd(type="a", data=str(number))
    letters = wait_until(lambda: len(i := petrel.api.items("/v1/dead-letters", limit=100)) == 30 and i, 30, "all are dead")
    assert {letter["reason"] for letter in letters} == {"expired"}
    assert receiver.count() < 60


def test_retry_after_holds_every_instance_back(start, receiver, xadd, redis_server):
    first, second = start(), start("dispatcher")
    receiver.script("/", lambda number: Answer(429, headers={"retry-after": "3"}) if number == 0 else Answer(200))
    first.api.subscribe(receiver.url("/"))
    xadd(type="a", data="0")
    wait_until(lambda: receiver.count() == 1, 10, "the first request")
    stopped_at = receiver.requests[0].arrived_at
    wait_until(lambda: redis_server.client.xlen("petrel:breakers") > 0, 15, "the hold is told")
    # Redis has answered both who wait for news; they ask again when they have told their workers.
    wait_until(lambda: [c["flags"] for c in redis_server.client.client_list() if c["name"] == "petrel-breakers"]
               == ["b", "b"], 10, "both know")
    for number in range(40):
        xadd(type="a", data=str(number))
    wait_until(lambda: len(receiver.accepted("/")) == 41, 20, "all arrive")
    assert min(r.arrived_at for r in receiver.requests[1:]) - stopped_at > 2.9
    assert second.is_running()


@pytest.mark.parametrize("answer, flags", [
    (Answer(429, headers={"retry-after": "60"}), []),
    (Answer(500), ["--breaker-failures", "1", "--breaker-probe", "60s", "--breaker-probe-max", "60s"]),
], ids=["hold", "breaker"])
def test_who_starts_meanwhile_knows_of_it_before_it_reads(start, receiver, xadd, redis_server, answer, flags):
    flags = ["--retry-schedule", "1s,1s", *flags]
    first = start(flags=flags)
    receiver.script("/", [answer])
    subscription = first.api.subscribe(receiver.url("/"))
    xadd(type="a", data="0")
    wait_until(lambda: redis_server.client.xlen("petrel:breakers") > 0, 10, "it is told")
    assert first.terminate() == 0
    for number in range(50):
        xadd(type="a", data=str(number))
    start(flags=flags)
    queue = f"petrel:queue:{subscription['id']}"
    wait_until(lambda: redis_server.client.zcard(queue) == 51, 10, "all are parked")
    assert receiver.count() == 1


def test_too_many_requests_opens_no_breaker(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", RETRIES, "--breaker-failures", "3"])
    receiver.script("/", lambda number: Answer(429) if number < 12 else Answer(200))
    subscription = petrel.api.subscribe(receiver.url("/"))
    for number in range(10):
        xadd(type="a", data=str(number))
    wait_until(lambda: len(receiver.accepted("/")) == 10, 20, "all arrive")
    assert "state" not in health(redis_server, subscription)


def test_failing_for_too_long_disables(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", RETRIES, "--disable-after", "1s"])
    receiver.script("/", lambda number: Answer(500))
    subscription = petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    state = lambda: petrel.api.ok("GET", f"/v1/subscriptions/{subscription['id']}")  # noqa: E731
    wait_until(lambda: state()["state"] == "disabled", 20, "it is disabled")
    assert state()["disabled_reason"] == "failing_for_too_long"


def test_resumed_after_that_it_has_its_time_again(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", ",".join(["100ms"] * 60), "--disable-after", "2s"])
    receiver.script("/", lambda number: Answer(500))
    subscription = petrel.api.subscribe(receiver.url("/"))
    path = f"/v1/subscriptions/{subscription['id']}"
    xadd(type="a", data="1")
    wait_until(lambda: petrel.api.ok("GET", path)["state"] == "disabled", 20, "it is disabled")
    wait_until(lambda: redis_server.totals().get("parked") == 0, 20, "nothing is parked")
    petrel.api.ok("POST", path + "/resume")
    attempts = receiver.count()
    wait_until(lambda: xadd(type="a", data="2") and receiver.count() >= attempts + 3, 20, "more than one attempt again")
    assert petrel.api.ok("GET", path)["state"] == "active"


def test_a_dead_one_that_is_resumed_costs_probes_again(start, receiver, redis_server, xadd):
    petrel = start(flags=["--retry-schedule", "1ms", *QUICK])
    receiver.script("/", lambda number: Answer(500))
    subscription = petrel.api.subscribe(receiver.url("/"))
    path = f"/v1/subscriptions/{subscription['id']}"
    petrel.api.ok("POST", path + "/pause")
    wait_until(lambda: xadd(type="a", data="1") and redis_server.client.hlen(f"petrel:parked:{subscription['id']}") >= 60,
               20, "60 are parked")
    petrel.api.ok("POST", path + "/resume")
    wait_until(lambda: is_open(redis_server, subscription), 10, "the breaker is open")
    wait_until(lambda: int(health(redis_server, subscription)["interval"]) >= 1000, 20, "its interval grows")


def test_few_failures_among_many_successes_of_a_queue_open_nothing(start, fast_receiver, redis_server):
    # Nothing of an ordered subscription goes past its queue.
    petrel = start(flags=["--retry-schedule", RETRIES, "--breaker-minimum", "20"])
    requests = iter(range(10**9))
    fast_receiver.decide = lambda path, event: status_line(500) if next(requests) % 10 == 9 else OK
    subscription = petrel.api.subscribe(fast_receiver.url("/"), ordered=True)
    pipe = redis_server.client.pipeline(transaction=False)
    for number in range(500):
        pipe.xadd("petrel:events", {"type": "a", "data": str(number)})
    pipe.execute()
    wait_until(lambda: len(fast_receiver.accepted()) == 500, 30, "all arrive")
    assert redis_server.client.exists("petrel:breakers") == 0, "the breaker was never open"
    # Within a minute, or on both sides of its end.
    assert int(health(redis_server, subscription)["failed"]) <= 60


def test_what_was_under_way_when_a_subscription_was_deleted_leaves_nothing_behind(start, receiver, xadd, redis_server):
    petrel = start(flags=["--breaker-failures", "3"])
    gate = threading.Event()
    receiver.script("/", lambda number: Answer(500, gate=gate))
    subscription = petrel.api.subscribe(receiver.url("/"))
    path = f"/v1/subscriptions/{subscription['id']}"
    for number in range(5):
        xadd(type="a", data=str(number))
    wait_until(lambda: petrel.api.ok("GET", path)["health"]["in_flight"] == 5, 10, "all are under way")
    petrel.api.ok("DELETE", path)
    wait_until(lambda: petrel.api.metric("petrel_table_subscriptions") == 0, 10, "the workers know")
    gate.set()
    # At once: not when the next attempt would have been.
    letters = wait_until(lambda: len(i := petrel.api.items("/v1/dead-letters")) == 5 and i, 4, "all are dead letters")
    assert {letter["reason"] for letter in letters} == {"subscription_deleted"}
    left = redis_server.client.keys("petrel:health:*") + redis_server.client.keys("petrel:open")
    assert left == [], "it counts as an open breaker of nobody's"


def test_what_became_too_old_is_no_traffic_jam(start, fast_receiver, redis_server):
    petrel = start(flags=["--max-age", "2s", "--retry-schedule", "100ms"])
    subscription = petrel.api.subscribe(fast_receiver.url("/"))
    path = f"/v1/subscriptions/{subscription['id']}"
    petrel.api.ok("POST", path + "/pause")
    pipe = redis_server.client.pipeline(transaction=False)
    for number in range(1500):
        pipe.xadd("petrel:events", {"type": "a", "data": str(number)})
    pipe.execute()
    sent = len(fast_receiver.log)  # before the pause was known
    wait_until(lambda: redis_server.totals().get("parked", 0) >= 1500 - sent, 20, "all are parked")
    stays(lambda: True, 2.5, "they become too old")
    petrel.api.ok("POST", path + "/resume")
    wait_until(lambda: redis_server.totals()["parked"] == 0, 10, "they are gone")
    assert redis_server.totals()["dead"] >= 1500 - sent


def test_recovery_is_an_event_of_its_own(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", RETRIES, *QUICK])
    receiver.script("/sick", lambda number: Answer(500))
    sick = petrel.api.subscribe(receiver.url("/sick"), ["a"])
    petrel.api.subscribe(receiver.url("/watcher"), ["petrel.subscription.recovered"])
    for number in range(6):
        xadd(type="a", data=str(number))
    wait_until(lambda: is_open(redis_server, sick), 10, "the breaker is open")
    receiver.script("/sick", lambda number: Answer(200))
    wait_until(lambda: receiver.count("/watcher") == 1, 30, "the recovery is told")
    assert sick["id"].encode() in receiver.at("/watcher")[0].body


def test_resume_drains_slowly(start, fast_receiver, redis_server):
    petrel = start()
    subscription = petrel.api.subscribe(fast_receiver.url("/"))
    path = f"/v1/subscriptions/{subscription['id']}"
    petrel.api.ok("POST", path + "/pause")
    pipe = redis_server.client.pipeline(transaction=False)
    for number in range(100):
        pipe.xadd("petrel:events", {"type": "a", "data": str(number)})
    pipe.execute()
    wait_until(lambda: redis_server.client.hlen(f"petrel:parked:{subscription['id']}") == 100, 20, "all are parked")
    petrel.api.ok("POST", path + "/resume")
    wait_until(lambda: len(fast_receiver.accepted()) == 100, 30, "all arrive")
    times = [entry.at for entry in fast_receiver.log]
    for second in range(1, 5):
        count = sum(t - times[0] < second for t in times)
        assert count <= 2 ** (second + 1) - 1, f"{count} within {second} s"
