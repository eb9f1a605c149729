# SPDX-License-Identifier: Apache-2.0
"""/v1/events: what is accepted, byte for byte, and what an event's deliveries are said to be."""

import base64
import json
import threading

import pytest
from harness.receiver import Answer
from harness.wait import stays, wait_until

JSON = {"content-type": "application/json"}


def post_raw(api, text, **headers):
    body = text if isinstance(text, bytes) else text.encode()
    return api.post("/v1/events", data=body, headers={**JSON, **headers})


def states(api, event_id):
    found = api.ok("GET", f"/v1/events/{event_id}")
    return {d["subscription"]: d["state"] for d in found["deliveries"]}


def is_settled(api, event_id):
    return api.ok("GET", f"/v1/events/{event_id}")["state"] == "settled"


@pytest.mark.smoke
@pytest.mark.parametrize("data", [
    '{"z":1,"a":2,"z":3}',                                      # order, and a name given twice
    "123456789012345678901234567890.1234567890e-400",           # no double holds it
    '{"n":-0.0,"m":1E+2,"k":1e2}',
    r'"\u00e9\u0000\/\ud83d\ude00"',                            # escapes stay escapes
    '"é😀\u2028"',                                               # and characters characters
    '{ "spaced" :\t[ 1 ,\r\n 2 ] }',
    "null", "[]", "false", '""',
], ids=range(10))
def test_the_bytes_of_data_arrive_as_they_came(api, receiver, data):
    api.subscribe(receiver.url("/"))
    answer = post_raw(api, '{"data" : %s , "type":"a.b"}' % data)
    assert answer.status_code == 202, answer.text
    wait_until(lambda: receiver.count() == 1, 15, "the delivery")
    body = receiver.at("/")[0].body
    assert body[body.index(b'"data":') + 7:-1] == data.encode()
    event = api.ok("GET", answer.headers["location"])
    assert event["id"] == answer.json()["id"] and event["body"].encode() == body


def test_every_field_reaches_the_subscriber(api, receiver):
    one = api.subscribe(receiver.url("/one"), ["other"], tenant="acme")
    api.subscribe(receiver.url("/two"), ["*"], tenant="acme")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = api.ok("POST", "/v1/events", json={
        "type": "invoice.paid", "payload_base64": base64.b64encode(b"\x00\xffraw").decode(), "id": "order-1",
        "content_type": "application/octet-stream", "tenant": "acme", "subscription": one["id"],
        "timestamp": "2026-01-02T03:04:05.678+01:00", "traceparent": trace})
    assert answer == {"id": "order-1"}
    wait_until(lambda: receiver.count("/one") == 1, 15, "the delivery")
    request = receiver.at("/one")[0]
    assert request.body == b"\x00\xffraw" and request.id == "order-1"
    assert request.headers["content-type"] == "application/octet-stream"
    assert request.headers["traceparent"] == trace
    event = api.ok("GET", "/v1/events/order-1")
    assert event["timestamp"] == "2026-01-02T02:04:05.678Z" and event["tenant"] == "acme"
    assert event["subscription"] == one["id"] and event["traceparent"] == trace
    assert base64.b64decode(event["body_base64"]) == b"\x00\xffraw" and "body" not in event
    assert receiver.count("/two") == 0


def test_payload_as_text(api, receiver):
    api.subscribe(receiver.url("/"))
    api.ok("POST", "/v1/events", json={"type": "a", "payload": "<é/>\n", "content_type": "application/xml"})
    wait_until(lambda: receiver.count() == 1, 15, "the delivery")
    assert receiver.at("/")[0].body == "<é/>\n".encode()


@pytest.mark.smoke
def test_an_event_shows_the_state_of_every_delivery(api, receiver):
    receiver.script("/parked", [Answer(503)])
    receiver.script("/dead", [Answer(500, body=b"no")])
    receiver.script("/late", [Answer(200, delay_s=20)])
    ids = {name: api.subscribe(receiver.url(f"/{name}"), **fields)["id"] for name, fields in {
        "delivered": {}, "parked": {"retry_schedule": ["1h"]}, "dead": {"retry_schedule": []}, "paused": {}}.items()}
    api.subscribe(receiver.url("/other"), ["something.else"])
    api.ok("POST", f"/v1/subscriptions/{ids['paused']}/pause")

    def parks():  # what changed here is known there within a second
        probe = api.ok("POST", "/v1/events", json={"type": "a", "data": 0, "subscription": ids["paused"]})["id"]
        wait_until(lambda: is_settled(api, probe), 15, "the probe is settled")
        return states(api, probe) == {ids["paused"]: "parked"}

    wait_until(parks, 15, "the pause is known to the dispatcher")
    event = api.ok("POST", "/v1/events", json={"type": "a", "data": 1})["id"]
    expected = {ids["delivered"]: "delivered", ids["parked"]: "parked", ids["dead"]: "dead", ids["paused"]: "parked"}
    wait_until(lambda: is_settled(api, event) and states(api, event) == expected, 10, "all are what they will be")
    found = {d["subscription"]: d for d in api.ok("GET", f"/v1/events/{event}")["deliveries"]}
    assert found[ids["delivered"]]["attempts"] == 1 and found[ids["delivered"]]["last_status"] == 200
    assert found[ids["delivered"]]["next_attempt_at"] is None and found[ids["delivered"]]["last_error"] == ""
    assert found[ids["parked"]]["last_status"] == 503 and found[ids["parked"]]["next_attempt_at"]
    assert found[ids["dead"]]["attempts"] == 1 and found[ids["dead"]]["last_status"] == 500
    assert found[ids["paused"]]["attempts"] == 0 and found[ids["paused"]]["last_attempt_at"] is None

    # And while an attempt runs.
    late = api.subscribe(receiver.url("/late"), ["late"])["id"]
    event = api.ok("POST", "/v1/events", json={"type": "late", "data": 1})["id"]
    wait_until(lambda: states(api, event).get(late) == "pending", 15, "the attempt runs")
    found = api.ok("GET", f"/v1/events/{event}")
    assert found["state"] == "pending", found


def test_an_event_nobody_has_read_is_queued(start, api_of, redis_server):
    api = api_of(start("admin"))  # and no dispatcher
    event = api.ok("POST", "/v1/events", json={"type": "a", "data": 1})["id"]
    found = api.ok("GET", f"/v1/events/{event}")
    assert found["state"] == "queued" and found["deliveries"] == []
    assert redis_server.client.xlen("petrel:events") == 1


def test_202_is_only_answered_when_redis_has_the_event(api, redis_server):
    redis_server.stop()
    answer = api.post("/v1/events", {"type": "a", "data": 1})
    assert answer.status_code == 503 and answer.headers["retry-after"] == "1"


def test_a_full_redis_is_507(api, redis_server):
    redis_server.client.config_set("maxmemory", "1")
    answer = api.post("/v1/events", {"type": "a", "data": 1})
    assert answer.status_code == 507 and answer.headers["retry-after"] == "1"
    redis_server.client.config_set("maxmemory", "0")
    assert api.post("/v1/events", {"type": "a", "data": 1}).status_code == 202


def test_the_same_event_id_is_delivered_once(api, receiver, redis_server):
    api.subscribe(receiver.url("/"))
    api.ok("POST", "/v1/events", json={"type": "a", "data": 0, "id": "same"})
    # Two workers read: of repeats within a moment either may be the one.
    wait_until(lambda: receiver.count() == 1, 15, "the first arrives")
    for number in (1, 2):
        api.ok("POST", "/v1/events", json={"type": "a", "data": number, "id": "same"})
    api.ok("POST", "/v1/events", json={"type": "a", "data": 9, "id": "last"})
    wait_until(lambda: redis_server.totals().get("duplicates") == 2, 15, "repeats are dropped")
    wait_until(lambda: receiver.count() == 2, 15, "both arrive")
    assert json.loads(receiver.at("/")[0].body)["data"] == 0


# ---- Idempotency-Key

def test_an_idempotency_key_gives_the_first_answer_again(api, receiver, redis_server):
    api.subscribe(receiver.url("/"))
    first = post_raw(api, '{"type":"a","data":1}', **{"Idempotency-Key": "k1"})
    again = post_raw(api, '{"type":"a","data":1}', **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    other = post_raw(api, '{"type":"a","data":1}', **{"Idempotency-Key": "k2"})
    assert other.json()["id"] != first.json()["id"]
    assert redis_server.client.xlen("petrel:events") == 2
    for key in redis_server.client.scan_iter("petrel:idempotency:*"):
        assert 0 < redis_server.client.ttl(key) <= 24 * 3600
        assert "k1" not in key, "keys are kept as digests"


def test_an_idempotency_key_with_another_body_is_refused(api):
    post_raw(api, '{"type":"a","data":1}', **{"Idempotency-Key": "k"})
    answer = post_raw(api, '{"type":"a","data":2}', **{"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "Idempotency-Key", "message": "was used with another body; use a new key"}]


def test_a_failed_request_is_remembered_but_not_an_outage(api, redis_server):
    key = {"Idempotency-Key": "k"}
    assert post_raw(api, '{"data":1}', **key).status_code == 422
    assert post_raw(api, '{"data":1}', **key).headers["idempotency-replayed"] == "true"
    redis_server.client.config_set("maxmemory", "1")
    assert post_raw(api, '{"type":"a","data":1}', **{"Idempotency-Key": "later"}).status_code == 507
    redis_server.client.config_set("maxmemory", "0")
    assert post_raw(api, '{"type":"a","data":1}', **{"Idempotency-Key": "later"}).status_code == 202


def test_requests_with_one_key_at_once_have_one_effect(petrel, api, redis_server):
    statuses = []

    def run():
        statuses.append(post_raw(api, '{"type":"a","data":1}', **{"Idempotency-Key": "race"}).status_code)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {202, 409} and 202 in statuses
    assert redis_server.client.xlen("petrel:events") == 1


def test_idempotency_holds_for_subscriptions_and_across_instances(api, start, api_of):
    other = api_of(start("admin"))
    body, headers = {"url": "https://example.com/", "event_types": ["*"]}, {"Idempotency-Key": "k"}
    first = api.post("/v1/subscriptions", body, headers=headers)
    again = other.post("/v1/subscriptions", body, headers=headers)
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert len(api.items("/v1/subscriptions")) == 1
    stays(lambda: len(other.items("/v1/subscriptions")) == 1, 0.1, "one subscription")
