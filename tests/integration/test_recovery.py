# SPDX-License-Identifier: Apache-2.0
"""What others do with the work of an instance that is dead, or only seems to be."""

import json
import re
import signal
import threading
import time

from harness.receiver import Answer
from harness.slow_proxy import SlowProxy
from harness.wait import stays, wait_until

QUICK = ["--workers", "1", "--retry-schedule", "300ms,300ms,300ms,300ms"]


class Counted:
    """A script that tells how many requests have come, answered or not."""

    def __init__(self, *answers):
        self.answers = answers
        self.calls = 0
        self.lock = threading.Lock()

    def __call__(self, number):
        with self.lock:
            self.calls += 1
        return self.answers[min(number, len(self.answers) - 1)]


def has_note(redis_server):
    return redis_server.client.keys("petrel:settled:*")


def test_a_frozen_instance_takes_nothing_from_who_took_over(start, redis_server, receiver, xadd):
    """It comes back with a failure of an event that is another's by now: it may neither park nor acknowledge it."""
    gates = threading.Event(), threading.Event()
    slow = Counted(Answer(500, gate=gates[0]), Answer(500, gate=gates[1]), Answer(200))
    receiver.script("/slow", slow)
    flags = [*QUICK, "--instance-timeout", "3s", "--request-timeout", "60s"]
    frozen = start(flags=flags)
    frozen.api.subscribe(receiver.url("/good"), max_concurrency=8)
    frozen.api.subscribe(receiver.url("/slow"), max_concurrency=8)
    other = start("dispatcher", flags=flags)
    wait_until(lambda: redis_server.client.hlen("petrel:instances") == 2, 10, "both beat")
    other.signal(signal.SIGSTOP)  # so that the event is the first one's
    entry = xadd(type="a.b", data="1")
    wait_until(lambda: slow.calls == 1 and has_note(redis_server), 10, "one part is noted, the other under way")
    frozen.signal(signal.SIGSTOP)
    other.signal(signal.SIGCONT)
    wait_until(lambda: slow.calls == 2, 20, "the other instance attempts what isn't settled")
    gates[0].set()
    wait_until(lambda: receiver.count("/slow") == 1, 10, "the first attempt is answered")
    frozen.signal(signal.SIGCONT)
    wait_until(lambda: "stood still" in frozen.output(), 10, "it notices")
    stays(lambda: redis_server.pending() == 1, 1.5, "the entry is the other's")
    gates[1].set()
    wait_until(lambda: receiver.accepted("/slow") and redis_server.is_settled(1), 20, "delivered after a retry")
    assert [r.id for r in receiver.at("/good")] == [r.id for r in receiver.at("/slow")][:1], entry
    assert redis_server.client.keys("petrel:settled:*") == []


def test_what_was_read_but_not_sent_before_a_freeze_goes_to_the_others_only(start, redis_server, receiver, xadd):
    """The reply with the events lies in the frozen process's socket while another delivers them."""
    flags = [*QUICK, "--instance-timeout", "3s"]
    frozen = start(flags=flags)
    frozen.api.subscribe(receiver.url("/good"))
    body = json.dumps("x" * 4000)
    count = 0

    def is_handed_over():
        """64 events at once, more than one read of the socket, while its own read waits in Redis; else once more."""
        nonlocal count
        frozen.signal(signal.SIGSTOP)
        with redis_server.client.pipeline(transaction=True) as pipe:
            for _ in range(64):
                pipe.xadd("petrel:events", {"type": "a.b", "data": body})
            pipe.execute()
        count += 64
        if redis_server.pending() > 0:
            return True
        frozen.signal(signal.SIGCONT)
        wait_until(lambda: redis_server.is_settled(count), 20, "its next read has taken them")
        return False

    wait_until(is_handed_over, 30, "Redis has handed them to a blocked reader")
    start("dispatcher", flags=flags)
    wait_until(lambda: len(set(receiver.accepted("/good"))) == count, 30, "the other delivers them")
    frozen.signal(signal.SIGCONT)
    wait_until(lambda: "stood still" in frozen.output(), 10, "it notices")
    xadd(type="a.b", data="2")
    wait_until(lambda: redis_server.is_settled(count + 1), 20, "all settled")
    assert len(receiver.accepted("/good")) == count + 1


def test_a_short_instance_timeout_works_too(start, redis_server, receiver, xadd):
    receiver.script("/", Counted(Answer(hang=True), Answer(200)))
    flags = [*QUICK, "--instance-timeout", "1s"]
    first = start(flags=flags)
    first.api.subscribe(receiver.url("/"))
    xadd(type="a.b", data="1")
    wait_until(lambda: receiver.scripts["/"].calls == 1, 10, "under way")
    first.kill9()
    start("dispatcher", flags=flags)
    wait_until(lambda: receiver.accepted("/"), 15, "taken over")


def looks(client):
    """How often anybody looked for consumers of the dead."""
    return client.info("commandstats").get("cmdstat_xinfo|consumers", {}).get("calls", 0)


def test_a_consumer_that_read_just_before_it_died_waits_no_round_longer(start, redis_server, receiver):
    """When its heartbeat is found to be old, its last read is not yet: looked at again at the next heartbeat."""
    petrel = start(flags=QUICK)
    petrel.api.subscribe(receiver.url("/"))
    client = redis_server.client
    wait_until(lambda: looks(client) >= 1, 20, "it judges others: its heartbeats have gone out long enough")
    seen = looks(client)
    wait_until(lambda: looks(client) > seen, 10, "a round has just begun: the next one is five heartbeats away")
    time.sleep(0.3)  # out of step with the heartbeats
    with client.pipeline(transaction=True) as pipe:  # between the two nobody else reads
        pipe.xadd("petrel:events", {"type": "a.b", "data": "1"})
        pipe.xreadgroup("petrel", "ghost:0", {"petrel:events": ">"}, count=1)
        assert pipe.execute()[1], "the entry is the ghost's"
    died_at = time.time()
    client.hset("petrel:instances", "ghost", f"{int(died_at * 1000) - 900} {{}}")
    wait_until(lambda: receiver.count("/"), 20, "taken over")
    assert receiver.at("/")[0].arrived_at - died_at < 8.5
    wait_until(lambda: redis_server.is_settled(1), 10, "settled")


def test_an_acknowledgement_that_overtakes_the_review_is_not_undone(redis_server, start, receiver, xadd):
    """After a lost connection the pending list is read anew, on another connection than acknowledgements take: what it
    names may have been settled since."""
    proxy = SlowProxy(redis_server.port)
    try:
        slow = Counted(Answer(200, delay_s=1.5))
        receiver.script("/", slow)
        petrel = start(flags=[*QUICK, "--redis-url", proxy.url])
        petrel.api.subscribe(receiver.url("/"))
        xadd(type="a.b", data="1")
        wait_until(lambda: slow.calls == 1, 10, "under way")
        proxy.delays["petrel-w0-reader"] = 1.0  # its answers: the handshake's first, then the review's
        proxy.cut_all()
        wait_until(lambda: redis_server.is_settled(1), 10, "settled")
        stays(lambda: slow.calls == 1, 2, "sent once")
        assert "lost Redis" in petrel.output()
    finally:
        proxy.close()


def test_redis_may_go_again_and_again(durable_redis, start, receiver):
    """The second loss meets a worker that has reviewed its pending list once before."""
    petrel = start(flags=QUICK, server=durable_redis)
    petrel.api.subscribe(receiver.url("/"))

    def arrived():
        """How many: one may come twice, when a busy disk keeps the last moment from the append-only file."""
        return len(set(receiver.accepted("/")))

    def losses():
        return len(re.findall("lost Redis.* link=petrel-w0-reader ", petrel.output()))

    for number in range(3):
        durable_redis.binary.xadd("petrel:events", {"type": "a.b", "data": str(number)})
        wait_until(lambda: arrived() == number + 1, 10, "delivered")
        wait_until(lambda: durable_redis.is_settled(number + 1), 10, "settled")
        durable_redis.wait_written()
        durable_redis.kill9()
        wait_until(lambda: not petrel.is_running() or losses() > number, 10, "noticed")
        durable_redis.start()
    durable_redis.binary.xadd("petrel:events", {"type": "a.b", "data": "3"})
    wait_until(lambda: arrived() == 4, 10, "delivered")
    assert petrel.is_running(), petrel.output()


def test_outcomes_wait_for_redis_however_many(durable_redis, start, receiver):
    """More than are sent again at a time; and a Redis that was started again knows no script by its name."""
    events, subscriptions, enough = 20, 8, 40
    petrel = start(flags=["--workers", "1", "--retry-schedule", "200ms,200ms,200ms,200ms"], server=durable_redis)
    calls = [Counted(*[Answer(500, delay_s=2)] * events, Answer(200)) for _ in range(subscriptions)]
    for number, script in enumerate(calls):
        receiver.script(f"/{number}", script)
        petrel.api.subscribe(receiver.url(f"/{number}"))
    for number in range(events):
        durable_redis.binary.xadd("petrel:events", {"type": "a.b", "data": str(number)})
    wait_until(lambda: sum(script.calls for script in calls) >= enough, 10, "under way")
    durable_redis.wait_written()
    durable_redis.kill9()
    wait_until(lambda: receiver.count() >= enough, 10, "they have failed, and can't be parked")
    durable_redis.start()
    wait_until(lambda: durable_redis.is_settled(events), 30, "all are parked, and delivered in the end")
    for number in range(subscriptions):
        assert len(set(receiver.accepted(f"/{number}"))) == events
