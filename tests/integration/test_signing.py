# SPDX-License-Identifier: Apache-2.0
"""Real deliveries, judged by the official libraries."""

import re

import pytest
from cryptography.exceptions import InvalidSignature
from harness import judges
from harness.receiver import Answer, Request
from harness.wait import wait_until


@pytest.fixture(scope="module")
def all_judges():
    found = judges.available()
    missing = [name for name in judges.REQUIRED if name not in found]
    assert not missing, f"no judge for {missing}: ./tests/run installs them"
    return found


VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_judges_refuse_what_is_wrong(all_judges):
    # A judge that says ok to everything would prove nothing.
    wrong = Request("/", "POST", [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"), ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ], b'{"test": 2432232314}', 0, 0)
    for name, judge in all_judges.items():
        assert judge([(VECTOR_SECRET, wrong)])[0].startswith("error"), f"{name}: too old, yet ok"


def test_deliveries_verify_in_every_official_library(petrel, receiver, xadd, all_judges):
    given = petrel.api.subscribe(receiver.url("/given"), secret=VECTOR_SECRET)
    made = petrel.api.subscribe(receiver.url("/made"))
    secrets = {"/given": VECTOR_SECRET, "/made": petrel.api.secret(made["id"])["secret"]}
    assert petrel.api.secret(given["id"])["secret"] == VECTOR_SECRET
    bodies = ['{"a":1}', '"text ✓ é"', "[1,2.50,1e400]", '{"deep":' + "[" * 50 + "]" * 50 + "}"]
    for body in bodies:
        xadd(type="invoice.paid", data=body)
    xadd(type="raw", payload="not json, just text", content_type="text/plain")
    wait_until(lambda: receiver.count() == 10, 10, "10 deliveries")
    deliveries = [(secrets[r.path], r) for r in receiver.requests]
    for name, judge in all_judges.items():
        assert judge(deliveries) == ["ok"] * 10, name


def test_ed25519(petrel, receiver, xadd):
    subscription = petrel.api.subscribe(receiver.url("/"), signature="v1a")
    keys = petrel.api.secret(subscription["id"])
    assert keys["secret"].startswith("whsk_") and keys["public_key"].startswith("whpk_")
    xadd(type="a", data="1")
    request = wait_until(lambda: receiver.at("/"), 15, "a delivery")[0]
    judges.verify_ed25519(keys["public_key"], request)
    request.body += b" "
    with pytest.raises(InvalidSignature):
        judges.verify_ed25519(keys["public_key"], request)


def test_old_and_new_secret_sign_during_a_rotation(start, receiver, xadd, all_judges):
    petrel = start()
    subscription = petrel.api.subscribe(receiver.url("/"))
    old = petrel.api.secret(subscription["id"])["secret"]
    petrel.api.ok("POST", f"/v1/subscriptions/{subscription['id']}/rotate-secret")
    new = petrel.api.secret(subscription["id"])["secret"]
    assert new != old

    def signed_twice():
        xadd(type="a", data="1")
        return [r for r in receiver.at("/") if " " in r.headers["webhook-signature"]]

    request = wait_until(signed_twice, 15, "a delivery with two signatures")[0]
    signature = request.headers["webhook-signature"]
    assert re.fullmatch(r"v1,[A-Za-z0-9+/=]+ v1,[A-Za-z0-9+/=]+", signature), signature
    for name, judge in all_judges.items():
        assert judge([(old, request), (new, request)]) == ["ok", "ok"], name


def test_a_rotated_secret_stops_signing_after_its_grace(start, receiver, xadd):
    petrel = start()
    subscription = petrel.api.subscribe(receiver.url("/"))
    petrel.api.ok("POST", f"/v1/subscriptions/{subscription['id']}/rotate-secret", json={"grace": "1s"})
    new = petrel.api.secret(subscription["id"])["secret"]

    def signed_once():
        xadd(type="a", data="1")
        last = receiver.at("/")
        return last and " " not in last[-1].headers["webhook-signature"] and last[-1]

    request = wait_until(lambda: judges.judge_python([(new, signed_once())]) == ["ok"] if receiver.at("/")
                         else (xadd(type="a", data="1"), False)[1], 15, "only the new secret signs")
    assert request


def test_headers_and_repeated_attempts(petrel, receiver, xadd):
    receiver.script("/", [Answer(500), Answer(500), Answer(200)])
    petrel.api.subscribe(receiver.url("/"), headers={"X-Api-Key": "abc", "x-two": "2; q"})
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    entry = xadd(type="invoice.paid", data='{"n":1}', traceparent=traceparent)
    requests = wait_until(lambda: len(receiver.at("/")) == 3 and receiver.at("/"), 10, "3 attempts")
    for number, request in enumerate(requests, 1):
        headers = request.headers
        assert request.method == "POST"
        assert headers["webhook-id"] == "msg_0_" + entry.replace("-", "_")
        assert headers["webhook-attempt"] == str(number)
        assert re.fullmatch(r"\d{10}", headers["webhook-timestamp"])
        assert abs(int(headers["webhook-timestamp"]) - request.arrived_at) < 2
        assert headers["content-type"] == "application/json"
        assert re.fullmatch(r"petrel/\d+\.\d+\.\d+", headers["user-agent"])
        assert headers["traceparent"] == traceparent
        assert headers["x-api-key"] == "abc" and headers["x-two"] == "2; q"
        assert "accept-encoding" not in headers and "expect" not in headers
        names = [name.lower() for name, _ in request.header_lines]
        assert len(names) == len(set(names)), names
    assert len({r.body for r in requests}) == 1
