# SPDX-License-Identifier: Apache-2.0
"""The scenarios of many: destinations, attempts in flight, subscriptions, parked deliveries; too long for --quick."""

import json
import signal
import time

from parts import Certificate, Receiver, free_port, run_json, until
from scenarios import BODY, addresses, beside_bare, measure, wait_settled


def ten_thousand(bench, seconds):
    """10,000 destinations"""
    receiver, petrel = bench.start(Receiver()), bench.petrel("--max-in-flight", "4096", *bench.flags)
    bench.subscribe(petrel, addresses(10_000, receiver.port))
    return beside_bare(bench, petrel, receiver, max(seconds, 2),
                       {"in_flight": 256, "destinations": 10_000, "multis": 16}, types=10_000, warm_up=20_000)


def slow_receivers(bench, seconds):
    """10,000 attempts in flight to receivers that answer after 10 s"""
    receiver = bench.start(Receiver("--delay-ms", "10000"))
    # Lanes whose answers are long in coming share half of the slots, and begin with 16 at a time.
    petrel = bench.petrel("--max-in-flight", "20100", "--request-timeout", "60s", *bench.flags)
    bench.subscribe(petrel, addresses(1000, receiver.port))
    empty = petrel.rss_bytes()
    events = 20_000
    cpu = petrel.cpu_us()
    run_json("driver", "--redis-port", bench.redis.port, "--events", events, "--bytes", BODY, "--types", 1000, "--atomic", 1)
    in_flight, full = 0, empty
    for _ in range(40):  # until it grows no more: all that fit are under way
        time.sleep(0.25)
        now = petrel.metric("petrel_in_flight")
        if now > in_flight:
            in_flight, full = now, petrel.rss_bytes()
    wait_settled(bench, receiver, events)
    seen = receiver.ask()
    until(lambda: receiver.ask()["accepted"] >= events, 60, "all answered")
    spent = sum(b - a for a, b in zip(cpu, petrel.cpu_us()))
    fast = bench.start(Receiver())
    bare = run_json("bare", "--port", fast.port, "--requests", 20_000, "--in-flight", 64, "--bytes", BODY)
    per_attempt = (full - empty) / max(in_flight, 1)
    return {
        "deliveries": events, "petrel_us": spent / events, "bare_us": bare["cpu_us"], "ratio": spent / events / bare["cpu_us"],
        "per_second": events / max((seen["last_ns"] - seen["first_ns"]) / 1e9, 1e-9),
        "connections": seen["connections"] * 1000 / events, "rss_mb": full / 1e6, "bytes_per_attempt": per_attempt,
        "in_flight": in_flight,
        "notes": [f"{in_flight:,.0f} in flight, {per_attempt / 1024:.1f} KiB each, connections included"],
    }


def clone_subscriptions(bench, count, first=1):
    """As many more subscriptions, made from the one that the API made; straight into Redis."""
    template = json.loads(bench.redis.call("HVALS", "petrel:subscriptions")[0])

    def commands():
        for i in range(first, first + count):
            stored = {**template, "id": f"sub_{i:022d}", "url": f"https://host{i}.example/hooks/{i}",
                      "event_types": [f"type{i % 1000}.*"], "tenant": f"tenant{i}"}
            yield "HSET", "petrel:subscriptions", stored["id"], json.dumps(stored, separators=(",", ":"))

    bench.redis.pipeline(commands())


def many_subscriptions(bench, seconds):
    """100,000 subscriptions: memory, the start, a change, the match"""
    receiver, petrel = bench.start(Receiver()), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(1, receiver.port))
    small = measure(bench, petrel, receiver, 20_000)
    empty = petrel.rss_bytes()
    petrel.stop()
    clone_subscriptions(bench, 100_000)
    petrel = bench.start(type(petrel)(bench.redis, bench.folder, bench.flags))
    began = time.monotonic()
    petrel.wait_ready()
    until(lambda: petrel.metric("petrel_table_subscriptions") >= 100_001 * petrel.metric("petrel_workers") > 0, 60, "loaded")
    loaded_s = time.monotonic() - began
    full = petrel.rss_bytes()
    # A change: from the answer of the API to the workers' tables.
    changes = []
    for i in range(5):
        known = petrel.metric("petrel_table_subscriptions")
        petrel.call("POST", "/v1/subscriptions", {"url": f"http://127.0.0.9:{receiver.port}/", "event_types": [f"new.{i}"]})
        began = time.monotonic()
        until(lambda: petrel.metric("petrel_table_subscriptions") > known, 10, "the change is known", 0.002)
        changes.append(time.monotonic() - began)
    large = measure(bench, petrel, receiver, 20_000)
    per_subscription = (full - empty) / 100_000
    large.update(load_s=loaded_s, change_s=sorted(changes)[2], bytes_per_subscription=per_subscription,
                 petrel_us_with_one=small["petrel_us"])
    large["notes"] = [
        f"{per_subscription:,.0f} bytes each, loaded {loaded_s:.2f} s after the start, a change is known after "
        f"{sorted(changes)[2] * 1000:.0f} ms; petrel's CPU per delivery {large['petrel_us']:.1f} µs, with one "
        f"subscription {small['petrel_us']:.1f} µs"]
    return large


PARK_MANY = """
local first, count, state, event = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local prefix, sub, due = ARGV[5], ARGV[6], tonumber(ARGV[7])
for i = first, first + count - 1 do
    local id = string.format("msg_0_%d_%d", 1700000000000 + i, i % 7)
    redis.call("ZADD", KEYS[1], due + i, id)
    redis.call("HSET", KEYS[2], id, state)
    redis.call("HSET", prefix .. id, "event", event, "refs", 1)
end
redis.call("HINCRBY", KEYS[3], "parked", count)
return 1
"""


def park_many(bench, subscription, count, due_ms):
    """More parked deliveries like the one that petrel parked itself."""
    queue, parked = f"petrel:queue:{subscription}", f"petrel:parked:{subscription}"
    (event, state), *_ = zip(*[iter(bench.redis.call("HGETALL", parked))] * 2)
    body = bench.redis.call("HGET", b"petrel:message:" + event, "event")
    before = int(bench.redis.info("memory")["used_memory"])
    for first in range(0, count, 10_000):
        bench.redis.call("EVAL", PARK_MANY, 3, queue, parked, "petrel:totals", first, min(10_000, count - first), state,
                         body, "petrel:message:", subscription, due_ms)
    return (int(bench.redis.info("memory")["used_memory"]) - before) / count, len(body)


def park_one(bench, petrel, receiver, name, urls):
    """A paused subscription with one parked delivery; its id."""
    made = json.loads(petrel.call("POST", "/v1/subscriptions", {"url": urls, "event_types": [name], "max_concurrency": 64}))
    petrel.call("POST", f"/v1/subscriptions/{made['id']}/pause")
    key = f"petrel:parked:{made['id']}"

    def is_parked():
        bench.redis.call("XADD", "petrel:events", "*", "type", name, "data", '{"pad":"' + "x" * BODY + '"}')
        time.sleep(0.1)
        return bench.redis.call("HLEN", key) > 0

    until(is_parked, 20, "a delivery is parked")
    return made["id"]


def many_parked(bench, seconds):
    """1,000,000 parked deliveries: memory, the start, the cost of a claim"""
    receiver, petrel = bench.start(Receiver()), bench.petrel(*bench.flags)
    few = park_one(bench, petrel, receiver, "few", f"http://127.0.0.2:{receiver.port}/")
    many = park_one(bench, petrel, receiver, "many", f"http://127.0.0.3:{receiver.port}/")
    each, body = park_many(bench, many, 1_000_000, 1_700_000_000_000)
    park_many(bench, few, 5_000, 1_700_000_000_000)
    # A rewrite of the append-only file would be taken for the claims' cost.
    until(lambda: bench.redis.info("persistence")["aof_rewrite_in_progress"] == "0", 120, "the rewrite is over", 0.2)
    costs = {}
    for name, subscription, count in (("few", few, 5_000), ("many", many, 5_000)):
        receiver.ask("reset")
        before = sum(bench.redis.cpu_us()), petrel.cpu_us()
        petrel.call("POST", f"/v1/subscriptions/{subscription}/resume")
        until(lambda: receiver.ask()["requests"] >= count, 120, f"{count} claimed")
        seen = receiver.ask()
        after = sum(bench.redis.cpu_us()), petrel.cpu_us()
        petrel.call("POST", f"/v1/subscriptions/{subscription}/pause")
        costs[name] = {"redis_us": (after[0] - before[0]) / seen["requests"], "per_second":
                       seen["requests"] / max((seen["last_ns"] - seen["first_ns"]) / 1e9, 1e-9)}
        time.sleep(1)
    petrel.call("POST", f"/v1/subscriptions/{many}/resume")
    petrel.stop()
    receiver.ask("reset")
    petrel = bench.start(type(petrel)(bench.redis, bench.folder, bench.flags))
    began = time.time()
    until(lambda: receiver.ask()["requests"] > 0, 60, "the first attempt after the start", 0.005)
    first_s = receiver.ask()["first_ns"] / 1e9 - began
    petrel.stop(signal.SIGKILL)
    result = {
        "bytes_beyond_payload": each - body, "body_bytes": body, "claim_redis_us": costs["many"]["redis_us"],
        "claim_redis_us_few": costs["few"]["redis_us"], "claim_ratio": costs["many"]["redis_us"] / costs["few"]["redis_us"],
        "first_attempt_s": first_s, "parked_per_second": costs["many"]["per_second"],
    }
    result["notes"] = [
        f"{each - body:.0f} bytes in Redis beside the event's {body}; Redis CPU per parked delivery claimed, attempted and "
        f"settled: {costs['many']['redis_us']:.0f} µs with 1,000,000 parked, {costs['few']['redis_us']:.0f} µs with 5,000; "
        f"{costs['many']['per_second']:,.0f}/s; first attempt {first_s:.2f} s after the start"]
    return result


def https_thousand(bench, seconds):
    """1,000 https destinations, a delivery a second each"""
    certificate = Certificate(bench.folder)
    port = free_port(1000)
    receiver = bench.start(Receiver("--ports", 1000, "--cert", certificate.cert, "--key", certificate.key, port=port))
    petrel = bench.petrel("--ca-file", certificate.ca, *bench.flags)
    bench.subscribe(petrel, [f"https://127.0.0.1:{port + i}/hook" for i in range(1000)])
    run_json("driver", "--redis-port", bench.redis.port, "--events", 2000, "--rate", 500, "--bytes", BODY, "--types", 1000)
    wait_settled(bench, receiver, 2000)
    result = {}
    receiver.ask("reset")
    events = int(1000 * max(seconds * 2, 5))
    cpu = petrel.cpu_us()
    run_json("driver", "--redis-port", bench.redis.port, "--events", events, "--rate", 1000, "--bytes", BODY, "--types", 1000)
    wait_settled(bench, receiver, events)
    seen = receiver.ask()
    result.update(deliveries=events, connections=seen["connections"] * 1000 / events, per_second=1000.0,
                  petrel_us=sum(b - a for a, b in zip(cpu, petrel.cpu_us())) / events, rss_mb=petrel.rss_bytes() / 1e6,
                  kept_percent=100 - seen["connections"] * 100 / events)
    result["notes"] = [f"{result['kept_percent']:.2f} % of the attempts on a kept connection"]
    return result


def fan_out_ten_thousand(bench, seconds):
    """one event to 10,000 subscriptions, while others come 200 times a second"""
    receiver, others, petrel = bench.start(Receiver()), bench.start(Receiver()), bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(1, others.port), types=["bench.0"])
    bench.subscribe(petrel, [f"http://127.0.1.{i % 250 + 1}:{receiver.port}/{i}" for i in range(10_000)],
                    types=["everybody"] * 10_000)
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(1) as pool:
        driver = pool.submit(run_json, "driver", "--redis-port", bench.redis.port, "--events", 1600, "--rate", 200, "--bytes",
                             BODY)
        time.sleep(2)
        quiet = others.ask()
        began = time.time()
        bench.redis.call("XADD", "petrel:events", "*", "type", "everybody", "data", "1")
        until(lambda: receiver.ask()["requests"] >= 10_000, 60, "all attempted")
        took = receiver.ask()["last_ns"] / 1e9 - began
        driver.result()
    until(lambda: others.ask()["requests"] >= 1600, 20, "the others")
    seen = others.ask()
    result = {"all_attempted_s": took, "others_p99_us": seen["p99_us"], "others_max_us": seen["max_us"],
              "others_max_before_us": quiet["max_us"]}
    result["notes"] = [f"all attempted within {took:.2f} s; the others' latency: p99 {seen['p99_us'] / 1000:.1f} ms, max "
                       f"{seen['max_us'] / 1000:.1f} ms (before it: max {quiet['max_us'] / 1000:.1f} ms)"]
    return result


ALL = {function.__name__: function for function in (
    ten_thousand, slow_receivers, many_subscriptions, many_parked, https_thousand, fan_out_ten_thousand)}
