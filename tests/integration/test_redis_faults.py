# SPDX-License-Identifier: Apache-2.0
"""Redis goes away, hangs, loses things, comes back: nothing known is lost, nobody spins, everybody tells.

Petrel reaches Redis through a proxy of the tests' own; producers reach it directly. A `serve` and a `dispatcher`
share it, so that both are seen to tell. What was in flight when Redis went ends while it is away, and is written
when it is back: so nothing at all is repeated.
"""

import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.faults import Effort, Producer, metrics, readiness, repeats, wait_arrived
from harness.processes import PATIENCE, RedisServer
from harness.proxy import Proxy
from harness.receiver import Answer
from harness.wait import stays, wait_until

TOLD_WITHIN_S = 2
RESUMED_WITHIN_S = 2


class Setting:
    """Redis, the proxy before it, a serve and a dispatcher."""

    def __init__(self, redis_server, start, receiver, flags=()):
        self.redis, self.receiver = redis_server, receiver
        self.proxy = Proxy(redis_server.port)
        flags = ["--retry-schedule", "300ms,300ms,1s,1s,1s,1s,1s,1s,1s", *flags]
        self.serve = start(flags=flags, server=self.proxy)
        self.dispatcher = start("dispatcher", flags=flags, server=self.proxy)
        self.processes = [self.serve, self.dispatcher]
        self.gate = threading.Event()  # answers of /slow wait for it
        self.gate.set()
        receiver.script("/slow", [Answer(delay_s=1.0, gate=self.gate)])
        receiver.script("/sick", lambda number: Answer(status=500 if number < 40 else 200, delay_s=0.5))
        self.serve.api.subscribe(receiver.url("/slow"), ["in.flight"])
        self.serve.api.subscribe(receiver.url("/sick"), ["in.flight"])
        self.serve.api.subscribe(receiver.url("/good"), ["load", "warm"])
        self.warm_up()

    def add(self, event_type, count, prefix):
        names = [f"{prefix}-{number}" for number in range(count)]
        pipeline = self.redis.client.pipeline(transaction=False)
        for name in names:
            pipeline.xadd("petrel:events", {"type": event_type, "data": "1", "id": name})
        pipeline.execute()
        return names

    def warm_up(self):
        """Both know the subscriptions (the last one made, so all), and have connections open."""
        for turn in range(100):
            names = self.add("warm", 50, f"warm{turn}")
            wait_until(lambda: self.redis.is_settled(50 * (turn + 1)), 10, "the warm-up is settled")
            if set(names) <= set(self.receiver.accepted("/good")):
                return
        raise AssertionError("somebody never learns of a subscription")

    def wait_told(self):
        """/readyz and a metric of both; seconds until the last of them. All are asked at the same time."""
        began = time.monotonic()

        def wait(petrel):
            wait_until(lambda: readiness(petrel)[0] == 503, TOLD_WITHIN_S * PATIENCE, f"{petrel.url} is unready")
            wait_until(lambda: metrics(petrel)["petrel_redis_up"] == 0, TOLD_WITHIN_S * PATIENCE, "the metric tells")
            return time.monotonic() - began

        with ThreadPoolExecutor() as pool:
            return max(pool.map(wait, self.processes))

    def wait_all_settled(self, deadline_s=30):
        def settled():
            lag = self.redis.client.xinfo_groups("petrel:events")[0]["lag"]
            return lag in (0, None) and self.redis.pending() == 0 and self.redis.totals().get("parked", 0) == 0

        wait_until(settled, deadline_s, "nothing is unread, pending or parked")

    def close(self):
        self.proxy.close()


@pytest.fixture
def setting(request, tmp_path, start, receiver):
    fsync = getattr(request, "param", "everysec")
    server = RedisServer(tmp_path / "redis", appendonly=True, extra=["--appendfsync", fsync])
    made = Setting(server, start, receiver)
    yield made
    made.close()
    server.close()


# ---- outages: (begin, end)

def refuse(s):
    s.proxy.refuse()


def heal(s):
    s.proxy.heal()


def hold(s):
    s.proxy.hold()


def kill(s):
    s.redis.wait_written()
    s.redis.kill9()


def revive(s):
    s.redis.start()


def freeze(s):
    s.redis.child.signal(19)


def thaw(s):
    s.redis.child.signal(18)


def load(s):
    """What a Redis says that reads a big file at its start."""
    always = (b"INFO", b"AUTH", b"CLIENT", b"ROLE")
    error = "LOADING Redis is loading the dataset in memory"
    s.proxy.refuse_commands = lambda words: None if words[0].upper() in always else error
    s.proxy.reset()


def demote(s):
    # Of a master that isn't there: the data stay, writes are refused.
    s.redis.client.replicaof("127.0.0.1", 1)


def promote(s):
    s.redis.client.replicaof("NO", "ONE")


OUTAGES = {
    "refused": ("everysec", refuse, heal),
    "unreachable": ("everysec", hold, heal),
    "killed-everysec": ("everysec", kill, revive),
    "killed-always": ("always", kill, revive),
    "hung": ("everysec", freeze, thaw),
    "loading": ("everysec", load, heal),
    "replica": ("everysec", demote, promote),
}


@pytest.mark.parametrize("setting,begin,end", OUTAGES.values(), ids=OUTAGES.keys(), indirect=["setting"])
def test_an_outage_is_told_survived_and_over_at_once(setting, begin, end, record_property):
    s = setting
    s.gate.clear()  # none ends before all have begun
    in_flight = s.add("in.flight", 20, "fly")
    wait_until(lambda: s.receiver.connections >= 3 and s.redis.pending() == 20, 10, "attempts are in flight")
    efforts = [Effort(petrel) for petrel in s.processes]
    began = time.monotonic()
    begin(s)
    s.gate.set()
    told_s = s.wait_told()
    stays(lambda: True, max(0, 3.0 - (time.monotonic() - began)), "the outage lasts longer than attempts do")
    for effort in efforts:
        effort.assert_no_spin()
    end(s)
    returned = time.monotonic()
    after = s.add("load", 50, "after")
    wait_arrived(s.receiver, "/good", after)
    resumed_s = time.monotonic() - returned
    for petrel in s.processes:
        petrel.wait_ready()
    ready_s = time.monotonic() - returned
    record_property("told_s", round(told_s, 2))
    record_property("resumed_s", round(resumed_s, 2))
    record_property("ready_s", round(ready_s, 2))
    assert told_s <= TOLD_WITHIN_S * PATIENCE
    assert resumed_s <= RESUMED_WITHIN_S * PATIENCE
    wait_arrived(s.receiver, "/slow", in_flight)
    wait_arrived(s.receiver, "/sick", in_flight)
    s.wait_all_settled()
    assert [repeats(s.receiver, path) for path in ("/good", "/slow", "/sick")] == [0, 0, 0]
    assert all(metrics(petrel)["petrel_data_loss_total"] == 0 for petrel in s.processes)


def test_one_that_hangs_is_noticed_at_rest_too(redis_server, start):
    petrel = start("dispatcher", flags=["--workers", "1"])
    longest = 0
    with redis_server.client.monitor() as monitor:  # until a read at rest has begun
        while longest <= 1000:
            words = monitor.next_command()["command"].split()
            if words[0] == "XREADGROUP" and "BLOCK" in words:
                longest = int(words[words.index("BLOCK") + 1])
        redis_server.child.signal(19)
    began = time.monotonic()
    try:
        wait_until(lambda: re.search("lost Redis.*link=petrel-w0-reader.*no answer", petrel.output()), 20, "it is noticed")
        assert 3 <= time.monotonic() - began < 7.5
    finally:
        redis_server.child.signal(18)
    petrel.wait_ready()


def test_replies_cut_in_the_middle(setting):
    s = setting
    dice = random.Random(7)
    efforts = [Effort(petrel) for petrel in s.processes]
    s.proxy.cut_replies = lambda: dice.randrange(1, 4000)
    with Producer(s.redis.client) as producer:
        for _ in range(10):
            s.proxy.reset()
            stays(lambda: True, 0.2, "cut in the middle of work")
    for effort in efforts:
        effort.assert_no_spin()
    s.proxy.heal()
    wait_arrived(s.receiver, "/good", producer.accepted)
    s.wait_all_settled()
    assert len(producer.accepted) > 100
    assert repeats(s.receiver, "/good") == 0
    assert all(petrel.is_running() for petrel in s.processes)


def test_scripts_flushed(setting):
    s = setting
    with Producer(s.redis.client) as producer:
        for _ in range(10):
            s.redis.client.script_flush()
            stays(lambda: True, 0.1, "work goes on")
    in_flight = s.add("in.flight", 20, "fly")
    s.redis.client.script_flush()
    wait_arrived(s.receiver, "/good", producer.accepted)
    wait_arrived(s.receiver, "/slow", in_flight)
    wait_arrived(s.receiver, "/sick", in_flight)
    s.wait_all_settled()
    assert [repeats(s.receiver, path) for path in ("/good", "/slow", "/sick")] == [0, 0, 0]


def test_the_group_is_destroyed(setting, record_property):
    """It is made again, and the settled past isn't sent again."""
    s = setting
    past = s.add("load", 500, "past")
    wait_arrived(s.receiver, "/good", past)
    s.wait_all_settled()
    last = s.redis.client.xrevrange("petrel:events", count=1)[0][0]
    wait_until(lambda: s.redis.client.get("petrel:floor") == last, 10, "the floor is noted")
    with Producer(s.redis.client) as producer:
        wait_until(lambda: len(producer.accepted) > 50, 10, "load")
        efforts = [Effort(petrel) for petrel in s.processes]
        s.redis.client.xgroup_destroy("petrel:events", "petrel")
        destroyed = time.monotonic()
        before = len(producer.accepted)
        wait_until(lambda: set(producer.accepted[before:]) & set(s.receiver.accepted("/good")), 10, "work goes on")
        record_property("resumed_s", round(time.monotonic() - destroyed, 2))
    wait_arrived(s.receiver, "/good", producer.accepted)
    s.wait_all_settled()
    for effort in efforts:
        effort.assert_no_spin()
    again = [name for name in s.receiver.accepted("/good") if name in set(past)]
    assert len(again) == len(past), "the past was sent again"
    assert sum(metrics(petrel)["petrel_groups_created_total"] for petrel in s.processes) == 2
    assert all(petrel.is_ready() for petrel in s.processes)


def beats(s):
    return [int(value.split()[0]) for value in s.redis.client.hvals("petrel:instances")]


def test_everything_is_flushed(setting):
    """What is petrel's own is made again; what was known to be there is counted as lost; the old table is forgotten."""
    s = setting
    s.serve.api.subscribe("http://127.0.0.1:1/", ["refused"])
    s.add("refused", 10, "parked")
    wait_until(lambda: s.redis.totals().get("parked") == 10, 10, "ten deliveries are parked")
    parked_ms = time.time() * 1000
    wait_until(lambda: min(beats(s)) > parked_ms + 1000, 10, "both have looked since")
    efforts = [Effort(petrel) for petrel in s.processes]
    good_before = s.receiver.count("/good")
    s.redis.client.flushall()
    # Each tells what it knew; who beats first finds the layout's version gone.
    wait_until(lambda: sum(metrics(p)["petrel_data_loss_total"] for p in s.processes) >= 10, 10, "the loss is counted")
    assert any("data loss" in petrel.output() for petrel in s.processes)
    wait_until(lambda: len(beats(s)) == 2 and s.redis.client.get("petrel:schema") == "1", 10, "heartbeats, layout")
    for petrel in s.processes:
        petrel.wait_ready()
    assert s.serve.api.items("/v1/subscriptions") == []
    wait_until(lambda: s.serve.api.table_subscriptions() == 0, 20, "the workers have forgotten the old ones")
    s.serve.api.subscribe(s.receiver.url("/new"), ["load"])
    after = s.add("load", 50, "after")
    wait_until(lambda: set(after) <= set(s.receiver.accepted("/new")), 20, "work goes on")
    assert s.receiver.count("/good") == good_before, "a subscription that Redis no longer has got an event"
    for effort in efforts:
        effort.assert_no_spin()


def test_a_slow_redis_is_no_fault(setting):
    s = setting
    before = [metrics(petrel)["petrel_redis_reconnects_total"] for petrel in s.processes]
    s.proxy.delay_s = 0.1  # each way
    slow = s.add("load", 300, "slow")
    in_flight = s.add("in.flight", 20, "fly")
    wait_arrived(s.receiver, "/good", slow, 30)
    wait_arrived(s.receiver, "/slow", in_flight, 30)
    assert all(readiness(petrel)[0] == 200 for petrel in s.processes)
    s.wait_all_settled()
    assert [metrics(petrel)["petrel_redis_reconnects_total"] for petrel in s.processes] == before
    assert [repeats(s.receiver, path) for path in ("/good", "/slow", "/sick")] == [0, 0, 0]


def test_what_waits_for_redis_is_bounded(start, redis_server, receiver):
    """One big event to many subscribers, and a Redis that takes no parking: memory doesn't grow with each of them."""
    proxy = Proxy(redis_server.port)
    count, size = 150, 900_000
    petrel = start(flags=["--retry-schedule", ",".join(["1s"] * 30), "--max-in-flight", "32", "--max-event-bytes",
                          "1MiB"], server=proxy)
    is_healed = []
    receiver.script("/many", lambda number: Answer(500 if number < 30 else 200, delay_s=0 if is_healed else 0.5))
    for _ in range(count - 1):
        petrel.api.post("/v1/subscriptions", {"url": receiver.url("/many"), "event_types": ["big"]})
    petrel.api.post("/v1/subscriptions", {"url": receiver.url("/many"), "event_types": ["big"]})
    wait_until(lambda: petrel.api.table_subscriptions() == count * petrel.api.metric("petrel_workers"), 20, "all are known")

    def refuse_parking(words):
        parks = words[0].upper() in (b"EVALSHA", b"EVAL") and any(b":queue:" in word for word in words[3:10])
        return "LOADING no parking" if parks else None

    proxy.refuse_commands = refuse_parking
    redis_server.client.xadd("petrel:events", {"type": "big", "payload": "x" * size})
    wait_until(lambda: receiver.count("/many") >= 8, 20, "attempts fail")
    most = 0

    def look():
        nonlocal most
        most = max(most, metrics(petrel)["petrel_redis_backlog_bytes"])
        return True

    stays(look, 3, "Redis takes nothing")
    assert 5_000_000 < most < 64 * 1024 * 1024, most  # without a bound: nearly all of them, 120 MB
    is_healed.append(True)
    proxy.heal()
    wait_until(lambda: len(receiver.accepted("/many")) >= count, 60, "everybody gets it")
    wait_until(lambda: redis_server.pending() == 0 and redis_server.totals().get("parked", 0) == 0, 20, "settled")
    assert len(receiver.accepted("/many")) == count
    wait_until(lambda: metrics(petrel)["petrel_redis_backlog_bytes"] == 0, 10, "nothing waits any more")
    proxy.close()
