# SPDX-License-Identifier: Apache-2.0
"""What the bench starts and asks: redis-server, petrel, the receiver, the driver, the bare loop. Standard library only."""

import ctypes
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/integration"))
from harness.ports import free_port  # noqa: E402

BUILD = Path(os.environ.get("PETREL_BUILD", ROOT / "build/release"))
TICKS = os.sysconf("SC_CLK_TCK")
KEY = "bench-admin-key-0123456789abcdef"


def until(condition, deadline_s, what, every_s=0.01):
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {deadline_s} s: {what}")
        time.sleep(every_s)
    return value


PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def end_with_parent():
    """In a child: however the bench ends, also by SIGKILL, nothing that it started outlives it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    def __init__(self, argv, log=None, **kwargs):
        self.argv = [str(a) for a in argv]
        self.log_path, self.log = log, open(log, "ab") if log else subprocess.DEVNULL
        self.child = subprocess.Popen(self.argv, stdout=kwargs.pop("stdout", self.log), stderr=self.log,
                                      stdin=subprocess.DEVNULL, text=True, preexec_fn=end_with_parent, **kwargs)

    def assert_running(self):
        if self.child.poll() is not None:
            told = Path(self.log_path).read_text()[-1000:] if self.log_path else ""
            raise RuntimeError(f"{Path(self.argv[0]).name} ended with {self.child.returncode}: {told.strip()}")

    def cpu_us(self):
        """(user, system) so far, all threads: the scheduler's nanoseconds, shared out as the clock ticks fell."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        user, system = int(fields[11]), int(fields[12])
        try:
            threads = Path(f"/proc/{self.child.pid}/task").iterdir()
            total = sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1000
        except (OSError, ValueError):  # a kernel without it, or a thread that ended
            total = (user + system) * 1e6 / TICKS
        share = user / (user + system) if user + system else 0.5
        return total * share, total * (1 - share)

    def pin(self, cpu):
        """All its threads on one processor."""
        for thread in Path(f"/proc/{self.child.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {cpu})

    def rss_bytes(self, which="VmRSS"):
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith(which + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def stop(self, number=signal.SIGTERM, deadline_s=40):
        if self.child.poll() is None:
            self.child.send_signal(number)
            try:
                self.child.wait(deadline_s)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode


class Redis(Process):
    def __init__(self, folder):
        self.port = free_port()
        self.asked = 0  # commands of the bench itself
        # A rewrite of the append-only file would be taken for the cost of what is measured.
        super().__init__(["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", folder, "--save", "",
                          "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"],
                         log=Path(folder) / "redis.log")
        try:
            self.socket = until(self._connect, 10, "redis-server answers")
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        self.file = self.socket.makefile("rb")

    def _connect(self):
        self.assert_running()
        try:
            return socket.create_connection(("127.0.0.1", self.port), timeout=120)
        except OSError:
            return None

    def send(self, *words):
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        return b"".join(parts)

    def call(self, *words):
        self.asked += 1
        self.socket.sendall(self.send(*words))
        return self._reply()

    def pipeline(self, commands):
        """Sends all, reads all; the number of replies."""
        commands = list(commands)
        self.asked += len(commands)
        for at in range(0, len(commands), 2000):
            part = commands[at : at + 2000]
            self.socket.sendall(b"".join(self.send(*words) for words in part))
            for _ in part:
                self._reply()
        return len(commands)

    def _reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.file.read(size + 2)[:-2]
        if kind == b"*":
            return None if int(rest) < 0 else [self._reply() for _ in range(int(rest))]
        return rest

    def info(self, section):
        lines = self.call("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def commands(self):
        """Calls so far by command, scripts' inner ones included."""
        return {name.removeprefix("cmdstat_"): int(value.split("calls=")[1].split(",")[0])
                for name, value in self.info("commandstats").items()}


    def watch(self, seconds):
        """Commands that came from outside in this time, those inside scripts left out: what MONITOR shows."""
        with socket.create_connection(("127.0.0.1", self.port)) as monitor:
            monitor.sendall(self.send("MONITOR"))
            monitor.settimeout(0.2)
            lines, end = b"", time.monotonic() + seconds
            while time.monotonic() < end:
                try:
                    lines += monitor.recv(65536)
                except TimeoutError:
                    continue
        return sum(b"] " in line and b" lua] " not in line for line in lines.splitlines())


class Petrel(Process):
    def __init__(self, redis, folder, flags=()):
        self.port = free_port()
        argv = [BUILD / "petrel", "serve", "--redis-url", f"redis://127.0.0.1:{redis.port}", "--listen",
                f"127.0.0.1:{self.port}", "--admin-key", KEY, "--data-dir", Path(folder) / "data", "--allow-networks",
                "127.0.0.0/8", "--log-level", "warn", *flags]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PETREL_")}
        super().__init__(argv, log=Path(folder) / "petrel.log", env=environment)

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=json.dumps(body).encode() if body is not None else None,
                                         headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def is_ready(self):
        self.assert_running()
        try:
            self.call("GET", "/readyz")
            return True
        except OSError:
            return False

    def wait_ready(self):
        until(self.is_ready, 60, "petrel is ready")

    def metric(self, name):
        for line in self.call("GET", "/metrics").decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0


class Receiver(Process):
    def __init__(self, *flags, port=0, shared=None):
        if shared:
            flags = (*flags, "--shared", shared)
        super().__init__([BUILD / "bench/receiver", "--port", port, *flags], stdout=subprocess.PIPE)
        words = self.child.stdout.readline().split()
        if len(words) != 3:
            raise RuntimeError(f"the receiver doesn't start: {' '.join(self.argv)}")
        self.port, self.control = int(words[1]), int(words[2])

    def ask(self, what="stats"):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.control}/{what}", timeout=30) as answer:
            return json.loads(answer.read())


def run_json(program, *flags):
    """Runs one of the bench's programs to its end; what it printed."""
    done = subprocess.run([str(BUILD / "bench" / program), *map(str, flags)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{program} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


class Certificate:
    """An authority and a server's certificate for 127.0.0.1, made with openssl."""

    def __init__(self, folder):
        self.ca, self.cert, self.key = (str(Path(folder) / name) for name in ("ca.pem", "cert.pem", "key.pem"))
        ca_key, request, extension = (str(Path(folder) / name) for name in ("ca.key", "request.pem", "extension"))
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        Path(extension).write_text("subjectAltName=IP:127.0.0.1\n")
        for argv in (
            ["req", "-x509", *curve, "-keyout", ca_key, "-out", self.ca, "-subj", "/CN=bench", "-days", "2"],
            ["req", *curve, "-keyout", self.key, "-out", request, "-subj", "/CN=127.0.0.1"],
            ["x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-out", self.cert,
             "-days", "2", "-extfile", extension],
        ):
            subprocess.run(["openssl", *argv], check=True, capture_output=True)


class Bench:
    """A folder, a Redis, and what is started in them; everything ends with it."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="petrel-bench-")
        self.started = []
        self.shared = Path(self.folder) / "accepted"
        try:
            self.redis = self.start(Redis(self.folder))
        except BaseException:
            self.__exit__()
            raise
        return self

    def receiver(self, *flags, **kwargs):
        """One whose count of accepted requests the driver reads. One per bench: others are made with Receiver."""
        return self.start(Receiver(*flags, shared=self.shared, **kwargs))

    def drive(self, events, **flags):
        """Makes events, of 1 KB unless told; what the driver says of it."""
        flags = {"bytes": 1000, "types": 1, **flags}
        if "ahead" in flags:
            flags["shared"] = self.shared
        return run_json("driver", "--redis-port", self.redis.port, "--events", events,
                        *(word for k, v in flags.items() for word in ("--" + k.replace("_", "-"), v)))

    def __exit__(self, *_):
        for process in reversed(self.started):
            process.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, process):
        self.started.append(process)
        return process

    def petrel(self, *flags):
        made = self.start(Petrel(self.redis, self.folder, flags))
        made.wait_ready()
        return made

    def subscribe(self, petrel, urls, types=None, **fields):
        """One subscription per URL through the API, a few connections at a time; the i-th wants types[i], or bench.<i>.
        Returns when all workers know them."""
        def create(numbers):
            connection = http.client.HTTPConnection("127.0.0.1", petrel.port, timeout=60)
            for i in numbers:
                body = {"url": urls[i], "event_types": [types[i] if types else f"bench.{i}"], "max_concurrency": 256,
                        **fields}
                connection.request("POST", "/v1/subscriptions", json.dumps(body),
                                   {"authorization": f"Bearer {KEY}", "content-type": "application/json"})
                answer = connection.getresponse()
                if answer.status != 201:
                    raise RuntimeError(answer.read().decode())
                answer.read()

        known = petrel.metric("petrel_table_subscriptions")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(create, [range(k, len(urls), 4) for k in range(4)]))
        wanted = known + len(urls) * petrel.metric("petrel_workers")
        until(lambda: petrel.metric("petrel_table_subscriptions") >= wanted, 60, "the workers know the subscriptions")
