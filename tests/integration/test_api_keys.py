# SPDX-License-Identifier: Apache-2.0
"""Keys of the admin API: their life, what is kept of them, who else knows of them."""

import hashlib
import json
import re

import pytest
import requests
from harness.cli import run
from harness.processes import PATIENCE
from harness.tenants import make_key
from harness.wait import wait_until


@pytest.mark.smoke
def test_a_key_lives_and_ends(api, as_key, redis_server):
    made = make_key(api, "write", name="Acme's CI — é", tenant="acme")
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
    key = make_key(api)["key"]
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
    lasting = as_key(make_key(api, expires="90d")["key"])
    # On a slow machine one may have ended before it is used.
    passing = as_key(None)

    def is_used_in_time():
        passing.session.headers["authorization"] = f"Bearer {make_key(api, expires='1s')['key']}"
        return passing.get("/v1/subscriptions").status_code == 200

    wait_until(is_used_in_time, 20, "one opens the door")

    def has_ended():
        answer = passing.get("/v1/subscriptions")
        return answer.status_code == 401 and answer.json()["detail"]

    assert wait_until(has_ended, 10, "it ends") == "The key has expired."
    for _ in range(25):  # who sends an old key guesses nothing
        assert passing.get("/v1/subscriptions").status_code == 401
    assert lasting.get("/v1/subscriptions").status_code == 200
    until = api.ok("POST", "/v1/keys", json={"name": "x", "scope": "read", "expires": "2999-01-01T00:00:00Z"})
    assert until["expires_at"] == "2999-01-01T00:00:00.000Z"


def test_revoked_and_made_keys_are_known_everywhere_within_a_second(api, start, as_key):
    other = start("admin")
    made = make_key(api)
    headers = {"authorization": f"Bearer {made['key']}"}
    assert requests.get(other.url + "/v1/subscriptions", headers=headers, timeout=15).status_code == 200
    api.delete(f"/v1/keys/{made['id']}")
    wait_until(lambda: requests.get(other.url + "/v1/subscriptions", headers=headers, timeout=15).status_code == 401,
               PATIENCE, "the other instance refuses it")


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
    key = make_key(api)["key"]
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
    ids = [make_key(api, name=f"n{n}")["id"] for n in range(7)]
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


def test_a_stranger_cannot_fill_memory_with_bodies(petrel):
    """A large body is read for those with a key only: the answer is 401, and what came was thrown away."""
    for authorization in (None, "Bearer petrel_" + "0" * 22 + "_" + "0" * 22):
        headers = {"content-type": "application/json", **({"authorization": authorization} if authorization else {})}
        answer = requests.post(petrel.url + "/v1/events", data=b"x" * 900_000, headers=headers, timeout=15)
        assert answer.status_code == 401


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_of_someone_with_a_key_is_whole(api, as_key, receiver, chunked):
    api.subscribe(receiver.url("/"))
    client = as_key(make_key(api, "write")["key"])
    text = json.dumps({"type": "a", "data": "x" * 200_000}).encode()
    data = iter([text[i:i + 10_000] for i in range(0, len(text), 10_000)]) if chunked else text
    answer = client.session.post(api.url + "/v1/events", data=data, headers={"content-type": "application/json"},
                                 timeout=15)
    assert answer.status_code == 202, answer.text
    wait_until(lambda: receiver.count() == 1, 15, "it arrives")
    assert len(receiver.at("/")[0].body) > 200_000


def test_without_redis_a_key_is_neither_right_nor_wrong(api, as_key, redis_server):
    client = as_key(make_key(api)["key"])
    redis_server.stop()
    assert client.get("/v1/subscriptions").status_code == 503


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
