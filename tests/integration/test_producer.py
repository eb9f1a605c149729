# SPDX-License-Identifier: Apache-2.0
"""The producer's contract: what an XADD may say, and what becomes of it."""

import json
import re

import pytest
from harness.wait import stays, wait_until


@pytest.fixture
def deliver(petrel, receiver, xadd):
    """deliver(type=…, data=…) → the request that arrived for it."""
    petrel.api.subscribe(receiver.url("/"))

    def run(**fields):
        before = receiver.count("/")
        xadd(**fields)
        wait_until(lambda: receiver.count("/") > before, 15, f"delivery of {fields}")
        return receiver.at("/")[-1]

    return run


@pytest.mark.smoke
@pytest.mark.parametrize("data", [
    '{"id":"in_1"}', "1", "null", '"x"', "[]", "{}", "12345678901234567890123456789.000000000001",
    '{"b":1,"a":2,"b":3}', r'"\u00e9\n\/"', '{ "spaced" :\t[ 1 , 2 ] }', '"é ✓ 😀"', "1E400", "-0.0",
], ids=range(13))
def test_data_goes_out_byte_for_byte(deliver, data):
    request = deliver(type="invoice.paid", data=data)
    match = re.fullmatch(
        rb'\{"type":"invoice\.paid","timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","data":(.*)\}', request.body,
        re.S)
    assert match, request.body
    assert match[2] == data.encode()
    assert request.headers["content-type"] == "application/json"


def test_payload_goes_out_as_it_is(deliver):
    blob = bytes(range(256)) * 4
    request = deliver(type="raw", payload=blob, content_type="application/octet-stream")
    assert request.body == blob
    assert request.headers["content-type"] == "application/octet-stream"
    assert deliver(type="raw", payload="x").headers["content-type"] == "application/json"
    assert deliver(type="raw", payload="").body == b""


def test_timestamp_is_the_producers_or_the_entrys(deliver, redis_server):
    request = deliver(type="a", data="1", timestamp="2020-02-29T12:00:00.5+01:00")
    assert json.loads(request.body)["timestamp"] == "2020-02-29T11:00:00.500Z"
    body = json.loads(deliver(type="a", data="1").body)
    entry_ms = int(redis_server.client.xrevrange("petrel:events", count=1)[0][0].split("-")[0])
    assert body["timestamp"].endswith(f"{entry_ms % 1000:03d}Z")


def test_own_id_becomes_webhook_id_and_a_repeat_is_dropped(deliver, xadd, receiver, redis_server):
    assert deliver(type="a", data="1", id="order-42_x").headers["webhook-id"] == "order-42_x"
    xadd(type="a", data="2", id="order-42_x")
    wait_until(lambda: redis_server.totals().get("duplicates") == 1, 15, "the repeat is counted")
    deliver(type="a", data="3", id="order-43")
    assert [r.id for r in receiver.at("/")].count("order-42_x") == 1


def test_the_dedupe_window_ends(start, receiver, xadd):
    petrel = start(flags=["--dedupe-window", "1s"])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1", id="again")
    wait_until(lambda: receiver.count() == 1, 15, "first")

    def twice():
        xadd(type="a", data="2", id="again")
        return receiver.count() >= 2

    wait_until(twice, 15, "the id is free again after the window")


def test_subscription_field_addresses_one(petrel, receiver, xadd):
    one = petrel.api.subscribe(receiver.url("/one"), ["never.this"])
    petrel.api.subscribe(receiver.url("/two"))
    xadd(type="a", data="1", subscription=one["id"])
    wait_until(lambda: receiver.count("/one") == 1, 15, "the one addressed")
    xadd(type="a", data="2")
    wait_until(lambda: receiver.count("/two") == 1, 15, "an unaddressed one")
    assert receiver.count("/one") == 1


def test_tenants_are_kept_apart(petrel, receiver, xadd):
    petrel.api.subscribe(receiver.url("/acme"), tenant="acme")
    petrel.api.subscribe(receiver.url("/none"))
    other = petrel.api.subscribe(receiver.url("/other"), tenant="other")
    xadd(type="a", data="1", tenant="acme")
    xadd(type="a", data="2")
    xadd(type="a", data="3", tenant="")
    xadd(type="a", data="4", tenant="acme", subscription=other["id"])  # not even when addressed
    wait_until(lambda: receiver.count("/acme") == 1 and receiver.count("/none") == 2, 15, "deliveries")
    stays(lambda: receiver.count() == 3, 0.3, "nothing crosses tenants")


BIG = "x" * (256 * 1024)
MALFORMED = [
    ({"data": "1"}, "type: is missing"),
    ({"type": "", "data": "1"}, "type:"),
    ({"type": "with space", "data": "1"}, "type:"),
    ({"type": "a" * 129, "data": "1"}, "type:"),
    ({"type": "naïve", "data": "1"}, "type:"),
    ({"type": "a\nb", "data": "1"}, "type:"),
    ({"type": "a"}, "data: is missing"),
    ({"type": "a", "data": "1", "payload": "x"}, "payload:"),
    ({"type": "a", "data": ""}, "data: is no valid JSON"),
    ({"type": "a", "data": "{"}, "data: is no valid JSON"),
    ({"type": "a", "data": "{'a':1}"}, "data: is no valid JSON"),
    ({"type": "a", "data": "[1,]"}, "data: is no valid JSON"),
    ({"type": "a", "data": "NaN"}, "data: is no valid JSON"),
    ({"type": "a", "data": "01"}, "data: is no valid JSON"),
    ({"type": "a", "data": "1 2"}, "data: is no valid JSON"),
    ({"type": "a", "data": '"\x01"'}, "data: is no valid JSON"),
    ({"type": "a", "data": b'"\xff"'}, "data: is no valid JSON"),
    ({"type": "a", "data": r'"\ud800"'}, "data: is no valid JSON"),
    ({"type": "a", "data": "[" * 5000}, "data: is no valid JSON"),
    ({"type": "a", "data": f'"{BIG}"'}, "bytes, the maximum is 262144"),
    ({"type": "a", "data": "1", "id": ""}, "id:"),
    ({"type": "a", "data": "1", "id": "a b"}, "id:"),
    ({"type": "a", "data": "1", "id": "x" * 65}, "id:"),
    ({"type": "a", "data": "1", "id": "msg_0_1_0"}, "id:"),
    ({"type": "a", "data": "1", "tenant": "a/b"}, "tenant:"),
    ({"type": "a", "data": "1", "timestamp": "yesterday"}, "timestamp:"),
    ({"type": "a", "data": "1", "timestamp": "2026-02-30T00:00:00Z"}, "timestamp:"),
    ({"type": "a", "data": "1", "subscription": ""}, "subscription:"),
    ({"type": "a", "data": "1", "traceparent": "00-0-0-0"}, "traceparent:"),
    ({"type": "a", "payload": "x", "content_type": "text/plain\r\nX-Evil: 1"}, "content_type:"),
    ({"type": "a", "data": "1", "content_type": "text/plain"}, "content_type:"),
    ({"type": "a", "data": "1", **{f"f{i}": "x" for i in range(100)}}, "fields, the maximum is"),
]


def test_malformed_events_are_kept_aside_with_the_reason(deliver, redis_server, xadd):
    assert len(MALFORMED) >= 30
    entries = [xadd(**fields).encode() for fields, _ in MALFORMED]
    # Whatever came before, the next good event arrives.
    assert deliver(type="good", data="1").body.startswith(b'{"type":"good"')
    wait_until(lambda: redis_server.binary.xlen("petrel:rejected") == len(MALFORMED), 15, "all are rejected")
    # Two workers read: the order isn't that of the stream.
    rejected = {kept[b"petrel_entry"]: kept for _, kept in redis_server.binary.xrange("petrel:rejected")}
    for (fields, expected), entry in zip(MALFORMED, entries):
        kept = rejected[entry]
        assert expected in kept[b"petrel_reason"].decode(), (fields.keys(), kept[b"petrel_reason"])
        for name, value in fields.items():
            assert kept[name.encode()] == (value if isinstance(value, bytes) else value.encode())
    # The good one is acknowledged some milliseconds after it arrived.
    wait_until(lambda: redis_server.pending() == 0, 15, "nothing is pending")
    assert redis_server.totals()["rejected"] == len(MALFORMED)


def test_a_field_given_twice_is_refused(deliver, redis_server):
    redis_server.client.execute_command("XADD", "petrel:events", "*", "type", "a", "type", "b", "data", "1")
    deliver(type="good", data="1")
    wait_until(lambda: redis_server.client.xlen("petrel:rejected") == 1, 15, "rejected")
    assert "type: is given twice" in redis_server.client.xrange("petrel:rejected")[0][1]["petrel_reason"]
