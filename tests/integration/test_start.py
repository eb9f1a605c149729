# SPDX-License-Identifier: Apache-2.0
"""The first moments of a process."""

from harness.wait import wait_until


def test_what_waited_before_the_start_is_recorded_like_the_rest(start, receiver, xadd, redis_server):
    # Attempts made before the connection that records them was up used to be missing from the log and the totals.
    first = start()
    first.api.subscribe(receiver.url("/"))
    assert first.terminate() == 0
    for round_ in range(1, 6):
        xadd(type="a", data="1")
        instance = start()
        wait_until(lambda n=round_: receiver.count() == n, 5, f"delivery {round_}")
        wait_until(lambda n=round_: redis_server.client.xlen("petrel:attempts") == n, 5, "the attempt is logged")
        wait_until(lambda n=round_: redis_server.totals().get("delivered") == n, 5, "and counted")
        assert instance.terminate() == 0
