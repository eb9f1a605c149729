# SPDX-License-Identifier: Apache-2.0
"""What each scope may do, and that a key bound to a tenant finds nothing of another's.

The walk takes its routes from the OpenAPI document: a route that is new there, and has no rule here, fails.
"""

import itertools

import pytest
from harness.tenants import RULES, World, call, make_key, private_operations
from harness.wait import wait_until

RANK = {"read": 0, "write": 1, "admin": 2}


def test_every_route_has_a_rule(api):
    assert {(method, path) for method, path, _, _ in private_operations(api)} == set(RULES)


@pytest.mark.parametrize("scope", list(RANK))
def test_the_walk(api, as_key, receiver, scope):
    world = World(api, receiver)
    keys = {tenant: as_key(make_key(api, scope, **({"tenant": tenant} if tenant is not None else {}))["key"])
            for tenant in ("acme", "", None)}
    # What ends something comes last, so that there still is something to refuse.
    operations = sorted(private_operations(api), key=lambda op: bool(RULES[op[:2]].get("ends")))
    for (method, path, needs, is_global), tenant in itertools.product(operations, keys):
        rule, client, what = RULES[method, path], keys[tenant], f"{method} {path}, {scope} key of tenant {tenant!r}"
        is_allowed = RANK[scope] >= RANK[needs] and not (is_global and tenant is not None)
        for owner, ids in world.ids.items():
            answer = call(client, method, path, rule, ids.get(rule.get("id"), ""))
            if not is_allowed:
                assert answer.status_code == 403, f"{what}: {answer.status_code}"
            elif "id" not in rule:
                assert answer.status_code < 300, f"{what}: {answer.text}"
            elif tenant is not None and tenant != owner:
                assert answer.status_code == 404, f"{what} on {owner!r}'s: {answer.status_code} {answer.text}"
            elif tenant is None and (rule.get("ends") or rule["id"] == "rejected"):
                assert answer.status_code in (204, 202, 404, 409), what  # ended by its owner before, or there is none
            else:
                assert answer.status_code in (200, 202, 204, 409), f"{what} on its own: {answer.text}"
            if "id" not in rule:
                break
        if is_allowed and "shows" in rule:
            check_list(world, client.ok(method, path, params={"limit": 200}), rule, tenant, what)


def check_list(world, page, rule, tenant, what):
    shown = {item[rule["field"]] for item in page["items"]}
    for owner, ids in world.ids.items():
        theirs = {ids[kind] for kind in rule["shows"]}
        if tenant is None or owner == tenant:
            assert theirs & shown, f"{what} doesn't show {owner!r}'s"
        else:
            assert not theirs & shown, f"{what} shows {owner!r}'s"


def test_what_a_refused_key_asked_for_has_not_happened(api, as_key, receiver):
    world = World(api, receiver)
    client = as_key(make_key(api, "admin", tenant="acme")["key"])
    before = state_of(api, world, "other")
    for method, path, _, _ in private_operations(api):
        rule = RULES[method, path]
        if "id" in rule:
            call(client, method, path, rule, world.ids["other"][rule["id"]])
    assert state_of(api, world, "other") == before


def state_of(api, world, tenant):
    ids = world.ids[tenant]
    subscription = api.ok("GET", f"/v1/subscriptions/{ids['subscription']}")
    del subscription["health"]  # of which the last deliveries may still be noted
    return [subscription, api.secret(ids["subscription"]),
            api.ok("GET", f"/v1/dead-letters/{ids['dead_letter']}"), api.ok("GET", f"/v1/keys/{ids['key']}"),
            api.ok("GET", f"/v1/events/{ids['event']}"), api.items("/v1/attempts", event=ids["event"])]


def test_a_bound_key_reaches_with_filters_what_is_its_tenants_only(api, as_key, receiver):
    world = World(api, receiver)
    client = as_key(make_key(api, "write", tenant="acme")["key"])
    client.subscribe(receiver.url("/replayed"), ["a"])
    replayed = client.items("/v1/subscriptions")[-1]["id"]
    assert client.ok("POST", f"/v1/subscriptions/{replayed}/replay", json={"since": "1h"})["queued"] == 2  # one was for another alone
    assert client.ok("POST", "/v1/dead-letters/purge", json={"all": True})["deleted"] == 2
    left = {letter["id"] for letter in api.items("/v1/dead-letters")}
    assert left == {world.ids[t][kind] for t in ("other", "") for kind in ("dead_letter", "other_letter")}
    answer = client.post("/v1/dead-letters/purge", {"tenant": "other"})
    assert answer.status_code == 422 and len(api.items("/v1/dead-letters")) == 4


def pages(client, path, **params):
    """The items of all pages, and their cursors as they can be read."""
    items, cursors = [], []
    while True:
        page = client.ok("GET", path, params={"limit": 50, **params, **({"cursor": cursors[-1][0]} if cursors else {})})
        items += page["items"]
        if page["next_cursor"] is None:
            return items, [plain for _, plain in cursors]
        cursors.append((page["next_cursor"], bytes.fromhex(page["next_cursor"]).decode()))


def test_a_cursor_names_nothing_of_another_tenants(api, as_key, redis_server):
    """A page ends within thousands of rows that aren't shown: where it ended says a time, and no more."""
    client = redis_server.client
    with client.pipeline(transaction=False) as pipe:
        for n in range(12_000):  # three to a millisecond, every thousandth our own
            tenant, ms = "acme" if n % 1000 == 1 else "other", 1_700_000_000_000 + n // 3
            letter = f"event_{tenant}_{n:05}.sub_{tenant}"
            pipe.zadd("petrel:dead", {letter: ms})
            pipe.hset(f"petrel:dead:{letter}", mapping={"type": "a", "tenant": tenant, "reason": "exhausted"})
            pipe.xadd("petrel:attempts", {"event": f"event_{tenant}_{n:05}", "subscription": f"sub_{tenant}", "type": "a",
                                          "tenant": tenant, "outcome": "dead"}, id=f"{ms}-{7 + n}")
        pipe.execute()
    bound = as_key(make_key(api, "read", tenant="acme")["key"])
    expected = [f"event_acme_{n:05}" for n in range(11_001, 0, -1000)]
    letters, cursors = pages(bound, "/v1/dead-letters")
    assert [letter["event"] for letter in letters] == expected
    assert len(cursors) >= 2 and not [cursor for cursor in cursors if "_" in cursor], cursors
    attempts, cursors = pages(bound, "/v1/attempts")
    assert [attempt["event"] for attempt in attempts] == expected
    assert len(cursors) >= 2 and all(cursor.split("/")[1:] == ["0", "0", ""] for cursor in cursors), cursors


# ---- what is made with a bound key is its tenant's

def test_a_bound_key_makes_things_of_its_tenant(api, as_key, receiver):
    client = as_key(make_key(api, "admin", tenant="acme")["key"])
    made = client.subscribe(receiver.url("/"))
    assert made["tenant"] == "acme"
    event = client.ok("POST", "/v1/events", json={"type": "a", "data": 1})["id"]
    assert client.ok("GET", f"/v1/events/{event}")["tenant"] == "acme"
    wait_until(lambda: receiver.count() == 1, 15, "its own events reach it")
    assert client.ok("POST", "/v1/keys", json={"name": "x", "scope": "read"})["tenant"] == "acme"
    same = {"tenant": "acme"}
    assert client.post("/v1/events", {"type": "a", "data": 1, **same}).status_code == 202
    assert client.get("/v1/subscriptions", params=same).status_code == 200
    for method, path, kwargs in (
        ("POST", "/v1/events", {"json": {"type": "a", "data": 1, "tenant": "other"}}),
        ("POST", "/v1/events", {"json": {"type": "a", "data": 1, "tenant": ""}}),
        ("POST", "/v1/subscriptions", {"json": {"url": "https://x.example/", "event_types": ["*"], "tenant": "other"}}),
        ("POST", "/v1/keys", {"json": {"name": "x", "scope": "read", "tenant": "other"}}),
        ("GET", "/v1/subscriptions", {"params": {"tenant": "other"}}),
        ("GET", "/v1/dead-letters", {"params": {"tenant": "other"}}),
    ):
        answer = client.call(method, path, **kwargs)
        assert answer.status_code == 422, (method, path, answer.text)
        assert answer.json()["errors"][0]["field"] == "tenant" and "bound" in answer.json()["errors"][0]["message"]


def test_an_event_of_one_tenant_cannot_be_sent_to_anothers_subscription(api, as_key, receiver):
    theirs = api.subscribe(receiver.url("/theirs"), tenant="other")["id"]
    client = as_key(make_key(api, "write", tenant="acme")["key"])
    event = client.ok("POST", "/v1/events", json={"type": "a", "data": 1, "subscription": theirs})["id"]
    wait_until(lambda: api.ok("GET", f"/v1/events/{event}")["state"] == "settled", 15, "settled")
    assert receiver.count() == 0


def test_an_idempotency_key_is_the_callers_own(api, as_key):
    one, two = (as_key(make_key(api, "write", tenant=t)["key"]) for t in ("acme", "other"))
    body, headers = {"type": "a", "data": 1}, {"Idempotency-Key": "same"}
    first = one.post("/v1/events", body, headers=headers)
    second = two.post("/v1/events", body, headers=headers)
    assert first.json() != second.json() and "idempotency-replayed" not in second.headers
