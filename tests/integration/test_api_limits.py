# SPDX-License-Identifier: Apache-2.0
"""Clients that hold connections, and say little or nothing: the others are served as before."""

import resource
import socket
import threading
import time

import pytest
import requests


@pytest.fixture
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(10_000, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def dial(petrel):
    """dial(n) → n connections, closed at the end."""
    opened = []

    def make(count):
        new = []
        for _ in range(count):
            new.append(socket.create_connection(("127.0.0.1", petrel.port), timeout=15))
        opened.extend(new)
        return new

    yield make
    for connection in opened:
        connection.close()


def slowest(petrel, requests_=20):
    """Seconds of the slowest of some requests, each on a new connection."""
    worst = 0
    for number in range(requests_):
        began = time.monotonic()
        path = ("/v1/subscriptions", "/healthz")[number % 2]
        headers = {**petrel.api.session.headers, "connection": "close"}
        assert requests.get(petrel.url + path, headers=headers, timeout=15).status_code == 200
        worst = max(worst, time.monotonic() - began)
    return worst


def test_a_thousand_idle_connections(petrel, dial, many_files):
    dial(1000)
    assert slowest(petrel) < 2


def test_slowloris(petrel, dial, many_files):
    """Heads and bodies that come a byte at a time, all the while."""
    heads, bodies = dial(400), dial(100)
    for connection in heads:
        connection.send(b"GET /v1/subscriptions HTTP/1.1\r\nHost: x\r\nX-A: ")
    for connection in bodies:
        key = petrel.api.session.headers["authorization"].encode()
        connection.send(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: " + key +
                        b"\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    stop = threading.Event()

    def trickle():
        while not stop.wait(0.2):
            for connection in heads + bodies:
                try:
                    connection.send(b" ")
                except OSError:
                    pass

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        assert slowest(petrel) < 2
    finally:
        stop.set()
        thread.join()


def test_more_connections_than_there_is_room_for(petrel, dial, many_files):
    """The longest idle make room; who is served is not disturbed."""
    busy = requests.Session()
    assert busy.get(petrel.url + "/healthz", timeout=15).status_code == 200
    first = dial(10)
    dial(4500)
    assert slowest(petrel, 4) < 5
    first[0].settimeout(10)
    assert first[0].recv(1) == b"", "the first one was pushed out"
    assert petrel.is_running()


def test_pipelined_requests_are_answered_in_order(petrel, dial):
    connection, = dial(1)
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 49 +
                       b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    assert answer.count(b"HTTP/1.1 200 ") == 49 and answer.index(b"HTTP/1.1 404 ") > answer.rindex(b"HTTP/1.1 200 ")


def test_a_client_that_goes_away_meanwhile(petrel, dial):
    """Before its answer, and in the middle of its body."""
    key = petrel.api.session.headers["authorization"].encode()
    for connection in dial(50):
        connection.send(b"GET /v1/subscriptions HTTP/1.1\r\nHost: x\r\nAuthorization: " + key + b"\r\n\r\n")
        connection.close()
    for connection in dial(50):
        connection.send(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: " + key +
                        b"\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")
        connection.close()
    assert slowest(petrel, 4) < 2
