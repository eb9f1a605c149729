# SPDX-License-Identifier: Apache-2.0
"""Redis is away for longer than a lease lasts: who holds a delivery keeps it."""

import threading

from harness.proxy import Proxy
from harness.receiver import Answer
from harness.wait import stays, wait_until

EVENTS = 8
LEASE_S = 6


def test_what_is_held_through_an_outage_is_not_sent_again(start, redis_server, receiver, xadd):
    proxy = Proxy(redis_server.port)
    asked, gate = [], threading.Event()

    def answer(number):
        asked.append(number)
        return Answer(status=500) if number < EVENTS else Answer(gate=gate)

    # The first attempt fails; the second, under a lease, is under way from before Redis goes until it is back.
    receiver.script("/", answer)
    flags = ["--retry-schedule", "500ms,500ms,500ms", "--request-timeout", "60s", "--workers", "1"]
    holder = start(flags=flags, server=proxy)
    queue = f"petrel:queue:{holder.api.subscribe(receiver.url('/'))['id']}"
    for number in range(EVENTS):
        xadd(type="a.b", data=str(number))
    wait_until(lambda: len(asked) == 2 * EVENTS, 20, "second attempts are under way")
    # Those with room for them, which look for what is due as soon as Redis is back.
    others = [start("dispatcher", flags=flags, server=proxy) for _ in range(3)]
    proxy.refuse()
    stays(lambda: redis_server.client.zcard(queue) == EVENTS, LEASE_S + 1, "nobody settles them while the leases end")
    proxy.heal()
    for petrel in [holder, *others]:
        petrel.wait_ready()
    stays(lambda: len(asked) == 2 * EVENTS, 5, "nobody sends them again")
    gate.set()
    wait_until(lambda: redis_server.is_settled(EVENTS), 30, "everything is settled")
    assert len(asked) == 2 * EVENTS
    proxy.close()
