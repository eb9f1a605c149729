# SPDX-License-Identifier: Apache-2.0
"""Scenarios in which things die, stop or break at random moments; the schedule comes from the seed."""

import signal
import time

from bench import DEFAULTS, Bench
from harness.wait import wait_until
from judge import Outage
from lossy import LossyLink
from proxy import Proxy

LEASE_LEFT_S = 2.5  # a lease of 6 s, renewed every 2 s, less what its holder needs to be back and write


def _finish(bench, more=None):
    bench.load.stop()
    bench.wait_settled(180)
    return bench.verdict(more)


def storm(folder, seed, kills, rate):
    """Every second one of three dispatchers dies, and is started again."""
    bench = Bench(folder, seed)
    try:
        running = [bench.dispatcher() for _ in range(3)]
        for one in running:
            one.wait_ready()
        bench.start_load(rate, own_ids=False)
        due = time.monotonic()
        for _ in range(kills):
            due += 0.5 + bench.random.random()
            time.sleep(max(0.0, due - time.monotonic()))
            number = bench.random.randrange(3)
            bench.kill9(running[number])
            running[number] = bench.dispatcher()
        # What the dead held is found by the living within seconds; 1.5 s is instance_timeout here.
        ended = time.monotonic()
        bench.load.stop()
        bench.wait_settled(180)
        return bench.verdict(more={"settled_s": round(time.monotonic() - ended, 1)})
    finally:
        bench.close()


def restart_redis(folder, seed, restarts, rate, aof):
    """With `always` it is killed: what was answered is on the disk. With `everysec` it is asked to stop: Redis's own
    promise leaves out the last second of a Redis that is killed. No dispatcher dies: nothing may be repeated, unless Redis
    was away for longer than leases last."""
    bench = Bench(folder, seed, aof=aof)
    recovery = []
    try:
        running = [bench.dispatcher() for _ in range(2)]
        for one in running:
            one.wait_ready()
        load = bench.start_load(rate)
        for _ in range(restarts):
            time.sleep(1 + bench.random.random() * 2)
            begin = time.monotonic()
            bench.redis.signal(signal.SIGKILL if aof == "always" else signal.SIGTERM)
            bench.redis.process.wait(30)
            time.sleep(bench.random.random() * 2)
            before = bench.receivers.count()
            bench.redis.start()
            back = time.monotonic()
            if back - begin > LEASE_LEFT_S:
                bench.faults.append(Outage(begin, back + 2))
            wait_until(lambda: bench.receivers.count() > before + 5, 20, "deliveries go on")
            recovery.append(round(time.monotonic() - back, 2))
        assert load.errors, "the producer has seen that Redis was away"
        return _finish(bench, more={"recovery_s": recovery, "redis_restarts": restarts, "faults": restarts})
    finally:
        bench.close()


def cut_connections(folder, seed, cuts, rate):
    """A proxy between dispatchers and Redis passes on a part of a reply, then both sides are cut."""
    bench = Bench(folder, seed)
    proxy = Proxy(bench.redis.port)
    try:
        bench.redis_url = f"redis://127.0.0.1:{proxy.port}"
        running = [bench.dispatcher() for _ in range(2)]
        for one in running:
            one.wait_ready()
        bench.start_load(rate)
        for _ in range(cuts):
            time.sleep(0.05 + bench.random.random() * 0.4)
            proxy.cut_next_reply(bench.random.random())
        wait_until(lambda: proxy.cuts >= cuts, 30, "every cut has happened")
        return _finish(bench, more={"faults": cuts})
    finally:
        bench.close()
        proxy.close()


def lossy_network(folder, seed, seconds, rate):
    """Packets between the dispatchers and everything else get lost and come late. Runs in a network namespace."""
    with LossyLink(seed, loss=0.01, delay_s=(0.005, 0.025)) as link:
        bench = Bench(folder, seed, host=link.far_address)
        try:
            running = [bench.dispatcher() for _ in range(2)]
            for one in running:
                one.wait_ready()
            bench.start_load(rate)
            time.sleep(seconds)
            result = _finish(bench, more={"faults": link.lost})
            assert link.lost, "packets were lost"
            return result
        finally:
            bench.close()


def freeze(folder, seed, still_s, rate):
    """Stands still until others have taken its work over and settled it; then it goes on where it was."""
    bench = Bench(folder, seed, flags=DEFAULTS)
    try:
        frozen, other = bench.dispatcher(), bench.dispatcher()
        frozen.wait_ready()
        other.wait_ready()
        bench.start_load(rate, own_ids=False)
        time.sleep(7 + bench.random.random())
        frozen.signal(signal.SIGSTOP)
        begin = time.monotonic()
        bench.note_fault(frozen)
        wait_until(lambda: bench.client.hlen("petrel:instances") == 1, 20, "the others take it for dead")
        time.sleep(max(0.0, still_s - (time.monotonic() - begin)))
        frozen.signal(signal.SIGCONT)
        wait_until(lambda: "stood still" in frozen.output(), 20, "it has noticed")
        time.sleep(3)
        return _finish(bench, more={"faults": 1})
    finally:
        bench.close()
