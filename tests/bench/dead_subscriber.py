#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One dead subscriber with a long queue, among healthy ones: what it costs while it is dead, and how it comes back.

    tests/bench/dead_subscriber.py [--parked N] [--json FILE]

It gets N events (1,000,000) and answers each request with 500. Breaker times are a hundredth of the default ones (50 ms,
growing to 3 s), so that 36 s stand for an hour. Then it answers 200. Printed are the requests it gets while dead, from one
instance and from four; how late the retries of others start meanwhile; its requests second by second when it is back."""

import argparse
import json
import sys
import threading
import time

from parts import Bench, Petrel, Receiver, run_json, until

HOUR_S = 36  # at a hundredth
CAP = 64
OTHERS = 100
FLAGS = ("--breaker-probe", "50ms", "--breaker-probe-max", "3s", "--retry-schedule", "2s,2s,2s,10m,10m", "--request-timeout",
         "15s", "--max-age", "10h")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def ids_by_type(bench):
    stored = bench.redis.call("HGETALL", "petrel:subscriptions")
    return {json.loads(text)["event_types"][0]: key.decode() for key, text in zip(stored[::2], stored[1::2])}


class Others:
    """Healthy subscriptions. Each fails now and then; its retry is due at a time that Redis tells."""

    def __init__(self, bench, petrel):
        self.bench = bench
        self.receiver = bench.start(Receiver())
        urls = [f"http://127.3.0.{n}:{self.receiver.port}/hook" for n in range(1, OTHERS + 1)]
        bench.subscribe(petrel, urls, [f"other.{n}" for n in range(OTHERS)])
        self.ids = [found for name, found in ids_by_type(bench).items() if name.startswith("other.")]

    def lateness_ms(self):
        """How long after its due time each retry starts."""
        redis = self.bench.redis
        self.receiver.ask("fail/1000")
        self.receiver.ask("reset")
        newest = redis.call("XREVRANGE", "petrel:attempts", "+", "-", "COUNT", 1)
        redis.pipeline(("XADD", "petrel:events", "*", "type", f"other.{n}", "data", "0") for n in range(OTHERS))
        until(lambda: self.receiver.ask()["requests"] >= OTHERS, 30, "the first attempts")
        self.receiver.ask("fail/0")
        due = {}
        until(lambda: self._note_due(due) >= OTHERS, 1.5, "all first attempts are parked")
        until(lambda: self.receiver.ask()["requests"] >= 2 * OTHERS, 60, "the retries")
        until(lambda: self._delivered(newest, due) >= OTHERS, 10, "the retries are in the log")
        return [started - due[event] for event, started in self.started.items()]

    def _note_due(self, due):
        for identifier in self.ids:
            found = self.bench.redis.call("ZRANGE", f"petrel:queue:{identifier}", 0, -1, "WITHSCORES")
            due.update(zip(found[::2], map(float, found[1::2])))
        return len(due)

    def _delivered(self, newest, due):
        start = b"(" + newest[0][0] if newest else b"-"
        self.started = {}
        for _, words in self.bench.redis.call("XRANGE", "petrel:attempts", start, "+"):
            fields = dict(zip(words[::2], words[1::2]))
            if fields[b"outcome"] == b"delivered" and fields[b"event"] in due:
                self.started[fields[b"event"]] = int(fields[b"started_at"])
        return len(self.started)


class Run:
    def __init__(self, bench, parked):
        self.bench, self.parked = bench, parked
        self.petrel = bench.petrel(*FLAGS)
        self.dead = bench.start(Receiver("--fail-per-mille", "1000"))
        bench.subscribe(self.petrel, [f"http://127.2.0.1:{self.dead.port}/hook"], max_concurrency=CAP)
        self.others = Others(bench, self.petrel)
        self.id = ids_by_type(bench)["bench.0"]

    def queue(self):
        return self.bench.redis.call("ZCARD", f"petrel:queue:{self.id}")

    def fill(self):
        began = time.monotonic()
        made = run_json("driver", "--redis-port", self.bench.redis.port, "--events", self.parked, "--bytes", 100)
        until(lambda: self.queue() >= self.parked, 600, f"{self.parked} are parked", 0.1)
        return {"published_s": made["seconds"], "parked_s": time.monotonic() - began}

    def openings(self):
        """How often a breaker has opened, or stayed open after a probe, so far: 1,000 are kept."""
        news = self.bench.redis.call("XRANGE", "petrel:breakers", "-", "+")
        return sum(1 for _, words in news if words[3] == b"open" and words[1].decode() == self.id)

    def hour(self):
        """What it gets in a hundredth of an hour."""
        self.dead.ask("reset")
        before = self.openings()
        late = self.others.lateness_ms()
        began = time.monotonic()
        until(lambda: time.monotonic() - began >= HOUR_S, HOUR_S + 5, "the hour is over", 0.5)
        requests = self.dead.ask()["requests"]
        return {"requests": requests, "failed_probes": self.openings() - before, "late_p50": percentile(late, 0.5),
                "late_p99": percentile(late, 0.99)}

    def recover(self):
        """Requests at each moment, from its first success; how late others start meanwhile."""
        samples, stop = [], threading.Event()

        def sample():
            while not stop.is_set():
                samples.append((time.monotonic(), self.dead.ask()["requests"]))
                stop.wait(0.02)

        self.dead.ask("reset")
        self.dead.ask("fail/0")
        sampler = threading.Thread(target=sample)
        sampler.start()
        until(lambda: self.dead.ask()["requests"] > 500, 60, "it is back", 0.05)
        late = self.others.lateness_ms()
        at, left = time.monotonic(), self.queue()
        until(lambda: self.queue() <= max(left // 2, left - 200_000), 600, "half of it is gone", 0.1)
        rate = (left - self.queue()) / (time.monotonic() - at)
        stop.set()
        sampler.join()
        began = next(t for t, n in samples if n)
        return {"samples": [(t - began, n) for t, n in samples if t >= began - 0.1], "rate": rate,
                "late_p50": percentile(late, 0.5), "late_p99": percentile(late, 0.99)}


def envelope(seconds):
    """Requests allowed up to then: the probe, then 2, 4, 8 … a second, until 2^n is more than the cap."""
    allowed, stage = 1, 1
    while stage <= seconds + 1:
        if 2 ** stage > CAP:
            return float("inf")
        allowed += 2 ** stage
        stage += 1
    return allowed


def judge(samples):
    """(requests second by second while it starts slowly, samples above the envelope)"""
    per_second = []
    for second in range(7):
        at_end = [n for t, n in samples if t < second + 1]
        per_second.append((at_end[-1] if at_end else 0) - sum(per_second))
    return per_second, [(t, n) for t, n in samples if n > envelope(max(t, 0))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--parked", type=int, default=1_000_000)
    parser.add_argument("--json")
    given = parser.parse_args()
    with Bench() as bench:
        run = Run(bench, given.parked)
        quiet = run.others.lateness_ms()
        print(f"others before, retries start after their due time: p50 {percentile(quiet, 0.5):.0f} ms, "
              f"p99 {percentile(quiet, 0.99):.0f} ms")
        filled = run.fill()
        print(f"{given.parked:,} events for a dead subscriber: published in {filled['published_s']:.1f} s, parked in "
              f"{filled['parked_s']:.1f} s", flush=True)
        hours = {}
        for instances in (1, 4):
            while len([p for p in bench.started if isinstance(p, Petrel)]) < instances:
                bench.start(Petrel(bench.redis, bench.folder, FLAGS)).wait_ready()
            hour = hours[instances] = run.hour()
            print(f"an hour, {instances} instance(s): {hour['requests']} requests, {hour['failed_probes']} failed probes; "
                  f"others' retries p50 {hour['late_p50']:.0f} ms, p99 {hour['late_p99']:.0f} ms late", flush=True)
        back = run.recover()
        per_second, above = judge(back["samples"])
        print(f"back: {per_second} requests in its first seconds, {len(above)} samples above the envelope; then "
              f"{back['rate']:,.0f}/s; others' retries p50 {back['late_p50']:.0f} ms, p99 {back['late_p99']:.0f} ms late")
    result = {"parked": given.parked, "others_before": {"late_p50": percentile(quiet, 0.5),
                                                         "late_p99": percentile(quiet, 0.99)},
              "filled": filled, "hours": hours, "back": back | {"per_second": per_second, "above": above}}
    if given.json:
        with open(given.json, "w") as file:
            json.dump(result, file)
    is_right = not above and all(hour["requests"] == hour["failed_probes"] for hour in hours.values())
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
