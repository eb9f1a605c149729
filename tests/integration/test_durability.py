# SPDX-License-Identifier: Apache-2.0
"""What Redis promises is told, required if wanted, and waited for: durability, replicas, WAIT."""

import subprocess

import pytest
from harness.faults import metrics, readiness
from harness.ports import free_port
from harness.processes import ADMIN_KEY, BINARY, RedisServer
from harness.wait import wait_until


def run_required(redis_server, tmp_path, *flags):
    return subprocess.run(
        [BINARY, "serve", "--redis-url", redis_server.url, "--listen", f"127.0.0.1:{free_port()}", "--admin-key",
         ADMIN_KEY, "--data-dir", str(tmp_path / "data"), "--require-durability", *flags],
        capture_output=True, text=True, timeout=20, cwd=tmp_path)


def test_start_is_refused_without_an_append_only_file(redis_server, tmp_path):
    done = run_required(redis_server, tmp_path)
    assert done.returncode == 1
    line = [line for line in done.stderr.splitlines() if "require_durability" in line]
    assert len(line) == 1 and "append_only_file is off" in line[0] and "appendonly yes" in line[0]


def test_start_is_refused_with_an_evicting_policy(durable_redis, tmp_path):
    durable_redis.client.config_set("maxmemory-policy", "allkeys-lru")
    done = run_required(durable_redis, tmp_path)
    assert done.returncode == 1 and "maxmemory_policy is allkeys-lru" in done.stderr


def test_unready_when_durability_goes_at_run_time(start, durable_redis):
    petrel = start(flags=["--require-durability"], server=durable_redis)
    assert metrics(petrel)["petrel_redis_durable"] == 1
    durable_redis.client.config_set("appendonly", "no")
    checks = wait_until(lambda: (seen := readiness(petrel))[0] == 503 and seen[1], 15, "unready")
    assert checks["append_only_file"]["level"] == "error"
    assert metrics(petrel)["petrel_redis_durable"] == 0 and metrics(petrel)["petrel_ready"] == 0
    durable_redis.client.config_set("appendonly", "yes")
    wait_until(lambda: readiness(petrel)[0] == 200, 15, "ready again")
    durable_redis.client.config_set("maxmemory-policy", "volatile-lru")
    wait_until(lambda: readiness(petrel)[0] == 503, 15, "unready")


def test_not_required_it_is_a_warning(start, redis_server):
    petrel = start("dispatcher")
    status, checks = readiness(petrel)
    assert status == 200
    for name in ("append_only_file", "maxmemory_policy", "replicas", "clock", "open_files"):
        assert checks[name]["level"] == "warning" and checks[name]["detail"], name


@pytest.fixture
def replica(redis_server, tmp_path):
    server = RedisServer(tmp_path / "replica")
    server.client.replicaof("127.0.0.1", redis_server.port)
    wait_until(lambda: server.client.info("replication")["master_link_status"] == "up", 20, "the replica follows")
    yield server
    server.close()


def post(petrel, body, **headers):
    return petrel.api.post("/v1/events", body, headers=headers)


def test_accepted_only_when_a_replica_has_it(start, redis_server, replica, receiver):
    petrel = start(flags=["--publish-replicas", "1"])
    petrel.api.subscribe(receiver.url("/"))
    answer = post(petrel, {"type": "a", "data": 1})
    assert answer.status_code == 202
    assert replica.client.xlen("petrel:events") == 1
    replica.client.replicaof("NO", "ONE")
    wait_until(lambda: redis_server.client.info("replication")["connected_slaves"] == 0, 10, "no replica is left")
    answer = post(petrel, {"type": "a", "data": 2}, **{"Idempotency-Key": "k1"})
    assert answer.status_code == 503
    problem = answer.json()
    assert "0 of 1 replicas" in problem["detail"] and "delivered unless" in problem["detail"]
    assert answer.headers["retry-after"]
    # It is in Redis and is delivered all the same; the repetition, under the same key, doesn't deliver it twice.
    wait_until(lambda: receiver.count("/") == 2, 10, "delivered")
    replica.client.replicaof("127.0.0.1", redis_server.port)
    wait_until(lambda: redis_server.client.info("replication")["connected_slaves"] == 1, 20, "a replica again")

    def repeated():
        return post(petrel, {"type": "a", "data": 2}, **{"Idempotency-Key": "k1"}).status_code == 202

    wait_until(repeated, 20, "accepted now")
    wait_until(lambda: redis_server.totals().get("duplicates", 0) >= 1, 10, "the repetition is known as one")
    assert receiver.count("/") == 2
    # Another body under the same key, after its answer is kept: refused, not delivered, not lost silently.
    assert post(petrel, {"type": "a", "data": 3}, **{"Idempotency-Key": "k1"}).status_code == 422


def test_the_same_key_with_another_body_after_a_failure_is_another_event(start, redis_server, receiver):
    petrel = start(flags=["--publish-replicas", "1"])
    petrel.api.subscribe(receiver.url("/"))
    for data in (1, 2):
        assert post(petrel, {"type": "a", "data": data}, **{"Idempotency-Key": "k"}).status_code == 503
    wait_until(lambda: receiver.count("/") == 2, 10, "both are delivered")


def test_publish_on_the_command_line_waits_too(redis_server):
    done = subprocess.run(
        [BINARY, "publish", "a", "--data", "1", "--redis-url", redis_server.url, "--publish-replicas", "1"],
        capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "0 of 1 replicas" in done.stderr and not done.stdout
    assert redis_server.client.xlen("petrel:events") == 1
