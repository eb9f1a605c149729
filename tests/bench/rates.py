#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rate limits: what subscriptions with 1, 10 and 500 requests per second get, from one instance and from three.

    tests/bench/rates.py [--seconds S] [--json FILE]

All three run at once, each with more events than it may have. The rate is that between two moments, S (30) seconds apart;
exit code 1 when one is off by more than 5 %."""

import argparse
import json
import sys
import time

from parts import Bench, Petrel, Receiver, run_json, until

RATES = (1, 10, 500)
SETTLED_S = 3  # the bucket's first burst is over


def measure(instances, seconds):
    with Bench() as bench:
        petrel = bench.petrel()
        for _ in range(instances - 1):
            bench.start(Petrel(bench.redis, bench.folder)).wait_ready()
        receivers = [bench.start(Receiver()) for _ in RATES]
        for n, (rate, receiver) in enumerate(zip(RATES, receivers)):
            bench.subscribe(petrel, [f"http://127.0.{n}.1:{receiver.port}/hook"], [f"bench.{n}"],
                            rate_limit={"per_second": rate, "burst": max(1, rate // 10)})
        events = int(max(RATES) * (seconds + SETTLED_S + 5)) * len(RATES)
        run_json("driver", "--redis-port", bench.redis.port, "--events", events, "--bytes", 200, "--types", len(RATES))
        until(lambda: all(receiver.ask()["requests"] for receiver in receivers), 20, "all have begun")
        time.sleep(SETTLED_S)
        before = [(time.monotonic(), receiver.ask()["requests"]) for receiver in receivers]
        time.sleep(seconds)
        after = [(time.monotonic(), receiver.ask()["requests"]) for receiver in receivers]
        return [(n1 - n0) / (t1 - t0) for (t0, n0), (t1, n1) in zip(before, after)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json")
    given = parser.parse_args()
    rows = []
    print("limit   instances   measured")
    for instances in (1, 3):
        for rate, measured in zip(RATES, measure(instances, given.seconds)):
            rows.append({"rate": rate, "instances": instances, "measured": measured})
            print(f"{rate:4}/s {instances:11} {measured:9.2f}/s", flush=True)
    if given.json:
        with open(given.json, "w") as file:
            json.dump(rows, file, indent=1)
    # A request more or less at either end.
    slack = 1 / given.seconds
    return 0 if all(abs(row["measured"] - row["rate"]) <= 0.05 * row["rate"] + slack for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
