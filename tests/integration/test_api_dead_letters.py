# SPDX-License-Identifier: Apache-2.0
"""/v1/dead-letters: what is kept of a delivery that was given up, and what can be done with it."""

import base64
import json

import pytest
from harness.receiver import Answer
from harness.wait import wait_until


@pytest.fixture
def bury(api, receiver):
    """bury(subscription id, count, type) → the events' ids, once all are dead letters."""

    def run(subscription, count=1, type_="a"):
        before = len(everything(api))
        ids = [api.ok("POST", "/v1/events", json={"type": type_, "data": n, "subscription": subscription})["id"]
               for n in range(count)]
        wait_until(lambda: len(everything(api)) == before + count, 10, "dead letters")
        return ids

    return run


def everything(api, **params):
    items, cursor = [], None
    while True:
        page = api.ok("GET", "/v1/dead-letters", params={**params, **({"cursor": cursor} if cursor else {})})
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


def failing(api, receiver, path="/bad", **fields):
    receiver.script(path, [Answer(500, body=b"broken \xff\x00" + b"x" * 2000)])
    return api.subscribe(receiver.url(path), **{"retry_schedule": ["10ms"], **fields})["id"]


@pytest.mark.smoke
def test_a_dead_letter_says_all_about_its_end(api, receiver, bury):
    subscription = failing(api, receiver)
    event = bury(subscription, type_="invoice.paid")[0]
    listed = everything(api)[0]
    assert listed["id"] == f"{event}.{subscription}" and listed["event"] == event
    assert listed["subscription"] == subscription and listed["type"] == "invoice.paid" and listed["tenant"] == ""
    assert listed["reason"] == "exhausted" and listed["attempts"] == 2 and listed["last_status"] == 500
    assert listed["first_attempt_at"] <= listed["last_attempt_at"] <= listed["died_at"]
    assert listed["last_response"].startswith("broken ") and 900 < len(listed["last_response"]) <= 1024
    assert "body" not in listed, "a list has no bodies"
    shown = api.ok("GET", f"/v1/dead-letters/{listed['id']}")
    assert json.loads(shown["body"])["data"] == 0 and shown["content_type"] == "application/json"
    assert shown["body"].encode() == receiver.at("/bad")[0].body
    assert {name: shown[name] for name in listed} == listed


def test_a_body_that_is_no_text_comes_as_base64(api, receiver):
    subscription = failing(api, receiver)
    api.ok("POST", "/v1/events", json={"type": "a", "payload_base64": base64.b64encode(b"\xff\x00").decode(),
                                       "content_type": "x/y"})
    letter = wait_until(lambda: everything(api), 10, "a dead letter")[0]
    shown = api.ok("GET", f"/v1/dead-letters/{letter['id']}")
    assert base64.b64decode(shown["body_base64"]) == b"\xff\x00" and "body" not in shown
    assert shown["content_type"] == "x/y" and letter["subscription"] == subscription


@pytest.mark.smoke
def test_redrive_sends_again_with_a_new_schedule(api, receiver, bury, redis_server):
    subscription = failing(api, receiver)
    event = bury(subscription)[0]
    letter = f"{event}.{subscription}"
    answer = api.post(f"/v1/dead-letters/{letter}/redrive")
    assert answer.status_code == 202 and answer.json() == {"id": letter}
    wait_until(lambda: receiver.count("/bad") == 4, 10, "both attempts once more")
    wait_until(lambda: everything(api), 10, "dead again")
    receiver.script("/bad", [Answer(200)])
    api.ok("POST", f"/v1/dead-letters/{letter}/redrive")
    wait_until(lambda: receiver.accepted("/bad") == [event], 10, "delivered")
    wait_until(lambda: api.ok("GET", f"/v1/events/{event}")["deliveries"][0]["state"] == "delivered", 15, "and said so")
    assert everything(api) == [] and api.get(f"/v1/dead-letters/{letter}").status_code == 404
    assert api.post(f"/v1/dead-letters/{letter}/redrive").status_code == 404
    wait_until(lambda: not redis_server.client.exists(f"petrel:message:{event}"), 15, "its copy is gone")
    bodies = {request.body for request in receiver.at("/bad")}
    assert len(bodies) == 1, "the same bytes each time"


def test_deleting_forgets_it(api, receiver, bury, redis_server):
    subscription = failing(api, receiver)
    event = bury(subscription)[0]
    letter = f"{event}.{subscription}"
    assert api.delete(f"/v1/dead-letters/{letter}").status_code == 204
    assert api.delete(f"/v1/dead-letters/{letter}").status_code == 404 and everything(api) == []
    assert not redis_server.client.exists(f"petrel:message:{event}", f"petrel:dead:{letter}")


def test_redrive_of_a_disabled_or_deleted_subscription_is_a_conflict(api, receiver, bury):
    subscription = failing(api, receiver)
    letter = f"{bury(subscription)[0]}.{subscription}"
    api.ok("POST", f"/v1/subscriptions/{subscription}/disable")
    answer = api.post(f"/v1/dead-letters/{letter}/redrive")
    assert answer.status_code == 409 and "disabled: resume it first" in answer.json()["detail"]
    api.delete(f"/v1/subscriptions/{subscription}")
    answer = api.post(f"/v1/dead-letters/{letter}/redrive")
    assert answer.status_code == 409 and "was deleted" in answer.json()["detail"]
    assert len(everything(api)) == 1, "it is still there"


def test_filters(api, receiver, bury):
    receiver.script("/gone", [Answer(410)])
    one = failing(api, receiver, "/one")
    two = api.subscribe(receiver.url("/gone"), tenant="acme")["id"]
    bury(one, 2, "invoice.paid")
    bury(one, 1, "order.paid")
    api.ok("POST", "/v1/events", json={"type": "invoice.paid", "data": 1, "tenant": "acme"})
    wait_until(lambda: len(everything(api)) == 4, 10, "all four")
    assert len(everything(api, subscription=one)) == 3
    assert [item["subscription"] for item in everything(api, tenant="acme")] == [two]
    assert [item["reason"] for item in everything(api, reason="gone")] == ["gone"]
    assert len(everything(api, type="invoice.paid")) == 3 and len(everything(api, type="invoice")) == 0
    assert len(everything(api, subscription=one, type="order.paid", reason="exhausted")) == 1
    times = [item["died_at"] for item in everything(api)]
    assert times == sorted(times, reverse=True), "newest first"
    assert len(everything(api, since=times[1])) >= 2 and len(everything(api, until=times[-1])) >= 1
    assert everything(api, until="1h") == [] and len(everything(api, since="1h")) == 4


def test_pages_neither_repeat_nor_skip_while_things_change(api, receiver, bury):
    subscription = failing(api, receiver)
    bury(subscription, 12)
    expected = [item["id"] for item in everything(api)]
    seen, cursor = [], None
    for page in range(100):
        answer = api.ok("GET", "/v1/dead-letters", params={"limit": 5, **({"cursor": cursor} if cursor else {})})
        seen += [item["id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        if page == 0:  # one seen goes, one not yet seen goes, new ones come
            api.delete(f"/v1/dead-letters/{expected[1]}")
            api.delete(f"/v1/dead-letters/{expected[8]}")
            bury(subscription, 2)
    assert seen == expected[:8] + expected[9:]


def test_pages_of_several_shards_are_one_list(start, api_of, receiver):
    api = api_of(start(flags=["--shards", "3"]))
    receiver.script("/bad", [Answer(500)])
    api.subscribe(receiver.url("/bad"), retry_schedule=[])
    ids = {api.ok("POST", "/v1/events", json={"type": "a", "data": n})["id"] for n in range(20)}
    wait_until(lambda: len(everything(api)) == 20, 10, "dead letters")
    items = everything(api, limit=3)
    assert {item["event"] for item in items} == ids and len(items) == 20
    times = [item["died_at"] for item in items]
    assert times == sorted(times, reverse=True)
    api.ok("POST", f"/v1/dead-letters/{items[7]['id']}/redrive")
    assert api.delete(f"/v1/dead-letters/{items[8]['id']}").status_code == 204
