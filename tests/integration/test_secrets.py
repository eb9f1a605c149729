# SPDX-License-Identifier: Apache-2.0
"""Known secrets go through everything petrel does; then everything it said, answered and stored is searched for them."""

import base64
import json
import signal
import socket
import threading
from urllib.parse import quote

import pytest
import requests
from harness.cli import run, succeed
from harness.ports import free_port
from harness.receiver import Answer, Receiver
from harness.tls import Authority
from harness.wait import wait_until

SECRETS = {  # what they are called in a failure
    "signing secret": "whsec_c2VjcmV0LW51bWJlci1vbmUtMDEyMzQ1Njc4OQ==",
    "second signing secret": "whsec_c2VjcmV0LW51bWJlci10d28tOTg3NjU0MzIxMA==",
    "header value": 'Bearer hdr-"77\\91"/fe+3c',
    "second header value": "hdr-two-5d09e1",
    "admin key": "adm1n-key-31f2c8d47a",
    "Redis password": "r3dis/pw:5b@19c7",
}
ONE, TWO, HEADER, HEADER_TWO, ADMIN_KEY, REDIS_PASSWORD = SECRETS.values()


def forms(secret):
    """The ways in which a text may turn up."""
    raw = secret.encode()
    digits = secret.removeprefix("whsec_")
    found = {raw, digits.encode(), json.dumps(secret)[1:-1].encode(), json.dumps(json.dumps(secret))[3:-3].encode(),
             quote(secret, safe="").encode(), quote(secret).encode(), raw.hex().encode(), base64.b64encode(raw)}
    if digits != secret:
        found |= {base64.b64decode(digits), base64.b64decode(digits).hex().encode()}
    return found


def search(where, but=()):
    """{name of the text: names of the secrets in it}"""
    hits = {}
    for name, text in where.items():
        data = text.encode() if isinstance(text, str) else text
        found = {secret for secret, value in SECRETS.items() if secret not in but and any(f in data for f in forms(value))}
        if found:
            hits[name] = found
    return hits


class Monitor:
    """All that Redis is told, as MONITOR shows it."""

    def __init__(self, port):
        self.seen = b""
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.sendall(b"MONITOR\r\n")
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        while piece := self._socket.recv(65536):
            self.seen += piece

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()


def dump(client):
    """Every value of every key, plainly."""
    read = {
        b"string": lambda key: [client.get(key)],
        b"hash": lambda key: [word for pair in client.hgetall(key).items() for word in pair],
        b"set": lambda key: client.smembers(key),
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": lambda key: [word for _, entry in client.xrange(key) for pair in entry.items() for word in pair],
    }
    return {f"key {key.decode()}": b"\n".join([key, *read[client.type(key)](key)]) for key in client.scan_iter()}


class Run:
    """petrel with all of the secrets, and everything that is to be searched."""

    def __init__(self, start, server, folder, log_format, is_encrypted):
        server.client.execute_command("ACL", "SETUSER", "petrel", "on", f">{REDIS_PASSWORD}", "allkeys", "allcommands", "allchannels")
        self.server = server
        self.url = f"redis://petrel:{quote(REDIS_PASSWORD, safe='')}@127.0.0.1:{server.port}"
        self.env = {"PETREL_REDIS_URL": self.url, "PETREL_ADMIN_KEY": ADMIN_KEY}
        self.keys = folder / "encryption.keys"
        if is_encrypted:
            self.keys.write_text(succeed("keys", "new-encryption", "k1"))
            self.keys.chmod(0o600)
            self.env["PETREL_ENCRYPTION_KEYS_FILE"] = str(self.keys)
        self.monitor = Monitor(server.port)
        self.petrel = start(
            server=self, hides_secrets=True, env=self.env, admin_key=ADMIN_KEY,
            flags=["--log-level", "debug", "--log-format", log_format, "--retry-schedule", "50ms"],
        )
        self.answers = {}
        self.api = self.petrel.api
        self.api.session.hooks["response"].append(self._record)
        self.printed = {}

    def _record(self, response, *_, **__):
        if not response.request.path_url.endswith("/secret"):
            name = f"answer {len(self.answers)} {response.request.method} {response.request.path_url} {response.status_code}"
            self.answers[name] = f"{response.headers}".encode() + response.content

    def command(self, *arguments, stdin=""):
        done = run(*arguments, env=self.env, stdin=stdin)
        self.printed[f"command {' '.join(arguments[:2])} {len(self.printed)}"] = done.stdout + done.stderr
        return done


def deliver(the, receiver, stranger):
    """Arrives, fails, is refused, dies; returns the subscription's id of each."""
    receiver.script("/fails", [Answer(500, body=b"no")])
    targets = {
        "ok": receiver.url("/ok"), "fails": receiver.url("/fails"),
        "tls": stranger.url("/tls"),
        "refused": f"http://127.0.0.1:{free_port()}/", "blocked": "http://10.1.2.3/",
    }
    fields = {"secret": ONE, "headers": {"X-Token": HEADER}}
    ids = {}
    for name, url in targets.items():
        answer = the.api.post("/v1/subscriptions", {"url": url, "event_types": [name], **fields},
                              headers={"idempotency-key": f"made-{name}"})
        if answer.status_code == 201:
            ids[name] = answer.json()["id"]
    the.api.wait_known(0)
    for name in targets:
        the.api.ok("POST", "/v1/events", json={"type": name, "data": {"n": 1}})
    dead = set(ids) - {"ok"}
    wait_until(lambda: len(the.api.items("/v1/dead-letters")) == len(dead) and receiver.count("/ok"), 20, "all have ended")
    errors = {"tls_certificate", "connect_refused", "http_status"}
    wait_until(lambda: {one["error"] for one in the.api.items("/v1/attempts")} >= errors, 10, "the attempts are logged")
    request = receiver.at("/ok")[0]
    assert request.headers["x-token"] == HEADER and request.headers["webhook-signature"]
    return ids


def look_at_everything(the, ids):
    api, ok = the.api, f"/v1/subscriptions/{ids['ok']}"
    for path in "/v1/subscriptions", "/v1/dead-letters", "/v1/attempts", "/v1/events", "/v1/stats", "/v1/instances", \
                "/v1/keys", ok, f"{ok}/attempts", "/metrics", "/healthz", "/readyz", "/openapi.json", "/":
        api.get(path)
    for letter in api.items("/v1/dead-letters"):
        api.ok("GET", f"/v1/dead-letters/{letter['id']}")
        api.get(f"/v1/events/{letter['event']}")
    api.ok("PATCH", ok, json={"headers": {"X-Other": HEADER_TWO}, "description": "d"})
    api.ok("POST", f"{ok}/rotate-secret", json={"secret": TWO, "grace": "1h"}, headers={"idempotency-key": "rotated"})
    for verb in "pause", "resume", "test", "disable":
        api.ok("POST", f"{ok}/{verb}")
    api.ok("POST", f"{ok}/resume")
    shown = api.secret(ids["ok"])
    assert shown["secret"] == TWO and shown["previous"][0]["secret"] == ONE
    assert shown["headers"] == {"X-Token": HEADER, "X-Other": HEADER_TWO}


def be_wrong(the, ids):
    """Requests with secrets in them, none of which is right."""
    ok = f"/v1/subscriptions/{ids['ok']}"
    good = {"url": "https://example.com/", "event_types": ["a"]}
    bodies = [
        ("/v1/subscriptions", {**good, "url": "nonsense", "secret": ONE, "headers": {"X-Token": HEADER}}),
        ("/v1/subscriptions", {**good, "secret": ONE + "!"}), ("/v1/subscriptions", {**good, "secret": [ONE]}),
        ("/v1/subscriptions", {**good, "secret": ONE, "signature": "v1a"}),
        ("/v1/subscriptions", {**good, "headers": {"X-Token": HEADER + "\n", "Host": HEADER, "x-token": HEADER}}),
        ("/v1/subscriptions", {**good, "headers": [HEADER]}), ("/v1/subscriptions", {**good, "event_types": [ONE]}),
        (f"{ok}/rotate-secret", {"secret": ONE + "%"}), (f"{ok}/rotate-secret", {"secret": {"a": ONE}}),
        (f"{ok}/rotate-secret", {"secret": ONE, "grace": HEADER}), (f"{ok}/pause", {"secret": ONE}),
    ]
    for path, body in bodies:
        assert the.api.post(path, body).status_code == 422, body
    for body in {"secret": ONE}, {"headers": {"X-Token": HEADER + "\x7f"}}, {"headers": {"Webhook-Id": HEADER}}:
        assert the.api.patch(ok, body).status_code == 422, body
    broken = '{"secret":"%s","headers":{"a":"%s"' % (ONE, HEADER_TWO)
    for kind in "application/json", "text/plain":
        assert the.api.post("/v1/subscriptions", data=broken, headers={"content-type": kind}).status_code in (400, 415)
    the.api.post(f"{ok}/rotate-secret", {"secret": ONE}, headers={"idempotency-key": "rotated"})
    for header in f"Bearer {ADMIN_KEY}x", f"Basic {ADMIN_KEY}", ADMIN_KEY, f"Bearer {ONE}":
        answer = requests.get(the.petrel.url + "/v1/subscriptions", headers={"authorization": header}, timeout=10)
        the._record(answer)
        assert answer.status_code == 401
    the.api.get("/v1/subscriptions", params={"key": ADMIN_KEY})
    assert the.api.items("/v1/subscriptions", q=HEADER_TWO) == [], "values can't be found by searching"


def use_commands(the, ids):
    for words in ["check"], ["check", "--json"], ["config"], ["config", "--json"], ["config", "--markdown"], \
                 ["subscriptions", "list"], ["subscriptions", "list", "--json"], ["subscriptions", "show", ids["ok"]], \
                 ["subscriptions", "show", ids["ok"], "--json"], ["dead-letters", "list", "--json"], ["attempts", "--json"], \
                 ["subscriptions", "update", ids["ok"], "--header", f"X-Other: {HEADER_TWO}", "--json"], ["keys", "list"]:
        assert the.command(*words).returncode in (0, 1), words
    for words in ["subscriptions", "add", "nonsense", "--event-types", "a", "--secret", ONE, "--header", f"X-Token: {HEADER}"], \
                 ["subscriptions", "add", "https://example.com/", "--event-types", "a", "--secret", ONE + "!"], \
                 ["subscriptions", "update", ids["ok"], "--header", HEADER_TWO], \
                 ["subscriptions", "rotate-secret", ids["ok"], "--secret", ONE + "!!!"], \
                 ["subscriptions", "list", f"--admin-key={HEADER} {ADMIN_KEY}"]:
        assert the.command(*words).returncode == 2, words
    assert the.command("subscriptions", "rotate-secret", ids["ok"], "--secret-file", "-", stdin=ONE + "!").returncode == 2


@pytest.fixture
def stranger(tmp_path):
    """A receiver with a certificate that nobody vouches for."""
    made = Receiver(Authority(tmp_path / "ca").context("127.0.0.1"))
    yield made
    made.close()


@pytest.mark.parametrize("is_encrypted, log_format", [(True, "logfmt"), (True, "json"), (False, "logfmt")])
def test_secrets_are_in_one_answer_and_nowhere_else(start, durable_redis, receiver, stranger, tmp_path, is_encrypted, log_format):
    the = Run(start, durable_redis, tmp_path, log_format, is_encrypted)
    try:
        ids = deliver(the, receiver, stranger)
        look_at_everything(the, ids)
        be_wrong(the, ids)
        use_commands(the, ids)
        if is_encrypted:
            the.keys.write_text(succeed("keys", "new-encryption", "k2") + the.keys.read_text())
            the.petrel.signal(signal.SIGHUP)
            wait_until(lambda: the.petrel.output().count("secrets are encrypted in Redis") == 2, 10, "the new ring")
            assert the.command("keys", "rotate-encryption").returncode == 0
        else:
            the.petrel.signal(signal.SIGHUP)
            wait_until(lambda: "configuration loaded again" in the.petrel.output(), 10, "loaded again")
        in_redis = dump(durable_redis.binary)
        assert the.petrel.terminate() == 0
    finally:
        the.monitor.close()
    in_redis["MONITOR"] = the.monitor.seen
    for path in durable_redis.folder.rglob("*"):
        if path.is_file():
            in_redis[f"file {path.name}"] = path.read_bytes()
    assert len(the.answers) > 60 and len(in_redis) > 10 and b"XREADGROUP" in the.monitor.seen

    assert search({"the log": the.petrel.output()}) == {}
    assert search(the.answers) == {}
    assert search(the.printed) == {}
    if is_encrypted:
        assert search(in_redis) == {}
        return
    # Unencrypted they are there, and the search finds them: so it would have found them above.
    hits = search(in_redis)
    assert hits.keys() >= {"key petrel:subscriptions", "MONITOR"}
    assert hits["MONITOR"] == {name for name in SECRETS if name not in ("admin key", "Redis password")}
    assert {name for found in hits.values() for name in found}.isdisjoint({"admin key", "Redis password"})
    assert not [name for name in hits if name.startswith("key ") and name != "key petrel:subscriptions"]
