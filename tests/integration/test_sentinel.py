# SPDX-License-Identifier: Apache-2.0
"""Sentinels: the master is found through them, and a failover is followed, under load, by all parts of petrel."""

import subprocess
import time
from types import SimpleNamespace

import pytest
import redis
import requests
from harness.faults import Producer, metrics, readiness
from harness.ports import free_port
from harness.processes import BINARY, Child, RedisServer
from harness.wait import wait_until

NAME = "petrel-master"


class Sentinels:
    """A master, a replica, and three sentinels of which two have to agree; a dead address comes first."""

    def __init__(self, folder):
        self.servers = [RedisServer(folder / f"redis{n}", appendonly=True) for n in range(2)]
        self.master, self.replica = self.servers
        self.replica.client.replicaof("127.0.0.1", self.master.port)
        wait_until(lambda: self.replica.client.info("replication")["master_link_status"] == "up", 20, "it follows")
        self.children, self.ports = [], []
        for number in range(3):
            home = folder / f"sentinel{number}"
            home.mkdir()
            port = free_port()
            (home / "sentinel.conf").write_text(
                f"port {port}\nbind 127.0.0.1\ndir {home}\n"
                f"sentinel monitor {NAME} 127.0.0.1 {self.master.port} 2\n"
                f"sentinel down-after-milliseconds {NAME} 2000\nsentinel failover-timeout {NAME} 5000\n"
            )
            self.ports.append(port)
            self.children.append(
                Child(["redis-server", str(home / "sentinel.conf"), "--sentinel"], home / "sentinel.log"))
        self.clients = [redis.Redis(port=port, decode_responses=True) for port in self.ports]
        wait_until(self.agree, 30, "the sentinels know each other and the replica")

    def agree(self):
        try:
            states = [client.sentinel_master(NAME) for client in self.clients]
        except redis.RedisError:
            return False
        return all(s["num-other-sentinels"] == 2 and s["num-slaves"] == 1 for s in states)

    @property
    def url(self):
        addresses = [f"127.0.0.1:{port}" for port in [free_port(), *self.ports]]
        return f"redis+sentinel://{','.join(addresses)}/{NAME}"

    def master_port(self):
        return int(self.clients[0].sentinel_get_master_addr_by_name(NAME)[1])

    def close(self):
        for client in self.clients:
            client.close()
        for child in self.children:
            child.close()
        for server in self.servers:
            server.close()


@pytest.fixture
def sentinels(tmp_path):
    made = Sentinels(tmp_path)
    yield made
    made.close()


@pytest.fixture
def guarded_sentinel(tmp_path, redis_server):
    """The address of a sentinel that wants a login, without it: the default user's password, and a user of its own."""
    port = free_port()
    conf = tmp_path / "sentinel.conf"
    conf.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\nrequirepass open&sesame\n"
        f"user watcher on >watch allchannels +auth +client +subscribe +psubscribe +ping +role +sentinel\n"
        f"sentinel monitor {NAME} 127.0.0.1 {redis_server.port} 1\n")
    child = Child(["redis-server", str(conf), "--sentinel"], tmp_path / "sentinel.log")
    client = redis.Redis(port=port, password="open&sesame")

    def answers():
        try:
            return client.ping()
        except redis.RedisError:
            return False

    wait_until(answers, 20, "the sentinel answers")
    yield f"redis+sentinel://127.0.0.1:{port}/{NAME}"
    client.close()
    child.close()


def publish(url):
    return subprocess.run([BINARY, "publish", "a", "--data", "1", "--redis-url", url], capture_output=True, text=True,
                          timeout=20)


def replicated(sentinels, names):
    """Those that the replica has: what a failover keeps."""
    client = sentinels.replica.client
    return set(names) & {fields.get("id") for _, fields in client.xrange("petrel:events")}


def test_a_failover_under_load_is_followed(start, sentinels, receiver, record_property):
    processes = [start(server=sentinels), start("dispatcher", server=sentinels)]
    serve = processes[0]
    serve.api.subscribe(receiver.url("/"))
    warm = [f"warm{n}" for n in range(50)]

    def both_know():
        for name in warm:
            sentinels.master.client.xadd("petrel:events", {"type": "a", "data": "1"})
        count = receiver.count()
        return count and count % len(warm) == 0

    wait_until(both_know, 20, "both know the subscription")
    with Producer(sentinels.master.client) as producer:
        wait_until(lambda: len(producer.accepted) > 200, 20, "load")
    # What was acknowledged, and is on the replica, must arrive; the rest is what asynchronous replication may lose.
    wait_until(lambda: replicated(sentinels, producer.accepted) == set(producer.accepted), 10, "replicated")
    with Producer(sentinels.master.client, pause_s=0.001) as doomed:
        wait_until(lambda: len(doomed.accepted) > 100, 20, "load until the end")
        sentinels.master.kill9()
        killed = time.monotonic()
    kept = set(producer.accepted) | replicated(sentinels, doomed.accepted)
    lost = set(doomed.accepted) - kept
    wait_until(lambda: sentinels.master_port() == sentinels.replica.port, 30, "the sentinels fail over")
    promoted = time.monotonic()
    after = [f"after{n}" for n in range(50)]
    for name in after:
        wait_until(lambda n=name: sentinels.replica.client.role()[0] == "master", 20, "promoted")
        sentinels.replica.client.xadd("petrel:events", {"type": "a", "data": "1", "id": name})
    wait_until(lambda: set(after) <= set(receiver.accepted("/")), 20, "work goes on")
    resumed_s = time.monotonic() - promoted
    wait_until(lambda: kept <= set(receiver.accepted("/")), 30, "nothing replicated is lost")
    for petrel in processes:
        petrel.wait_ready()
        assert metrics(petrel)["petrel_redis_up"] == 1 and petrel.is_running()
    assert serve.api.ok("GET", "/v1/subscriptions")["items"]
    wait_until(lambda: sentinels.replica.pending() == 0, 20, "nothing is pending")
    seen = receiver.accepted("/")
    record_property("failed_over_s", round(promoted - killed, 2))
    record_property("resumed_s", round(resumed_s, 2))
    record_property("accepted", len(producer.accepted) + len(doomed.accepted))
    record_property("not_replicated", len(lost))
    record_property("repeats", len(seen) - len(set(seen)))
    assert resumed_s < 2 * 3

    # The old master comes back, as a replica: nobody is fooled by its address.
    sentinels.master.start()
    wait_until(lambda: sentinels.master.client.role()[0] == "slave", 30, "it follows the new one")
    assert all(readiness(petrel)[0] == 200 for petrel in processes)


def test_the_command_line_finds_the_master(sentinels):
    done = publish(sentinels.url)
    assert done.returncode == 0, done.stderr
    assert sentinels.master.client.xlen("petrel:events") == 1
    done = subprocess.run([BINARY, "check", "--redis-url", sentinels.url], capture_output=True, text=True, timeout=20)
    assert f"/{NAME}" in done.stdout and "role" in done.stdout


def test_an_unknown_master_and_dead_sentinels_are_said(sentinels):
    url = sentinels.url.replace(NAME, "nobody")
    done = publish(url)
    assert done.returncode == 1 and "no master of the name nobody" in done.stderr
    url = f"redis+sentinel://127.0.0.1:{free_port()}/{NAME}"
    done = publish(url)
    assert done.returncode == 1 and "sentinel 127.0.0.1" in done.stderr


@pytest.mark.parametrize("login", ["sentinel_password=open%26sesame", "sentinel_user=watcher&sentinel_password=watch"])
def test_a_sentinel_that_wants_a_login(start, guarded_sentinel, redis_server, receiver, login):
    server = SimpleNamespace(url=f"{guarded_sentinel}?{login}")
    petrel = start(server=server)
    petrel.api.subscribe(receiver.url("/"))
    done = publish(server.url)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: receiver.count() == 1, 20, "it arrives")
    secret = login.rpartition("=")[2]
    assert secret not in petrel.output() and secret not in requests.get(petrel.url + "/readyz", timeout=10).text


@pytest.mark.parametrize("login, why", [("", "NOAUTH"), ("?sentinel_password=wrong", "NOAUTH")])
def test_a_sentinel_that_refuses_the_login(guarded_sentinel, login, why):
    done = publish(guarded_sentinel + login)
    assert done.returncode == 1 and why in done.stderr and "wrong" not in done.stderr
