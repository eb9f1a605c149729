# SPDX-License-Identifier: Apache-2.0
"""Receivers that mean harm and speak HTTP/2, which anybody with a certificate may choose."""

import os
import re
from pathlib import Path

import pytest
from harness.processes import BINARY
from harness.raw_http2 import (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PUSH_PROMISE, RST_STREAM, SETTINGS,
    STATUS_200, WINDOW_UPDATE, RawHttp2Receiver, answer, frame, literal)
from harness.tls import Authority
from harness.wait import wait_until

TIMEOUT_MS = 6000  # generous: the receivers are threads of a busy Python
IS_SANITIZED = "asan" in BINARY or "tsan" in BINARY or "san" in os.environ.get("PETREL_SANITIZER", "")
LAST_STREAM = 2**31 - 1

DELIVERED = ("delivered", 200, "")
TIMED_OUT = ("retry", None, "timeout")
TOO_LARGE = ("retry", None, "response_too_large")
PROTOCOL = ("retry", None, "protocol")
RESET = ("retry", None, "connection_reset")
PAD = literal(b"x-pad", b"y" * 8000)
ENTERED = b"\x40\x05x-pad\x7f\x91\x1e" + b"y" * 3984  # into the dynamic table, as its only entry of 4 KB
INDEXED = b"\xbe"  # that entry again, in one byte


def say(*frames):
    """Then silence."""
    def handle(connection):
        connection.send(*[f(connection) if callable(f) else f for f in frames])
        connection.hang()

    return handle


def repeat(first, *frames):
    def handle(connection):
        connection.send(*[f(connection) if callable(f) else f for f in first])
        piece = b"".join(f(connection) if callable(f) else f for f in frames)
        while True:
            connection.send(piece)

    handle.is_loud = True
    return handle


def close(*frames):
    def handle(connection):
        connection.send(*[f(connection) if callable(f) else f for f in frames])

    return handle


def on(kind, flags=0, payload=b""):
    """A frame of the request's stream."""
    return lambda connection: frame(kind, flags, connection.stream, payload)


def ok(*headers, flags=END_HEADERS, status=STATUS_200):
    return lambda connection: answer(connection.stream, *headers, status=status, flags=flags)


HINTS = b"\x48\x03103"  # ":status: 103", entering the dynamic table
CASES = {
    # silence
    "never answers": (say(), TIMED_OUT),
    "a head without its end": (say(ok(flags=0)), TIMED_OUT),
    "200, then silence": (say(ok()), DELIVERED),
    "a window of nothing": (say(frame(SETTINGS, 0, 0, b"\x00\x04\x00\x00\x00\x00")), TIMED_OUT),
    # floods
    "pings": (repeat([], frame(PING, 0, 0, b"12345678") * 100), {TIMED_OUT, PROTOCOL, RESET}),
    "settings": (repeat([], frame(SETTINGS) * 100), {TIMED_OUT, PROTOCOL, RESET}),
    "acknowledged settings": (repeat([], frame(SETTINGS, ACK) * 100), {TIMED_OUT, PROTOCOL, RESET}),
    "window updates": (repeat([], on(WINDOW_UPDATE, 0, b"\0\0\0\1")), {TIMED_OUT, PROTOCOL, RESET}),
    "empty data": (repeat([ok()], on(DATA)), {DELIVERED}),
    "continuations": (repeat([ok(flags=0)], on(CONTINUATION, 0, PAD)), {TOO_LARGE, PROTOCOL, RESET, TIMED_OUT}),
    "empty continuations": (repeat([ok(flags=0)], on(CONTINUATION)), {TIMED_OUT, PROTOCOL, RESET}),
    "early hints": (repeat([], ok(PAD, status=HINTS)), {TOO_LARGE, PROTOCOL}),
    "a header of one byte that means 4 KB": (
        say(ok(ENTERED, INDEXED * 8000, flags=END_HEADERS | END_STREAM)), {TOO_LARGE, PROTOCOL, RESET}),
    "data without end": (repeat([ok()], on(DATA, 0, b"x" * 16000)), DELIVERED),
    "trailers": (say(ok(), on(HEADERS, END_HEADERS | END_STREAM, PAD)), DELIVERED),
    # refusals: libcurl tries again on a new connection, a few times
    "the stream is refused": (say(on(RST_STREAM, 0, b"\0\0\0\7")), {PROTOCOL, RESET, TIMED_OUT}),
    "the stream is cancelled": (say(on(RST_STREAM, 0, b"\0\0\0\x08")), {PROTOCOL, RESET}),
    "goes away": (close(frame(GOAWAY, 0, 0, b"\0\0\0\0" + b"\0\0\0\0")), {PROTOCOL, RESET, TIMED_OUT}),
    # A status that comes in one piece with the stream's end is lost while libcurl (7.88) still sends the body.
    "200 and a reset": (say(ok(), on(RST_STREAM, 0, b"\0\0\0\2")), {DELIVERED, PROTOCOL}),
    "200 at once, and no more of the body, please": (
        say(ok(flags=END_HEADERS | END_STREAM), on(RST_STREAM, 0, b"\0\0\0\0")), {DELIVERED, PROTOCOL}),
    # broken
    "a promise that nobody asked for": (
        say(on(PUSH_PROMISE, END_HEADERS, b"\0\0\0\2" + STATUS_200)), {PROTOCOL, RESET, TIMED_OUT}),
    "a head without a status": (say(ok(literal(b"x", b"y"), status=b"", flags=5)), {PROTOCOL, RESET, TIMED_OUT}),
    "two statuses": (say(ok(STATUS_200, flags=5)), {PROTOCOL, RESET, TIMED_OUT}),
    "a status that is none": (say(ok(status=b"\x48\x03abc", flags=5)), {PROTOCOL, RESET, TIMED_OUT}),
    "status 99999": (say(ok(status=b"\x48\x0599999", flags=5)), {PROTOCOL, RESET, TIMED_OUT}),
    "a header with a line break": (say(ok(literal(b"x", b"a\r\nretry-after: 9"), flags=5)), {PROTOCOL, RESET, TIMED_OUT}),
    "an index into nothing": (say(ok(b"\xff\xff\xff\x7f", flags=5)), {PROTOCOL, RESET}),
    "a frame of another's stream": (say(frame(DATA, 0, 99, b"x")), {PROTOCOL, RESET, TIMED_OUT}),
    "a frame that is too long": (say(b"\xff\xff\xff\x00\x00" + b"\0\0\0\1"), {PROTOCOL, RESET}),
    "garbage": (say(b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" * 100), {PROTOCOL, RESET}),
}


def peak_kib(petrel):
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{petrel.pid}/status").read_text())[1])


@pytest.fixture
def receiver(tmp_path):
    authority = Authority(tmp_path / "ca")
    made = RawHttp2Receiver(authority.context("localhost", alpn=("h2",)), {})
    made.authority = authority
    yield made
    made.close()


def test_each_of_them_ends_in_time_and_memory(start, receiver, xadd, redis_server):
    petrel = start(flags=["--http2", "--retry-schedule", "1h", "--request-timeout", f"{TIMEOUT_MS}ms", "--ca-file", receiver.authority.file])
    paths = {name: f"/{i}" for i, name in enumerate(CASES)}
    receiver.handlers = {paths[name]: handler for name, (handler, _) in CASES.items()}
    # Each at an origin of its own: what breaks a connection breaks all streams on it.
    receivers, made, before = [], {}, peak_kib(petrel)
    # First those that are quiet: the threads of the others take all of Python's time.
    kinds = {name: "loud" if hasattr(handler, "is_loud") else "quiet" for name, (handler, _) in CASES.items()}
    for name, path in paths.items():
        own = RawHttp2Receiver(receiver.context, receiver.handlers)
        receivers.append(own)
        made[name] = petrel.api.ok("POST", "/v1/subscriptions", json={"url": own.url(path), "event_types": [kinds[name]]})["id"]
    wait_until(lambda: petrel.api.table_subscriptions() >= len(made) * petrel.api.metric("petrel_workers"), 10, "known")
    expected_count = 0
    # What floods takes all of the time of a build that is ten times slower.
    for kind in ("quiet",) if IS_SANITIZED else ("quiet", "loud"):
        xadd(type=kind, payload="x" * 200_000, content_type="text/plain")
        expected_count += list(kinds.values()).count(kind)
        attempts = wait_until(lambda n=expected_count: len(i := petrel.api.items("/v1/attempts", limit=200)) >= n and i,
                              60, f"an attempt of each {kind} one")
    found = {a["subscription"]: a for a in attempts}
    wrong = {}
    for name, (_, expected) in CASES.items():
        if IS_SANITIZED and kinds[name] == "loud":
            continue
        attempt = found[made[name]]
        got = attempt["outcome"], attempt["status"], attempt["error"]
        if got not in (expected if isinstance(expected, set) else {expected}):
            wrong[name] = got
        if attempt["duration_ms"] > TIMEOUT_MS + 4000:
            wrong[name + ", time"] = attempt["duration_ms"]
        print(f"{name}: {got}, {attempt['duration_ms']} ms")
    requests = {name: own.requests.get(paths[name], 0) for name, own in zip(CASES, receivers, strict=True)}
    assert not wrong
    assert max(requests.values()) <= 6, requests
    if not IS_SANITIZED:
        grown = peak_kib(petrel) - before
        print(f"peak memory grew by {grown} KiB")
        assert grown < 64 * 1024, "KiB more than before"
    wait_until(lambda: redis_server.pending() == 0, 15, "all is settled")
    for own in receivers:
        own.close()
