#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The order of ordered subscriptions, through failures and deaths.

    tests/bench/ordered.py [--events N] [--seconds S] [--seed SEED] [--json FILE]

N (50,000) events for 20 ordered subscriptions, published over S (100) seconds; three dispatchers, of which one in turn dies
by kill -9 every 2 s and is started again; a tenth of the attempts, drawn at random, is answered with 500. Each subscriber
must have all its events in the order of the stream; the one that was under way when its dispatcher died may come twice.
Exit code 1 when an order was broken."""

import argparse
import asyncio
import json
import random
import signal
import sys
import threading
import time

from parts import Bench, Petrel, free_port, run_json, until

SUBSCRIPTIONS = 20
FLAGS = ("--retry-schedule", ",".join(["20ms"] * 60), "--instance-timeout", "1s", "--breaker-failures", "1000000",
         "--breaker-minimum", "1000000")
KILL_EVERY_S = 2


class Subscribers:
    """All of them at one port, told apart by path. Notes the events it accepts, in order."""

    def __init__(self, seed):
        self.port, self.dice = free_port(), random.Random(seed)
        self.accepted = {f"/{n}": [] for n in range(SUBSCRIPTIONS)}
        self.failed = 0
        ready = threading.Event()

        async def run():
            await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            ready.set()
            await asyncio.Event().wait()

        threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
        ready.wait()

    async def _serve(self, reader, writer):
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                await reader.readexactly(int(fields["content-length"]))
                fails = self.dice.random() < 0.1
                if fails:
                    self.failed += 1
                else:
                    self.accepted[lines[0].split(" ")[1]].append(fields["webhook-id"])
                status = b"500 No" if fails else b"200 OK"
                writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def distinct(self):
        return sum(len(set(events)) for events in self.accepted.values())


def place(event):
    """msg_0_<ms>_<seq> → its place in the stream."""
    ms, sequence = event.split("_")[2:]
    return int(ms), int(sequence)


def judge(events):
    """(inversions, repeats) of what one subscriber accepted"""
    inversions = repeats = 0
    for last, event in zip(events, events[1:]):
        repeats += event == last
        inversions += place(event) < place(last)
    return inversions, repeats


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--json")
    given = parser.parse_args()
    subscribers = Subscribers(given.seed)
    kills = 0
    with Bench() as bench:
        fleet = [bench.petrel(*FLAGS)] + [bench.start(Petrel(bench.redis, bench.folder, FLAGS)) for _ in range(2)]
        for petrel in fleet:
            petrel.wait_ready()
        bench.subscribe(fleet[0], [f"http://127.0.0.1:{subscribers.port}/{n}" for n in range(SUBSCRIPTIONS)], ordered=True,
                        max_concurrency=1)
        driver = threading.Thread(target=run_json, args=("driver", "--redis-port", bench.redis.port, "--events", given.events,
                                                         "--rate", int(given.events / given.seconds), "--bytes", 200, "--types",
                                                         SUBSCRIPTIONS))
        began = time.monotonic()
        driver.start()
        while subscribers.distinct() < given.events and time.monotonic() - began < 10 * given.seconds + 60:
            time.sleep(KILL_EVERY_S)
            victim = kills % len(fleet)
            fleet[victim].stop(signal.SIGKILL)
            fleet[victim] = bench.start(Petrel(bench.redis, bench.folder, FLAGS))
            kills += 1
        driver.join()
        until(lambda: subscribers.distinct() >= given.events, 60, f"all {given.events} have arrived", 0.5)
        took = time.monotonic() - began
    results = [judge(events) for events in subscribers.accepted.values()]
    inversions, repeats = (sum(column) for column in zip(*results))
    print(f"seed {given.seed}: {subscribers.distinct():,} events to {SUBSCRIPTIONS} ordered subscriptions in {took:.0f} s, "
          f"{kills} kills, {subscribers.failed:,} failed attempts: {inversions} inversions, {repeats} repeats")
    if given.json:
        with open(given.json, "w") as file:
            json.dump({"seed": given.seed, "events": subscribers.distinct(), "seconds": took, "kills": kills,
                       "failed": subscribers.failed, "inversions": inversions, "repeats": repeats}, file)
    return 1 if inversions else 0


if __name__ == "__main__":
    sys.exit(main())
