# SPDX-License-Identifier: Apache-2.0
"""What tests of faults share: a process's metrics, its CPU time, and load whose fate is compared as sets."""

import os
import re
import threading
import time

import redis
import requests

from .wait import wait_until

_TICKS = os.sysconf("SC_CLK_TCK")


def metrics(petrel):
    """{name with labels: value} of a process's /metrics."""
    text = requests.get(petrel.url + "/metrics", timeout=10).text
    return {m[1]: float(m[2]) for m in re.finditer(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.M)}


def readiness(petrel):
    """(status, {check: what /readyz says of it})."""
    response = requests.get(petrel.url + "/readyz", timeout=10)
    return response.status_code, {check["name"]: check for check in response.json()["checks"]}


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Effort:
    """What a process spent since: CPU seconds, tries to connect to Redis, bytes of log."""

    def __init__(self, petrel):
        self.petrel = petrel
        self.began = time.monotonic()
        self.start = self._read()

    def _read(self):
        return (cpu_s(self.petrel.pid), metrics(self.petrel)["petrel_redis_connects_total"],
                self.petrel.log_path.stat().st_size)

    def spent(self):
        cpu, connects, log = (now - then for now, then in zip(self._read(), self.start))
        return {"seconds": time.monotonic() - self.began, "cpu_s": cpu, "connects": connects, "log_bytes": log}

    def assert_no_spin(self, links=8):
        """A tenth of a core for a working process on a busy machine; a try per link each 0.3 s."""
        spent = self.spent()
        assert spent["cpu_s"] <= 0.1 + 0.1 * spent["seconds"], spent
        assert spent["connects"] <= links * (4 + spent["seconds"] / 0.3), spent
        assert spent["log_bytes"] <= 20_000 + 4_000 * spent["seconds"], spent


class Producer:
    """Adds events with ids of its own in a thread, one at a time, and keeps those that Redis accepted."""

    def __init__(self, client, pause_s=0.005, **fields):
        self.client, self.pause_s = client, pause_s
        self.fields = {"type": "load", **(fields or {"data": "1"})}
        self.accepted = []
        self.doubtful = set()  # no answer: Redis may have them or not
        self.refused = []      # error replies
        self.prefix = f"p{os.urandom(4).hex()}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        number = 0
        while not self._stop.is_set():
            number += 1
            name = f"{self.prefix}-{number}"
            try:
                self.client.xadd("petrel:events", {**self.fields, "id": name})
                self.accepted.append(name)
            except redis.ResponseError as error:
                self.refused.append(str(error))
            except redis.RedisError:
                self.doubtful.add(name)
            self._stop.wait(self.pause_s)

    def stop(self):
        self._stop.set()
        self._thread.join(10)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def wait_arrived(receiver, path, ids, deadline_s=20):
    ids = set(ids)
    wait_until(lambda: ids <= set(receiver.accepted(path)), deadline_s, f"all {len(ids)} arrive at {path}")


def repeats(receiver, path):
    seen = receiver.accepted(path)
    return len(seen) - len(set(seen))
