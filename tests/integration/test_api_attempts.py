# SPDX-License-Identifier: Apache-2.0
"""/v1/attempts, /v1/subscriptions/{id}/attempts and /v1/rejected-events."""

import pytest
from harness.receiver import Answer
from harness.wait import wait_until


def publish(api, count, **fields):
    return [api.ok("POST", "/v1/events", json={"type": "a", "data": n, **fields})["id"] for n in range(count)]


def everything(api, path="/v1/attempts", **params):
    items, cursor = [], None
    while True:
        page = api.ok("GET", path, params={**params, **({"cursor": cursor} if cursor else {})})
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


@pytest.mark.smoke
def test_every_attempt_is_listed_with_its_outcome(api, receiver):
    receiver.script("/", [Answer(500), Answer(404), Answer(200)])
    subscription = api.subscribe(receiver.url("/"), retry_schedule=["10ms", "10ms", "10ms"])["id"]
    event = publish(api, 1)[0]
    attempts = wait_until(lambda: len(found := everything(api)) == 3 and found, 10, "three attempts")
    assert [a["attempt"] for a in attempts] == [3, 2, 1], "newest first"
    assert [a["outcome"] for a in attempts] == ["delivered", "retry", "retry"]
    assert [a["status"] for a in attempts] == [200, 404, 500]
    assert {a["event"] for a in attempts} == {event} and {a["subscription"] for a in attempts} == {subscription}
    assert all(a["type"] == "a" and a["started_at"] and a["duration_ms"] >= 0 for a in attempts)
    assert attempts[0]["error"] == "" and len({a["id"] for a in attempts}) == 3


def test_an_attempt_without_an_answer_names_its_error(api, receiver):
    receiver.script("/hang", [Answer(hang=True)])
    receiver.script("/drop", [Answer(drop=True)])
    for path in ("/hang", "/drop"):
        api.subscribe(receiver.url(path), retry_schedule=[], timeout_ms=200)
    api.subscribe("http://127.0.0.1:1/", retry_schedule=[])
    api.subscribe("http://nowhere.invalid/", retry_schedule=[])
    publish(api, 1)
    attempts = wait_until(lambda: len(found := everything(api)) == 4 and found, 15, "four attempts")
    assert all(a["status"] is None and a["outcome"] == "dead" and a["error"] for a in attempts)
    assert {"timeout", "connect_refused", "dns"} <= {a["error"] for a in attempts}


def test_filters(api, receiver):
    receiver.script("/bad", [Answer(500)])
    good = api.subscribe(receiver.url("/good"))["id"]
    bad = api.subscribe(receiver.url("/bad"), retry_schedule=[])["id"]
    one, two = publish(api, 2)
    wait_until(lambda: len(everything(api)) == 4, 10, "four attempts")
    assert {a["event"] for a in everything(api, subscription=good)} == {one, two}
    assert {a["subscription"] for a in everything(api, event=one)} == {good, bad}
    assert {a["subscription"] for a in everything(api, outcome="dead")} == {bad}
    assert everything(api, outcome="retry") == [] and everything(api, subscription="sub_nobody") == []
    assert len(everything(api, since="1h")) == 4 and everything(api, since="2999-01-01T00:00:00Z") == []
    path = f"/v1/subscriptions/{bad}/attempts"
    assert {a["event"] for a in everything(api, path)} == {one, two}
    assert [a["event"] for a in everything(api, path, event=two, outcome="dead")] == [two]
    assert api.get("/v1/subscriptions/sub_nobody/attempts").status_code == 404


def test_pages_neither_repeat_nor_skip_while_attempts_come_in(api, receiver):
    api.subscribe(receiver.url("/"))
    publish(api, 10)
    expected = wait_until(lambda: len(found := everything(api)) == 10 and found, 10, "ten attempts")
    seen, cursor = [], None
    while True:
        answer = api.ok("GET", "/v1/attempts", params={"limit": 3, **({"cursor": cursor} if cursor else {})})
        seen += answer["items"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        before = len(everything(api, limit=200))
        publish(api, 1)
        wait_until(lambda: len(everything(api, limit=200)) == before + 1, 15, "another attempt")
    assert seen == expected


def test_a_filter_that_matches_little_still_ends(api, redis_server):
    """More entries than one call looks at: pages may be empty, but lead on to the end."""
    pipe = redis_server.client.pipeline(transaction=False)
    for number in range(12000):
        pipe.xadd("petrel:attempts", {
            "event": f"e{number}", "subscription": "s", "type": "a", "attempt": 1, "outcome": "delivered",
            "status": 200, "error": "", "started_at": 1, "duration_ms": 1})
    pipe.execute()
    pages, cursor, found = 0, None, []
    while True:
        answer = api.ok("GET", "/v1/attempts", params={"event": "e3", **({"cursor": cursor} if cursor else {})})
        found += answer["items"]
        pages += 1
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert [a["event"] for a in found] == ["e3"] and 1 < pages < 10


def test_rejected_events_are_listed_with_the_reason(api, xadd):
    for number in range(5):
        xadd(type="a b" if number % 2 else "bad", data="{")
    wait_until(lambda: len(everything(api, "/v1/rejected-events")) == 5, 10, "five")
    items = everything(api, "/v1/rejected-events", limit=2)
    assert len(items) == 5 and len({item["id"] for item in items}) == 5
    assert all("data: is no valid JSON" in i["reason"] or "type:" in i["reason"] for i in items)
    assert {i["type"] for i in items} == {"bad", "a"}, "as far as it is printable"
