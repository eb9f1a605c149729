#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What healthy subscribers feel of sick ones: the time from XADD to the request received, of subscriptions at a steady
rate, while a share of all subscriptions hangs, answers after 10 s or refuses connections, and one, which answers after
50 ms, is flooded with 50 times its cap: at once, every 4 s, or evenly, each second.

For each share, in turn and as often as --repeats says: `alone` (nobody has subscribed to the flood's events nor to
those of the sick, which are published all the same), `flood` (with the flooded one, without sick ones), and one run for
each kind of sick ones. Numbers are medians over the repeats; the ratio is that of the sick ones' p99 to the flood's.

    tests/bench/isolation.py [--quick] [--healthy N] [--rate PER_SECOND] [--seconds S] [--kinds hang,slow,refuse]
                             [--shares 0.01,0.1,0.5] [--flood burst|steady|none] [--repeats N] [--json FILE]

--quick: one share, a few seconds; exit code 1 when the healthy ones' p99 is more than three times what it was."""

import argparse
import json
import statistics
import sys
import threading
import time

from parts import Bench, Receiver, free_port, run_json, until
from measure import addresses

CAP = 64
WELL = ("alone", "flood")  # runs without sick ones
QUICK_LIMIT = 3.0  # a gross regression; the goal is 1.2 on a machine with nothing else to do


class Run:
    """One Redis and one petrel, healthy subscriptions, and as many sick ones as asked for."""

    def __init__(self, bench, healthy, sick, kind):
        self.bench = bench
        self.petrel = bench.petrel("--request-timeout", "15s", "--retry-schedule", "5s,30s,2m,10m")
        self.receiver = bench.start(Receiver())
        self.healthy, self.sick = healthy, sick
        urls = addresses(healthy, self.receiver.port)
        types = [f"bench.{i}" for i in range(healthy)]
        if kind not in WELL:
            urls += self._sick_urls(kind)
            types += [f"bench.{healthy + i}" for i in range(sick)]
        if kind != "alone":
            flooded = bench.start(Receiver("--delay-ms", "50"))
            urls.append(f"http://127.200.0.1:{flooded.port}/hook")
            types.append("flood")
        bench.subscribe(self.petrel, urls, types, max_concurrency=CAP)

    def _sick_urls(self, kind):
        if kind == "refuse":
            port = free_port()
        else:
            delay_ms = {"hang": 3600_000, "slow": 10_000}[kind]
            port = self.bench.start(Receiver("--delay-ms", str(delay_ms))).port
        return [url.replace("//127.", "//127.1", 1) for url in addresses(self.sick, port)]

    def flood(self, stop, how):
        """burst: 50 times the cap at once, every 4 s, when the last is over; steady: as many each second; none."""
        count, every_s = (50 * CAP, 4) if how == "burst" else (50 * CAP // 100, 0.01)
        next_s = time.monotonic()
        if how == "none":
            return
        while not stop.is_set():
            self.bench.redis.pipeline([("XADD", "petrel:events", "*", "type", "flood", "data", "0")] * count)
            next_s += every_s
            stop.wait(max(0, next_s - time.monotonic()))

    def measure(self, total_types, rate, seconds, how):
        """The healthy ones' percentiles in ms. The events for the sick ones and the flood are published in every run,
        so that producer, Redis and petrel have as many to take in: in some nobody has subscribed to them."""
        stop = threading.Event()
        flooder = threading.Thread(target=self.flood, args=(stop, how))
        self._drive(total_types, rate, 1)  # connections are open
        self.receiver.ask("reset")
        flooder.start()
        self._drive(total_types, rate, seconds)
        until(lambda: self.receiver.ask()["requests"] >= int(rate * seconds) // total_types * self.healthy * 0.98, 30,
              "the healthy ones have their events", 0.05)
        seen = self.receiver.ask()
        stop.set()
        flooder.join()
        return {key: seen[key] / 1000 for key in ("p50_us", "p99_us", "p999_us", "max_us")} | {"n": seen["requests"]}

    def _drive(self, total_types, rate, seconds):
        run_json("driver", "--redis-port", self.bench.redis.port, "--events", int(rate * seconds), "--rate", int(rate),
                 "--bytes", 1000, "--types", total_types)


PERCENTILES = ("p50_us", "p99_us", "p999_us", "max_us")


def run(healthy, sick, kind, given):
    """In each kind of run there are as many events."""
    rate = given.rate * (healthy + sick) / healthy
    with Bench() as bench:
        return Run(bench, healthy, sick, kind).measure(healthy + sick, rate, given.seconds, given.flood)


def show(kind, share, base, seen, ratio):
    pairs = [f"{base[k]:6.2f} → {seen[k]:.2f}" for k in PERCENTILES[:3]]
    print(f"{kind:10} {share:6.0%} {pairs[0]:>14} {pairs[1]:>14} {pairs[2]:>16} {ratio:10.2f}", flush=True)


def compare(share, kinds, given):
    """One row for the flood beside those alone, and one per kind of sick ones beside the flood."""
    sick = round(given.healthy * share / (1 - share))
    runs = {kind: [] for kind in (*WELL, *kinds)}
    for _ in range(given.repeats):
        for kind, seen in runs.items():
            seen.append(run(given.healthy, sick, kind, given))
    middle = {kind: {key: statistics.median(one[key] for one in seen) for key in PERCENTILES} for kind, seen in runs.items()}
    for kind in ("flood", *kinds):
        base = "alone" if kind == "flood" else "flood"
        ratio = middle[kind]["p99_us"] / middle[base]["p99_us"]
        show(kind, share, middle[base], middle[kind], ratio)
        yield {"kind": kind, "share": share, "flood": given.flood, "without": middle[base], "with": middle[kind],
               "ratio": ratio, "runs": runs[kind], "runs_without": runs[base]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--healthy", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=1000, help="of the healthy ones together, per second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kinds", default="hang,slow,refuse")
    parser.add_argument("--shares", default="0.01,0.1,0.5", help="of all subscriptions, sick")
    parser.add_argument("--flood", choices=("burst", "steady", "none"), default="burst")
    parser.add_argument("--json")
    given = parser.parse_args()
    if given.quick:
        given.healthy, given.rate, given.seconds = 200, 400, 6
        given.kinds, given.shares, given.repeats = "hang", "0.1", 1
    print(f"{given.healthy} healthy subscriptions, {given.rate:.0f} events/s to them, {given.seconds:.0f} s each, {given.flood} "
          f"flood, medians of {given.repeats}; XADD → received, ms")
    print(f"{'sick ones':10} {'share':>6} {'p50':>14} {'p99':>14} {'p99.9':>16} {'p99 ratio':>10}")
    rows = [row for share in map(float, given.shares.split(",")) for row in compare(share, given.kinds.split(","), given)]
    if given.json:
        with open(given.json, "w") as file:
            json.dump({"healthy": given.healthy, "rate": given.rate, "rows": rows}, file, indent=1)
    worst = max(row["ratio"] for row in rows)
    limit = QUICK_LIMIT if given.quick else float("inf")
    print(f"worst ratio of p99: {worst:.2f}")
    return 1 if worst > limit else 0


if __name__ == "__main__":
    sys.exit(main())
