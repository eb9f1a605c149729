# SPDX-License-Identifier: Apache-2.0
"""Keys of the admin API: what each scope may do, and that a key bound to a tenant finds nothing of another's.

The walk takes its routes from the OpenAPI document: a route that is new there, and has no rule here, fails.
"""

import hashlib
import itertools
import json
import re
import time

import pytest
import requests
from harness.cli import run
from harness.openapi import CheckedApi
from harness.receiver import Answer
from harness.wait import wait_until

RANK = {"read": 0, "write": 1, "admin": 2}


def make(api, scope="read", **fields):
    return api.ok("POST", "/v1/keys", json={"name": "test", "scope": scope, **fields})


@pytest.fixture
def as_key(petrel):
    """as_key(key text) → the API for it."""
    return lambda key: CheckedApi(petrel.url, key, petrel.dispatcher_url)


# ---- what a key is

@pytest.mark.smoke
def test_a_key_lives_and_ends(api, as_key, redis_server):
    made = make(api, "write", name="Acme's CI — é", tenant="acme")
    assert made["scope"] == "write" and made["tenant"] == "acme" and made["expires_at"] is None
    key, path = made.pop("key"), f"/v1/keys/{made['id']}"
    assert re.fullmatch(r"petrel_[0-9A-Za-z]{22}_[0-9A-Za-z]{22}", key)
    assert api.ok("GET", path) == made and api.items("/v1/keys") == [made]
    assert as_key(key).get("/v1/subscriptions").status_code == 200
    assert api.ok("GET", path)["last_used_at"] is not None
    assert api.delete(path).status_code == 204
    assert as_key(key).session.get(api.url + "/v1/subscriptions").status_code == 401, "at once"
    assert api.delete(path).status_code == 404 and api.items("/v1/keys") == []


def test_only_the_digest_is_kept(api, redis_server, petrel):
    key = make(api)["key"]
    api.get("/v1/keys")
    requests.get(api.url + "/v1/keys", headers={"authorization": f"Bearer {key}"}, timeout=15)
    stored = redis_server.client.hgetall("petrel:keys")
    record = json.loads(next(iter(stored.values())))
    assert record["digest"] == hashlib.sha256(key.encode()).hexdigest()
    secret = key.rsplit("_", 1)[1]
    for name in redis_server.client.scan_iter():
        dumped = redis_server.binary.dump(name)
        assert secret.encode() not in dumped, name
    assert secret not in petrel.output()


def test_the_answer_with_a_key_is_not_kept_for_a_repetition(api, redis_server):
    body = {"name": "x", "scope": "read"}
    answer = api.post("/v1/keys", body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert not list(redis_server.client.scan_iter("petrel:idempotency:*"))


def test_keys_expire(api, as_key):
    lasting = as_key(make(api, expires="90d")["key"])
    passing = as_key(make(api, expires="1s")["key"])
    assert passing.get("/v1/subscriptions").status_code == 200

    def has_ended():
        answer = passing.get("/v1/subscriptions")
        return answer.status_code == 401 and answer.json()["detail"]

    assert wait_until(has_ended, 5, "it ends") == "The key has expired."
    for _ in range(25):  # who sends an old key guesses nothing
        assert passing.get("/v1/subscriptions").status_code == 401
    assert lasting.get("/v1/subscriptions").status_code == 200
    until = api.ok("POST", "/v1/keys", json={"name": "x", "scope": "read", "expires": "2999-01-01T00:00:00Z"})
    assert until["expires_at"] == "2999-01-01T00:00:00.000Z"


def test_revoked_and_made_keys_are_known_everywhere_within_a_second(api, start, as_key):
    other = start("admin")
    made = make(api)
    headers = {"authorization": f"Bearer {made['key']}"}
    assert requests.get(other.url + "/v1/subscriptions", headers=headers, timeout=15).status_code == 200
    api.delete(f"/v1/keys/{made['id']}")
    began = time.monotonic()
    wait_until(lambda: requests.get(other.url + "/v1/subscriptions", headers=headers, timeout=15).status_code == 401,
               1, "the other instance refuses it")
    assert time.monotonic() - began < 1


def test_malformed_keys_are_told_what_is_wrong(api):
    cases = [
        ({}, {"name", "scope"}), ({"name": "", "scope": "read"}, {"name"}), ({"name": "a\nb", "scope": "read"}, {"name"}),
        ({"name": "x" * 101, "scope": "read"}, {"name"}), ({"name": "x", "scope": "root"}, {"scope"}),
        ({"name": "x", "scope": "read", "tenant": "a/b"}, {"tenant"}),
        ({"name": "x", "scope": "read", "expires": "2001-01-01T00:00:00Z"}, {"expires"}),
        ({"name": "x", "scope": "read", "expires": "soon"}, {"expires"}),
        ({"name": 1, "scope": "read"}, {"name"}), ({"name": "x", "scope": "read", "key": "mine"}, {"key"}),
    ]
    for body, fields in cases:
        answer = api.post("/v1/keys", body)
        assert answer.status_code == 422 and {e["field"] for e in answer.json()["errors"]} == fields, (body, answer.text)


def test_a_key_that_is_nearly_right_is_wrong(api, as_key, redis_server):
    key = make(api)["key"]
    head, secret = key.rsplit("_", 1)
    changed = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    for wrong in (f"{head}_{changed}", head, key + "0", key[:-1], key.upper(), f"petrel_{'0' * 22}_{secret}"):
        assert requests.get(api.url + "/v1/subscriptions", headers={"authorization": f"Bearer {wrong}"},
                            timeout=15).status_code == 401, wrong
    # A record that can't be read opens nothing.
    name, record = next(iter(redis_server.client.hgetall("petrel:keys").items()))
    redis_server.client.hset("petrel:keys", name, record.replace('"tenant":null', '"tenant":7'))
    assert as_key(key).get("/v1/subscriptions").status_code == 401


def test_pages_of_keys(api):
    ids = [make(api, name=f"n{n}")["id"] for n in range(7)]
    seen, cursor = [], None
    while True:
        page = api.ok("GET", "/v1/keys", params={"limit": 3, **({"cursor": cursor} if cursor else {})})
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        if len(seen) == 3:
            api.delete(f"/v1/keys/{ids[1]}")
    assert seen == ids


# ---- the walk: all routes × scopes × tenants

class World:
    """Tenant acme and tenant other, each with one of everything; and things without a tenant."""

    def __init__(self, api, receiver):
        self.api, self.receiver = api, receiver
        receiver.script("/bad", [Answer(500)])
        self.ids = {tenant: self._fill(tenant) for tenant in ("acme", "other", "")}

    def _fill(self, tenant):
        api = self.api
        good = api.subscribe(self.receiver.url("/good"), tenant=tenant)["id"]
        bad = api.subscribe(self.receiver.url("/bad"), tenant=tenant, retry_schedule=[])["id"]
        event, other = (api.ok("POST", "/v1/events", json={"type": "a", "data": 1, "tenant": tenant})["id"]
                        for _ in range(2))
        wait_until(lambda: len(api.items("/v1/dead-letters", subscription=bad)) == 2, 10, "two dead letters")
        wait_until(lambda: len(api.items("/v1/attempts", event=event)) == 2, 10, "both were tried")
        delivered = api.ok("POST", "/v1/events", json={
            "type": "a", "data": 1, "tenant": tenant, "subscription": good})["id"]
        wait_until(lambda: api.ok("GET", f"/v1/events/{delivered}")["state"] == "settled", 10, "delivered")
        key = make(api, "read", tenant=tenant)["id"]
        return {"subscription": good, "failing": bad, "event": event, "dead_letter": f"{event}.{bad}",
                "other_letter": f"{other}.{bad}", "key": key, "rejected": "0-1-1", "delivered": delivered}


# What to send to a route, and how to find out whose things an answer shows. {id} is of the kind named.
RULES = {
    ("POST", "/v1/events"): dict(body={"type": "probe", "data": 1}),
    ("GET", "/v1/events"): dict(shows=("event",), field="id"),
    ("GET", "/v1/events/{id}"): dict(id="event"),
    ("POST", "/v1/events/{id}/redeliver"): dict(id="delivered"),
    ("POST", "/v1/subscriptions"): dict(body={"url": "https://example.com/", "event_types": ["x"]}),
    ("GET", "/v1/subscriptions"): dict(shows=("subscription", "failing"), field="id"),
    ("GET", "/v1/subscriptions/{id}"): dict(id="subscription"),
    ("PATCH", "/v1/subscriptions/{id}"): dict(id="subscription", body={"description": "changed"}),
    ("DELETE", "/v1/subscriptions/{id}"): dict(id="subscription", ends=True),
    ("GET", "/v1/subscriptions/{id}/secret"): dict(id="subscription"),
    ("POST", "/v1/subscriptions/{id}/rotate-secret"): dict(id="subscription"),
    ("POST", "/v1/subscriptions/{id}/pause"): dict(id="subscription"),
    ("POST", "/v1/subscriptions/{id}/resume"): dict(id="subscription"),
    ("POST", "/v1/subscriptions/{id}/disable"): dict(id="subscription"),
    ("POST", "/v1/subscriptions/{id}/test"): dict(id="failing"),
    ("POST", "/v1/subscriptions/{id}/replay"): dict(id="subscription", body={"since": "1h"}),
    ("GET", "/v1/subscriptions/{id}/attempts"): dict(id="subscription"),
    ("GET", "/v1/dead-letters"): dict(shows=("dead_letter",), field="id"),
    ("POST", "/v1/dead-letters/redrive"): dict(body={"type": "nothing"}),
    ("POST", "/v1/dead-letters/purge"): dict(body={"type": "nothing"}),
    ("GET", "/v1/dead-letters/{id}"): dict(id="dead_letter"),
    ("DELETE", "/v1/dead-letters/{id}"): dict(id="dead_letter", ends=True),
    ("POST", "/v1/dead-letters/{id}/redrive"): dict(id="other_letter", ends=True),
    ("GET", "/v1/attempts"): dict(shows=("event",), field="event"),
    ("GET", "/v1/rejected-events"): dict(),
    ("GET", "/v1/rejected-events/{id}"): dict(id="rejected"),
    ("POST", "/v1/rejected-events/{id}/requeue"): dict(id="rejected"),
    ("DELETE", "/v1/rejected-events/{id}"): dict(id="rejected", ends=True),
    ("GET", "/v1/instances"): dict(),
    ("GET", "/v1/status"): dict(),
    ("POST", "/v1/keys"): dict(body={"name": "x", "scope": "read"}),
    ("GET", "/v1/keys"): dict(shows=("key",), field="id"),
    ("GET", "/v1/keys/{id}"): dict(id="key"),
    ("DELETE", "/v1/keys/{id}"): dict(id="key", ends=True),
}


def private_operations(api):
    for method, path, operation in api.document.operations():
        if operation["security"]:
            yield method, path, operation["security"][0]["key"][0], operation.get("x-all-tenants", False)


def call(client, method, path, rule, target=""):
    kwargs = {"json": rule["body"]} if "body" in rule else {}
    return client.call(method, path.replace("{id}", target), **kwargs)


def test_every_route_has_a_rule(api):
    assert {(method, path) for method, path, _, _ in private_operations(api)} == set(RULES)


@pytest.mark.parametrize("scope", list(RANK))
def test_the_walk(api, as_key, receiver, scope):
    world = World(api, receiver)
    keys = {tenant: as_key(make(api, scope, **({"tenant": tenant} if tenant is not None else {}))["key"])
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
    client = as_key(make(api, "admin", tenant="acme")["key"])
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
    client = as_key(make(api, "write", tenant="acme")["key"])
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
    bound = as_key(make(api, "read", tenant="acme")["key"])
    expected = [f"event_acme_{n:05}" for n in range(11_001, 0, -1000)]
    letters, cursors = pages(bound, "/v1/dead-letters")
    assert [letter["event"] for letter in letters] == expected
    assert len(cursors) >= 2 and not [cursor for cursor in cursors if "_" in cursor], cursors
    attempts, cursors = pages(bound, "/v1/attempts")
    assert [attempt["event"] for attempt in attempts] == expected
    assert len(cursors) >= 2 and all(cursor.split("/")[1:] == ["0", "0", ""] for cursor in cursors), cursors


# ---- what is made with a bound key is its tenant's

def test_a_bound_key_makes_things_of_its_tenant(api, as_key, receiver):
    client = as_key(make(api, "admin", tenant="acme")["key"])
    made = client.subscribe(receiver.url("/"))
    assert made["tenant"] == "acme"
    event = client.ok("POST", "/v1/events", json={"type": "a", "data": 1})["id"]
    assert client.ok("GET", f"/v1/events/{event}")["tenant"] == "acme"
    wait_until(lambda: receiver.count() == 1, 5, "its own events reach it")
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
    client = as_key(make(api, "write", tenant="acme")["key"])
    event = client.ok("POST", "/v1/events", json={"type": "a", "data": 1, "subscription": theirs})["id"]
    wait_until(lambda: api.ok("GET", f"/v1/events/{event}")["state"] == "settled", 5, "settled")
    assert receiver.count() == 0


def test_an_idempotency_key_is_the_callers_own(api, as_key):
    one, two = (as_key(make(api, "write", tenant=t)["key"]) for t in ("acme", "other"))
    body, headers = {"type": "a", "data": 1}, {"Idempotency-Key": "same"}
    first = one.post("/v1/events", body, headers=headers)
    second = two.post("/v1/events", body, headers=headers)
    assert first.json() != second.json() and "idempotency-replayed" not in second.headers


# ---- around

def test_a_stranger_cannot_fill_memory_with_bodies(petrel):
    """A large body is read for those with a key only: the answer is 401, and what came was thrown away."""
    for authorization in (None, "Bearer petrel_" + "0" * 22 + "_" + "0" * 22):
        headers = {"content-type": "application/json", **({"authorization": authorization} if authorization else {})}
        answer = requests.post(petrel.url + "/v1/events", data=b"x" * 900_000, headers=headers, timeout=15)
        assert answer.status_code == 401


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_of_someone_with_a_key_is_whole(api, as_key, receiver, chunked):
    api.subscribe(receiver.url("/"))
    client = as_key(make(api, "write")["key"])
    text = json.dumps({"type": "a", "data": "x" * 200_000}).encode()
    data = iter([text[i:i + 10_000] for i in range(0, len(text), 10_000)]) if chunked else text
    answer = client.session.post(api.url + "/v1/events", data=data, headers={"content-type": "application/json"},
                                 timeout=15)
    assert answer.status_code == 202, answer.text
    wait_until(lambda: receiver.count() == 1, 5, "it arrives")
    assert len(receiver.at("/")[0].body) > 200_000


def test_without_redis_a_key_is_neither_right_nor_wrong(api, as_key, redis_server):
    client = as_key(make(api)["key"])
    redis_server.stop()
    assert client.get("/v1/subscriptions").status_code == 503


def test_the_audit_log_says_who_did_what_to_which(api, as_key, petrel):
    made = make(api, "write", tenant="acme")
    client = as_key(made["key"])
    subscription = client.subscribe("https://example.com/s3cret-path", metadata={"password": "hunter2"})["id"]
    client.get(f"/v1/subscriptions/{subscription}/secret")
    client.call("DELETE", "/v1/subscriptions/sub_nobody")
    client.call("POST", "/v1/keys", json={"name": "x", "scope": "admin"})
    api.ok("POST", f"/v1/subscriptions/{subscription}/pause")

    def lines():
        return [line for line in petrel.output().splitlines() if 'event=audit' in line]

    wait_until(lambda: len(lines()) >= 6, 5, "six lines")
    log = "\n".join(lines())
    for expected in (
        f"key=admin peer=127.0.0.1 method=POST path=/v1/keys made=/v1/keys/{made['id']} status=201",
        f"key={made['id']} peer=127.0.0.1 method=POST path=/v1/subscriptions made=/v1/subscriptions/{subscription} status=201",
        f"key={made['id']} peer=127.0.0.1 method=GET path=/v1/subscriptions/{subscription}/secret made=\"\" status=200",
        f"key={made['id']} peer=127.0.0.1 method=DELETE path=/v1/subscriptions/sub_nobody made=\"\" status=404",
        f"key={made['id']} peer=127.0.0.1 method=POST path=/v1/keys made=\"\" status=403",
        f"key=admin peer=127.0.0.1 method=POST path=/v1/subscriptions/{subscription}/pause made=\"\" status=200",
    ):
        assert expected in log, log
    assert "hunter2" not in petrel.output() and made["key"] not in petrel.output()
    assert "s3cret-path" not in log and "whsec_" not in petrel.output()


def test_no_change_is_missing_in_the_audit_log(api, receiver, petrel):
    world = World(api, receiver)
    operations = [op for op in private_operations(api) if op[0] != "GET" or op[1].endswith("/secret")]
    expected = []
    for method, path, _, _ in sorted(operations, key=lambda op: bool(RULES[op[:2]].get("ends"))):
        rule = RULES[method, path]
        target = world.ids["acme"].get(rule.get("id"), "")
        answer = call(api, method, path, rule, target)
        expected.append(f"key=admin peer=127.0.0.1 method={method} path={path.replace('{id}', target)} made=")
        assert answer.status_code < 500
    assert len(expected) >= 19

    def missing():
        lines = [line for line in petrel.output().splitlines() if "event=audit" in line]
        return [line for line in expected if not any(line in one for one in lines)]

    wait_until(lambda: not missing(), 5, "a line for each")
    assert not missing()


def test_the_command_line_makes_and_revokes_keys(petrel, as_key, redis_server):
    at = ["--redis-url", redis_server.url]
    made = run("keys", "create", "--name", "ci", "--scope", "write", "--tenant", "acme", "--expires", "90d", *at)
    key = made.stdout.strip()
    assert made.returncode == 0 and as_key(key).get("/v1/subscriptions").status_code == 200
    listed = json.loads(run("keys", "list", "--json", *at).stdout)["items"]
    assert [(k["name"], k["scope"], k["tenant"]) for k in listed] == [("ci", "write", "acme")]
    assert listed[0]["last_used_at"] and "key" not in listed[0]
    table = run("keys", "list", *at).stdout
    assert "LAST USED" in table and listed[0]["id"] in table
    assert run("keys", "revoke", listed[0]["id"], *at).returncode == 0
    assert as_key(key).session.get(petrel.url + "/v1/subscriptions", timeout=15).status_code == 401
    assert run("keys", "revoke", listed[0]["id"], *at).returncode == 1
    wrong = run("keys", "create", "--scope", "root", *at)
    assert wrong.returncode == 2 and "scope: must be" in wrong.stderr and "name: must be" in wrong.stderr
