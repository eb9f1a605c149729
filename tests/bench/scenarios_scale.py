# SPDX-License-Identifier: Apache-2.0
"""The scenarios of many: destinations, attempts in flight, connections, subscriptions of one event; too long for
--quick."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from measure import BODY, Snapshot, addresses, bare, beside_bare, measure, parked, wait_settled, warm_up
from parts import Certificate, Receiver, free_port, run_json, until


def ten_thousand(bench, seconds):
    """10,000 destinations"""
    receiver, petrel = bench.receiver(), bench.petrel("--max-in-flight", "4096", *bench.flags)
    bench.subscribe(petrel, addresses(10_000, receiver.port))
    return beside_bare(bench, petrel, receiver, max(seconds, 2),
                       {"in_flight": 256, "destinations": 10_000, "multis": 16}, types=10_000)


def raise_limits(bench, receiver, delay_ms, lanes, each, rounds):
    """A lane that answers late begins with few attempts at a time and is trusted with more per round trip. Its answers
    must not come later afterwards than four times as late as here."""
    receiver.ask(f"delay/{delay_ms}")
    for _ in range(rounds):
        receiver.ask("reset")
        bench.drive(lanes * each, types=lanes, atomic=1)
        wait_settled(bench, receiver, lanes * each)
        until(lambda: parked(bench) == 0, 120, "nothing is parked", 0.05)


def slow_receivers(bench, seconds):
    """10,000 attempts in flight to receivers that answer after 10 s"""
    lanes, each = 1000, 10
    receiver = bench.receiver()
    # Lanes whose answers are long in coming share half of the slots; workers have not quite the same number of lanes.
    petrel = bench.petrel("--max-in-flight", "28000", "--request-timeout", "60s", *bench.flags)
    bench.subscribe(petrel, addresses(lanes, receiver.port))
    empty = petrel.rss_bytes()
    raise_limits(bench, receiver, 3000, lanes, each, 3)
    receiver.ask("delay/10000")
    receiver.ask("reset")
    before = petrel.cpu_us()
    bench.drive(lanes * each, types=lanes, atomic=1)
    until(lambda: receiver.ask()["requests"] >= lanes * each, 9, "all are in flight")
    in_flight, full = petrel.metric("petrel_in_flight"), petrel.rss_bytes()
    opened = receiver.ask()["connections"]
    wait_settled(bench, receiver, lanes * each)
    spent = sum(b - a for a, b in zip(before, petrel.cpu_us())) / (lanes * each)
    per_attempt = (full - empty) / max(in_flight, 1)
    return {
        "in_flight": in_flight, "bytes_per_attempt": per_attempt, "petrel_us": spent, "rss_mb": full / 1e6,
        "connections": opened * 1000 / (lanes * each),
        "notes": [f"{in_flight:,.0f} in flight, {per_attempt / 1024:.1f} KiB each, connections included; {spent:.0f} µs of "
                  f"CPU per delivery, {opened * 1000 / (lanes * each):.0f} connections opened per 1,000"],
    }


def measure_in_flight(bench, petrel, *args, **drive):
    """measure, and how many attempts were in flight meanwhile: the median of looks every 100 ms."""
    counts = []
    with ThreadPoolExecutor(1) as pool:
        measuring = pool.submit(measure, bench, petrel, *args, **drive)
        while not measuring.done():
            counts.append(petrel.metric("petrel_in_flight"))
            time.sleep(0.1)
        return {**measuring.result(), "in_flight": statistics.median(counts)}


def four_thousand(bench, seconds):
    """4,000 attempts in flight all the time, under a steady backlog: answers come after 200 ms"""
    delay_ms, ahead, lanes, rounds = 200, 5000, 100, 3
    receiver = bench.receiver()
    petrel = bench.petrel("--max-in-flight", "16000", *bench.flags)
    bench.subscribe(petrel, addresses(lanes, receiver.port))
    receiver.ask(f"delay/{delay_ms}")
    for part in (0.1, 0.2, 0.4, 1, 1):  # the limits grow with what is used of them
        warm_up(bench, receiver, 4 * ahead, types=lanes, ahead=int(part * ahead))
        until(lambda: parked(bench) == 0, 60, "nothing is parked", 0.05)
    events = int(10_000 * max(seconds, 3))
    bests, besides, results = [], [], []
    for _ in range(rounds):
        receiver.ask("delay/0")
        bests.append(bare(receiver, events, in_flight=64)["cpu_us"])
        receiver.ask(f"delay/{delay_ms}")
        # Opening its connections is a part of what it needs: so many requests that it hardly counts.
        besides.append(bare(receiver, 2 * events, in_flight=4000, destinations=lanes, multis=16)["cpu_us"])
        results.append(measure_in_flight(bench, petrel, receiver, events, 1, lanes, "ahead", ahead=ahead))
    result = dict(min(results, key=lambda r: r["petrel_us"]))
    result.update(bare_us=min(bests), ratio=result["petrel_us"] / min(bests), bare_beside_us=min(besides), bares=bests,
                  besides=besides, rounds=[{key: r[key] for key in (
                      "per_second", "petrel_us", "redis_us", "commands", "in_flight")} for r in results])
    result["notes"] = [f"{result['in_flight']:,.0f} in flight; the bare loop with 64 in flight {min(bests):.1f} µs, with 4,000 "
                       f"over 16 multi handles {min(besides):.1f} µs"]
    return result


def paced_four_thousand(bench, seconds):
    """4,000 attempts in flight, events one by one: 8,000 a second, answers after 500 ms"""
    rate, delay_ms, lanes = 8000, 500, 100
    receiver = bench.receiver()
    petrel = bench.petrel("--max-in-flight", "16000", *bench.flags)
    bench.subscribe(petrel, addresses(lanes, receiver.port))
    # What one by one costs by itself, with few in flight.
    few = measure(bench, petrel, receiver, int(rate * max(seconds, 3)), 1, lanes, "rate", rate=rate)
    receiver.ask(f"delay/{delay_ms}")
    for part in (0.25, 0.5, 1.0):
        receiver.ask("reset")
        bench.drive(int(rate * part * 3), types=lanes, rate=int(rate * part))
        wait_settled(bench, receiver, int(rate * part * 3))
        until(lambda: parked(bench) == 0, 60, "nothing is parked", 0.05)
    result = measure(bench, petrel, receiver, int(rate * max(seconds, 3)), 1, lanes, "rate", rate=rate)
    result["few_petrel_us"] = few["petrel_us"]
    result["notes"] = [f"{result['petrel_us']:.1f} µs of petrel's CPU per delivery with 4,000 in flight, {few['petrel_us']:.1f} with "
                       f"few, at the same {rate:,} a second one by one"]
    return result


def https_thousand(bench, seconds):
    """1,000 https destinations, a delivery a second each"""
    certificate = Certificate(bench.folder)
    port = free_port(1000)
    receiver = bench.receiver("--ports", 1000, "--cert", certificate.cert, "--key", certificate.key, port=port)
    petrel = bench.petrel("--ca-file", certificate.ca, *bench.flags)
    bench.subscribe(petrel, [f"https://127.0.0.1:{port + i}/hook" for i in range(1000)])
    bench.drive(2000, types=1000, rate=500)
    wait_settled(bench, receiver, 2000)
    events = int(1000 * max(seconds * 2, 5))
    result = measure(bench, petrel, receiver, events, types=1000, load="rate", rate=1000)
    result["kept_percent"] = 100 - result["connections"] / 10
    result["notes"] = [f"{result['kept_percent']:.2f} % of the attempts on a kept connection"]
    return result


def fan_out_ten_thousand(bench, seconds):
    """one event to 10,000 subscriptions, while others come 200 times a second"""
    receiver, others, petrel = bench.receiver(), bench.start(Receiver()), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(1, others.port), types=["bench.0"])
    bench.subscribe(petrel, [f"http://127.0.1.{i % 250 + 1}:{receiver.port}/{i}" for i in range(10_000)],
                    types=["everybody"] * 10_000)
    with ThreadPoolExecutor(1) as pool:
        driver = pool.submit(run_json, "driver", "--redis-port", bench.redis.port, "--events", 1600, "--rate", 200, "--bytes",
                             BODY)
        time.sleep(2)
        quiet = others.ask()
        before, began = Snapshot(bench, petrel), time.time()
        bench.redis.call("XADD", "petrel:events", "*", "type", "everybody", "data", "1")
        until(lambda: receiver.ask()["requests"] >= 10_000, 60, "all attempted")
        took = receiver.ask()["last_ns"] / 1e9 - began
        until(lambda: receiver.ask()["accepted"] >= 10_000 and parked(bench) == 0, 60, "all delivered")
        after = Snapshot(bench, petrel)
        driver.result()
    until(lambda: others.ask()["requests"] >= 1600, 20, "the others")
    seen = others.ask()
    result = {"all_attempted_s": took, "others_p99_us": seen["p99_us"], "others_max_us": seen["max_us"],
              "others_max_before_us": quiet["max_us"],
              "petrel_us": (sum(after.petrel) - sum(before.petrel)) / 10_000,
              "redis_us": (after.redis - before.redis) / 10_000}
    result["notes"] = [f"all attempted within {took:.2f} s; the others' latency: p99 {seen['p99_us'] / 1000:.1f} ms, max "
                       f"{seen['max_us'] / 1000:.1f} ms (before it: max {quiet['max_us'] / 1000:.1f} ms)"]
    return result


ALL = {function.__name__: function for function in (
    ten_thousand, slow_receivers, four_thousand, paced_four_thousand, https_thousand, fan_out_ten_thousand)}
