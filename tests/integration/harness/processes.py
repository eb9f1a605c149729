# SPDX-License-Identifier: Apache-2.0
"""redis-server and petrel as child processes, stopped by their own pid."""

import os
import re
import signal
import subprocess
from pathlib import Path

import redis
import requests

from .ports import free_port
from .wait import wait_until

ROOT = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("PETREL_BIN", str(ROOT / "build/release/petrel"))
ADMIN_KEY = "test-admin-key-0123456789abcdef"
# How much longer than promised it may take on a busy machine before a test fails; a sanitizer slows petrel itself, too.
PATIENCE = 10 if any(name in BINARY for name in ("/asan/", "/tsan/")) else 3


def clean_environment(more=None):
    """The caller's environment without anything that petrel would read, and with `more`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PETREL_")}
    return {**kept, **{k: str(v) for k, v in (more or {}).items()}}


class Child:
    """A process with its output in a file, errors too unless they have a file of their own."""

    def __init__(self, argv, log_path, env=None, cwd=None, error_path=None):
        self.log_path = Path(log_path)
        self.log = open(self.log_path, "ab")
        errors = open(error_path, "ab") if error_path else None
        self.process = subprocess.Popen(
            argv, stdout=self.log, stderr=errors or subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env, cwd=cwd
        )
        if errors:
            errors.close()

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.log_path.read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def signal(self, number):
        """Once it returns from a SIGSTOP, no thread of the process does anything any more."""
        if not self.is_running():
            return
        os.kill(self.pid, number)
        if number == signal.SIGSTOP:
            wait_until(self._is_stopped, 10, "all of its threads have stopped")

    def _is_stopped(self):
        try:
            threads = [path.read_text() for path in Path(f"/proc/{self.pid}/task").glob("*/stat")]
        except OSError:  # one has just ended
            return False
        return all(thread.rpartition(")")[2].split()[0] == "T" for thread in threads)

    def kill9(self):
        self.signal(signal.SIGKILL)
        self.process.wait(10)

    def terminate(self, deadline_s=20):
        """SIGTERM, then the exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end within {deadline_s} s of SIGTERM:\n{self.output()[-3000:]}")

    def close(self):
        if self.is_running():
            self.process.kill()
            self.process.wait(10)
        self.log.close()


class RedisServer:
    def __init__(self, folder, appendonly=False, extra=()):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.argv = [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
            "--save", "", "--appendonly", "yes" if appendonly else "no", *extra,
        ]
        self.child = None
        self.client = redis.Redis(port=self.port, decode_responses=True)
        self.binary = redis.Redis(port=self.port)
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def answers(self):
        try:
            return self.client.ping()
        except redis.RedisError:
            return False

    def start(self):
        self.child = Child(self.argv, self.folder / "redis.log")
        wait_until(self.answers, 10, "redis-server answers")

    def stop(self):
        self.child.terminate()

    def kill9(self):
        self.child.kill9()

    def wait_written(self):
        """What it has answered is in its file: with everysec, while the disk is slow, Redis answers before it writes."""
        wait_until(lambda: self.client.info("persistence")["aof_buffer_length"] == 0, 20, "the file has everything")

    def close(self):
        self.client.close()
        self.binary.close()
        self.child.close()

    # What petrel keeps, in short.
    def totals(self):
        return {k: int(v) for k, v in self.client.hgetall("petrel:totals").items()}

    def pending(self):
        try:
            return self.client.xpending("petrel:events", "petrel")["pending"]
        except redis.ResponseError:
            return 0

    def is_settled(self, events):
        """All `events` entries ever added were read, and nothing is pending or parked."""
        try:
            groups = self.client.xinfo_groups("petrel:events")
        except redis.ResponseError:
            return False
        read = groups and groups[0].get("entries-read")
        return (
            bool(groups) and (read is None or read >= events) and groups[0]["lag"] in (0, None)
            and groups[0]["pending"] == 0 and self.totals().get("parked", 0) == 0
        )


class Petrel(Child):
    """`petrel serve` (or another command that runs), ready when this returns."""

    def __init__(self, redis_server, folder, command="serve", flags=(), env=None, ready=True, prefix=(),
                 hides_secrets=False, admin_key=ADMIN_KEY):
        """hides_secrets: Redis's URL and the admin key come by the environment, not by flags."""
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.dispatcher_url = None if command == "admin" else self.url
        argv = [BINARY, command, "--listen", f"127.0.0.1:{self.port}", "--data-dir", str(self.folder / "data"), "--workers", "2"]
        if hides_secrets:
            env = {"PETREL_REDIS_URL": redis_server.url, "PETREL_ADMIN_KEY": admin_key, **(env or {})}
        else:
            argv += ["--redis-url", redis_server.url, "--admin-key", admin_key]
        argv += ["--allow-networks", "127.0.0.0/8,::1/128"]
        # No breaker opens unless a test is about breakers: most look at one thing that fails, many times over.
        argv += ["--breaker-failures", "1000000", "--breaker-minimum", "1000000"]
        # Later flags win, so a test may say otherwise.
        super().__init__([*prefix, *argv, *flags], self.folder / "petrel.log", env=clean_environment(env), cwd=self.folder)
        self.api = Api(self.url, admin_key, self.dispatcher_url)
        if ready:
            try:
                self.wait_ready()
            except BaseException:
                self.close()  # nobody else knows of it yet
                raise

    def is_ready(self):
        if not self.is_running():
            raise AssertionError(f"petrel ended with {self.process.returncode}:\n{self.output()[-3000:]}")
        try:
            return requests.get(self.url + "/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def wait_ready(self, deadline_s=20):
        wait_until(self.is_ready, deadline_s, "petrel is ready")


class Api:
    """The admin API with its key. dispatcher_url: whose workers are to know a new subscription; or None."""

    def __init__(self, url, key, dispatcher_url=None):
        self.url = url
        self.dispatcher_url = dispatcher_url
        self.session = requests.Session()
        if key is not None:
            self.session.headers["authorization"] = f"Bearer {key}"

    def call(self, method, path, **kwargs):
        return self.session.request(method, self.url + path, timeout=15, **kwargs)

    def get(self, path, **kwargs):
        return self.call("GET", path, **kwargs)

    def post(self, path, body=None, **kwargs):
        if body is not None:
            kwargs["json"] = body
        return self.call("POST", path, **kwargs)

    def patch(self, path, body):
        return self.call("PATCH", path, json=body)

    def delete(self, path):
        return self.call("DELETE", path)

    def ok(self, method, path, expected=(200, 201, 202, 204), **kwargs):
        response = self.call(method, path, **kwargs)
        assert response.status_code in expected, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def subscribe(self, url, event_types=("*",), **fields):
        """Returns when the dispatcher's workers match against it."""
        body = {"url": url, "event_types": list(event_types), **fields}
        before = self.table_subscriptions()
        made = self.ok("POST", "/v1/subscriptions", json=body)
        self.wait_known(before)
        return made

    def wait_known(self, before):
        """Until the workers match against one subscription more than when table_subscriptions() was `before`."""
        if self.dispatcher_url:
            workers = self.metric("petrel_workers")
            wait_until(lambda: self.table_subscriptions() >= before + workers, 20, "the workers know it")

    def table_subscriptions(self):
        return self.metric("petrel_table_subscriptions") if self.dispatcher_url else 0

    def metric(self, name):
        text = requests.get(self.dispatcher_url + "/metrics", timeout=15).text
        return int(re.search(rf"^{name} (\d+)$", text, re.M)[1])

    def secret(self, subscription_id):
        return self.ok("GET", f"/v1/subscriptions/{subscription_id}/secret")

    def items(self, path, **params):
        return self.ok("GET", path, params=params)["items"]
