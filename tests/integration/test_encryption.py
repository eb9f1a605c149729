# SPDX-License-Identifier: Apache-2.0
"""Secrets at rest: what lies in Redis, exchanging keys under way, and keys that are missing."""

import base64
import json
import os
import signal
import threading

import pytest
from harness.cli import run, succeed, succeed_json
from harness.judges import judge_python
from harness.receiver import Answer
from harness.wait import wait_until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "Bearer t0ken-of-the-subscriber"
CURRENT = "secrets are encrypted in Redis"


class Ring:
    """A key ring's file; the first key is current."""

    def __init__(self, path):
        self.path = path
        self.keys = {}

    def write(self, *ids, mode=0o600):
        for key_id in ids:
            self.keys.setdefault(key_id, base64.b64encode(os.urandom(32)).decode())
        self.path.write_text("".join(f"{key_id} {self.keys[key_id]}\n" for key_id in ids))
        self.path.chmod(mode)
        return self

    @property
    def flags(self):
        return ["--encryption-keys-file", str(self.path)]


@pytest.fixture
def ring(tmp_path):
    return Ring(tmp_path / "encryption.keys").write("k1")


@pytest.fixture
def rotate(redis_server):
    """rotate(ring) → what `petrel keys rotate-encryption` did."""
    return lambda ring: succeed_json("keys", "rotate-encryption", "--redis-url", redis_server.url, *ring.flags)


def stored(redis_server, subscription):
    return json.loads(redis_server.client.hget("petrel:subscriptions", subscription["id"]))


def key_ids(redis_server, subscription):
    """The key of every secret value; None where one is plain."""
    whole = stored(redis_server, subscription)
    values = [item["secret"] for item in whole["secrets"]] + list(whole["headers"].values())
    return {value.split(":")[2] if value.startswith("enc:v1:") else None for value in values}


def reload(petrel, sign):
    """SIGHUP, until the log has said `sign` once more."""
    before = petrel.output().count(sign)
    petrel.signal(signal.SIGHUP)
    wait_until(lambda: petrel.output().count(sign) > before, 10, f"the log says: {sign}")


def arrived(receiver, path, count):
    """The requests at this path, once there are `count`, rightly signed and with the header."""
    wait_until(lambda: receiver.count(path) >= count, 10, f"{count} deliveries at {path}")
    requests = receiver.at(path)[:count]
    assert judge_python([(SECRET, request) for request in requests]) == ["ok"] * count
    assert {request.headers["x-token"] for request in requests} == {TOKEN}


def subscribe(petrel, receiver, path="/"):
    return petrel.api.subscribe(receiver.url(path), secret=SECRET, headers={"X-Token": TOKEN})


@pytest.mark.smoke
def test_nothing_secret_lies_in_redis(start, redis_server, receiver, xadd, ring):
    petrel = start(flags=ring.flags)
    made = subscribe(petrel, receiver)
    assert key_ids(redis_server, made) == {"k1"}
    xadd(type="a", data="1")
    arrived(receiver, "/", 1)
    petrel.api.ok("POST", f"/v1/subscriptions/{made['id']}/pause")
    petrel.api.ok("POST", f"/v1/subscriptions/{made['id']}/resume")
    petrel.api.ok("POST", f"/v1/subscriptions/{made['id']}/rotate-secret")
    assert key_ids(redis_server, made) == {"k1"}
    shown = petrel.api.secret(made["id"])
    assert shown["previous"][0]["secret"] == SECRET and shown["headers"] == {"X-Token": TOKEN}
    assert petrel.terminate() == 0
    again = start(flags=ring.flags)
    assert again.api.secret(made["id"]) == shown


def test_plain_secrets_are_taken_over(start, redis_server, receiver, xadd, ring, rotate):
    plain = start()
    made = subscribe(plain, receiver)
    assert key_ids(redis_server, made) == {None}
    assert "lie unencrypted in Redis" in plain.output() and "UNENCRYPTED" in plain.output()
    plain.terminate()
    petrel = start(flags=ring.flags)
    assert CURRENT in petrel.output() and "UNENCRYPTED" not in petrel.output()
    xadd(type="a", data="1")
    arrived(receiver, "/", 1)
    assert key_ids(redis_server, made) == {None}, "reading changes nothing"
    assert rotate(ring) == {"key": "k1", "subscriptions": 1, "changed": 1, "failed": 0}
    assert rotate(ring)["changed"] == 0
    assert key_ids(redis_server, made) == {"k1"}
    xadd(type="a", data="2")
    arrived(receiver, "/", 2)
    assert petrel.api.secret(made["id"])["secret"] == SECRET


def test_a_key_is_exchanged_under_way(start, redis_server, receiver, xadd, ring, rotate):
    petrels = [start(flags=ring.flags), start("dispatcher", flags=ring.flags)]
    made = [subscribe(petrels[0], receiver, f"/{i}") for i in range(20)]
    updated = [one["updated_at"] for one in made]
    for keys, current in (("k1", "k2"), "k1"), (("k2", "k1"), "k2"):
        ring.write(*keys)  # first as an old one everywhere, then current everywhere
        for petrel in petrels:
            reload(petrel, CURRENT)
    xadd(type="a", data="1")
    done = rotate(ring)
    assert done == {"key": "k2", "subscriptions": 20, "changed": 20, "failed": 0}
    assert {key for one in made for key in key_ids(redis_server, one)} == {"k2"}
    ring.write("k2")
    for petrel in petrels:
        reload(petrel, CURRENT)
        assert "level=error" not in petrel.output()
    xadd(type="a", data="2")
    for i in range(20):
        arrived(receiver, f"/{i}", 2)
    now = petrels[0].api.items("/v1/subscriptions")
    assert [one["updated_at"] for one in now] == updated, "nothing of them has changed"
    petrels[0].terminate()
    start(flags=ring.flags)


def test_encrypting_anew_undoes_no_change(start, redis_server, receiver, ring, rotate):
    petrel = start("admin", flags=Ring(ring.path).write("k2", "k1").flags)
    ring.write("k2", "k1")
    reload(petrel, CURRENT)
    made = [petrel.api.subscribe(receiver.url("/"), secret=SECRET, headers={"X-Token": TOKEN}) for _ in range(8)]
    written = {}
    stop = threading.Event()

    def change(own):
        session = type(petrel.api)(petrel.url, petrel.api.session.headers["authorization"].removeprefix("Bearer "))
        number = 0
        while not stop.is_set():
            for one in own:
                number += 1
                answer = session.patch(f"/v1/subscriptions/{one['id']}", {"metadata": {"n": number}})
                if answer.status_code == 200:
                    written[one["id"]] = number
                else:
                    assert answer.status_code == 409, answer.text  # others kept winning: said, not lost

    writers = [threading.Thread(target=change, args=(made[i::2],)) for i in range(2)]
    for writer in writers:
        writer.start()
    try:
        wait_until(lambda: len(written) == len(made), 10, "all are being changed")
        for i in range(6):  # to and fro, so that there always is something to do
            keys = ("k1", "k2") if i % 2 else ("k2", "k1")
            other = Ring(ring.path.with_name(f"other{i % 2}"))
            other.keys = ring.keys
            done = rotate(other.write(*keys))
            assert done["failed"] == 0 and done["subscriptions"] == len(made)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    for one in made:
        shown = petrel.api.ok("GET", f"/v1/subscriptions/{one['id']}")
        assert shown["metadata"] == {"n": written[one["id"]]}
        assert petrel.api.secret(one["id"])["secret"] == SECRET


@pytest.mark.parametrize("command", ["serve", "dispatcher", "admin"])
def test_a_key_that_is_missing_stops_the_start(start, redis_server, receiver, ring, tmp_path, command):
    petrel = start(flags=ring.flags)
    made = subscribe(petrel, receiver)
    petrel.terminate()
    other = Ring(tmp_path / "other.keys").write("k9")
    for flags, why in (other.flags, "which encryption_keys_file lacks"), ([], "no encryption_keys_file is given"):
        refused = start(command, flags=flags, ready=False)
        assert refused.process.wait(20) == 1
        line = refused.output().splitlines()[-1]
        assert line.startswith(f'petrel: subscription {made["id"]} is encrypted with the key "k1", ') and why in line
        assert "give a file that has it, or delete the subscription" in line
    assert key_ids(redis_server, made) == {"k1"}
    # The last resort needs no key.
    succeed("subscriptions", "rm", made["id"], "--redis-url", redis_server.url)
    start(command)


def test_what_an_instance_cannot_open_parks_until_it_can(start, redis_server, receiver, xadd, ring, tmp_path):
    petrel = start(flags=ring.flags)
    newer = Ring(tmp_path / "newer.keys").write("k2")
    newer.keys.update(ring.keys)
    admin = start("admin", flags=newer.write("k2", "k1").flags)
    made = subscribe(admin, receiver)
    wait_until(lambda: "secrets can't be opened" in petrel.output(), 10, "the dispatcher has seen it")
    assert 'the key \\"k2\\"' in petrel.output() and made["id"] in petrel.output()
    ids = [xadd(type="a", data=str(i)) for i in range(3)]
    wait_until(lambda: redis_server.totals().get("parked") == 3, 10, "its deliveries are parked")
    assert receiver.count() == 0 and redis_server.client.zcard("petrel:dead") == 0
    assert petrel.api.metric("petrel_subscriptions_locked") == 1
    for path in "", "/secret":
        answer = petrel.api.get(f"/v1/subscriptions/{made['id']}{path}")
        assert answer.status_code == 409 and "k2" in answer.text
    assert petrel.api.patch(f"/v1/subscriptions/{made['id']}", {"description": "x"}).status_code == 409
    ring.keys.update(newer.keys)
    ring.write("k1", "k2")
    reload(petrel, CURRENT)
    arrived(receiver, "/", len(ids))
    wait_until(lambda: redis_server.totals()["parked"] == 0, 10, "nothing is parked any more")
    assert petrel.api.metric("petrel_subscriptions_locked") == 0


def test_what_was_tampered_with_parks_and_is_named(start, redis_server, receiver, xadd, ring):
    petrel = start(flags=ring.flags)
    victim, thief = subscribe(petrel, receiver, "/victim"), subscribe(petrel, receiver, "/thief")
    moved = stored(redis_server, thief)
    moved["headers"] = stored(redis_server, victim)["headers"]
    redis_server.client.hset("petrel:subscriptions", thief["id"], json.dumps(moved))
    redis_server.client.xadd("petrel:changes", {"id": thief["id"]})
    wait_until(lambda: "secrets can't be opened" in petrel.output(), 10, "it is noticed")
    xadd(type="a", data="1")
    arrived(receiver, "/victim", 1)
    wait_until(lambda: redis_server.totals().get("parked") == 1, 10, "the other is parked")
    assert receiver.count("/thief") == 0
    check = run("check", "--redis-url", redis_server.url, *ring.flags)
    assert check.returncode == 1 and "1 of 2 subscriptions don't open" in check.stdout
    assert thief["id"] in check.stdout and "headers.X-Token" in check.stdout
    ring.write("k2", "k1")
    done = run("keys", "rotate-encryption", "--redis-url", redis_server.url, *ring.flags)
    assert done.returncode == 1 and "1 of 2 subscriptions are not encrypted" in done.stderr
    assert thief["id"] in done.stderr and key_ids(redis_server, victim) == {"k2"}


@pytest.mark.parametrize("change", ["bytes", "content"])
def test_disabling_is_compared_with_what_was_read(start, redis_server, receiver, xadd, ring, change):
    petrel = start(flags=[*ring.flags, "--retry-schedule", "0s"])
    made = subscribe(petrel, receiver)
    at_it = threading.Event()

    def gone(number):
        if number == 0:
            # While the attempt is under way others write the subscription, and nobody hears of it.
            whole = stored(redis_server, made)
            if change == "content":
                whole["description"] = "repaired"
            redis_server.client.hset("petrel:subscriptions", made["id"], json.dumps(whole))
            at_it.set()
        return Answer(410)

    receiver.script("/", gone)
    state = lambda: stored(redis_server, made)["state"]  # noqa: E731
    xadd(type="a", data="1")
    assert at_it.wait(10)
    wait_until(lambda: redis_server.client.zcard("petrel:dead") == 1, 10, "the delivery is dead")
    if change == "content":
        # Theirs stands, and the next 410 disables that.
        wait_until(lambda: (xadd(type="a", data="2"), state() == "disabled")[1], 10, "it is disabled")
        assert receiver.count() > 1 and stored(redis_server, made)["description"] == "repaired"
    wait_until(lambda: state() == "disabled", 10, "it is disabled")
    assert key_ids(redis_server, made) == {"k1"}


def test_a_bad_ring_leaves_the_one_in_force(start, redis_server, receiver, xadd, ring):
    petrel = start(flags=ring.flags)
    made = subscribe(petrel, receiver)
    good = ring.path.read_text()
    ring.path.write_text("k1 c2hvcnQ=\n")
    reload(petrel, "the key ring is not loaded again")
    assert "line 1" in petrel.output() and "c2hvcnQ" not in petrel.output()
    xadd(type="a", data="1")
    arrived(receiver, "/", 1)
    # One that lacks a key in use goes on with what is open, and says what a restart would meet.
    ring.write("k5")
    reload(petrel, "lacks a key that is in use")
    assert f"key=k1 subscription={made['id']} subscriptions=1" in petrel.output()
    xadd(type="a", data="2")
    arrived(receiver, "/", 2)
    ring.path.write_text(good)
    reload(petrel, CURRENT)


def test_the_file_is_for_its_owner(start, redis_server, ring):
    open_to_all = start(flags=ring.write("k1", mode=0o644).flags)
    assert "other users can read the encryption keys" in open_to_all.output()
    open_to_all.terminate()
    assert "other users" not in start(flags=ring.write("k1").flags).output()
    refused = run("serve", "--redis-url", redis_server.url, "--encryption-keys-file", "/nonexistent")
    assert refused.returncode == 2 and "/nonexistent: No such file" in refused.stderr


def test_check_says_how_secrets_lie(start, redis_server, receiver, ring, rotate):
    subscribe(start(), receiver)

    def finding(*flags):
        done = run("check", "--json", "--redis-url", redis_server.url, *flags)
        return next(one for one in json.loads(done.stdout)["checks"] if one["name"] == "encryption")

    assert finding()["level"] == "warn" and finding()["value"] == "off"
    assert finding(*ring.flags)["level"] == "warn"
    assert finding(*ring.flags)["value"] == "key k1; of 1 subscriptions 1 unencrypted, 0 under old keys"
    rotate(ring)
    assert finding(*ring.flags)["level"] == "ok"
    ring.write("k2", "k1")
    assert finding(*ring.flags)["value"] == "key k2; of 1 subscriptions 0 unencrypted, 1 under old keys"
    assert finding()["level"] == "fail" and 'the key "k1"' in finding()["value"]


def test_the_command_makes_keys_that_fit(redis_server, tmp_path):
    lines = [succeed("keys", "new-encryption", key_id) for key_id in ("2026-01", "2026-02")]
    keys = tmp_path / "keys"
    keys.write_text("".join(lines))
    keys.chmod(0o600)
    assert succeed("keys", "new-encryption") != succeed("keys", "new-encryption")
    flags = ["--redis-url", redis_server.url, "--encryption-keys-file", str(keys)]
    assert succeed("keys", "rotate-encryption", *flags) == "key 2026-01: 0 subscriptions encrypted anew, 0 were already\n"
    assert run("keys", "new-encryption", "a:b").returncode == 2
    without = run("keys", "rotate-encryption", "--redis-url", redis_server.url)
    assert without.returncode == 2 and "--encryption-keys-file" in without.stderr
