# SPDX-License-Identifier: Apache-2.0
"""Caps on what is under way at once: of a subscription, and of a host and port over all its subscriptions."""

import threading

import pytest
from harness.receiver_fast import OK, status_line
from harness.wait import wait_until


class Gauge:
    """How many requests a receiver has in hand at once: from their coming to their answer."""

    def __init__(self, receiver, delay_s):
        self.now, self.most, self.answer = 0, 0, OK
        self._lock = threading.Lock()
        receiver.delay_s = delay_s
        receiver.decide = self.enter
        receiver.on_send = self.leave

    def enter(self, path, event):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        return self.answer

    def leave(self):
        with self._lock:
            self.now -= 1


@pytest.mark.smoke
def test_a_destination_gets_no_more_than_its_cap_also_from_queues(start, fast_receiver, redis_server):
    petrel = start(flags=["--max-destination-concurrency", "5", "--retry-schedule", ",".join(["1s"] * 40)])
    gauge = Gauge(fast_receiver, 0.05)
    gauge.answer = status_line(500)
    for number in range(30):
        petrel.api.subscribe(fast_receiver.url(f"/{number}"))
    for number in range(10):
        redis_server.client.xadd("petrel:events", {"type": "a", "data": str(number)})
    # All of them have something due in their queues at once.
    wait_until(lambda: redis_server.totals().get("parked", 0) == 300, 30, "all are parked")
    gauge.answer = OK
    wait_until(lambda: redis_server.totals()["parked"] == 0, 30, "all have arrived")
    assert gauge.most == 5
