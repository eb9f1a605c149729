# SPDX-License-Identifier: Apache-2.0
"""petrel under a Redis user with the least rights, as docs/operations.md gives them, and its password nowhere."""

import re
import shlex
import signal
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
import redis
from harness.cli import run, succeed, succeed_json
from harness.ports import free_port
from harness.processes import ROOT
from harness.receiver import Answer
from harness.wait import wait_until

PASSWORD = "pw-4f9d:61@c7/e2 5b"  # every character that a URL must escape
PRODUCER_PASSWORD = "producer-7d1f"


def documented(user):
    """The words of the `ACL SETUSER` that the documentation has for this user."""
    text = (ROOT / "docs/operations.md").read_text().replace("\\\n", " ")
    return shlex.split(re.search(rf"^redis-cli (ACL SETUSER {user} .*)$", text, re.M)[1])


@pytest.fixture
def restricted(redis_server):
    """A Redis that knows petrel and a producer only. Its client is an operator's."""
    words = {"a long password": PASSWORD, "another password": PRODUCER_PASSWORD}
    for user in "petrel", "app":
        rule = documented(user)
        redis_server.client.execute_command(*[">" + words[w[1:]] if w.startswith(">") else w for w in rule])
    redis_server.client.execute_command("ACL", "SETUSER", "operator", "on", ">operator", "allkeys", "allcommands")
    operator = redis.Redis(port=redis_server.port, username="operator", password="operator", decode_responses=True)
    operator.execute_command("ACL", "SETUSER", "default", "off")
    yield SimpleNamespace(
        port=redis_server.port, client=operator,
        url=f"redis://petrel:{quote(PASSWORD, safe='')}@127.0.0.1:{redis_server.port}",
        producer=redis.Redis(port=redis_server.port, username="app", password=PRODUCER_PASSWORD),
    )
    operator.close()


def denied(restricted, but=()):
    """What the user was refused. A refused command in a script counts too."""
    log = restricted.client.execute_command("ACL", "LOG", "100")
    entries = [entry if isinstance(entry, dict) else dict(zip(entry[::2], entry[1::2])) for entry in log]
    return [(entry["reason"], entry["object"]) for entry in entries if entry["object"] not in but]


def command_line(petrel):
    return Path(f"/proc/{petrel.pid}/cmdline").read_text()


def test_the_whole_job_with_the_least_rights(start, restricted, receiver, tmp_path):
    flags = ["--retry-schedule", "50ms", "--instance-timeout", "1s", "--retain-events", "3"]
    petrel = start(flags=flags, server=restricted, hides_secrets=True)
    other = start("dispatcher", flags=flags, server=restricted, hides_secrets=True)
    api = petrel.api
    receiver.script("/retried", [Answer(500), Answer(200)])
    receiver.script("/dead", [Answer(500), Answer(500), Answer(200)])
    receiver.script("/gone", [Answer(410)])
    made = {path: api.subscribe(receiver.url(path), [path[1:]]) for path in ("/ok", "/retried", "/dead", "/gone")}

    # Deliveries, retries, dead letters.
    for event_type in "ok", "retried", "dead", "gone":
        restricted.producer.xadd("petrel:events", {"type": event_type, "data": "1"})
    restricted.producer.xadd("petrel:events", {"type": "not a type", "data": "1"})
    event = api.ok("POST", "/v1/events", json={"id": "own-1", "type": "ok", "data": {"n": 1}})["id"]
    wait_until(lambda: receiver.count("/ok") == 2 and receiver.accepted("/retried"), 10, "delivered and retried")
    wait_until(lambda: len(api.items("/v1/dead-letters")) == 2, 10, "two dead letters")
    letter = next(one for one in api.items("/v1/dead-letters") if one["type"] == "dead")
    api.ok("GET", f"/v1/dead-letters/{letter['id']}")
    api.ok("POST", f"/v1/dead-letters/{letter['id']}/redrive")
    wait_until(lambda: receiver.accepted("/dead"), 10, "redriven")
    for one in api.items("/v1/dead-letters"):
        api.ok("DELETE", f"/v1/dead-letters/{one['id']}")
    wait_until(lambda: api.ok("GET", f"/v1/events/{event}")["state"] == "settled", 10, "settled")
    assert api.items("/v1/attempts") and api.items("/v1/rejected-events")

    # Subscriptions, and a queue that fills and empties.
    path = f"/v1/subscriptions/{made['/ok']['id']}"
    wait_until(lambda: api.ok("GET", f"/v1/subscriptions/{made['/gone']['id']}")["state"] == "disabled", 10, "disabled")
    assert len(api.items("/v1/subscriptions")) == 4
    api.ok("PATCH", path, json={"description": "changed"})
    api.ok("POST", f"{path}/rotate-secret", headers={"idempotency-key": "once"})
    assert api.secret(made["/ok"]["id"])["previous"]
    api.ok("POST", f"{path}/pause")
    wait_until(lambda: api.ok("POST", f"{path}/test") and int(restricted.client.hget("petrel:totals", "parked") or 0), 10, "parked")
    api.ok("POST", f"{path}/resume")
    wait_until(lambda: int(restricted.client.hget("petrel:totals", "parked")) == 0, 10, "sent")
    api.ok("DELETE", f"/v1/subscriptions/{made['/gone']['id']}")

    # One dies in the middle of an attempt, the other takes over; the stream is trimmed.
    receiver.script("/retried", [Answer(200, delay_s=0.3)])
    for _ in range(20):
        restricted.producer.xadd("petrel:events", {"type": "retried", "data": "1"})
    other.kill9()
    wait_until(lambda: restricted.client.xpending("petrel:events", "petrel")["pending"] == 0, 20, "all is settled")
    wait_until(lambda: len(restricted.client.xinfo_consumers("petrel:events", "petrel")) == 2, 20, "its consumers are gone")
    wait_until(lambda: restricted.client.xlen("petrel:events") <= 3, 20, "trimmed")

    # The command line, with the password by the environment.
    env = {"PETREL_REDIS_URL": restricted.url}
    assert len(succeed_json("subscriptions", "list", env=env)["items"]) == 3
    succeed("publish", "ok", "--data", "1", env=env)
    key = succeed_json("keys", "create", "--name", "for the test", env=env)
    assert len(succeed_json("keys", "list", env=env)["items"]) == 1
    succeed("keys", "revoke", key["id"], env=env)
    keys = tmp_path / "encryption.keys"
    keys.write_text(succeed("keys", "new-encryption"))
    done = succeed_json("keys", "rotate-encryption", env={**env, "PETREL_ENCRYPTION_KEYS_FILE": keys})
    assert done["changed"] == 3
    check = run("check", env=env)
    assert "Redis answered" not in check.stdout + check.stderr and PASSWORD not in check.stdout
    assert denied(restricted, but=("config|get",)) == []
    assert petrel.terminate() == 0
    assert denied(restricted, but=("config|get",)) == []


def test_rights_that_are_missing_are_noticed(start, restricted):
    """What the test above relies on: a refused command is in the log."""
    restricted.client.execute_command("ACL", "SETUSER", "petrel", "-hscan")
    petrel = start(server=restricted, hides_secrets=True, ready=False)
    wait_until(lambda: denied(restricted), 10, "it is refused")
    assert ("command", "hscan") in denied(restricted) and petrel.is_running()


def test_the_list_is_what_the_code_sends():
    """No command too few, none too many."""
    sent = {"eval", "evalsha"}
    for layer in "core", "dispatcher", "admin", "cli":
        for path in (ROOT / layer).glob("*.c"):
            text = path.read_text()
            sent |= set(re.findall(r'redis_command_create\(\s*"([A-Z]+)"', text))
            sent |= {words.split()[0] for words in re.findall(r'redis(?:Async|Append)Command\([^"]*"([A-Z][A-Z ]*)', text)}
            sent |= set(re.findall(r'\bcall\(exchange, idempotency, "([A-Z]+)"', text))
    for path in (ROOT / "core/lua").rglob("*.lua"):
        sent |= set(re.findall(r'redis\.p?call\(\s*"([A-Z]+)"', path.read_text()))
    granted = {word[1:].split("|")[0] for word in documented("petrel") if word.startswith("+")}
    # Always allowed; only with another database; better without.
    sent = {name.lower() for name in sent} - {"auth", "select", "config"}
    assert sent == granted, "put it right in docs/operations.md, \"A Redis user of petrel's own\""


@pytest.mark.parametrize("way", ["environment", "file", "flag"])
def test_the_password_is_not_in_the_process_list(start, restricted, tmp_path, way):
    env, flags = {}, []
    if way == "file":
        conf = tmp_path / "petrel.conf"
        conf.write_text(f"redis_url = {restricted.url}\nadmin_key = admin-key-0123456789\n")
        flags, env = ["--config", str(conf)], {"PETREL_REDIS_URL": "", "PETREL_ADMIN_KEY": ""}
    elif way == "flag":
        flags = ["--redis-url", restricted.url, "--admin-key=admin-key-0123456789"]
    petrel = start(flags=flags, server=restricted, hides_secrets=True, env=env, admin_key="admin-key-0123456789")
    words = command_line(petrel)
    for secret in PASSWORD, quote(PASSWORD, safe=""), "admin-key-0123456789":
        assert secret not in words and secret not in petrel.output()
    assert str(petrel.port) in words, "the rest is there"
    assert petrel.api.get("/v1/subscriptions").status_code == 200
    petrel.signal(signal.SIGHUP)  # and is known when the configuration is loaded again
    wait_until(lambda: "configuration loaded again" in petrel.output(), 10, "it is loaded again")
    assert petrel.output().count("needs a restart") == 0
    assert PASSWORD not in petrel.output() and quote(PASSWORD, safe="") not in petrel.output()


def test_a_wrong_password_is_not_in_the_error(start, restricted):
    wrong = restricted.url.replace("petrel:", "petrel:wr0ng-")
    done = run("subscriptions", "list", env={"PETREL_REDIS_URL": wrong})
    assert done.returncode == 1 and "WRONGPASS" in done.stderr and "wr0ng" not in done.stderr
    bad = run("serve", env={"PETREL_REDIS_URL": f"redis://petrel:s3cr3t@127.0.0.1:{free_port()}x/"})
    assert bad.returncode == 2 and "s3cr3t" not in bad.stderr
