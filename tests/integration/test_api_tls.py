# SPDX-License-Identifier: Apache-2.0
"""The admin API with TLS: only TLS, 1.2 or newer; what is wrong with the files is told before anything starts."""

import socket
import ssl

import pytest
import requests
import trustme
from harness.processes import ADMIN_KEY, Petrel
from harness.wait import wait_until


@pytest.fixture
def files(tmp_path):
    """(authority's file, certificate's, key's)"""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    paths = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")]
    authority.cert_pem.write_to_path(paths[0])
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(paths[1], append=True)
    certificate.private_key_pem.write_to_path(paths[2])
    paths[2].chmod(0o600)
    return [str(path) for path in paths]


@pytest.fixture
def secure(start, files):
    """petrel with TLS, ready."""
    petrel = start(flags=["--tls-cert", files[1], "--tls-key", files[2]], ready=False)
    petrel.url = petrel.url.replace("http:", "https:")

    def is_ready():
        assert petrel.is_running(), petrel.output()
        try:
            return requests.get(petrel.url + "/readyz", verify=files[0], timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    wait_until(is_ready, 20, "petrel is ready")
    return petrel


def handshake(petrel, files, **limits):
    context = ssl.create_default_context(cafile=files[0])
    context.set_ciphers("ALL:@SECLEVEL=0")  # what the client refuses by itself proves nothing
    for name, version in limits.items():
        setattr(context, name, version)
    with socket.create_connection(("127.0.0.1", petrel.port), timeout=15) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            return connection.version()


@pytest.mark.smoke
def test_requests_over_tls(secure, files, receiver):
    session = requests.Session()
    session.trust_env = False  # which may name other authorities
    session.verify = files[0]
    session.headers["authorization"] = f"Bearer {ADMIN_KEY}"
    body = {"url": receiver.url("/"), "event_types": ["*"]}
    assert session.post(secure.url + "/v1/subscriptions", json=body, timeout=15).status_code == 201
    big = {"type": "a", "data": "x" * 200_000}

    def arrives():
        assert session.post(secure.url + "/v1/events", json=big, timeout=15).status_code == 202
        return receiver.count()

    wait_until(arrives, 10, "an event")
    assert len(session.get(secure.url + "/openapi.json", timeout=15).content) > 30_000
    assert f"https://127.0.0.1:{secure.port}" in secure.output()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_refused(secure, files):
    v = ssl.TLSVersion
    assert handshake(secure, files) == "TLSv1.3"
    assert handshake(secure, files, maximum_version=v.TLSv1_2) == "TLSv1.2"
    for old in (v.TLSv1_1, v.TLSv1):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(secure, files, minimum_version=v.TLSv1, maximum_version=old)


def test_without_tls_nothing_is_told(secure):
    with pytest.raises(requests.ConnectionError):
        requests.get(secure.url.replace("https:", "http:") + "/healthz", timeout=15)


def test_handshakes_that_never_end_hold_nobody_up(secure, files):
    idle = [socket.create_connection(("127.0.0.1", secure.port)) for _ in range(300)]
    for connection in idle[:100]:
        connection.send(b"\x16\x03\x01\x02\x00\x01")  # the beginning of one
    assert requests.get(secure.url + "/healthz", verify=files[0], timeout=5).status_code == 200
    for connection in idle:
        connection.close()


@pytest.mark.parametrize("flags, expected", [
    (["--tls-cert", "cert.pem"], "--tls-key is missing"),
    (["--tls-key", "key.pem"], "--tls-cert is missing"),
    (["--tls-cert", "nowhere.pem", "--tls-key", "key.pem"], "No such file"),
    (["--tls-cert", "empty", "--tls-key", "key.pem"], "no PEM"),
    (["--tls-cert", "cert.pem", "--tls-key", "other.pem"], "can't start the HTTP server"),
    (["--tls-cert", "cert.pem", "--tls-key", "cert.pem"], "can't start the HTTP server"),
])
def test_files_that_do_not_fit_stop_the_start(redis_server, files, tmp_path, flags, expected):
    (tmp_path / "empty").write_text("")
    trustme.CA().issue_cert("x").private_key_pem.write_to_path(tmp_path / "other.pem")
    flags = [word if word.startswith("--") else str(tmp_path / word) for word in flags]
    petrel = Petrel(redis_server, tmp_path / "petrel", flags=flags, ready=False)
    try:
        assert petrel.process.wait(15) == 1
        assert expected in petrel.output()
        assert "PRIVATE KEY" not in petrel.output()
    finally:
        petrel.close()


@pytest.mark.parametrize("address, is_warned_of", [("0.0.0.0:0", True), ("127.0.0.2:0", False)])
def test_keys_in_the_clear_are_warned_of(start, address, is_warned_of):
    petrel = start(flags=["--listen", address], ready=False)
    wait_until(lambda: "petrel is ready" in petrel.output() and "\n  publish" in petrel.output(), 10, "it is ready")
    assert ("keys can be read on their way" in petrel.output()) == is_warned_of


def test_keys_under_tls_are_not_warned_of(start, files):
    petrel = start(flags=["--listen", "0.0.0.0:0", "--tls-cert", files[1], "--tls-key", files[2]], ready=False)
    wait_until(lambda: "\n  publish" in petrel.output(), 10, "it is ready")
    assert "keys can be read on their way" not in petrel.output()
