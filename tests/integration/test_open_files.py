# SPDX-License-Identifier: Apache-2.0
"""More destinations than files may be open: kept connections that rest make room, and no attempt fails for want of one."""

from harness.wait import wait_until

FILES = 256
DESTINATIONS = 400


def test_more_destinations_than_open_files(start, fast_receiver, redis_server, xadd):
    hosts = [f"127.0.{1 + i // 200}.{1 + i % 200}" for i in range(DESTINATIONS)]
    fast_receiver.listen_also_on(hosts)
    petrel = start(prefix=["sh", "-c", f"ulimit -n {FILES}; exec \"$@\"", "sh"],
                   flags=["--retry-schedule", "1h", "--max-in-flight", "64"])
    for i, host in enumerate(hosts):
        petrel.api.post("/v1/subscriptions", {"url": fast_receiver.url(f"/{i}", host), "event_types": [f"type.{i}"]})
    wait_until(lambda: petrel.api.table_subscriptions() == 2 * DESTINATIONS, 20, "both workers know them")
    wanted = {f"/{i}" for i in range(DESTINATIONS)}
    for rounds in (1, 2):
        for i in range(DESTINATIONS):
            xadd(type=f"type.{i}", data="1")
        # Who failed would be tried again in an hour.
        wait_until(lambda: len(fast_receiver.log) >= rounds * DESTINATIONS, 40, "all are delivered")
        assert {entry.path for entry in fast_receiver.log[-DESTINATIONS:]} == wanted
    # The API has its files, too.
    assert petrel.api.get("/v1/subscriptions").status_code == 200
    assert petrel.terminate() == 0
