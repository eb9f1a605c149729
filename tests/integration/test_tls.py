# SPDX-License-Identifier: Apache-2.0
"""https: which certificates are believed, which protocol is spoken, that connections are kept."""

import ssl

import pytest
from harness.ports import listen
from harness.receiver import Receiver
from harness.receiver_http2 import Http2Receiver
from harness.tls import Authority
from harness.wait import wait_until


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def serve(start, authority):
    """serve(context, kind=Receiver) → (petrel that believes `authority`, the receiver)."""
    receivers = []

    def make(context, kind=Receiver, flags=("--retry-schedule", "0s")):
        receivers.append(kind(context))
        return start(flags=["--ca-file", authority.file, *flags]), receivers[-1]

    yield make
    for made in receivers:
        made.close()


def first_attempt(petrel):
    return min(wait_until(lambda: petrel.api.items("/v1/attempts"), 10, "an attempt"), key=lambda a: a["attempt"])


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_of_a_known_authority(serve, authority, xadd, host):
    petrel, receiver = serve(authority.context("localhost", "127.0.0.1"))
    petrel.api.subscribe(receiver.url("/", host=host))
    xadd(type="a", data="1")
    attempt = first_attempt(petrel)
    assert (attempt["outcome"], attempt["status"]) == ("delivered", 200), attempt
    assert receiver.requests[0].headers["host"] == f"{host}:{receiver.port}"


BAD = {
    "nobody vouches": lambda good, other: other.context("localhost"),
    "expired": lambda good, other: good.context("localhost", has_expired=True),
    "another host's": lambda good, other: good.context("elsewhere.example"),
    "an address, not the name": lambda good, other: good.context("127.0.0.1"),
}


@pytest.mark.parametrize("kind", BAD)
def test_other_certificates_are_refused(serve, authority, stranger, xadd, kind):
    petrel, receiver = serve(BAD[kind](authority, stranger))
    petrel.api.subscribe(receiver.url("/", host="localhost"))
    xadd(type="a", data="1")
    letter = wait_until(lambda: petrel.api.items("/v1/dead-letters"), 10, "a dead letter")[0]
    assert (letter["reason"], letter["attempts"]) == ("exhausted", 2), "a failure like others: it is retried"
    assert (letter["last_status"], letter["last_error"]) == (None, "tls_certificate")
    assert receiver.count() == 0, "nothing was sent to who couldn't prove its name"


def test_the_systems_authorities_do_not_know_ours(start, authority, xadd):
    receiver = Receiver(authority.context("localhost"))
    petrel = start(flags=["--retry-schedule", "none"])
    petrel.api.subscribe(receiver.url("/", host="localhost"))
    xadd(type="a", data="1")
    assert first_attempt(petrel)["error"] == "tls_certificate"
    receiver.close()


def test_old_protocol_versions_are_refused(serve, authority, xadd):
    petrel, receiver = serve(authority.context("localhost", newest=ssl.TLSVersion.TLSv1_1))
    petrel.api.subscribe(receiver.url("/", host="localhost"))
    xadd(type="a", data="1")
    assert first_attempt(petrel)["error"] == "tls"
    assert receiver.count() == 0


def test_a_server_without_tls(start, xadd):
    petrel = start(flags=["--retry-schedule", "none"])
    with listen() as server:
        petrel.api.subscribe(f"https://127.0.0.1:{server.getsockname()[1]}/")
        xadd(type="a", data="1")
        connection, _ = server.accept()
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
        assert first_attempt(petrel)["error"] == "tls"
        connection.close()


def test_a_handshake_that_never_ends(start, xadd):
    petrel = start(flags=["--retry-schedule", "none", "--connect-timeout", "500ms"])
    with listen() as silent:
        petrel.api.subscribe(f"https://127.0.0.1:{silent.getsockname()[1]}/")
        xadd(type="a", data="1")
        attempt = first_attempt(petrel)
    assert attempt["error"] == "timeout"
    assert 490 <= attempt["duration_ms"] < 5000, "the part for connecting, not the whole deadline"


def test_https_connections_are_kept(serve, authority, xadd, redis_server):
    petrel, receiver = serve(authority.context("localhost"))
    petrel.api.subscribe(receiver.url("/", host="localhost"), max_concurrency=4)
    for i in range(100):
        xadd(type="a", data=str(i))
    wait_until(lambda: redis_server.is_settled(100), 20, "all settled")
    assert receiver.count() == 100
    assert receiver.connections <= 4


@pytest.mark.parametrize("flags, alpn, expected", [
    (["--http2"], ("h2", "http/1.1"), "2"), (["--http2"], ("http/1.1",), "1.1"), ([], ("h2", "http/1.1"), "1.1")])
def test_the_protocol_is_agreed_on_by_alpn(serve, authority, xadd, redis_server, flags, alpn, expected):
    petrel, receiver = serve(authority.context("localhost", alpn=alpn), Http2Receiver, ["--retry-schedule", "0s", *flags])
    petrel.api.subscribe(receiver.url("/", host="localhost"))
    for i in range(50):
        xadd(type="a", data=str(i))
    wait_until(lambda: redis_server.is_settled(50), 20, "all settled")
    assert receiver.count() == 50
    assert receiver.http2_requests == (50 if expected == "2" else 0)
    for request in receiver.requests:
        assert request.method == "POST" and request.body.startswith(b'{"type":"a"')
        assert request.headers["webhook-attempt"] == "1"
    if expected == "2":
        names = {name for name, _ in receiver.requests[0].header_lines}
        assert names == {"content-length", "content-type", "user-agent", "webhook-id", "webhook-timestamp",
                         "webhook-signature", "webhook-attempt"}
