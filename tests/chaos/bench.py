# SPDX-License-Identifier: Apache-2.0
"""One run's stage: a redis-server, an admin, dispatchers, receivers, the producer; and the verdict at the end."""

import json
import os
import random
import signal
import time
from pathlib import Path

import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

import judge
from harness.ports import free_port
from harness.processes import ADMIN_KEY, Child
from harness.wait import wait_until
from load import Load, subscriptions
from receivers import Receivers

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("PETREL_BIN", str(ROOT / "build/chaos/petrel"))
# Without breakers: what fails is to come to its end while the run lasts.
DEFAULTS = ("--retry-schedule", "200ms,400ms,600ms,800ms", "--breaker-failures", "1000000", "--breaker-minimum", "1000000")
QUICK = (*DEFAULTS, "--instance-timeout", "1500ms")


class Redis(Child):
    """AOF as told: "no", "everysec" or "always"."""

    def __init__(self, folder, aof="no", host="127.0.0.1"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self.argv = ["redis-server", "--port", str(self.port), "--bind", host, "--protected-mode", "no",
                     "--dir", str(self.folder), "--save", "", "--appendonly", "no" if aof == "no" else "yes",
                     "--appendfsync", "everysec" if aof == "no" else aof]
        self.client = redis.Redis(port=self.port, decode_responses=True, socket_timeout=10)
        self.start()

    def start(self):
        super().__init__(self.argv, self.folder / "redis.log")
        wait_until(self.answers, 30, "redis-server answers")

    def answers(self):
        try:
            return self.client.ping()
        except redis.RedisError:
            return False


class Instance(Child):
    """A petrel process; `point` is the fault point that it dies at, and at which pass ("park.before_send:3")."""

    def __init__(self, bench, command="dispatcher", flags=(), point=None):
        number = len(bench.instances)
        bench.instances.append(self)
        folder = bench.folder / f"petrel{number}"
        folder.mkdir()
        self.port = free_port()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PETREL_")}
        if point:
            environment["PETREL_FAULT_POINT"] = point
        argv = [BINARY, command, "--redis-url", bench.redis_url, "--listen", f"127.0.0.1:{self.port}", "--admin-key",
                ADMIN_KEY, "--data-dir", str(folder), "--workers", "2", "--log-level", "warn",
                "--allow-networks", "127.0.0.0/8,10.77.0.0/16", *bench.flags, *flags]
        super().__init__(argv, bench.folder / f"petrel{number}.log", env=environment)

    def get(self, path):
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)

    def is_ready(self):
        assert self.is_running(), f"petrel ended with {self.process.returncode}:\n{self.output()[-2000:]}"
        try:
            return self.get("/readyz").status_code == 200
        except requests.RequestException:
            return False

    def wait_ready(self):
        wait_until(self.is_ready, 30, "petrel is ready")
        return self

    def call(self, method, path, body=None, token=None, idempotency_key=None):
        headers = {"authorization": f"Bearer {token or ADMIN_KEY}"}
        if idempotency_key and method != "GET":
            headers["idempotency-key"] = idempotency_key
        return requests.request(method, f"http://127.0.0.1:{self.port}{path}", json=body, timeout=10, headers=headers)


class Bench:
    """seed: of the producer and of `random`, which the scenario draws its faults from."""

    def __init__(self, folder, seed, flags=QUICK, aof="no", host="127.0.0.1"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seed = seed
        self.random = random.Random(seed)
        self.flags = list(flags)
        self.instances = []
        self.faults = []       # a judge.Held each
        self.names = {}        # subscription id → name
        self.discarded = set()  # pairs whose dead letter the scenario deleted
        self.load = self.receivers = self.redis = None
        try:
            self._open(aof, host)
        except BaseException:
            self.close()
            raise

    def _open(self, aof, host):
        self.receivers = Receivers("0.0.0.0" if host != "127.0.0.1" else host)
        self.redis = Redis(self.folder / "redis", aof, "0.0.0.0" if host != "127.0.0.1" else host)
        self.client = self.redis.client
        self.redis_url = f"redis://{host}:{self.redis.port}"
        self.host = host
        self.admin = Instance(self, "admin").wait_ready()
        for name, kind, types, fields in subscriptions():
            self.subscribe(name, kind, types, **fields)

    def subscribe(self, name, kind, types, **fields):
        body = {"url": f"http://{self.host}:{self.receivers.port}/{kind}/{name}", "event_types": types,
                "max_concurrency": 256 if kind != "slow" else 512, **fields}
        answer = self.admin.call("POST", "/v1/subscriptions", body)
        assert answer.status_code == 201, answer.text
        self.names[answer.json()["id"]] = name
        return answer.json()["id"]

    def id_of(self, name):
        return next(identifier for identifier, known in self.names.items() if known == name)

    def start_load(self, rate, own_ids=True):
        # Without retries of its own: what was accepted is to be known.
        producer = redis.Redis(port=self.redis.port, decode_responses=True, socket_timeout=10,
                               retry=Retry(NoBackoff(), 0))
        self.load = Load(producer, self.seed, rate, own_ids).start()
        return self.load

    def dispatcher(self, flags=(), point=None):
        return Instance(self, "dispatcher", flags, point)

    def kill9(self, instance):
        instance.signal(signal.SIGKILL)
        return self.note_death(instance)

    def note_death(self, instance):
        """Right after it: what it had in hand."""
        instance.process.wait(10)
        return self.note_fault(instance)

    def note_fault(self, instance, begin=None):
        self.faults.append(judge.Held(self.client, self.names, instance.pid, begin or time.monotonic()))
        return self.faults[-1]

    # ---- looking

    def totals(self):
        return {key: int(value) for key, value in self.client.hgetall("petrel:totals").items()}

    def is_settled(self):
        try:
            groups = self.client.xinfo_groups("petrel:events")
            last = self.client.xinfo_stream("petrel:events")["last-generated-id"]
        except redis.RedisError:
            return False
        return (bool(groups) and groups[0]["pending"] == 0 and groups[0]["last-delivered-id"] == last
                and self.totals().get("parked", 0) == 0)

    def wait_settled(self, deadline_s=120):
        wait_until(lambda: self.is_settled() or time.sleep(0.1), deadline_s, "everything is settled")

    def state(self):
        return judge.State(self.client, self.names)

    def lost_now(self):
        """At an instant at which no dispatcher runs: the producer may go on."""
        accepted, rejected = self.load.snapshot()
        state = self.state()
        return judge.lost(accepted, rejected, self.receivers.records(), state, self.discarded)

    # ---- the verdict

    def verdict(self, more=None):
        """Asserts the promise; the numbers for the table."""
        accepted, rejected = self.load.snapshot()
        records = self.receivers.records()
        state = self.state()
        missing = judge.lost(accepted, rejected, records, state, self.discarded)
        repeated, unexplained, oldest = judge.repeats(records, self.faults)
        in_hand = sum(len(fault) for fault in self.faults)
        result = {"events": len(accepted) + len(rejected), "lost": len(missing), "repeats": repeated, "in_hand": in_hand,
                  "unexplained": len(unexplained), "oldest_s": oldest, "faults": len(self.faults), **(more or {})}
        print(json.dumps(result), flush=True)
        assert not missing, f"lost: {missing[:5]}"
        assert not unexplained, f"repeats that no fault explains: {self.explain(unexplained[:5])}"
        assert not state.parked and not state.in_stream, "settled"
        delivered = judge.arrivals(records)
        both = [pair for pair in state.dead if pair in delivered and pair[1] != "gone"]
        assert len(both) <= in_hand, f"delivered, and yet dead letters: {both[:5]}"
        self.check_leftovers(state)
        return result

    def explain(self, unexplained):
        start = self.faults[0].begin if self.faults else 0
        faults = [round(fault.begin - start, 3) for fault in self.faults]
        return [(pair, [(round(a - start, 3), round(b - start, 3)) for a, b in times]) for pair, times in unexplained] + [
            ("faults", faults)]

    def check_leftovers(self, state):
        """Copies of events are kept for dead letters only; what a crash left of the notes expires."""
        messages = {key.split(":", 2)[2] for key in self.client.scan_iter("petrel:message:*", 1000)}
        needed = {letter.rsplit(".", 1)[0] for letter in self.client.zrange("petrel:dead", 0, -1)}
        assert messages == needed, f"copies without a need: {list(messages - needed)[:5]}, missing: {list(needed - messages)[:5]}"
        for key in self.client.scan_iter("petrel:settled:*", 1000):
            assert self.client.ttl(key) > 0, f"{key} stays for ever"

    def close(self):
        if self.load:
            self.load.is_stopped.set()
            self.load.may_run.set()
        for instance in self.instances:
            instance.signal(signal.SIGCONT)
            instance.close()
        if self.receivers:
            self.receivers.close()
        if self.redis:
            self.redis.close()
