# SPDX-License-Identifier: Apache-2.0
"""petrel serve without a Redis: the private one that it starts, keeps running, and stops with itself."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest
import redis

from harness.cli import one_line, run
from harness.ports import free_port
from harness.processes import ADMIN_KEY, BINARY, Api, Child, clean_environment
from harness.wait import wait_until


class Private(Child):
    """petrel serve with its private Redis in `folder`/data; ready when this returns."""

    def __init__(self, folder, port, env=None, more=()):
        self.redis = redis.Redis(port=port, decode_responses=True, retry=None)
        argv = [BINARY, "serve", "--private-redis-port", str(port), "--listen", "127.0.0.1:0", "--admin-key", ADMIN_KEY,
                "--data-dir", str(folder / "data"), "--allow-networks", "127.0.0.0/8", "--workers", "1", *more]
        super().__init__(argv, folder / "petrel.log", env=clean_environment(env), cwd=folder)
        self.seen = len(self.output())
        url = wait_until(self._ready, 40, "petrel is ready")[1]
        self.api = Api(url, ADMIN_KEY)
        wait_until(lambda: self.api.get("/readyz").status_code == 200, 20, "its workers are at work")
        self.redis_pid = self.server()["process_id"]

    def _ready(self):
        assert self.is_running(), self.output()
        return re.search(r'"petrel is ready".* admin=(\S+)', self.output()[self.seen:])

    def server(self):
        return self.redis.info("server")

    def server_answers(self):
        try:
            return self.redis.ping()
        except redis.RedisError:
            return False

    def server_pid(self):
        """None while none answers."""
        try:
            return self.server()["process_id"]
        except redis.RedisError:
            return None

    def wait_written(self):
        wait_until(lambda: self.redis.info("persistence")["aof_buffer_length"] == 0, 20, "the file has everything")


@pytest.fixture
def private(tmp_path):
    """private(port=…) → a petrel on this test's folder."""
    running = []

    def make(port=None, **options):
        running.append(Private(tmp_path, port or free_port(), **options))
        return running[-1]

    yield make
    for child in running:
        pid = getattr(child, "redis_pid", None)
        child.close()
        if pid:
            wait_until(lambda: not is_alive(pid), 20, "its Redis ends with petrel")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def park_one(petrel):
    """An event parked for a paused subscription: what must survive."""
    made = petrel.api.ok("POST", "/v1/subscriptions",
                         json={"url": "http://127.0.0.1:9/", "event_types": ["a"], "state": "paused"})
    petrel.redis.xadd("petrel:events", {"type": "a", "data": "1"})
    wait_until(lambda: petrel.redis.zcard(f"petrel:queue:{made['id']}") == 1, 20, "the event is parked")
    return made["id"]


def test_it_keeps_every_write_and_listens_here_only(private, tmp_path):
    petrel = private()
    setting = petrel.redis.config_get("*")
    assert (setting["appendonly"], setting["appendfsync"]) == ("yes", "everysec")
    assert (setting["maxmemory-policy"], setting["bind"]) == ("noeviction", "127.0.0.1")
    assert setting["dir"] == str(tmp_path / "data" / "redis")
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0, "others on the machine see nothing of it"
    findings = {check["name"]: check for check in petrel.api.get("/readyz").json()["checks"]}
    for name in ("redis", "consumer_group", "append_only_file", "maxmemory_policy"):
        assert findings[name]["ok"], findings[name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_with_petrel_and_its_data_comes_back(private, tmp_path, receiver, number):
    first = private()
    subscription = park_one(first)
    first.signal(number)
    assert first.process.wait(40) == 0
    assert not is_alive(first.redis_pid) and not first.server_answers()
    assert "ready to exit" in (tmp_path / "data" / "redis.log").read_text(), "stopped, not killed"
    second = private()
    assert second.api.ok("GET", f"/v1/subscriptions/{subscription}")["state"] == "paused"
    second.api.ok("PATCH", f"/v1/subscriptions/{subscription}", json={"url": receiver.url("/")})
    second.api.ok("POST", f"/v1/subscriptions/{subscription}/resume")
    wait_until(lambda: receiver.count() == 1, 20, "what was parked before the restart is delivered")


def test_a_killed_server_is_started_again_with_its_data(private, receiver):
    petrel = private()
    subscription = park_one(petrel)
    petrel.wait_written()
    os.kill(petrel.redis_pid, signal.SIGKILL)
    petrel.redis_pid = wait_until(lambda: (pid := petrel.server_pid()) != petrel.redis_pid and pid, 20, "a new server")
    assert "killed by signal 9" in petrel.output()
    assert petrel.redis.zcard(f"petrel:queue:{subscription}") == 1
    petrel.redis.xadd("petrel:events", {"type": "a", "data": "2"})
    wait_until(lambda: petrel.redis.zcard(f"petrel:queue:{subscription}") == 2, 20, "petrel works on")
    assert petrel.terminate(40) == 0


def test_a_killed_petrel_leaves_no_server_and_starts_again(private):
    port = free_port()
    first = private(port)
    subscription = park_one(first)
    first.kill9()
    second = private(port)  # at once: the old server may still be shutting down
    assert second.redis_pid != first.redis_pid
    assert second.redis.zcard(f"petrel:queue:{subscription}") == 1
    wait_until(lambda: not is_alive(first.redis_pid), 20, "the old server has ended by itself")


def test_a_port_that_is_taken_is_refused(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = run("serve", "--private-redis-port", other.getsockname()[1], "--data-dir", tmp_path / "data",
                   "--listen", "127.0.0.1:0")
    assert done.returncode == 1 and "something listens there already" in one_line(done.stderr)
    assert not (tmp_path / "data").exists()


def test_two_never_share_a_folder(private, tmp_path):
    private()
    done = run("serve", "--private-redis-port", free_port(), "--data-dir", tmp_path / "data", "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "another petrel's private Redis uses" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("arguments, code, message", [
    (["--private-redis-port", "0"], 2, "no port number"),
    (["--private-redis-port", "65536"], 2, "no port number"),
    (["--private-redis-port", "7000", "--redis-url", "redis://127.0.0.1:7001"], 2, "give one of them"),
])
def test_wrong_use(tmp_path, arguments, code, message):
    done = run("serve", *arguments, "--data-dir", tmp_path / "data")
    assert done.returncode == code and message in one_line(done.stderr)


def test_without_redis_server_it_says_what_to_install(tmp_path):
    done = run("serve", "--private-redis-port", free_port(), "--data-dir", tmp_path / "data", env={"PATH": "/nowhere"})
    assert done.returncode == 1 and "apt install redis-server" in one_line(done.stderr)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    done = run("serve", "--private-redis-port", free_port(), "--data-dir", tmp_path / "file" / "data")
    assert done.returncode == 1 and "set --data-dir" in one_line(done.stderr)


# ---- the default port, in a network of the test's own

UP = """
import fcntl, os, socket, struct, sys
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up, running
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def alone():
    """The words in front of a command that give it a network of its own, where every port is free."""
    words = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody make a network namespace")
    return [*words, sys.executable, "-c", UP]


def serve_words(folder):
    return [BINARY, "serve", "--data-dir", str(folder / "data"), "--admin-key", ADMIN_KEY]


def test_nothing_configured_and_none_there_starts_one_at_6379(tmp_path, alone):
    petrel = Child([*alone, *serve_words(tmp_path)], tmp_path / "log", env=clean_environment(), cwd=tmp_path)
    wait_until(lambda: "petrel is ready" in petrel.output() or not petrel.is_running(), 40, "it is ready")
    assert re.search(r"Redis +redis://127.0.0.1:6379.*, private: data in .*/data/redis", petrel.output()), petrel.output()
    assert petrel.terminate(40) == 0


def test_nothing_configured_takes_the_one_at_6379(tmp_path, alone):
    both = 'redis-server --save "" --dir "$0" >/dev/null & until redis-cli ping >/dev/null 2>&1; do :; done; exec "$@"'
    petrel = Child([*alone, "sh", "-c", both, str(tmp_path), *serve_words(tmp_path)], tmp_path / "log",
                   env=clean_environment(), cwd=tmp_path)
    wait_until(lambda: "petrel is ready" in petrel.output() or not petrel.is_running(), 40, "it is ready")
    output = petrel.output()
    with open(f"/proc/{petrel.pid}/task/{petrel.pid}/children", encoding="ascii") as children:
        [server] = map(int, children.read().split())
    try:
        assert petrel.terminate(40) == 0
        assert is_alive(server), "a Redis that petrel didn't start isn't stopped"
    finally:
        os.kill(server, signal.SIGTERM)
    assert re.search(r"Redis +redis://127.0.0.1:6379$", output, re.M) and ", private: " not in output, output
    assert not (tmp_path / "data" / "redis").exists()
