# SPDX-License-Identifier: Apache-2.0
"""/healthz, /readyz, /metrics, /v1/status: what machines watch, and how soon they learn of trouble."""

import re
import signal
import time

import pytest
import requests
from harness import cli
from harness.processes import PATIENCE
from harness.receiver import Answer
from harness.wait import wait_until
from prometheus_client.parser import text_string_to_metric_families


TOLD_WITHIN_S = 2 * PATIENCE


def samples(url):
    """{(name, labels as sorted pairs): value}; the whole text must parse."""
    answer = requests.get(url + "/metrics", timeout=15)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} stands twice"
            found[key] = sample.value
    return found


def value(url, name, **labels):
    return samples(url)[(name, tuple(sorted(labels.items())))]


def readiness(petrel):
    """(status, checks by name, seconds it took)"""
    began = time.monotonic()
    answer = requests.get(petrel.url + "/readyz", timeout=15)
    checks = {check["name"]: check for check in answer.json()["checks"]}
    return answer.status_code, checks, time.monotonic() - began


def test_the_open_paths_need_no_key(petrel):
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/"):
        assert requests.get(petrel.url + path, timeout=15).status_code == 200, path
        head = requests.head(petrel.url + path, timeout=15)
        assert head.status_code == 200 and head.content == b"", path


def test_ready_says_what_is_weaker(api, petrel):
    assert api.ok("GET", "/healthz") == {"status": "ok"}
    status, checks, _ = readiness(petrel)
    weaker = {name for name, check in checks.items() if not check["ok"]}
    assert status == 200 and {"append_only_file", "maxmemory", "replicas"} <= weaker
    assert weaker <= {"append_only_file", "maxmemory", "replicas", "open_files", "instances"}  # read just before
    assert {
        "redis", "links", "workers", "redis_version", "layout", "role", "append_only_file", "maxmemory_policy",
        "maxmemory", "replicas", "clock", "consumer_group", "instances", "open_files",
    } == set(checks)
    assert all(check["level"] == "warning" and check["detail"] for check in checks.values())
    weak = checks["append_only_file"]
    assert weak["level"] == "warning" and not weak["ok"] and "appendonly yes" in weak["detail"]


@pytest.mark.parametrize("how", ["stopped", "hangs"])
def test_without_redis_unready_within_two_seconds_yet_alive(api, petrel, redis_server, how):
    assert readiness(petrel)[0] == 200
    if how == "stopped":
        redis_server.stop()
    else:
        redis_server.child.signal(signal.SIGSTOP)
    began = time.monotonic()
    try:
        wait_until(lambda: readiness(petrel)[0] == 503, TOLD_WITHIN_S, "unready")
        wait_until(lambda: not readiness(petrel)[1]["redis"]["ok"], TOLD_WITHIN_S, "Redis doesn't answer")
        assert time.monotonic() - began < TOLD_WITHIN_S
        status, checks, seconds = readiness(petrel)
        assert status == 503 and seconds < TOLD_WITHIN_S and not checks["redis"]["ok"] and checks["redis"]["detail"]
        assert requests.get(petrel.url + "/readyz", timeout=15).headers["retry-after"] == "1"
        assert api.get("/healthz").status_code == 200
        assert value(petrel.url, "petrel_redis_up") == 0
        api.document.check(requests.get(petrel.url + "/readyz", timeout=15))
    finally:
        if how == "hangs":
            redis_server.child.signal(signal.SIGCONT)
    if how == "stopped":
        redis_server.start()
    wait_until(lambda: readiness(petrel)[0] == 200, 10, "ready again")


def test_a_hanging_redis_does_not_hold_up_the_health_check(petrel, redis_server):
    """As many requests wait for Redis as there are threads; a probe still gets its answer at once."""
    import threading

    redis_server.child.signal(signal.SIGSTOP)
    try:
        waiting = [threading.Thread(target=lambda: petrel.api.get("/v1/subscriptions")) for _ in range(24)]
        for thread in waiting:
            thread.start()
        time.sleep(0.3)  # they have arrived; that they wait is what the next lines are about
        for _ in range(5):
            began = time.monotonic()
            assert requests.get(petrel.url + "/healthz", timeout=15).status_code == 200
            assert time.monotonic() - began < 1
    finally:
        redis_server.child.signal(signal.SIGCONT)
    for thread in waiting:
        thread.join()


def test_unready_while_starting_and_draining(start, redis_server, receiver):
    receiver.script("/", [Answer(200, delay_s=3)])
    petrel = start()
    petrel.api.subscribe(receiver.url("/"))
    petrel.api.ok("POST", "/v1/events", json={"type": "a", "data": 1})
    wait_until(lambda: value(petrel.url, "petrel_in_flight") == 1, 15, "an attempt runs")
    petrel.signal(signal.SIGTERM)
    status, checks, _ = wait_until(lambda: (seen := readiness(petrel))[0] == 503 and seen, 10, "unready")
    assert status == 503 and not checks["workers"]["ok"]
    assert requests.get(petrel.url + "/healthz", timeout=15).status_code == 200
    assert petrel.process.wait(20) == 0


def test_a_stream_without_its_group_is_unready(start, api_of, redis_server):
    """Only an admin: nobody has made the group yet."""
    petrel = start("admin")
    assert readiness(petrel)[0] == 200, "no stream, nothing to miss"
    redis_server.client.xadd("petrel:events", {"type": "a", "data": "1"})
    status, checks, _ = wait_until(lambda: (seen := readiness(petrel))[0] == 503 and seen, 10, "unready")
    assert not checks["consumer_group"]["ok"] and "a dispatcher makes" in checks["consumer_group"]["detail"]


def test_an_evicting_redis_is_said(petrel, redis_server):
    redis_server.client.config_set("maxmemory", "512mb")
    redis_server.client.config_set("maxmemory-policy", "allkeys-lru")
    name = "maxmemory_policy"
    checks = wait_until(lambda: not (seen := readiness(petrel)[1])[name]["ok"] and seen, 10, "the warning")
    assert "noeviction" in checks[name]["detail"] and readiness(petrel)[0] == 200


@pytest.mark.smoke
def test_every_metric_moves(api, petrel, receiver, xadd, redis_server):
    url = petrel.url
    before = samples(url)
    receiver.script("/parked", [Answer(503)])
    receiver.script("/dead", [Answer(404)])
    receiver.script("/slow", [Answer(200, delay_s=2)])
    api.subscribe(receiver.url("/good"), ["a"])
    api.subscribe(receiver.url("/parked"), ["a"], retry_schedule=["1h"])
    api.subscribe(receiver.url("/dead"), ["a"], retry_schedule=[])
    api.subscribe("http://127.0.0.1:1/", ["a"], retry_schedule=[])
    api.subscribe(receiver.url("/slow"), ["slow"])
    # The API would refuse it; the command line leaves the judgement to the dispatcher.
    before_it = api.table_subscriptions()
    cli.succeed("subscriptions", "add", "http://169.254.169.254/", "--event-types", "a", "--redis-url", redis_server.url)
    api.wait_known(before_it)
    xadd(type="a", data="1")
    xadd(type="a", data="{")

    def settled():
        now = samples(url)
        # What Redis holds, and the one that leaves nothing there.
        delivered = ("petrel_deliveries_total", (("outcome", "delivered"),))
        return now[("petrel_parked", ())] == 1 and now[("petrel_dead_letters", ())] == 3 and now[
            ("petrel_rejected_events", ())] == 1 and now[delivered] > before[delivered] and now

    after = wait_until(settled, 10, "parked, dead and rejected are shown")

    def moved(name, **labels):
        key = (name, tuple(sorted(labels.items())))
        return after[key] - before[key]

    assert moved("petrel_deliveries_total", outcome="delivered") == 1
    assert moved("petrel_deliveries_total", outcome="dead") == 3
    assert moved("petrel_deliveries_parked_total", reason="retry") == 1
    for result in ("2xx", "4xx", "5xx", "network", "blocked"):
        assert moved("petrel_attempts_total", result=result) == 1, result
    assert moved("petrel_attempt_duration_seconds_count") >= 4
    assert moved("petrel_delivery_duration_seconds_count") == 1
    assert moved("petrel_events_read_total") == 2 and moved("petrel_events_rejected_total") == 1
    assert moved("petrel_admin_requests_total") > 0 and moved("petrel_connections_opened_total") >= 3
    assert after[("petrel_stream_lag", ())] == 0 and after[("petrel_instances", ())] == 1

    xadd(type="slow", data="1")
    wait_until(lambda: value(url, "petrel_in_flight") == 1, 15, "an attempt in flight is shown")
    wait_until(lambda: value(url, "petrel_in_flight") == 0, 10, "and its end")
    assert requests.get(url + "/v1/status", timeout=15).status_code == 401
    wait_until(lambda: value(url, "petrel_admin_unauthorized_total") == 1, 15, "a request without a key is counted")


def test_histograms_are_histograms(petrel):
    for name in ("petrel_attempt_duration_seconds", "petrel_delivery_duration_seconds"):
        found = samples(petrel.url)
        buckets = [(float(dict(labels)["le"]), n) for (key, labels), n in found.items() if key == name + "_bucket"]
        counts = [n for _, n in sorted(buckets)]
        assert counts == sorted(counts) and counts[-1] == found[(name + "_count", ())]
        assert sorted(buckets)[-1][0] == float("inf")


def test_the_lag_of_a_stream_nobody_reads(start, api_of, redis_server, xadd):
    petrel = start()
    petrel.terminate()
    for _ in range(3):
        xadd(type="a", data="1")
    admin = start("admin")
    wait_until(lambda: value(admin.url, "petrel_stream_lag") == 3, 15, "three unread")
    assert value(admin.url, "petrel_stream_length") == 3 and value(admin.url, "petrel_stream_pending") == 0
    status = api_of(admin).ok("GET", "/v1/status")
    assert status["stream"] == {"length": 3, "lag": 3, "pending": 0}
    assert re.match(r"\d+\.\d+\.\d+", status["redis"]["version"]) and status["redis"]["append_only"] is False


def test_a_dispatcher_shows_only_its_health(start):
    petrel = start("dispatcher")
    for path in ("/healthz", "/readyz", "/metrics"):
        assert requests.get(petrel.url + path, timeout=15).status_code == 200
    for path in ("/v1/subscriptions", "/openapi.json", "/"):
        assert petrel.api.get(path).status_code == 404
