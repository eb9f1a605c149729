# SPDX-License-Identifier: Apache-2.0
"""The scenarios of much in Redis: 100,000 subscriptions, 1,000,000 parked deliveries; too long for --quick."""

import json
import signal
import statistics
import time

from measure import addresses, measure, parked, settled, warm_up
from parts import Petrel, run_json, until

MANY_SUBSCRIPTIONS = 100_000
MANY_PARKED = 1_000_000
FEW_PARKED = 1_000
PARKED_BYTES = 200  # of data, so that a million fit everywhere


def clone_subscriptions(bench, count):
    """As many more subscriptions, made from the one that the API made; straight into Redis."""
    template = json.loads(bench.redis.call("HVALS", "petrel:subscriptions")[0])

    def commands():
        for i in range(1, count + 1):
            stored = {**template, "id": f"sub_{i:022d}", "url": f"https://host{i}.example/hooks/{i}",
                      "event_types": [f"type{i % 1000}.*"], "tenant": f"tenant{i}"}
            yield "HSET", "petrel:subscriptions", stored["id"], json.dumps(stored, separators=(",", ":"))

    bench.redis.pipeline(commands())


def many_subscriptions(bench, seconds):
    """100,000 subscriptions: memory, the start, a change, the match"""
    receiver, petrel = bench.receiver(), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(1, receiver.port))
    warm_up(bench, receiver, 3000)
    small = measure(bench, petrel, receiver, int(8000 * seconds))
    petrel.stop()
    petrel = bench.petrel(*bench.flags)
    empty = petrel.rss_bytes()  # as one that has just started, which is what it is compared with
    petrel.stop()
    clone_subscriptions(bench, MANY_SUBSCRIPTIONS)
    began = time.monotonic()
    petrel = bench.start(Petrel(bench.redis, bench.folder, bench.flags))
    petrel.wait_ready()
    wanted = (MANY_SUBSCRIPTIONS + 1) * petrel.metric("petrel_workers")
    until(lambda: petrel.metric("petrel_table_subscriptions") >= wanted > 0, 60, "loaded", 0.005)
    loaded_s = time.monotonic() - began
    full = petrel.rss_bytes()
    changes, spent = [], []
    for i in range(5):  # a change: from the answer of the API to the workers' tables
        known, before = petrel.metric("petrel_table_subscriptions"), sum(petrel.cpu_us())
        petrel.call("POST", "/v1/subscriptions", {"url": f"http://127.0.0.9:{receiver.port}/", "event_types": [f"new.{i}"]})
        began = time.monotonic()
        until(lambda: petrel.metric("petrel_table_subscriptions") > known, 10, "the change is known", 0.002)
        changes.append(time.monotonic() - began)
        spent.append((sum(petrel.cpu_us()) - before) / 1000)
    warm_up(bench, receiver, 3000)
    large = measure(bench, petrel, receiver, int(8000 * seconds))
    match = run_json("match", "--subscriptions", MANY_SUBSCRIPTIONS)
    each = (full - empty) / MANY_SUBSCRIPTIONS
    large.update(load_s=loaded_s, change_s=statistics.median(changes), change_cpu_ms=statistics.median(spent),
                 bytes_per_subscription=each, petrel_us_with_one=small["petrel_us"], match=match)
    large["notes"] = [
        f"{each:,.0f} bytes each; loaded {loaded_s:.2f} s after the start; a change is known after "
        f"{large['change_s'] * 1000:.0f} ms and costs {large['change_cpu_ms']:.0f} ms of CPU; petrel's CPU per delivery "
        f"{large['petrel_us']:.1f} µs, with one subscription {small['petrel_us']:.1f} µs; matching alone: "
        f"{match['none_ns'] / 1000:.2f} µs for an event that nobody wants, {match['one_ns'] / 1000:.2f} for one match, "
        f"{match['hundred_ns'] / 1000:.2f} for a hundred"]
    return large


# ---- parked

def paused(petrel, name, url):
    made = json.loads(petrel.call("POST", "/v1/subscriptions", {"url": url, "event_types": [name], "max_concurrency": 64}))
    petrel.call("POST", f"/v1/subscriptions/{made['id']}/pause")
    return made["id"]


def park(bench, type_number, count):
    """As many more parked deliveries, parked by petrel itself: events of a paused subscription. How long it took."""
    before, began = parked(bench), time.monotonic()
    for at in range(0, count, 100_000):
        some = min(100_000, count - at)
        bench.drive(some, types=1, bytes=PARKED_BYTES, prefix=type_number)
        until(lambda: parked(bench) >= before + at + some and settled(bench), 180, f"{count} parked", 0.05)
        # What stays of the past in the stream isn't what this is about.
        bench.redis.call("XTRIM", "petrel:events", "MAXLEN", 0)
    return time.monotonic() - began


def claim(bench, petrel, receiver, subscription, count):
    """Redis's and petrel's CPU per delivery claimed, attempted and settled, over `count` of them; then it is paused."""
    receiver.ask("reset")
    before = sum(bench.redis.cpu_us()), sum(petrel.cpu_us()), parked(bench)
    petrel.call("POST", f"/v1/subscriptions/{subscription}/resume")
    until(lambda: receiver.ask()["accepted"] >= count, 60, f"{count} claimed", 0.002)
    petrel.call("POST", f"/v1/subscriptions/{subscription}/pause")
    time.sleep(0.5)  # what was claimed is settled, or given back
    done = before[2] - parked(bench)
    return (sum(bench.redis.cpu_us()) - before[0]) / done, (sum(petrel.cpu_us()) - before[1]) / done


def many_parked(bench, seconds):
    """1,000,000 parked deliveries: memory, the start, the cost of a claim"""
    receiver, petrel = bench.receiver(), bench.petrel(*bench.flags)
    few = paused(petrel, "few.0", f"http://127.0.0.2:{receiver.port}/")
    many = paused(petrel, "many.0", f"http://127.0.0.3:{receiver.port}/")
    time.sleep(1)  # the workers know that they are paused
    before = int(bench.redis.info("memory")["used_memory"])
    took = park(bench, "many", MANY_PARKED)
    each = (int(bench.redis.info("memory")["used_memory"]) - before) / MANY_PARKED
    body = len('{"type":"many.0","timestamp":"2026-01-01T00:00:00.000Z","data":}') + PARKED_BYTES
    costs = {few: [], many: []}
    for _ in range(4):  # in turn; the first round opens the connections
        park(bench, "few", FEW_PARKED)
        for subscription in (few, many):
            costs[subscription].append(claim(bench, petrel, receiver, subscription, FEW_PARKED))
    (few_redis, few_petrel), (many_redis, many_petrel) = (
        tuple(map(statistics.median, zip(*costs[name][1:]))) for name in (few, many))
    petrel.call("POST", f"/v1/subscriptions/{many}/resume")
    starts = []
    for _ in range(5):
        petrel.stop()
        receiver.ask("reset")
        began = time.time()
        petrel = bench.start(Petrel(bench.redis, bench.folder, bench.flags))
        until(lambda: receiver.ask()["requests"] > 0, 60, "the first attempt after the start", 0.002)
        starts.append(receiver.ask()["first_ns"] / 1e9 - began)
    petrel.stop(signal.SIGKILL)
    result = {
        "bytes_per_parked": each, "bytes_beyond_payload": each - body, "body_bytes": body, "parked_per_second":
        MANY_PARKED / took, "claim_redis_us": many_redis, "claim_redis_us_few": few_redis, "claim_petrel_us": many_petrel,
        "claim_petrel_us_few": few_petrel, "claim_ratio": many_redis / few_redis, "first_attempt_s": max(starts), "first_attempts_s": starts,
    }
    result["notes"] = [
        f"{each - body:.0f} bytes in Redis beside the body's {body}; parked at {MANY_PARKED / took:,.0f}/s; Redis's CPU per "
        f"delivery claimed, attempted and settled: {many_redis:.0f} µs with {MANY_PARKED:,} parked, {few_redis:.0f} µs with {FEW_PARKED:,}; "
        f"petrel's {many_petrel:.0f} and {few_petrel:.0f} µs; first attempt {max(starts):.2f} s after the start, "
        f"the worst of five"]
    return result


ALL = {function.__name__: function for function in (many_subscriptions, many_parked)}
