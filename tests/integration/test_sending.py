# SPDX-License-Identifier: Apache-2.0
"""One attempt: the request that goes out, the connection it takes, the deadline over it, what is read of the answer."""

import gzip
import json
import re
import threading

import pytest
from harness import judges
from harness.receiver import Answer
from harness.wait import stays, wait_until

STANDARD_HEADERS = {
    "host", "content-length", "content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature",
    "webhook-attempt",
}


def attempts(petrel, count, **filters):
    """At least `count` entries of the attempts log, oldest first."""
    found = wait_until(lambda: (i := petrel.api.items("/v1/attempts", **filters)) and len(i) >= count and i, 10,
                       f"{count} attempts logged")
    return sorted(found, key=lambda a: (a["started_at"], a["attempt"]))


def dead_letter(petrel, reason="exhausted"):
    letter = wait_until(lambda: petrel.api.items("/v1/dead-letters"), 10, "a dead letter")[0]
    assert letter["reason"] == reason, letter
    return letter


# ---- the request

def test_exactly_the_headers_of_the_contract(petrel, receiver, xadd):
    petrel.api.subscribe(receiver.url("/"), headers={"X-One": "1", "Authorization": "Bearer t"})
    xadd(type="a", data="1")
    xadd(type="a", payload="x", content_type="text/plain",
         traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    wait_until(lambda: receiver.count() == 2, 15, "2 deliveries")
    plain, traced = sorted(receiver.requests, key=lambda r: "traceparent" in r.headers)
    own = STANDARD_HEADERS | {"x-one", "authorization"}
    assert set(plain.headers) == own
    assert set(traced.headers) == own | {"traceparent"}
    assert traced.headers["content-type"] == "text/plain"
    assert plain.headers["authorization"] == "Bearer t"


def test_each_attempt_is_signed_anew(start, receiver, xadd):
    petrel = start(flags=["--retry-schedule", "1500ms,1500ms"])
    calls, gate = [], threading.Event()
    receiver.script("/", lambda n: calls.append(n) or (Answer(500, gate=gate), Answer(500), Answer(200))[n])
    subscription = petrel.api.subscribe(receiver.url("/"))
    old = petrel.api.secret(subscription["id"])["secret"]
    xadd(type="a", data='{"n":1}')
    wait_until(lambda: calls, 10, "the first attempt")
    petrel.api.ok("POST", f"/v1/subscriptions/{subscription['id']}/rotate-secret")
    new = petrel.api.secret(subscription["id"])["secret"]
    gate.set()  # the second is more than a second away: by then the workers know of it
    requests = wait_until(lambda: receiver.count() == 3 and receiver.requests, 15, "3 attempts")
    assert [r.attempt for r in requests] == [1, 2, 3]
    assert len({r.id for r in requests}) == 1 and len({r.body for r in requests}) == 1
    stamps = [int(r.headers["webhook-timestamp"]) for r in requests]
    assert stamps[0] < stamps[1] < stamps[2]
    for request, stamp in zip(requests, stamps):
        assert -1 < request.arrived_at - stamp < 10
    # The first is signed with what was the only secret then, the later ones with both.
    assert [len(r.headers["webhook-signature"].split(" ")) for r in requests] == [1, 2, 2]
    assert judges.judge_python([(old, r) for r in requests]) == ["ok"] * 3
    assert judges.judge_python([(new, r) for r in requests[1:]]) == ["ok"] * 2


def test_large_bodies_arrive_whole(petrel, receiver, xadd):
    petrel.api.subscribe(receiver.url("/"))
    blob = bytes(i * 7 % 256 for i in range(250_000))
    xadd(type="a", payload=blob, content_type="application/octet-stream")
    request = wait_until(lambda: receiver.at("/"), 10, "the delivery")[0]
    assert request.body == blob
    assert "expect" not in request.headers


# ---- connections

def test_connections_are_kept(petrel, receiver, xadd, redis_server):
    # Several subscriptions of one destination share its connections.
    for i in range(3):
        petrel.api.subscribe(receiver.url(f"/{i}"), max_concurrency=4)
    for i in range(300):
        xadd(type="a", data=str(i))
    wait_until(lambda: redis_server.is_settled(300), 20, "all settled")
    assert receiver.count() == 900
    assert receiver.connections <= 12, "more connections than attempts at once"
    before = receiver.connections
    for i in range(20):
        xadd(type="a", data=str(i))
        # The receiver counts a request before it has answered: only after the answer is its connection free.
        wait_until(lambda n=301 + i: redis_server.is_settled(n), 10, "one after the other")
    assert receiver.connections == before


def test_a_connection_the_other_side_closed_is_replaced(petrel, receiver, xadd):
    petrel.api.subscribe(receiver.url("/"))
    receiver.script("/", lambda n: Answer(200, headers={"connection": "close"}))
    for i in range(1, 4):
        xadd(type="a", data=str(i))
        wait_until(lambda n=i: receiver.count() == n, 15, f"delivery {i}")
    stays(lambda: receiver.count() == 3, 0.5, "none is repeated")


# ---- the deadline

@pytest.mark.parametrize("answer", [Answer(hang=True), Answer(raw=b"HTTP/1.1 200 OK\r\nx: y", trickle_s=0.1)],
                         ids=["silent", "trickling headers"])
def test_one_deadline_over_the_whole_attempt(start, receiver, xadd, answer):
    petrel = start(flags=["--retry-schedule", "50ms"])
    receiver.script("/", [answer, Answer(200)])
    petrel.api.subscribe(receiver.url("/"), timeout_ms=600)
    xadd(type="a", data="1")
    first, second = attempts(petrel, 2)
    assert (first["outcome"], first["status"], first["error"]) == ("retry", None, "timeout")
    assert 590 <= first["duration_ms"] < 3000
    assert (second["outcome"], second["status"]) == ("delivered", 200)


def test_the_configured_deadline_counts_where_none_is_given(start, receiver, xadd):
    petrel = start(flags=["--retry-schedule", "0s", "--request-timeout", "400ms"])
    receiver.script("/", [Answer(hang=True)])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    letter = dead_letter(petrel)
    assert (letter["attempts"], letter["last_status"], letter["last_error"]) == (2, None, "timeout")
    assert all(390 <= a["duration_ms"] < 3000 for a in attempts(petrel, 2))


@pytest.mark.parametrize("status", [200, 500])
def test_a_status_decides_though_the_body_trickles(start, receiver, xadd, status):
    petrel = start(flags=["--retry-schedule", "1h"])
    receiver.script("/", [Answer(status, body=b"x" * 1000, trickle_s=0.05)])
    petrel.api.subscribe(receiver.url("/"), timeout_ms=500)
    xadd(type="a", data="1")
    attempt = attempts(petrel, 1)[0]
    assert (attempt["outcome"], attempt["status"]) == ("delivered" if status == 200 else "retry", status)
    assert 490 <= attempt["duration_ms"] < 3000


@pytest.mark.parametrize("status", [200, 500])
def test_an_endless_body_is_cut_off(start, receiver, xadd, status):
    petrel = start(flags=["--retry-schedule", "1h"])
    receiver.script("/", [Answer(status, endless=True)])
    petrel.api.subscribe(receiver.url("/"), timeout_ms=20000)
    xadd(type="a", data="1")
    attempt = attempts(petrel, 1)[0]
    assert (attempt["outcome"], attempt["status"]) == ("delivered" if status == 200 else "retry", status)
    assert attempt["duration_ms"] < 10000, "long before the deadline"


# ---- what is read of the answer

def test_the_first_kibibyte_of_the_last_answer_is_kept(start, receiver, xadd):
    petrel = start(flags=["--retry-schedule", "0s"])
    answer = bytes(48 + i % 10 for i in range(5000))
    receiver.script("/", [Answer(500, body=b"the first"), Answer(502, body=answer)])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    letter = dead_letter(petrel)
    letter = petrel.api.ok("GET", f"/v1/dead-letters/{letter['id']}")
    assert letter["last_status"] == 502
    assert letter["last_response"] == answer[:1024].decode()


def test_a_body_just_under_the_cap_keeps_its_connection(petrel, receiver, xadd):
    petrel.api.subscribe(receiver.url("/"))
    receiver.script("/", [Answer(200, body=b"x" * 65536), Answer(200, body=b"x" * 65537), Answer(200)])
    for i, connections in enumerate([1, 1, 2], 1):
        xadd(type="a", data="1")
        wait_until(lambda n=i: receiver.count() == n, 15, f"delivery {i}")
        wait_until(lambda n=i: len(petrel.api.items("/v1/attempts")) == n, 15, "its outcome is known")
        assert receiver.connections == connections


def test_headers_without_end_are_a_failure(start, receiver, xadd):
    petrel = start(flags=["--retry-schedule", "0s"])
    receiver.script("/", [Answer(raw=b"HTTP/1.1 200 OK\r\n" + b"x-pad: %s\r\n" % (b"y" * 1000) * 200)])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    letter = dead_letter(petrel)
    assert (letter["last_status"], letter["last_error"]) == (None, "response_too_large")


def test_nothing_is_decompressed(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", "none"])
    bomb = gzip.compress(b"\0" * 1_000_000)
    receiver.script("/", [Answer(500, headers={"content-encoding": "gzip"}, body=bomb)])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    letter = dead_letter(petrel)
    assert "accept-encoding" not in receiver.requests[0].headers
    kept = redis_server.binary.hget(f"petrel:dead:{letter['id']}", "last_response")
    assert kept == bomb[:1024]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(start, receiver, xadd, status):
    petrel = start(flags=["--retry-schedule", "0s"])
    receiver.script("/", [Answer(status, headers={"location": receiver.url("/elsewhere")})])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    letter = dead_letter(petrel)
    assert (letter["last_status"], letter["last_error"], letter["attempts"]) == (status, "http_status", 2)
    assert receiver.count("/") == 2 and receiver.count("/elsewhere") == 0


def test_informational_answers_are_not_the_answer(petrel, receiver, xadd):
    receiver.script("/", [Answer(raw=b"HTTP/1.1 103 Early Hints\r\nretry-after: 3600\r\nwebhook-delivery: disable\r\n\r\n"
                                     b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    attempt = attempts(petrel, 1)[0]
    assert (attempt["outcome"], attempt["status"]) == ("delivered", 202)
    assert petrel.api.items("/v1/subscriptions")[0]["state"] == "active"


def test_proxies_of_the_environment_are_ignored(start, receiver, xadd):
    petrel = start(env={"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1",
                        "ALL_PROXY": "http://127.0.0.1:1"})
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    wait_until(lambda: receiver.count() == 1, 15, "the delivery")
    assert re.fullmatch(r"127\.0\.0\.1:\d+", receiver.requests[0].headers["host"])


def test_slow_answers_do_not_delay_others(petrel, receiver, xadd):
    gate = threading.Event()
    receiver.script("/slow", [Answer(200, gate=gate)])
    petrel.api.subscribe(receiver.url("/slow"), ["slow"])
    petrel.api.subscribe(receiver.url("/quick"), ["quick"])
    for _ in range(10):
        xadd(type="slow", data="1")
    xadd(type="quick", data="1")
    wait_until(lambda: receiver.count("/quick") == 1, 10, "the quick one")
    assert receiver.count("/slow") == 0
    gate.set()
    wait_until(lambda: receiver.count("/slow") == 10, 10, "the slow ones")
    assert json.loads(receiver.at("/slow")[0].body)["type"] == "slow"
