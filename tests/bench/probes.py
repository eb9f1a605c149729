#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Probes of open breakers, three instances: never two at once.

    tests/bench/probes.py [--cycles N] [--json FILE]

Five subscribers answer each request with 500, after some milliseconds, so that their breakers stay open and are probed
every 20 ms or so; each counts how many requests it has at once. N (10,000) probes in all. Exit code 1 when one ever had
two."""

import argparse
import asyncio
import json
import sys
import threading
import time

from parts import Bench, Petrel, free_port, run_json, until

FLAGS = ("--breaker-probe", "20ms", "--breaker-probe-max", "20ms", "--breaker-failures", "3", "--retry-schedule",
         ",".join(["10ms"] * 40), "--max-age", "10h")
SUBSCRIBERS = 5
ANSWER_AFTER_S = 0.005


class Subscriber:
    """Counts requests, and how many there are at once; from the breaker's opening on."""

    def __init__(self):
        self.requests = self.at_once = self.most = 0

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
                await reader.readexactly(size)
                self.requests += 1
                self.at_once += 1
                self.most = max(self.most, self.at_once)
                await asyncio.sleep(ANSWER_AFTER_S)
                self.at_once -= 1
                writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def forget(self):
        self.requests, self.most = 0, self.at_once


def start(ports):
    subscribers = [Subscriber() for _ in ports]
    ready = threading.Event()

    async def run():
        for subscriber, port in zip(subscribers, ports):
            await asyncio.start_server(subscriber.serve, "127.0.0.1", port)
        ready.set()
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    ready.wait()
    return subscribers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=10_000)
    parser.add_argument("--json")
    given = parser.parse_args()
    ports = [free_port() for _ in range(SUBSCRIBERS)]
    subscribers = start(ports)
    with Bench() as bench:
        petrel = bench.petrel(*FLAGS)
        for _ in range(2):
            bench.start(Petrel(bench.redis, bench.folder, FLAGS)).wait_ready()
        bench.subscribe(petrel, [f"http://127.0.0.1:{port}/hook" for port in ports])
        # A delivery ends after some forty probes; there are enough of them.
        events = SUBSCRIBERS * (given.cycles // SUBSCRIBERS // 20 + 50)
        run_json("driver", "--redis-port", bench.redis.port, "--events", events, "--bytes", 100, "--types", SUBSCRIBERS)
        until(lambda: bench.redis.call("ZCARD", "petrel:open") == SUBSCRIBERS, 60, "all breakers are open")
        # What was under way when they opened isn't a probe.
        until(lambda: all(not s.at_once for s in subscribers), 10, "nothing is under way", 0)
        for subscriber in subscribers:
            subscriber.forget()
        began = time.monotonic()
        until(lambda: sum(s.requests for s in subscribers) >= given.cycles, 1800, f"{given.cycles} probes", 0.2)
        took = time.monotonic() - began
        still_open = bench.redis.call("ZCARD", "petrel:open")
    most = max(s.most for s in subscribers)
    probes = sum(s.requests for s in subscribers)
    print(f"{probes:,} probes of {SUBSCRIBERS} open breakers by three instances in {took:.0f} s; at most {most} at once; "
          f"{still_open} still open")
    if given.json:
        with open(given.json, "w") as file:
            json.dump({"probes": probes, "most_at_once": most, "seconds": took}, file)
    return 0 if most <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
