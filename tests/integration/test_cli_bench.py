# SPDX-License-Identifier: Apache-2.0
"""petrel bench: what it measures, whom it never sends to, and that nothing of it stays."""

import json
import re
import signal
import subprocess
import time

import pytest

from harness.cli import one_line, run, succeed
from harness.processes import BINARY, clean_environment
from harness.wait import wait_until

BENCH = "bench", "--events", "300", "--warm-up", "50"


@pytest.fixture
def there(redis_server):
    return ["--redis-url", redis_server.url]


def subscribe(api, url, **fields):
    return api.post("/v1/subscriptions", json={"url": url, "event_types": ["*"], **fields}).json()["id"]


def is_clean(redis_server, *others):
    """Nothing of the bench is in Redis any more: no subscription, no dead letter."""
    client = redis_server.client
    return set(client.hkeys("petrel:subscriptions")) == set(others) and client.zcard("petrel:dead") == 0


def test_bench_delivers_to_itself_and_to_nobody_else(petrel, api, receiver, redis_server, there):
    other = subscribe(api, receiver.url())
    done = run(*BENCH, "--json", *there)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["published"]["count"], result["delivered"]["count"], result["repeats"]) == (300, 300, 0)
    assert result["complete"] and result["own_receiver"] and result["dispatchers"] == 1
    assert result["left"] == {"unread": 0, "under_way": 0, "parked": 0, "dead": 0}
    times = result["latency_ms"]
    assert 0 < times["p50"] <= times["p99"] <= times["p999"] <= times["max"] and result["redis_round_trip_ms"]["p50"] > 0
    assert result["delivered"]["per_second"] > 0 and is_clean(redis_server, other)
    # Events go in order: were one of the bench's for it, it would be here before this one.
    redis_server.client.xadd("petrel:events", {"type": "a.b", "data": "1"})
    wait_until(receiver.count, 20, "the event after the bench")
    assert receiver.count() == 1


def test_bench_says_it_in_words(petrel, there):
    text = succeed(*BENCH, "--bytes", "200", *there)
    assert "300 events of 200 bytes" in text and re.search(r"^latency +p50 [\d.]+ ms, p99 ", text, re.MULTILINE)
    assert "0 unread, 0 under way, 0 parked, 0 new dead letters" in text


def test_bench_keeps_to_rate_and_duration(petrel, there):
    result = json.loads(succeed("bench", "--rate", "200", "--duration", "1s", "--json", *there))
    # The first at once, then one every 5 ms; a machine that stood still makes up for it in between.
    assert 2 <= result["published"]["count"] <= 201 and 1 <= result["published"]["seconds"] < 30


def test_bench_names_a_forbidden_address_and_leaves_nothing(start, redis_server, there):
    start(flags=["--allow-networks", "10.0.0.0/8"])
    done = run(*BENCH, *there)
    assert done.returncode == 1 and "--allow-networks" in one_line(done.stderr) and is_clean(redis_server)


def test_bench_names_what_it_cant_be_reached_by(petrel, redis_server, there):
    done = run(*BENCH, "--url", "http://127.0.0.1:1", *there)
    assert done.returncode == 1 and "can't reach http://127.0.0.1:1/" in one_line(done.stderr)
    assert "connect_refused" in done.stderr
    assert redis_server.client.hlen("petrel:subscriptions") == 0


def test_bench_wants_a_dispatcher(start, redis_server, there):
    start("admin")
    done = run(*BENCH, *there)
    assert done.returncode == 1 and "no dispatcher runs" in one_line(done.stderr) and is_clean(redis_server)


def test_bench_never_sends_to_subscribers_by_surprise(petrel, api, receiver, redis_server, there):
    subscribe(api, receiver.url())
    done = run("bench", "--type", "a.b", "--events", "7", *there)
    assert done.returncode == 2 and "--yes" in one_line(done.stderr) and receiver.url() in done.stderr
    assert redis_server.client.exists("petrel:events") == 0 or redis_server.client.xlen("petrel:events") == 0
    result = json.loads(succeed("bench", "--type", "a.b", "--events", "7", "--yes", "--json", *there))
    assert (result["published"]["count"], result["delivered"]["count"], result["subscriptions"]) == (7, 7, 1)
    assert not result["own_receiver"] and "latency_ms" not in result
    assert receiver.count() == 7


def test_bench_without_a_subscriber_publishes_nothing(petrel, redis_server, there):
    done = run("bench", "--type", "a.b", "--yes", *there)
    assert done.returncode == 1 and "no subscription wants a.b" in one_line(done.stderr)
    assert redis_server.client.exists("petrel:events") == 0 or redis_server.client.xlen("petrel:events") == 0


def test_bench_says_what_is_left(petrel, api, receiver, there):
    subscription = subscribe(api, receiver.url())
    api.post(f"/v1/subscriptions/{subscription}/pause")
    done = run("bench", "--type", "a.b", "--events", "5", "--yes", "--timeout", "2s", "--json", *there)
    assert done.returncode == 1 and "not everything was delivered" in done.stderr
    left = json.loads(done.stdout)["left"]
    assert left["parked"] + left["under_way"] + left["unread"] == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_bench_cleans_up_when_interrupted(petrel, redis_server, there, number):
    process = subprocess.Popen([BINARY, "bench", "--rate", "50", "--duration", "10m", "--json", *there],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment())
    try:
        # The warm-up is 1,000 events: what is more is the load.
        wait_until(lambda: redis_server.totals().get("delivered", 0) > 1010, 60, "the load runs")
        process.send_signal(number)
        time.sleep(0.003)  # so that the two aren't merged; GNU timeout sends them closer still
        process.send_signal(number)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1 and json.loads(out)["interrupted"], errors
    assert is_clean(redis_server)


def test_bench_with_a_rate_leaves_no_delay_out(petrel, redis_server, there):
    """What couldn't be published because Redis stood still came late all the same."""
    process = subprocess.Popen([BINARY, "bench", "--rate", "200", "--events", "400", "--json", *there],
                               stdout=subprocess.PIPE, text=True, env=clean_environment())
    try:
        wait_until(lambda: redis_server.totals().get("delivered", 0) > 1020, 60, "the load runs")
        redis_server.child.signal(signal.SIGSTOP)
        time.sleep(0.8)
        redis_server.child.signal(signal.SIGCONT)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    # 160 of the 400 were due meanwhile, one round trip of publishing was under way.
    assert json.loads(out)["latency_ms"]["p99"] > 300


@pytest.mark.parametrize("arguments, message", [
    (["--events", "0"], "--events"), (["--rate", "x"], "--rate"), (["--bytes", "1"], "--bytes"),
    (["--bytes", "400000"], "--bytes"), (["--duration", "5"], "--duration"), (["--receive", "nonsense"], "--receive"),
    (["--type", "a b"], "--type"), (["--type", "petrel.test"], "--type"), (["--tenant", "x"], "--tenant goes with --type"),
    (["--yes"], "--yes goes with --type"), (["--type", "a.b", "--receive", "9000"], "--receive"),
    (["--type", "a.b", "--tenant", "ü"], "--tenant"), (["word"], "unexpected"),
])
def test_bench_refuses(arguments, message):
    done = run("bench", *arguments, "--redis-url", "redis://127.0.0.1:1")
    assert done.returncode == 2 and message in one_line(done.stderr)


def test_bench_of_an_address_that_is_taken(petrel, receiver, there):
    done = run(*BENCH, "--receive", f"127.0.0.1:{receiver.port}", *there)
    assert done.returncode == 1 and "in use" in one_line(done.stderr)
