# SPDX-License-Identifier: Apache-2.0
"""The main scenarios: each takes a Bench and about how many seconds to measure, and returns its numbers."""

import time

from measure import Snapshot, addresses, at_loads, bare, beside_bare, measure, parked, warm_up, wrk
from parts import Certificate, until

MANY = {"in_flight": 256, "destinations": 100, "multis": 4}  # of the bare loop, for 100 destinations


def one(bench, seconds):
    """one destination, up to 256 attempts at once"""
    receiver, petrel = bench.receiver(), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(1, receiver.port))
    result = beside_bare(bench, petrel, receiver, seconds, {"in_flight": 256})
    result.update(wrk(bench, f"http://127.0.0.1:{receiver.port}/hook", seconds / 2))
    result["latency"] = at_loads(bench, petrel, receiver, result["per_second"], seconds)
    return result


def burst(bench, seconds):
    """one destination, and 20,000 events at one moment: most are parked on the way"""
    receiver, petrel = bench.receiver(), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(1, receiver.port))
    warm_up(bench, receiver, 3000)
    return measure(bench, petrel, receiver, 20_000, load="atomic")


def hundred(bench, seconds):
    """100 destinations"""
    receiver, petrel = bench.receiver(), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(100, receiver.port))
    result = beside_bare(bench, petrel, receiver, seconds, MANY, types=100)
    loads = (25, 50, 80) if seconds > 1 else (50,)
    result["latency"] = at_loads(bench, petrel, receiver, result["per_second"], seconds, loads, types=100)
    return result


def https(bench, seconds):
    """one https destination, its connections kept"""
    certificate = Certificate(bench.folder)
    receiver = bench.receiver("--cert", certificate.cert, "--key", certificate.key)
    petrel = bench.petrel("--ca-file", certificate.ca, *bench.flags)
    bench.subscribe(petrel, [f"https://127.0.0.1:{receiver.port}/hook"])
    result = beside_bare(bench, petrel, receiver, seconds, {"in_flight": 256, "ca": certificate.ca})
    result.update(wrk(bench, f"https://127.0.0.1:{receiver.port}/hook", seconds / 2))
    result["latency"] = at_loads(bench, petrel, receiver, result["per_second"], seconds, loads=(50,))
    return result


def fan_out(bench, seconds):
    """each event goes to 100 subscriptions"""
    receiver, petrel = bench.receiver(), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(100, receiver.port), types=["bench.0"] * 100)
    result = beside_bare(bench, petrel, receiver, seconds, MANY, fan_out=100)
    result["latency"] = at_loads(bench, petrel, receiver, result["per_second"], seconds, loads=(50,), fan_out=100)
    return result


def failing(bench, seconds):
    """10 % of the attempts fail and are tried again after 100 ms"""
    receiver = bench.receiver()
    petrel = bench.petrel("--retry-schedule", "100ms,100ms,100ms,100ms,100ms,100ms,100ms,100ms", *bench.flags)
    bench.subscribe(petrel, addresses(100, receiver.port))
    warm_up(bench, receiver, 3000, types=100)
    trial = bare(receiver, 20000, **MANY)
    receiver.ask("fail/100")
    events = int(trial["per_second"] * 0.3 * seconds)
    result = measure(bench, petrel, receiver, events, types=100)
    seen = receiver.ask()
    until(lambda: parked(bench) == 0, 60, "the retries are over")
    result.update(bare_us=trial["cpu_us"], ratio=result["petrel_us"] / trial["cpu_us"],
                  redis_ratio=result["redis_us"] / trial["cpu_us"])
    result["notes"] = [f"{seen['requests']} requests for {events} events, {seen['failed']} of them answered with a 500"]
    return result


def first_delivery(bench, receiver, count, pause_s):
    """XADD → received of single events, with so long a pause before each."""
    receiver.ask("reset")
    for sent in range(1, count + 1):
        time.sleep(pause_s)
        bench.drive(1)
        until(lambda: receiver.ask()["requests"] >= sent, 10, "the delivery")
    return receiver.ask()


def idle(bench, seconds):
    """nothing to do, then single events"""
    is_quick = seconds <= 1
    receiver, petrel = bench.receiver(), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(1, receiver.port))
    time.sleep(7 if is_quick else 12)  # it comes to rest after 5 s without work, step by step
    lasted = 5 if is_quick else 10
    before = Snapshot(bench, petrel)
    time.sleep(lasted)
    after = Snapshot(bench, petrel)
    calls = None if is_quick else bench.redis.watch(lasted) / lasted
    seen = first_delivery(bench, receiver, 20 if is_quick else 100, 0.1)
    result = {
        "cpu_percent": (sum(after.petrel) - sum(before.petrel)) / lasted / 1e4,
        "commands_per_second": (after.commands - before.commands) / lasted, "calls_per_second": calls,
        "first_p50_us": seen["p50_us"], "first_p99_us": seen["p99_us"], "first_max_us": seen["max_us"],
        "rss_mb": petrel.rss_bytes() / 1e6,
    }
    result["notes"] = [f"{result['cpu_percent']:.2f} % of a core, {result['commands_per_second']:.1f} Redis commands/s, those "
                       f"inside scripts included{'' if calls is None else f' ({calls:.1f} without them)'}, RSS "
                       f"{result['rss_mb']:.1f} MB; a single event is there after {seen['p50_us'] / 1000:.2f} ms (p50), "
                       f"{seen['max_us'] / 1000:.2f} ms at worst"]
    if not is_quick:
        rested = first_delivery(bench, receiver, 5, 6.5)
        result.update(rested_p50_us=rested["p50_us"], rested_max_us=rested["max_us"])
        result["notes"][0] += f", from rest after {rested['p50_us'] / 1000:.2f} (p50) and {rested['max_us'] / 1000:.2f} ms"
    return result


def workers(bench, seconds):
    """100 destinations with --workers 1, 2 and 4, and one worker alone on a processor"""
    receiver, result = bench.receiver(), {"variants": {}, "notes": []}
    yardstick = min((bare(receiver, int(8000 * seconds), **MANY) for _ in range(3)), key=lambda r: r["cpu_us"])
    pinned = "1 worker, alone on a CPU"
    for name, count in (("1 worker", 1), ("2 workers", 2), ("4 workers", 4), (pinned, 1)):
        petrel = bench.petrel(*bench.flags, f"--workers={count}")
        if name == "1 worker":
            bench.subscribe(petrel, addresses(100, receiver.port))
        if name == pinned:
            petrel.pin(0)
            receiver.pin(1)
            bench.redis.pin(1)
        warm_up(bench, receiver, 3000, types=100)
        rounds = [measure(bench, petrel, receiver, int(8000 * seconds / 3), types=100) for _ in range(3)]
        best = max(rounds, key=lambda r: r["per_second"])
        petrel.stop()
        least = min(rounds, key=lambda r: r["petrel_us"])
        best.update(bare_us=yardstick["cpu_us"], ratio=least["petrel_us"] / yardstick["cpu_us"])
        result["variants"][name] = best
        result["notes"].append(f"{name}: {best['per_second']:,.0f}/s, {best['petrel_us']:.1f} µs CPU each, "
                               f"Redis {best['redis_us']:.1f} µs, RSS {best['rss_mb']:.0f} MB")
    return result


ALL = {function.__name__: function for function in (one, burst, hundred, https, fan_out, failing, idle, workers)}
QUICK = ["one", "hundred", "https", "fan_out", "failing", "idle"]
