# SPDX-License-Identifier: Apache-2.0
"""The scenarios: each takes a Bench and about how many seconds to measure, and returns its numbers."""

import time

from parts import Certificate, Receiver, run_json, until

BODY = 1000


def addresses(count, port):
    """As many destinations: every address of 127.0.0.0/8 is this machine."""
    return [f"http://127.{n >> 16}.{n >> 8 & 255}.{n & 255}:{port}/hook" for n in range(1, count + 1)]


class Snapshot:
    """CPU and commands up to now."""

    def __init__(self, bench, petrel):
        self.petrel = petrel.cpu_us()
        self.redis = sum(bench.redis.cpu_us())
        self.commands = sum(bench.redis.commands().values())
        self.reads = int(bench.redis.info("stats")["total_reads_processed"])


def settled(bench):
    group = bench.redis.call("XINFO", "GROUPS", "petrel:events")[0]
    fields = dict(zip(group[::2], group[1::2]))
    return fields[b"lag"] == 0 and fields[b"pending"] == 0


def wait_settled(bench, receiver, requests, deadline_s=180):
    until(lambda: receiver.ask()["requests"] >= requests, deadline_s, f"{requests} requests", 0.02)
    until(lambda: settled(bench), 60, "all settled")


def bare(receiver, requests, **flags):
    done = run_json("bare", "--port", receiver.port, "--requests", requests, "--bytes", BODY,
                    *(word for k, v in flags.items() for word in ("--" + k.replace("_", "-"), v)))
    if done["failures"]:
        raise RuntimeError(f"the bare loop failed: {done}")
    return done


def making_costs(bench, events):
    """Redis's CPU for events that nobody reads, and for asking how far the reader is, µs."""
    before = sum(bench.redis.cpu_us())
    run_json("driver", "--redis-port", bench.redis.port, "--events", events, "--bytes", BODY, "--stream", "nobody")
    cost = sum(bench.redis.cpu_us()) - before
    bench.redis.call("UNLINK", "nobody")
    return cost


def measure(bench, petrel, receiver, events, fan_out=1, types=1, warm_up=2000, ahead=0):
    """Makes `events` events appear at once (or with `ahead` so many before petrel at any time), waits until all is
    settled; what that cost per delivery."""
    if warm_up:
        run_json("driver", "--redis-port", bench.redis.port, "--events", max(warm_up // fan_out, types), "--bytes", BODY,
                 "--types", types, "--atomic", 1)
        wait_settled(bench, receiver, max(warm_up // fan_out, types) * fan_out)
    receiver.ask("reset")
    making_us = making_costs(bench, events) if ahead else 0
    before = Snapshot(bench, petrel)
    run_json("driver", "--redis-port", bench.redis.port, "--events", events, "--bytes", BODY, "--types", types,
             *(("--ahead", ahead) if ahead else ("--atomic", 1)))
    # With all events made, what Redis did for them so far was the driver's.
    began = before if ahead else Snapshot(bench, petrel)
    deliveries = events * fan_out
    wait_settled(bench, receiver, deliveries)
    after = Snapshot(bench, petrel)
    seen = receiver.ask()
    # The shares come from 10 ms ticks: the difference of two of them may be off by one.
    user, system = (max(b - a, 0.0) for a, b in zip(before.petrel, after.petrel))
    return {
        "deliveries": deliveries,
        "per_second": deliveries / max((seen["last_ns"] - seen["first_ns"]) / 1e9, 1e-9),
        "petrel_us": (sum(after.petrel) - sum(before.petrel)) / deliveries,
        "petrel_user_us": user / deliveries,
        "redis_us": (after.redis - began.redis - making_us) / deliveries,
        # Of the bench itself are a few dozen: it asks, 50 times a second, whether it is over.
        "commands": (after.commands - began.commands) / deliveries,
        "round_trips": (after.reads - began.reads) / deliveries,
        "connections": seen["connections"] * 1000 / deliveries,
        "rss_mb": petrel.rss_bytes() / 1e6,
        "peak_mb": petrel.rss_bytes("VmHWM") / 1e6,
    }


def beside_bare(bench, petrel, receiver, seconds, bare_flags, rounds=3, **kwargs):
    """Bare loop and petrel in turn, a few rounds; of each the round that was disturbed least by what else the machine
    does: the one with the least CPU per delivery."""
    trial = bare(receiver, 5000, **bare_flags)
    fan_out = kwargs.get("fan_out", 1)
    requests = int(max(trial["per_second"] * seconds / rounds, 3000))
    events = max(requests // fan_out, 10)
    bares, results = [], []
    for number in range(rounds):
        bares.append(bare(receiver, requests, **bare_flags))
        results.append(measure(bench, petrel, receiver, events, **kwargs))
        kwargs["warm_up"] = 0
    least = min(bares, key=lambda r: r["cpu_us"])
    result = min(results, key=lambda r: r["petrel_us"] + r["redis_us"])
    result["per_second"] = max(r["per_second"] for r in results)
    result.update(bare_us=least["cpu_us"], bare_per_second=max(r["per_second"] for r in bares),
                  ratio=result["petrel_us"] / least["cpu_us"], redis_ratio=result["redis_us"] / least["cpu_us"],
                  rounds=[{"petrel_us": r["petrel_us"], "redis_us": r["redis_us"]} for r in results])
    return result


def latency(bench, receiver, capacity, seconds, loads=(25, 50, 80), fan_out=1, types=1):
    """XADD → request received, at parts of the capacity."""
    found = {}
    for load in loads:
        rate = max(int(capacity / fan_out * load / 100), 1)
        receiver.ask("reset")
        events = max(int(rate * seconds), 1)
        driven = run_json("driver", "--redis-port", bench.redis.port, "--events", events, "--rate", rate, "--bytes",
                          BODY, "--types", types)
        wait_settled(bench, receiver, events * fan_out)
        seen = receiver.ask()
        found[f"{load} %"] = {"rate": rate, "late_us": driven["late_us"],
                              **{key: seen[key] for key in ("p50_us", "p99_us", "p999_us", "max_us")}}
    return found


# ---- the scenarios

def one(bench, seconds):
    """one destination, 64 to 256 attempts at once"""
    receiver, petrel = bench.start(Receiver()), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(1, receiver.port))
    result = beside_bare(bench, petrel, receiver, seconds, {"in_flight": 256}, ahead=1000)
    result["latency"] = latency(bench, receiver, result["per_second"], seconds)
    return result


def burst(bench, seconds):
    """one destination, and 20,000 events at one moment: most are parked on the way"""
    receiver, petrel = bench.start(Receiver()), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(1, receiver.port))
    return measure(bench, petrel, receiver, 20_000)


def hundred(bench, seconds):
    """100 destinations"""
    receiver, petrel = bench.start(Receiver()), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(100, receiver.port))
    result = beside_bare(bench, petrel, receiver, seconds, {"in_flight": 256, "destinations": 100, "multis": 4},
                         types=100)
    result["latency"] = latency(bench, receiver, result["per_second"], seconds, types=100)
    return result


def https(bench, seconds):
    """one https destination, its connections kept"""
    certificate = Certificate(bench.folder)
    receiver = bench.start(Receiver("--cert", certificate.cert, "--key", certificate.key))
    petrel = bench.petrel("--ca-file", certificate.ca, *bench.flags)
    bench.subscribe(petrel, [f"https://127.0.0.1:{receiver.port}/hook"])
    return beside_bare(bench, petrel, receiver, seconds, {"in_flight": 256, "ca": certificate.ca}, ahead=1000)


def fan_out(bench, seconds):
    """each event goes to 100 subscriptions"""
    receiver, petrel = bench.start(Receiver()), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(100, receiver.port), types=["bench.0"] * 100)
    return beside_bare(bench, petrel, receiver, seconds, {"in_flight": 256, "destinations": 100, "multis": 4}, fan_out=100)


def failing(bench, seconds):
    """10 % of the attempts fail and are tried again after 100 ms"""
    receiver = bench.start(Receiver())
    petrel = bench.petrel("--retry-schedule", "100ms,100ms,100ms,100ms,100ms", *bench.flags)
    bench.subscribe(petrel, addresses(100, receiver.port))
    trial = bare(receiver, 20000, in_flight=256, destinations=100, multis=4)
    receiver.ask("fail/100")
    events = int(trial["per_second"] * seconds)
    result = measure(bench, petrel, receiver, events, types=100, warm_up=0)
    until(lambda: int(bench.redis.call("HGET", "petrel:totals", "parked") or 0) == 0, 60, "the retries are over")
    seen = receiver.ask()
    result.update(bare_us=trial["cpu_us"], ratio=result["petrel_us"] / trial["cpu_us"],
                  redis_ratio=result["redis_us"] / trial["cpu_us"])
    result["notes"] = [f"{seen['requests']} requests for {events} events, {seen['failed']} of them answered with a 500"]
    return result


def idle(bench, seconds):
    """nothing to do, then single events"""
    receiver, petrel = bench.start(Receiver()), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(1, receiver.port))
    time.sleep(12)  # until it is at rest
    before = Snapshot(bench, petrel)
    began = time.monotonic()
    time.sleep(max(seconds, 10))
    after = Snapshot(bench, petrel)
    lasted = time.monotonic() - began
    receiver.ask("reset")
    for _ in range(20):
        run_json("driver", "--redis-port", bench.redis.port, "--events", 1, "--bytes", BODY)
        time.sleep(0.1)
    until(lambda: receiver.ask()["requests"] == 20, 10, "20 deliveries")
    seen = receiver.ask()
    result = {
        "cpu_percent": (sum(after.petrel) - sum(before.petrel)) / lasted / 1e4,
        # The two INFO commands of a snapshot are the bench's.
        "commands_per_second": (after.commands - before.commands - 2) / lasted,
        "first_p50_us": seen["p50_us"], "first_max_us": seen["max_us"], "rss_mb": petrel.rss_bytes() / 1e6,
    }
    result["notes"] = [f"{result['cpu_percent']:.2f} % of a core, {result['commands_per_second']:.1f} Redis commands/s, "
                       f"RSS {result['rss_mb']:.1f} MB; idle → first delivery p50 {seen['p50_us'] / 1000:.2f} ms, "
                       f"max {seen['max_us'] / 1000:.2f} ms"]
    return result


ALL = {function.__name__: function for function in (one, burst, hundred, https, fan_out, failing, idle)}
QUICK = ["one", "hundred", "https", "fan_out", "failing", "idle"]
