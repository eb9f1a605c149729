# SPDX-License-Identifier: Apache-2.0
"""The first moments of a process."""

import time

import pytest

from harness.cli import one_line, run, succeed
from harness.wait import wait_until


def test_what_waited_before_the_start_is_recorded_like_the_rest(start, receiver, xadd, redis_server):
    # Attempts made before the connection that records them was up used to be missing from the log and the totals.
    first = start()
    first.api.subscribe(receiver.url("/"))
    assert first.terminate() == 0
    for round_ in range(1, 6):
        xadd(type="a", data="1")
        instance = start()
        wait_until(lambda n=round_: receiver.count() == n, 15, f"delivery {round_}")
        wait_until(lambda n=round_: redis_server.client.xlen("petrel:attempts") == n, 15, "the attempt is logged")
        wait_until(lambda n=round_: redis_server.totals().get("delivered") == n, 15, "and counted")
        assert instance.terminate() == 0


def test_what_was_parked_before_the_start_is_attempted_at_once(start, receiver, xadd, redis_server):
    # The first look at the queues used to come before there was a connection, mostly, and the next one 2 s later.
    instance = start()
    subscription = instance.api.subscribe(receiver.url("/"))["id"]
    at = ["--redis-url", redis_server.url]
    waits = []
    for round_ in range(1, 6):
        instance.api.post(f"/v1/subscriptions/{subscription}/pause")
        xadd(type="a", data="1")
        wait_until(lambda: redis_server.totals().get("parked") == 1, 10, "parked")
        assert instance.terminate() == 0
        succeed("subscriptions", "resume", subscription, *at)
        instance = start()
        began = time.monotonic()
        wait_until(lambda n=round_: receiver.count() == n, 10, f"delivery {round_}")
        waits.append(time.monotonic() - began)
        wait_until(lambda: redis_server.totals().get("parked") == 0, 10, "finished")
    # One of five may be the machine's.
    assert sorted(waits)[3] < 1, waits


@pytest.mark.parametrize("before, after", [(1, 4), (4, 1), (4, 3)])
def test_another_number_of_shards_is_refused(start, redis_server, receiver, before, after):
    # The others' streams and queues would wait unseen.
    first = start(flags=["--shards", str(before)])
    assert first.terminate() == 0
    at = ["--redis-url", redis_server.url, "--shards", after]
    for command in ("serve", "dispatcher", "admin"):
        done = run(command, *at, "--listen", "127.0.0.1:0", "--data-dir", first.folder / "data")
        assert done.returncode == 1 and f"shards = {before}, not {after}" in done.stderr
    done = run("publish", "a", "--data", "1", *at)
    assert done.returncode == 1 and f"shards = {before}, not {after}" in one_line(done.stderr)
    done = run("check", *at)
    assert done.returncode == 1 and f"shards = {before}" in done.stdout
