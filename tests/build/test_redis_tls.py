# SPDX-License-Identifier: Apache-2.0
"""rediss://, which needs hiredis 1.0 or newer with its TLS library. Debian 12 has 0.14 without: there this builds
hiredis from source, and petrel with it."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile

import pytest
import trustme

from harness.cli import one_line, run
from harness.ports import free_port
from harness.processes import BINARY, ROOT, Child, clean_environment
from harness.wait import wait_until

HIREDIS = "1.5.0"
SDIST = "hiredis==3.5.0"  # the Python package's source has all of the C library
SOURCES = ("alloc", "async", "hiredis", "net", "read", "sds", "sockcompat")


def call(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False, **options)
    assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def build_hiredis(folder):
    """An installation of our own: include/, lib/, lib/pkgconfig/."""
    call(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "-d", folder, SDIST)
    [archive] = folder.glob("hiredis-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    source = next(folder.glob("hiredis-*/vendor/hiredis"))
    modules = folder / "lib/pkgconfig"
    modules.mkdir(parents=True)
    (folder / "include").mkdir()
    (folder / "include/hiredis").symlink_to(source)
    for library, names in (("hiredis", SOURCES), ("hiredis_ssl", ("ssl",))):
        for name in names:
            call("cc", "-O2", "-fPIC", "-c", "-o", folder / f"{name}.o", source / f"{name}.c")
        call("ar", "rcs", folder / f"lib/lib{library}.a", *(folder / f"{name}.o" for name in names))
    common = f"Description: \nVersion: {HIREDIS}\nCflags: -I{folder}/include\n"
    (modules / "hiredis.pc").write_text(f"Name: hiredis\n{common}Libs: -L{folder}/lib -lhiredis\n")
    (modules / "hiredis_ssl.pc").write_text(
        f"Name: hiredis_ssl\n{common}Requires: hiredis\nLibs: -L{folder}/lib -lhiredis_ssl -lssl -lcrypto\n")
    return modules


@pytest.fixture(scope="module")
def petrel():
    """A petrel with TLS to Redis: the machine's own, or one built for the tests and kept until the sources change."""
    if re.search(r"hiredis [1-9]", call(BINARY, "version")):
        return BINARY
    folder, build = ROOT / "build/hiredis", ROOT / "build/release-hiredis1"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        build_hiredis(folder)
        (folder / "done").touch()
    environment = {**os.environ, "PKG_CONFIG_PATH": str(folder / "lib/pkgconfig")}
    call("cmake", "--preset", "release", "-B", build, "-DPETREL_TESTS=OFF", cwd=ROOT, env=environment)
    call("cmake", "--build", build, "--target", "petrel", cwd=ROOT, env=environment)
    return build / "petrel"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = trustme.CA()
    made.path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(made.path))
    return made


@pytest.fixture
def tls_redis(tmp_path, authority):
    """tls_redis(name) → the port of a redis-server whose certificate is for that name."""
    running = []

    def make(name):
        port = free_port()
        certificate = tmp_path / "server.pem"
        authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(certificate))
        running.append(Child(
            ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path),
             "--tls-cert-file", str(certificate), "--tls-key-file", str(certificate), "--tls-auth-clients", "no",
             "--tls-ca-cert-file", str(authority.path)], tmp_path / "redis.log"))
        wait_until(lambda: is_open(port), 20, "redis-server listens")
        return port

    yield make
    for child in running:
        child.close()


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def publish(petrel, host, port, trust=None):
    more = {"SSL_CERT_FILE": trust} if trust else {}
    return subprocess.run([petrel, "publish", "a.b", "--data", "1", "--redis-url", f"rediss://{host}:{port}"],
                          capture_output=True, text=True, timeout=60, env=clean_environment(more), check=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_commands_and_a_dispatcher_talk_tls(petrel, tls_redis, authority, tmp_path, host):
    port = tls_redis(host)
    done = publish(petrel, host, port, authority.path)
    assert done.returncode == 0, done.stderr
    child = Child([petrel, "dispatcher", "--redis-url", f"rediss://{host}:{port}", "--listen", "127.0.0.1:0"],
                  tmp_path / "log", env=clean_environment({"SSL_CERT_FILE": authority.path}), cwd=tmp_path)
    command = ["redis-cli", "-p", str(port), "-h", host, "--tls", "--cacert", str(authority.path), "XINFO", "GROUPS",
               "petrel:events"]
    try:
        wait_until(lambda: re.search(r"entries-read\n1\npending\n0|entries-read\n1\nlag\n0", groups(command)), 20,
                   "the event is read")
    finally:
        assert child.terminate() == 0, child.output()


def test_sentinel_and_master_talk_tls(petrel, tls_redis, authority, tmp_path):
    master, port = tls_redis("127.0.0.1"), free_port()
    certificate, conf = tmp_path / "server.pem", tmp_path / "sentinel.conf"
    conf.write_text(
        f"port 0\ntls-port {port}\nbind 127.0.0.1\ndir {tmp_path}\ntls-replication yes\ntls-auth-clients no\n"
        f"tls-cert-file {certificate}\ntls-key-file {certificate}\ntls-ca-cert-file {authority.path}\n"
        f"sentinel monitor petrel-master 127.0.0.1 {master} 1\n")
    sentinel = Child(["redis-server", str(conf), "--sentinel"], tmp_path / "sentinel.log")
    url = f"rediss+sentinel://127.0.0.1:{port}/petrel-master"
    try:
        wait_until(lambda: is_open(port), 20, "the sentinel listens")
        trusted = clean_environment({"SSL_CERT_FILE": authority.path})
        words = ["publish", "a.b", "--data", "1", "--redis-url", url]
        done = subprocess.run([petrel, *words], capture_output=True, text=True, timeout=60, env=trusted, check=False)
        assert done.returncode == 0, done.stderr
        done = subprocess.run([petrel, *words], capture_output=True, text=True, timeout=60, env=clean_environment(),
                              check=False)
        assert done.returncode == 1 and "self-signed certificate" in one_line(done.stderr)
        child = Child([petrel, "dispatcher", "--redis-url", url, "--listen", "127.0.0.1:0"], tmp_path / "log", env=trusted,
                      cwd=tmp_path)
        command = ["redis-cli", "-p", str(master), "--tls", "--cacert", str(authority.path), "XINFO", "GROUPS", "petrel:events"]
        try:
            wait_until(lambda: "entries-read\n1\n" in groups(command), 20, "the event is read")
        finally:
            assert child.terminate() == 0, child.output()
    finally:
        sentinel.close()


def groups(command):
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout


@pytest.mark.parametrize("name, host, is_trusted, why", [
    ("localhost", "localhost", False, "self-signed certificate"),
    ("other.example", "localhost", True, "hostname mismatch"),
    ("localhost", "127.0.0.1", True, "IP address mismatch"),
])
def test_a_server_that_is_not_the_one_is_refused(petrel, tls_redis, authority, name, host, is_trusted, why):
    done = publish(petrel, host, tls_redis(name), authority.path if is_trusted else None)
    assert done.returncode == 1 and why in one_line(done.stderr), done.stderr


def test_a_server_without_tls_is_an_error(petrel, tmp_path):
    port = free_port()
    plain = Child(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
                  tmp_path / "redis.log")
    try:
        wait_until(lambda: is_open(port), 20, "redis-server listens")
        done = publish(petrel, "127.0.0.1", port)
        assert done.returncode == 1 and "TLS to Redis failed" in one_line(done.stderr)
    finally:
        plain.close()


def test_a_build_without_it_says_so(tmp_path):
    if re.search(r"hiredis [1-9]", call(BINARY, "version")):
        pytest.skip("this machine's hiredis has TLS")
    for words in (["serve", "--data-dir", tmp_path / "data"], ["publish", "a", "--data", "1"], ["config"]):
        done = run(*words, "--redis-url", "rediss://localhost:6380")
        assert done.returncode == 2
        assert "redis_url" in one_line(done.stderr) and "hiredis" in done.stderr and "1.0" in done.stderr
