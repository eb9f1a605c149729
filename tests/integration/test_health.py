# SPDX-License-Identifier: Apache-2.0
"""The health of a subscription as people see it: in the API, on the command line, in the metrics."""

import threading
from datetime import datetime, timezone

import pytest
import requests
from harness.cli import run, succeed, succeed_json
from harness.processes import PATIENCE
from harness.receiver import Answer
from harness.wait import wait_until

TOLD_WITHIN_S = 2 * PATIENCE
# Three failures open; a probe may go 300 ms later.
QUICK = ["--retry-schedule", "100ms,100ms,100ms,100ms,100ms,100ms,100ms,100ms,100ms", "--breaker-failures", "3",
         "--breaker-probe", "300ms", "--breaker-probe-max", "300ms"]
SICK = [*QUICK[:-4], "--breaker-probe", "1h", "--breaker-probe-max", "1h"]


def health(api, subscription):
    return api.ok("GET", f"/v1/subscriptions/{subscription['id']}")["health"]


def metrics(process):
    """Every sample of petrel's: name with labels → number."""
    text = requests.get(process.url + "/metrics", timeout=15).text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def transitions(process):
    found = metrics(process)
    return {to: found[f'petrel_breaker_transitions_total{{to="{to}"}}'] for to in ("open", "half_open", "closed")}


def age_s(instant):
    then = datetime.fromisoformat(instant.replace("Z", "+00:00"))
    return (datetime.now(timezone.utc) - then).total_seconds()


def test_a_failing_subscriber_is_seen_everywhere_within_2_s(start, api_of, receiver, xadd, redis_server):
    petrel = start(flags=SICK)
    api = api_of(petrel)
    receiver.script("/sick", [Answer(500)])
    sick = api.subscribe(receiver.url("/sick"), ["sick"])
    well = api.subscribe(receiver.url("/well"), ["well"])
    assert health(api, sick) == {
        "breaker": "closed", "since": None, "consecutive_failures": 0, "next_probe_at": None, "held_until": None,
        "last_success_at": None, "last_failure_at": None, "failing_since": None, "parked": 0, "oldest_parked_at": None,
        "in_flight": 0, "waiting": 0, "limit": None}
    for _ in range(3):
        xadd(type="sick", data="1")
    wait_until(lambda: redis_server.client.zcard("petrel:open") == 1, 10, "the breaker is open")

    seen = wait_until(lambda: (h := health(api, sick))["parked"] == 3 and h, TOLD_WITHIN_S, "the API says so")
    assert seen["breaker"] == "open" and seen["consecutive_failures"] >= 3
    assert all(0 <= age_s(seen[name]) < 60 for name in ("since", "last_failure_at", "failing_since", "oldest_parked_at"))
    assert 2800 < -age_s(seen["next_probe_at"]) < 4400, "an hour, more or less"
    assert seen["last_success_at"] is None and seen["held_until"] is None

    listed = {item["id"]: item["health"] for item in api.items("/v1/subscriptions")}
    assert listed[sick["id"]]["breaker"] == "open" and listed[sick["id"]]["parked"] == 3
    assert listed[well["id"]]["breaker"] == "closed" and "in_flight" not in listed[well["id"]]
    wait_until(lambda: api.ok("GET", "/v1/status")["breakers"] == {"open": 1, "half_open": 0},
               TOLD_WITHIN_S, "the status says so")

    at = ["--redis-url", redis_server.url]
    rows = {line.split()[0]: line.split() for line in succeed("subscriptions", "list", *at).splitlines()}
    assert rows["ID"][2] == "BREAKER" and rows[sick["id"]][2] == "open" and rows[well["id"]][2] == "closed"
    shown = succeed("subscriptions", "show", sick["id"], *at)
    assert f"breaker          open since {seen['since']}\n" in shown
    assert f"failures         {seen['consecutive_failures']} in a row\n" in shown and "\nparked           3\n" in shown
    printed = succeed_json("subscriptions", "show", sick["id"], *at)
    answered = api.ok("GET", f"/v1/subscriptions/{sick['id']}")
    volatile = {"in_flight", "waiting", "limit"}
    assert {k: v for k, v in printed.pop("health").items() if k not in volatile} == \
        {k: v for k, v in answered.pop("health").items() if k not in volatile}
    assert printed == answered

    wait_until(lambda: metrics(petrel)['petrel_breakers{state="open"}'] == 1, TOLD_WITHIN_S, "the metrics say so")
    assert metrics(petrel)['petrel_breakers{state="half_open"}'] == 0
    assert transitions(petrel) == {"open": 1, "half_open": 0, "closed": 0}


def test_recovery_is_seen_and_each_change_is_counted_once(start, api_of, receiver, xadd):
    petrel = start(flags=[*QUICK, "--max-concurrency", "1"])
    api = api_of(petrel)
    receiver.script("/", [Answer(500)] * 3 + [Answer(200)])
    subscription = api.subscribe(receiver.url("/"))
    for _ in range(3):
        xadd(type="a", data="1")
    # Its cap is 1, so that the slow start is over soon.
    closed = wait_until(lambda: (h := health(api, subscription))["breaker"] == "closed" and h["since"] and h, 20, "closed")
    assert closed["consecutive_failures"] == 0 and closed["failing_since"] is None and closed["next_probe_at"] is None
    assert 0 <= age_s(closed["last_success_at"]) < 60
    counted = wait_until(lambda: (t := transitions(petrel))["closed"] and t, TOLD_WITHIN_S, "the metrics say so")
    assert counted == {"open": 1, "half_open": 1, "closed": 1}
    gauges = wait_until(lambda: (m := metrics(petrel))['petrel_breakers{state="half_open"}'] == 0 and m,
                        TOLD_WITHIN_S, "none half open")
    assert gauges['petrel_breakers{state="open"}'] == 0


def test_half_open_is_told_apart_from_open(start, api_of, receiver, xadd, redis_server):
    petrel = start(flags=QUICK)
    api = api_of(petrel)
    subscription = api.subscribe(receiver.url("/"))
    api.ok("POST", f"/v1/subscriptions/{subscription['id']}/pause")

    def parked():
        xadd(type="a", data="1")
        return health(api, subscription)["parked"] >= 5

    wait_until(parked, 20, "some wait")
    gate = threading.Event()
    receiver.script("/", [Answer(200, gate=gate)])
    try:
        api.ok("POST", f"/v1/subscriptions/{subscription['id']}/resume")
        assert health(api, subscription)["breaker"] == "half_open", "resuming drains at a slow start"
        assert api.ok("GET", "/v1/subscriptions")["items"][0]["health"]["breaker"] == "half_open"
        found = wait_until(lambda: (m := metrics(petrel))['petrel_breakers{state="half_open"}'] and m,
                           TOLD_WITHIN_S, "the metrics")
        assert found['petrel_breakers{state="open"}'] == 0
    finally:
        gate.set()


def test_what_runs_and_what_may_run(start, api_of, receiver, xadd, redis_server):
    """Each instance tells; the sum is shown, and what it was goes with the work."""
    first = start(flags=["--request-timeout", "60s"])
    second = start("dispatcher", flags=["--request-timeout", "60s"])
    api = api_of(first)
    gate = threading.Event()
    receiver.script("/", [Answer(200, gate=gate)])
    subscription = api.subscribe(receiver.url("/"), max_concurrency=2)
    wait_until(lambda: second.api.table_subscriptions() >= 2, 10, "the other knows it too")
    try:
        def both_full():
            if receiver.count() < 4:
                xadd(type="a", data="1")
            shown = health(api, subscription)
            return shown["in_flight"] == 4 and shown

        shown = wait_until(both_full, 20, "two attempts of each instance")
        assert shown["limit"] == 4
        assert len(redis_server.client.keys("petrel:lanes:*")) == 2
        assert all(redis_server.client.pttl(key) <= 10000 for key in redis_server.client.keys("petrel:lanes:*"))
    finally:
        gate.set()
    wait_until(lambda: health(api, subscription)["in_flight"] == 0, 15, "told of the end, too")
    # Nothing is written while nothing is sent.
    wait_until(lambda: not redis_server.client.keys("petrel:lanes:*"), 30, "idle instances write nothing")
    assert health(api, subscription)["limit"] is None


def test_retry_after_is_a_hold(start, api_of, receiver, xadd):
    petrel = start(flags=QUICK)
    api = api_of(petrel)
    receiver.script("/", [Answer(429, headers={"Retry-After": "600"})])
    subscription = api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    held = wait_until(lambda: (h := health(api, subscription))["held_until"] and h, 10, "held")
    assert 500 < -age_s(held["held_until"]) < 700 and held["breaker"] == "closed" and held["consecutive_failures"] == 0


def test_a_rate_limit_that_makes_wait_is_counted(start, api_of, receiver, xadd):
    petrel = start()
    api = api_of(petrel)
    api.subscribe(receiver.url("/"), rate_limit={"per_second": 5, "burst": 1})
    for _ in range(3):
        xadd(type="a", data="1")
    wait_until(lambda: receiver.count() == 3, 10, "all three")
    assert metrics(petrel)["petrel_rate_limited_total"] >= 2


def test_expired_deliveries_are_counted(start, api_of, receiver, xadd):
    petrel = start(flags=[*QUICK, "--max-age", "1s"])
    api = api_of(petrel)
    receiver.script("/", [Answer(500)])
    api.subscribe(receiver.url("/"))
    for _ in range(3):
        xadd(type="a", data="1")
    letters = wait_until(lambda: len(i := api.items("/v1/dead-letters")) == 3 and i, 30, "three dead letters")
    assert {letter["reason"] for letter in letters} == {"expired"}
    assert metrics(petrel)["petrel_deliveries_expired_total"] == 3


def test_the_oldest_is_found_in_a_long_queue(api, petrel, receiver, redis_server):
    """Exactly up to 1,000; beyond, by those due first and those due last."""
    made = api.subscribe(receiver.url("/"))
    api.ok("POST", f"/v1/subscriptions/{made['id']}/pause")
    queue, parked = f"petrel:queue:{made['id']}", f"petrel:parked:{made['id']}"
    far = 4000000000000  # due ms: never in this test

    def fill(count, oldest):
        redis_server.client.delete(queue, parked)
        redis_server.client.zadd(queue, {f"e{i:05}": far + i for i in range(count)})
        redis_server.client.hset(parked, mapping={
            f"e{i:05}": f"{1500000000000 if i == oldest else 1600000000000 + i} 1 1 0 500" for i in range(count)})
        return health(api, made)

    for count, oldest in [(1, 0), (1000, 500), (1000, 499), (1000, 999), (3000, 499), (3000, 2500)]:
        shown = fill(count, oldest)
        assert (shown["parked"], shown["oldest_parked_at"]) == (count, "2017-07-14T02:40:00.000Z"), (count, oldest)
    assert fill(3000, 1500)["oldest_parked_at"] == "2020-09-13T12:26:40.000Z", "documented: the middle isn't looked at"


def test_health_sums_over_shards(start, api_of, receiver):
    petrel = start(flags=[*SICK, "--shards", "3"])
    api = api_of(petrel)
    receiver.script("/", [Answer(500)])
    made = api.subscribe(receiver.url("/"))

    def parked_in_all():
        api.ok("POST", "/v1/events", json={"type": "a", "data": 1})
        return health(api, made)["breaker"] == "open" and health(api, made)["parked"] >= 9

    wait_until(parked_in_all, 20, "parked and open")
    listed = api.items("/v1/subscriptions")[0]["health"]
    assert listed["breaker"] == "open" and listed["parked"] >= 9


# ---- the fields that bound a subscription

def test_rate_limit_and_order_through_the_api(api, receiver):
    made = api.subscribe(receiver.url("/"), rate_limit=2.5, ordered=True, ordered_failure="block")
    assert made["rate_limit"] == {"per_second": 2.5, "burst": 2} and made["ordered"] is True
    assert made["ordered_failure"] == "block" and "health" not in made
    path = f"/v1/subscriptions/{made['id']}"
    assert api.ok("PATCH", path, json={"rate_limit": {"per_second": 500, "burst": 7}})["rate_limit"] == \
        {"per_second": 500, "burst": 7}
    assert api.ok("GET", path)["rate_limit"] == {"per_second": 500, "burst": 7}
    assert api.ok("PATCH", path, json={"rate_limit": None})["rate_limit"] is None
    plain = api.subscribe(receiver.url("/"))
    assert (plain["rate_limit"], plain["ordered"], plain["ordered_failure"]) == (None, False, "skip")


REFUSED = [
    ("rate_limit", 0, "rate_limit"), ("rate_limit", -1, "rate_limit"), ("rate_limit", 100001, "rate_limit"),
    ("rate_limit", "10", "rate_limit"), ("rate_limit", {"burst": 3}, "rate_limit"),
    ("rate_limit", {"per_second": 1, "every": "1s"}, "rate_limit"),
    ("rate_limit", {"per_second": 1, "burst": 0}, "rate_limit.burst"),
    ("rate_limit", {"per_second": 1, "burst": 1.5}, "rate_limit.burst"),
    ("ordered", "yes", "ordered"), ("ordered_failure", "drop", "ordered_failure"),
]


def test_what_the_api_refuses(api):
    for field, value, where in REFUSED:
        body = {"url": "http://127.0.0.1:9/", "event_types": ["a"], field: value}
        answer = api.post("/v1/subscriptions", body)
        assert answer.status_code == 422, body
        assert [error["field"] for error in answer.json()["errors"]] == [where], body


def test_rate_limit_and_order_on_the_command_line(at):
    made = succeed("subscriptions", "add", "http://127.0.0.1:9/", "--event-types", "a", "--rate-limit", "10/20",
                   "--ordered", "--ordered-failure", "block", *at).strip()
    shown = succeed_json("subscriptions", "show", made, *at)
    assert shown["rate_limit"] == {"per_second": 10, "burst": 20}
    assert shown["ordered"] is True and shown["ordered_failure"] == "block"
    text = succeed("subscriptions", "show", made, *at)
    assert "rate_limit       10 a second, 20 at once\n" in text and "blocks the others" in text
    for given, expected in [("10", {"per_second": 10, "burst": 10}), ("0.5", {"per_second": 0.5, "burst": 1}), ("none", None)]:
        changed = succeed_json("subscriptions", "update", made, "--rate-limit", given, *at)
        assert changed["rate_limit"] == expected and changed["ordered"] is True
    plain = succeed("subscriptions", "show", succeed("subscriptions", "add", "http://127.0.0.1:9/", "--event-types", "a",
                                                     *at).strip(), *at)
    assert "rate_limit" not in plain and "ordered" not in plain and "breaker          closed\n" in plain


@pytest.mark.parametrize("arguments, message", [
    (["--rate-limit", "fast"], "--rate-limit: "), (["--rate-limit", ""], "--rate-limit: "),
    (["--rate-limit", "-1"], "--rate-limit: "), (["--rate-limit", "1/x"], "--rate-limit: "),
    (["--rate-limit", "1/"], "--rate-limit: "), (["--rate-limit", "1/2/3"], "--rate-limit: "),
    (["--rate-limit", '1,"burst":2'], "--rate-limit: "), (["--rate-limit", "1/0"], "rate_limit.burst: "),
    (["--rate-limit", "0"], "rate_limit: "), (["--rate-limit", "1000000"], "rate_limit: "),
    (["--ordered-failure", "drop"], "ordered_failure: "),
])
def test_what_the_command_line_refuses(at, arguments, message):
    done = run("subscriptions", "add", "http://127.0.0.1:9/", "--event-types", "a", *arguments, *at)
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert succeed_json("subscriptions", "list", *at)["items"] == []
