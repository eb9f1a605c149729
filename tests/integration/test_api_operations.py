# SPDX-License-Identifier: Apache-2.0
"""What operators do with many things at once, or again: events listed and redelivered, subscriptions replayed, dead
letters redriven and purged by filter, rejected events put back; and who is running."""

import base64
import threading

import pytest
from harness.receiver import Answer
from harness.wait import stays, wait_until


def publish(api, **fields):
    return api.ok("POST", "/v1/events", json={"type": "a", "data": 1, **fields})["id"]


def everything(api, path, **params):
    items, cursor = [], None
    while True:
        page = api.ok("GET", path, params={**params, **({"cursor": cursor} if cursor else {})})
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


def repeat(api, path, done, **body):
    """Calls until next_cursor is null; the sum, and what was refused."""
    total, refused, cursor = 0, [], None
    while True:
        answer = api.ok("POST", path, json={**body, **({"cursor": cursor} if cursor else {})})
        total += answer[done]
        refused += answer.get("refused", [])
        cursor = answer["next_cursor"]
        if cursor is None:
            return total, refused


def settled(api, event):
    return wait_until(lambda: (e := api.ok("GET", f"/v1/events/{event}"))["state"] == "settled" and e, 10, "settled")


# ---- events

def test_events_are_listed_newest_first(api, xadd):
    ids = [publish(api, type=t, tenant=n) for t, n in (("a.b", ""), ("a.c", "acme"), ("z", "acme"), ("a.b", "acme"))]
    xadd(type="a b", data="1")  # no event: it isn't among them
    own = publish(api, id="own-1", data={"x": "y" * 100})
    assert [e["id"] for e in everything(api, "/v1/events")] == [own, *reversed(ids)]
    assert [e["id"] for e in everything(api, "/v1/events", limit=2)] == [own, *reversed(ids)]
    assert {e["id"] for e in everything(api, "/v1/events", type="a.b")} == {ids[0], ids[3]}
    assert {e["id"] for e in everything(api, "/v1/events", type="a.*", tenant="acme")} == {ids[1], ids[3]}
    assert everything(api, "/v1/events", until="1h") == []
    first = everything(api, "/v1/events")[0]
    assert first["type"] == "a" and first["subscription"] == "" and first["body_bytes"] > 100 and first["published_at"]
    middle = everything(api, "/v1/events")[2]["published_at"]
    since = everything(api, "/v1/events", since=middle)
    until = everything(api, "/v1/events", until=middle)
    assert {e["id"] for e in since} | {e["id"] for e in until} == {own, *ids}
    assert all(e["published_at"] >= middle for e in since) and all(e["published_at"] <= middle for e in until)
    assert api.get("/v1/events", params={"type": "*a"}).status_code == 422


@pytest.mark.smoke
def test_an_event_is_redelivered(api, receiver, redis_server):
    receiver.script("/dead", [Answer(500), Answer(200)])
    good, dead = api.subscribe(receiver.url("/good"))["id"], api.subscribe(receiver.url("/dead"), retry_schedule=[])["id"]
    event = publish(api)
    wait_until(lambda: {d["state"] for d in settled(api, event)["deliveries"]} == {"delivered", "dead"}, 10, "both ends")
    assert api.ok("POST", f"/v1/events/{event}/redeliver") == {"queued": 2}
    wait_until(lambda: receiver.accepted("/good") == [event] * 2 and receiver.accepted("/dead") == [event], 10, "again")
    wait_until(lambda: api.items("/v1/dead-letters") == [], 15, "the dead letter is none any more")
    wait_until(lambda: not redis_server.client.exists(f"petrel:message:{event}"), 15, "nothing is left of it")
    assert redis_server.totals()["parked"] == 0
    first, again = receiver.at("/good")
    assert first.body == again.body and again.attempt == 1
    # To one only, also one that came later or didn't want it; not to a disabled one, or one of another tenant.
    later = api.subscribe(receiver.url("/later"), ["else"])["id"]
    assert api.ok("POST", f"/v1/events/{event}/redeliver", json={"subscription": later}) == {"queued": 1}
    wait_until(lambda: receiver.accepted("/later") == [event], 10, "to that one")
    wait_until(lambda: redis_server.totals()["parked"] == 0, 10, "and it is known to be")
    assert receiver.count("/good") == 2
    other = api.subscribe(receiver.url("/other"), tenant="other")["id"]
    api.ok("POST", f"/v1/subscriptions/{dead}/disable")
    for subscription, why in ((other, "different tenants"), (dead, "disabled"), ("sub_nobody", "no such subscription")):
        answer = api.post(f"/v1/events/{event}/redeliver", {"subscription": subscription})
        assert answer.status_code == 409 and why in answer.json()["detail"]
    assert api.ok("POST", f"/v1/events/{event}/redeliver") == {"queued": 2}, "the disabled one is passed over"
    assert api.post("/v1/events/nobody/redeliver").status_code == 404
    assert good


def test_what_is_parked_or_in_hand_is_not_delivered_twice(api, receiver):
    gate = threading.Event()
    receiver.script("/parked", [Answer(500)])
    receiver.script("/slow", [Answer(200, gate=gate)])
    api.subscribe(receiver.url("/parked"), ["p"], retry_schedule=["1h"])
    api.subscribe(receiver.url("/slow"), ["s"])
    parked = publish(api, type="p")
    wait_until(lambda: [d["state"] for d in settled(api, parked)["deliveries"]] == ["parked"], 10, "parked")
    assert api.ok("POST", f"/v1/events/{parked}/redeliver") == {"queued": 0}
    slow = publish(api, type="s")
    wait_until(lambda: api.ok("GET", f"/v1/events/{slow}")["state"] == "pending", 15, "in hand")
    assert api.post(f"/v1/events/{slow}/redeliver").status_code == 409
    gate.set()


def test_a_subscription_is_replayed(api, receiver, redis_server):
    old = [publish(api, type=t) for t in ("a.x", "a.y", "b.x", "a.x")]
    for event in old:  # two workers read
        settled(api, event)
    subscription = api.subscribe(receiver.url("/"), ["a.*"])["id"]
    api.subscribe(receiver.url("/others"), ["*"])
    path = f"/v1/subscriptions/{subscription}/replay"
    assert repeat(api, path, "queued", since="1h", limit=2) == (3, [])
    wait_until(lambda: sorted(receiver.accepted("/")) == sorted([old[0], old[1], old[3]]), 10, "what it wants, once")
    wait_until(lambda: redis_server.totals()["parked"] == 0, 10, "nothing of it is under way any more")
    stays(lambda: receiver.count("/others") == 0, 0.2, "nobody else")
    assert repeat(api, path, "queued", since="1h", type="a.y") == (1, [])
    wait_until(lambda: receiver.accepted("/").count(old[1]) == 2, 10, "again")
    assert repeat(api, path, "queued", since="1h", until="30m") == (0, [])
    api.ok("POST", f"/v1/subscriptions/{subscription}/disable")
    assert api.post(path, {"since": "1h"}).status_code == 409
    for body, field in (({}, "since"), ({"since": "x"}, "since"), ({"since": "1h", "limit": 1001}, "limit"),
                        ({"since": "1h", "type": "*x"}, "type"), ({"since": "1h", "cursor": "x"}, "cursor")):
        answer = api.post(f"/v1/subscriptions/{api.subscribe('https://x.example/')['id']}/replay", body)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field, (body, answer.text)


def test_an_ordered_subscription_gets_the_past_in_order(api, receiver):
    old = [publish(api, data=n) for n in range(12)]
    for event in old:
        settled(api, event)
    subscription = api.subscribe(receiver.url("/"), ordered=True)["id"]
    assert repeat(api, f"/v1/subscriptions/{subscription}/replay", "queued", since="1h")[0] == 12
    wait_until(lambda: len(receiver.accepted("/")) == 12, 15, "all")
    assert receiver.accepted("/") == old


# ---- dead letters by filter

@pytest.fixture
def letters(api, receiver):
    """Twelve dead letters: five and four of two subscriptions, three of a tenant."""
    receiver.script("/bad", [Answer(500)])
    made = {}
    for name, count, tenant in (("one", 5, ""), ("two", 4, ""), ("acme", 3, "acme")):
        made[name] = api.subscribe(receiver.url("/bad"), [name], tenant=tenant, retry_schedule=[])["id"]
        for _ in range(count):
            publish(api, type=name, tenant=tenant)
    wait_until(lambda: len(everything(api, "/v1/dead-letters")) == 12, 15, "twelve dead letters")
    return made


def test_dead_letters_are_redriven_by_filter(api, receiver, letters):
    receiver.script("/bad", [Answer(200)])
    assert repeat(api, "/v1/dead-letters/redrive", "redriven", subscription=letters["one"], limit=2) == (5, [])
    wait_until(lambda: len(receiver.accepted("/bad")) == 5, 10, "delivered")
    left = everything(api, "/v1/dead-letters")
    assert len(left) == 7 and letters["one"] not in {letter["subscription"] for letter in left}
    assert repeat(api, "/v1/dead-letters/redrive", "redriven", reason="gone") == (0, [])
    assert repeat(api, "/v1/dead-letters/redrive", "redriven", tenant="acme", since="1h") == (3, [])
    # Those that can't be are told, one by one, and stay.
    api.ok("POST", f"/v1/subscriptions/{letters['two']}/disable")
    done, refused = repeat(api, "/v1/dead-letters/redrive", "redriven", all=True, limit=3)
    assert done == 0 and len(refused) == 4 and all("resume it first" in item["detail"] for item in refused)
    assert len(everything(api, "/v1/dead-letters")) == 4


def test_dead_letters_are_purged_by_filter(api, letters, redis_server):
    assert repeat(api, "/v1/dead-letters/purge", "deleted", type="two", limit=3) == (4, [])
    assert repeat(api, "/v1/dead-letters/purge", "deleted", until="1h") == (0, [])
    assert len(everything(api, "/v1/dead-letters")) == 8
    assert repeat(api, "/v1/dead-letters/purge", "deleted", all=True) == (8, [])
    assert everything(api, "/v1/dead-letters") == []
    assert not list(redis_server.client.scan_iter("petrel:message:*"))


@pytest.mark.parametrize("path", ["/v1/dead-letters/redrive", "/v1/dead-letters/purge"])
def test_an_empty_filter_has_to_be_meant(api, letters, path):
    for body, field in (({}, "all"), ({"all": False}, "all"), ({"all": "yes"}, "all"), ({"limit": 0}, "limit"),
                        ({"since": "x"}, "since"), ({"state": "dead"}, "state"), ({"type": 1}, "type")):
        answer = api.post(path, body)
        assert answer.status_code == 422 and field in {e["field"] for e in answer.json()["errors"]}, (body, answer.text)
    assert api.post(path).status_code == 415
    assert len(everything(api, "/v1/dead-letters")) == 12


# ---- rejected events

def test_a_rejected_event_is_shown_requeued_and_deleted(start, api_of, receiver, redis_server):
    petrel = start(flags=["--max-event-bytes", "2KiB"])
    api = api_of(petrel)
    api.subscribe(receiver.url("/"))
    redis_server.binary.xadd("petrel:events", {"type": "big", "data": b'"' + b"x" * 4000 + b'"'})
    redis_server.client.execute_command("XADD", "petrel:events", "*", "type", "a", "type", "b", "raw", b"\xff\x00")
    wait_until(lambda: len(everything(api, "/v1/rejected-events")) == 2, 10, "two are rejected")
    odd, big = sorted(everything(api, "/v1/rejected-events"), key=lambda item: item["type"])  # read by two workers
    shown = api.ok("GET", f"/v1/rejected-events/{odd['id']}")
    assert [f["name"] for f in shown["fields"]] == ["type", "type", "raw"]
    assert [f.get("value") for f in shown["fields"][:2]] == ["a", "b"]
    assert base64.b64decode(shown["fields"][2]["value_base64"]) == b"\xff\x00"
    assert {name: shown[name] for name in odd} == odd
    assert api.delete(f"/v1/rejected-events/{odd['id']}").status_code == 204
    assert api.delete(f"/v1/rejected-events/{odd['id']}").status_code == 404
    # Whoever has raised the limit puts it back.
    petrel.terminate()
    api = api_of(start())
    entry = api.ok("POST", f"/v1/rejected-events/{big['id']}/requeue")["entry_id"]
    wait_until(lambda: receiver.count() == 1, 10, "delivered")
    assert receiver.at("/")[0].id == "msg_0_" + entry.replace("-", "_")
    assert everything(api, "/v1/rejected-events") == []
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/requeue")):
        for unknown in (big["id"], "x", "9-1-1", "0-x-1"):
            assert api.call(method, f"/v1/rejected-events/{unknown}{path}").status_code == 404


def test_what_was_not_kept_whole_is_not_put_back(api, redis_server):
    entry = redis_server.client.xadd("petrel:rejected", {
        "petrel_entry": "1-1", "petrel_reason": "x", "petrel_fields_dropped": "3", "type": "a", "data": "1"})
    answer = api.post(f"/v1/rejected-events/0-{entry}/requeue")
    assert answer.status_code == 409 and "not all of its fields" in answer.json()["detail"]
    assert redis_server.client.xlen("petrel:rejected") == 1 and redis_server.client.xlen("petrel:events") == 0


# ---- instances

def test_instances_that_run_are_listed(api, petrel, start):
    other = start("dispatcher")
    pids = lambda: {item["pid"] for item in everything(api, "/v1/instances")}
    wait_until(lambda: pids() == {petrel.pid, other.pid}, 15, "both")
    first = everything(api, "/v1/instances")[0]
    assert first["workers"] == 2 and first["version"] == api.ok("GET", "/v1/status")["version"]
    assert first["last_heartbeat_at"]
    other.terminate()
    wait_until(lambda: pids() == {petrel.pid}, 15, "one is gone")
