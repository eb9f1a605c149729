# SPDX-License-Identifier: Apache-2.0
"""How the bench measures: what petrel and Redis spend per delivery under a steady backlog and at a set rate, the time
from XADD to the request received, and what a bare libcurl loop and wrk need for the same requests."""

import re
import resource
import shutil
import subprocess
import time
from pathlib import Path

from parts import run_json, until

BODY = 1000
AHEAD = 512  # deliveries made and not yet received: enough to keep everything busy, too few to be parked


def addresses(count, port):
    """As many destinations: every address of 127.0.0.0/8 is this machine."""
    return [f"http://127.{n >> 16}.{n >> 8 & 255}.{n & 255}:{port}/hook" for n in range(1, count + 1)]


class Snapshot:
    """CPU and commands up to now; of the commands, the bench's own are left out."""

    def __init__(self, bench, petrel):
        asked = bench.redis.asked
        self.petrel = petrel.cpu_us()
        self.redis = sum(bench.redis.cpu_us())
        self.commands = sum(bench.redis.commands().values()) - asked
        self.reads = int(bench.redis.info("stats")["total_reads_processed"]) - asked


def settled(bench):
    group = bench.redis.call("XINFO", "GROUPS", "petrel:events")[0]
    fields = dict(zip(group[::2], group[1::2]))
    return fields[b"lag"] == 0 and fields[b"pending"] == 0


def wait_settled(bench, receiver, accepted, deadline_s=180):
    until(lambda: receiver.ask()["accepted"] >= accepted, deadline_s, f"{accepted} accepted", 0.02)
    until(lambda: settled(bench), 60, "all settled")


def check_all(seen, events, fan_out=1):
    """Each event once to each subscription: their numbers add up, too. No one died here, so none may come twice either."""
    wanted = events * fan_out, fan_out * events * (events - 1) // 2
    if (seen["accepted"], seen["numbers"]) != wanted:
        raise RuntimeError(f"events were lost or came twice: {seen['accepted']} accepted, their numbers add up to "
                           f"{seen['numbers']}, instead of {wanted[0]} and {wanted[1]}")


def parked(bench):
    return int(bench.redis.call("HGET", "petrel:totals", "parked") or 0)


# ---- yardsticks

def bare(receiver, requests, **flags):
    """The bare libcurl loop: its own numbers."""
    done = run_json("bare", "--port", receiver.port, "--requests", requests, "--bytes", BODY,
                    *(word for k, v in flags.items() for word in ("--" + k.replace("_", "-"), v)))
    if done["failures"]:
        raise RuntimeError(f"the bare loop failed: {done}")
    return done


def wrk(bench, url, seconds, connections=256):
    """wrk with the same body over as many connections: {} where it isn't installed. It signs nothing and every request
    is the same, so it is what the kernel and the receiver allow rather than a rival."""
    if not shutil.which("wrk"):
        return {}
    script = Path(bench.folder) / "wrk.lua"
    script.write_text('wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\n'
                      f'wrk.body = string.rep("x", {BODY + 70})\n')
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", "-s", script, url],
                          capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    requests = int(re.search(r"(\d+) requests in", done.stdout)[1])
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wrk_us": spent * 1e6 / requests, "wrk_per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])}


# ---- one measurement

def making_costs(bench, events, rate):
    """Redis's CPU for taking in as many events as often, with nobody to read them, µs."""
    before = sum(bench.redis.cpu_us())
    bench.drive(events, rate=max(int(rate), 1), tick_us=500, stream="nobody")
    cost = sum(bench.redis.cpu_us()) - before
    bench.redis.call("UNLINK", "nobody")
    return cost / events


def measure(bench, petrel, receiver, events, fan_out=1, types=1, load="ahead", **drive):
    """What `events` events cost per delivery. load "ahead": a steady backlog, "atomic": all there at one moment, "rate":
    drive says which."""
    receiver.ask("reset")
    before = Snapshot(bench, petrel)
    flags = {"ahead": {"ahead": max(AHEAD, 4 * fan_out), "fan_out": fan_out}, "atomic": {"atomic": 1}, "rate": {}}[load]
    driven = bench.drive(events, types=types, **{**flags, **drive})
    # With all of them made, what Redis did so far was the driver's.
    began = Snapshot(bench, petrel) if load == "atomic" else before
    deliveries = events * fan_out
    wait_settled(bench, receiver, deliveries)
    after = Snapshot(bench, petrel)
    seen = receiver.ask()
    check_all(seen, events, fan_out)
    lasted_s = max((seen["last_ns"] - seen["first_ns"]) / 1e9, 1e-9)
    redis_us, commands, reads = after.redis - began.redis, after.commands - began.commands, after.reads - began.reads
    if load != "atomic":
        # The driver's part: one XADD per event, and the reads for them.
        redis_us -= making_costs(bench, min(events, 5000), events / lasted_s) * events
        commands, reads = commands - events, reads - driven["reads"]
    # The shares of user and system come from 10 ms ticks: the difference of two of them may be off by one.
    user, system = (max(b - a, 0.0) for a, b in zip(before.petrel, after.petrel))
    return {
        "deliveries": deliveries, "per_second": deliveries / lasted_s,
        "petrel_us": (sum(after.petrel) - sum(before.petrel)) / deliveries,
        "petrel_user_us": user / deliveries, "petrel_system_us": system / deliveries,
        "redis_us": max(redis_us, 0.0) / deliveries, "commands": commands / deliveries,
        "round_trips": max(reads, 0) / deliveries, "connections": seen["connections"] * 1000 / deliveries,
        "rss_mb": petrel.rss_bytes() / 1e6, "late_us": driven["late_us"],
        **{key: seen[key] for key in ("p50_us", "p99_us", "p999_us", "max_us")},
    }


def warm_up(bench, receiver, events, fan_out=1, types=1, ahead=AHEAD):
    """Connections are open, and lanes trusted with as many attempts as they will have."""
    receiver.ask("reset")
    bench.drive(events, types=types, ahead=max(ahead, 4 * fan_out), fan_out=fan_out)
    wait_settled(bench, receiver, events * fan_out)


def beside_bare(bench, petrel, receiver, seconds, bare_flags, fan_out=1, types=1, load="ahead"):
    """Bare loop and petrel in turn, a few rounds; of each the round that was disturbed least by what else the machine
    does: the one with the least CPU per delivery. The rate is the best of all rounds."""
    rounds = 3 if seconds < 3 else 5
    trial = bare(receiver, 5000, **bare_flags)
    warm_up(bench, receiver, max(3000 // fan_out, 2 * types), fan_out, types)
    requests = int(max(trial["per_second"] * seconds / rounds, 3000))
    # What petrel does in the same time: a third of it or so.
    events = max(int(requests * 0.4) // fan_out, 10)
    bares, results = [], []
    for _ in range(rounds):
        bares.append(bare(receiver, requests, **bare_flags))
        results.append(measure(bench, petrel, receiver, events, fan_out, types, load))
    least = min(bares, key=lambda r: r["cpu_us"])
    result = dict(min(results, key=lambda r: r["petrel_us"] + r["redis_us"]))
    result["per_second"] = max(r["per_second"] for r in results)
    result.update(bare_us=least["cpu_us"], bare_user_us=least["user_us"], bare_system_us=least["system_us"],
                  bare_per_second=max(r["per_second"] for r in bares), ratio=result["petrel_us"] / least["cpu_us"],
                  redis_ratio=result["redis_us"] / least["cpu_us"],
                  rounds=[{key: r[key] for key in ("per_second", "petrel_us", "redis_us", "commands")} for r in results])
    return result


def find_capacity(bench, petrel, receiver, most, fan_out=1, types=1):
    """Deliveries per second that are kept up with when events come one by one, which costs everybody more than a backlog
    does: the first of falling rates at which the delay doesn't grow within a second."""
    rate = most * 0.9
    for _ in range(6):
        events = max(int(rate / fan_out), 1)
        measured = measure(bench, petrel, receiver, events, fan_out, types, "rate", rate=events)
        until(lambda: parked(bench) == 0, 60, "nothing is parked")
        if measured["p50_us"] < 20_000 and measured["per_second"] > 0.95 * rate:
            break
        rate *= 0.85
    return rate


def at_loads(bench, petrel, receiver, most, seconds, loads=(25, 50, 80), fan_out=1, types=1):
    """Events one by one, at parts of the rate that can be kept up with: XADD → request received, and what a delivery costs
    then. most: deliveries per second with a backlog."""
    found = {}
    # With --quick a guess has to do.
    capacity = find_capacity(bench, petrel, receiver, most, fan_out, types) if seconds > 1 else most * 0.7
    for load in loads:
        rate = max(int(capacity / fan_out * load / 100), 1)
        measured = measure(bench, petrel, receiver, max(int(rate * seconds), 1), fan_out, types, "rate", rate=rate)
        found[f"{load} %"] = {"rate": rate, "capacity": capacity, **measured}
        time.sleep(0.2)
    return found
