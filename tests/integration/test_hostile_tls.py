# SPDX-License-Identifier: Apache-2.0
"""Receivers that mean harm below HTTP: what TLS lets a server send at any time, without end."""

import itertools
import time

import pytest
from harness.raw_tls import DATA, HANDSHAKE, HELLO_REQUEST, KEY_UPDATE, RawTlsReceiver, plain, ticket
from harness.receiver import Receiver
from harness.tls import Authority
from harness.wait import wait_until

TIMEOUT_MS = 3000
TICKETS = b"".join(ticket(number) for number in range(600))


def flood(messages):
    """Sent on and on: much cheaper for who sends them than for who takes them in."""
    def handler(connection, records):
        for piece in messages(records):
            connection.sendall(piece)

    return handler


def tickets_by_the_hundred(records):
    while True:
        yield b"".join(records.seal(HANDSHAKE, TICKETS) for _ in range(8))


def a_ticket_a_record(records):
    for start in itertools.count(step=500):
        yield b"".join(records.seal(HANDSHAKE, ticket((start + n) % 2**32)) for n in range(500))


def key_updates(records):
    while True:
        pieces = []
        for _ in range(200):
            pieces.append(records.seal(HANDSHAKE, KEY_UPDATE))
            records.update()
        yield b"".join(pieces)


def empty_records(records):
    while True:
        yield b"".join(records.seal(DATA, b"") for _ in range(500))


# In place of the handshake, without a certificate:

def requests_to_negotiate(records):
    while True:
        yield plain(HANDSHAKE, HELLO_REQUEST) * 8000


def requests_to_negotiate_by_the_thousand(records):
    while True:
        yield plain(HANDSHAKE, HELLO_REQUEST * 4096) * 8


def warnings(records):
    while True:
        yield plain(21, b"\x01\x64") * 8000


AFTER = [tickets_by_the_hundred, a_ticket_a_record, key_updates, empty_records]
INSTEAD = [requests_to_negotiate, requests_to_negotiate_by_the_thousand, warnings]


@pytest.mark.parametrize("messages", [*AFTER, *INSTEAD], ids=lambda f: f.__name__)
def test_what_is_no_data_keeps_no_worker_past_its_deadline(start, receiver, xadd, tmp_path, messages):
    authority = Authority(tmp_path / "ca")
    hostile = RawTlsReceiver(None if messages in INSTEAD else authority.context("localhost"), tmp_path / "keylog",
                             flood(messages))
    petrel = start(flags=["--ca-file", authority.file, "--retry-schedule", "none", "--workers", "1",
                          "--request-timeout", f"{TIMEOUT_MS}ms"])
    petrel.api.subscribe(hostile.url(), ["bad"])
    petrel.api.subscribe(receiver.url("/"), ["good"])
    xadd(type="bad", data="1")
    began, longest, attempts = time.monotonic(), 0, []
    while not attempts and time.monotonic() - began < 30:
        sent, count = time.monotonic(), receiver.count("/")
        xadd(type="good", data="1")
        wait_until(lambda n=count: receiver.count("/") > n, 15, "the only worker has time for others")
        longest = max(longest, time.monotonic() - sent)
        attempts = [a for a in petrel.api.items("/v1/attempts", limit=200) if a["type"] == "bad"]
        time.sleep(0.05)
    assert attempts, "the attempt ends"
    assert attempts[0]["outcome"] == "dead" and attempts[0]["error"] in ("timeout", "connection_reset", "tls")
    assert attempts[0]["duration_ms"] < TIMEOUT_MS + 2000
    print(f"others waited {longest:.3f} s at most; {attempts[0]['error']} after {attempts[0]['duration_ms']} ms")
    hostile.close()


@pytest.mark.parametrize("bits, expected", [(2048, ("delivered", "")), (4104, ("dead", "tls"))])
def test_a_modulus_is_not_as_large_as_the_server_likes(start, xadd, tmp_path, bits, expected):
    authority = Authority(tmp_path / "ca")
    slow = Receiver(authority.dh_context("localhost", folder=tmp_path, bits=bits))
    petrel = start(flags=["--ca-file", authority.file, "--retry-schedule", "none"])
    petrel.api.subscribe(slow.url("/", host="localhost"))
    xadd(type="a", data="1")
    attempt = wait_until(lambda: petrel.api.items("/v1/attempts"), 20, "an attempt")[0]
    assert (attempt["outcome"], attempt["error"]) == expected
    slow.close()
