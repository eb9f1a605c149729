# SPDX-License-Identifier: Apache-2.0
"""The outcome table, row by row: what an answer, or none, makes of a delivery."""

import time
from email.utils import formatdate

import pytest
from harness.ports import free_port
from harness.receiver import Answer
from harness.wait import stays, wait_until

HOUR_MS = 3600 * 1000


@pytest.fixture
def patient(start):
    """A petrel whose second attempt is an hour away: what happens sooner is told by the answer."""
    return start(flags=["--retry-schedule", "1h"])


@pytest.fixture
def quick(start):
    return start(flags=["--retry-schedule", "100ms"])


def attempts_of(petrel, count=1):
    found = wait_until(lambda: len(i := petrel.api.items("/v1/attempts")) >= count and i, 10, f"{count} attempts")
    return sorted(found, key=lambda a: (a["started_at"], a["attempt"]))


def dead_letter(petrel):
    return wait_until(lambda: petrel.api.items("/v1/dead-letters"), 10, "a dead letter")[0]


def due_in_ms(redis_server, subscription):
    """How far away the next attempt of the subscription's only parked delivery is."""
    def look():
        queue = redis_server.client.zrange(f"petrel:queue:{subscription['id']}", 0, -1, withscores=True)
        return queue and queue[0][1] - time.time() * 1000
    return wait_until(look, 10, "it is parked")


# ---- 2xx

@pytest.mark.parametrize("status", [200, 201, 202, 206, 226, 299])
def test_every_2xx_is_delivered(patient, receiver, xadd, redis_server, status):
    receiver.script("/", [Answer(status, body=b"")])
    patient.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    attempt = attempts_of(patient)[0]
    assert (attempt["outcome"], attempt["status"], attempt["error"]) == ("delivered", status, "")
    wait_until(lambda: redis_server.is_settled(1), 15, "settled")
    assert receiver.count() == 1


def test_204_without_a_body(patient, receiver, xadd):
    receiver.script("/", [Answer(raw=b"HTTP/1.1 204 No Content\r\n\r\n")])
    patient.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    assert attempts_of(patient)[0]["outcome"] == "delivered"


# ---- other statuses, and no status

@pytest.mark.parametrize("status", [300, 302, 304, 400, 401, 403, 404, 409, 422, 451, 500, 501, 502, 504, 599])
def test_other_statuses_are_retried_on_the_schedule(patient, receiver, xadd, redis_server, status):
    receiver.script("/", [Answer(status, body=b"")])
    subscription = patient.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    due_ms = due_in_ms(redis_server, subscription)
    assert 0.79 * HOUR_MS < due_ms <= 1.2 * HOUR_MS
    attempt = attempts_of(patient)[0]
    assert (attempt["outcome"], attempt["status"], attempt["error"]) == ("retry", status, "http_status")


def closed_port(_):
    return f"http://127.0.0.1:{free_port()}/"


def scripted(answer):
    def make(receiver):
        receiver.script("/", [answer])
        return receiver.url("/")
    return make


FAILURES = {
    "connect_refused": closed_port,
    "dns": lambda _: "http://no-such-host.invalid/",
    "connection_reset": scripted(Answer(drop=True)),
    "protocol": scripted(Answer(raw=b"SSH-2.0-OpenSSH_9.2\r\n\r\n")),
    "timeout": scripted(Answer(hang=True)),
}


@pytest.mark.parametrize("error", FAILURES)
def test_failures_without_a_status_are_retried(quick, receiver, xadd, error):
    subscription = quick.api.subscribe(FAILURES[error](receiver), timeout_ms=5000 if error == "dns" else 400)
    event = xadd(type="a", data="1")
    letter = dead_letter(quick)
    assert letter["event"] == "msg_0_" + event.replace("-", "_") and letter["subscription"] == subscription["id"]
    assert (letter["reason"], letter["attempts"]) == ("exhausted", 2)
    assert (letter["last_status"], letter["last_error"]) == (None, error)
    assert [(a["outcome"], a["status"], a["error"]) for a in attempts_of(quick, 2)] == [
        ("retry", None, error), ("dead", None, error)]


def test_an_answer_cut_short_in_its_headers_counts_as_none(quick, receiver, xadd):
    receiver.script("/", [Answer(raw=b"HTTP/1.1 200 OK\r\ncontent-le"), Answer(200)])
    quick.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    first, second = attempts_of(quick, 2)
    assert first["outcome"] == "retry" and first["status"] is None
    assert second["outcome"] == "delivered"


def test_an_answer_cut_short_in_its_body_counts_by_its_status(patient, receiver, xadd):
    receiver.script("/", [Answer(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")])
    patient.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    assert attempts_of(patient)[0]["outcome"] == "delivered"


# ---- 410, webhook-delivery

DIRECTIVES = [
    (Answer(410), "gone"),
    (Answer(410, headers={"Retry-After": "5"}), "gone"),
    (Answer(200, headers={"Webhook-Delivery": "disable"}), "disabled_by_subscriber"),
    (Answer(500, headers={"webhook-delivery": " DISABLE "}), "disabled_by_subscriber"),
    (Answer(429, headers={"webhook-delivery": "disable", "retry-after": "1"}), "disabled_by_subscriber"),
]


@pytest.mark.parametrize("answer, reason", DIRECTIVES, ids=range(len(DIRECTIVES)))
def test_gone_and_disable(patient, receiver, xadd, redis_server, answer, reason):
    receiver.script("/", [answer])
    subscription = patient.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    letter = dead_letter(patient)
    assert (letter["reason"], letter["attempts"], letter["last_status"]) == (reason, 1, answer.status)
    shown = wait_until(
        lambda: (s := patient.api.ok("GET", f"/v1/subscriptions/{subscription['id']}"))["state"] == "disabled" and s,
        5, "the subscription is disabled")
    assert shown["disabled_reason"] == reason
    # New events are not queued for it, as soon as all workers know.
    published = 1

    def is_left_out():
        nonlocal published
        before = receiver.count()
        xadd(type="a", data="2")
        published += 1
        wait_until(lambda: redis_server.is_settled(published), 10, "the event is settled")
        return receiver.count() == before

    wait_until(is_left_out, 10, "new events are not delivered")
    xadd(type="a", data="3")
    wait_until(lambda: redis_server.is_settled(published + 1), 15, "the event is settled")
    assert receiver.count() == len(patient.api.items("/v1/dead-letters")) <= published - 1


@pytest.mark.parametrize("status", [400, 429, 500, 302])
def test_abort_message(patient, receiver, xadd, status):
    receiver.script("/", [Answer(status, headers={"webhook-delivery": "abort-message"}), Answer(200)])
    subscription = patient.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    letter = dead_letter(patient)
    assert (letter["reason"], letter["attempts"], letter["last_status"]) == ("aborted_by_subscriber", 1, status)
    # It meant this message only.
    xadd(type="a", data="2")
    wait_until(lambda: receiver.count() == 2, 10, "the next is delivered")
    assert patient.api.ok("GET", f"/v1/subscriptions/{subscription['id']}")["state"] == "active"


def test_abort_message_beside_success_is_success(patient, receiver, xadd):
    receiver.script("/", [Answer(200, headers={"webhook-delivery": "abort-message"})])
    patient.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    assert attempts_of(patient)[0]["outcome"] == "delivered"
    assert patient.api.items("/v1/dead-letters") == []


def test_unknown_directives_mean_nothing(patient, receiver, xadd):
    receiver.script("/", [Answer(200, headers={"webhook-delivery": "disabled"})])
    subscription = patient.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    assert attempts_of(patient)[0]["outcome"] == "delivered"
    stays(lambda: patient.api.ok("GET", f"/v1/subscriptions/{subscription['id']}")["state"] == "active", 0.3, "active")


# ---- Retry-After

RETRY_AFTER = [
    # status, value, the wait in ms: at least, at most (beside what passes between the answer and our look)
    (503, "7200", 2 * HOUR_MS, 2 * HOUR_MS),
    (429, "7200", 2 * HOUR_MS, 2 * HOUR_MS),
    (500, "7200", 2 * HOUR_MS, 2 * HOUR_MS),
    (302, "7200", 2 * HOUR_MS, 2 * HOUR_MS),
    (503, "999999999999", 24 * HOUR_MS, 24 * HOUR_MS),
    (503, "99999999999999999999999999", 24 * HOUR_MS, 24 * HOUR_MS),
    (503, "1", 0.8 * HOUR_MS, 1.2 * HOUR_MS),  # never sooner than the schedule
    (503, "0", 0.8 * HOUR_MS, 1.2 * HOUR_MS),
    (503, "-5", 0.8 * HOUR_MS, 1.2 * HOUR_MS),
    (503, "soon", 0.8 * HOUR_MS, 1.2 * HOUR_MS),
    (503, "1.5", 0.8 * HOUR_MS, 1.2 * HOUR_MS),
    (503, "", 0.8 * HOUR_MS, 1.2 * HOUR_MS),
    (503, lambda: formatdate(time.time() + 7200, usegmt=True), 2 * HOUR_MS - 1000, 2 * HOUR_MS),
    (503, lambda: formatdate(time.time() + 48 * 3600, usegmt=True), 24 * HOUR_MS, 24 * HOUR_MS),
    (503, lambda: formatdate(time.time() - 7200, usegmt=True), 0.8 * HOUR_MS, 1.2 * HOUR_MS),
    (503, "Wed, 99 Foo 2026 99:99:99 GMT", 0.8 * HOUR_MS, 1.2 * HOUR_MS),
]


@pytest.mark.parametrize("status, value, least_ms, most_ms", RETRY_AFTER, ids=range(len(RETRY_AFTER)))
def test_retry_after(patient, receiver, xadd, redis_server, status, value, least_ms, most_ms):
    value = value() if callable(value) else value
    receiver.script("/", [Answer(status, headers={"Retry-After": value})])
    subscription = patient.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    due_ms = due_in_ms(redis_server, subscription)
    assert least_ms - 3000 < due_ms <= most_ms + 50


@pytest.mark.parametrize("status", [200, 410])
def test_retry_after_beside_an_end_means_nothing(patient, receiver, xadd, redis_server, status):
    receiver.script("/", [Answer(status, headers={"Retry-After": "3600"})])
    patient.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    wait_until(lambda: redis_server.is_settled(1), 10, "settled")
    assert receiver.count() == 1


@pytest.mark.parametrize("status, retry_after", [(503, "2"), (429, "2"), (500, "2"), (429, None), (503, None)])
def test_the_whole_subscription_slows_down(start, receiver, xadd, status, retry_after):
    # Without Retry-After, 429 and 503 hold the subscription as long as the delivery itself waits.
    petrel = start(flags=["--retry-schedule", "2500ms"])
    headers = {"retry-after": retry_after} if retry_after else {}
    receiver.script("/", [Answer(status, headers=headers), Answer(200)])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    attempts_of(petrel, 1)
    for i in range(5):
        xadd(type="a", data=str(i))
    wait_until(lambda: receiver.count("/") == 7, 15, "all in the end")
    first, *rest = receiver.at("/")
    assert min(r.arrived_at for r in rest) - first.arrived_at >= 1.9


def test_others_do_not_slow_down(patient, receiver, xadd):
    receiver.script("/", [Answer(503, headers={"retry-after": "7200"})])
    patient.api.subscribe(receiver.url("/"))
    patient.api.subscribe(receiver.url("/other"))
    xadd(type="a", data="1")
    attempts_of(patient, 2)
    for i in range(5):
        xadd(type="a", data=str(i))
    wait_until(lambda: receiver.count("/other") == 6, 10, "the other subscription's")
    assert receiver.count("/") == 1


def test_another_status_does_not_slow_the_subscription(patient, receiver, xadd):
    receiver.script("/", [Answer(500), Answer(200)])
    patient.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    attempts_of(patient)
    xadd(type="a", data="2")
    wait_until(lambda: receiver.count() == 2, 15, "the next is attempted at once")
