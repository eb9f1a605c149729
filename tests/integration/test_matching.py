# SPDX-License-Identifier: Apache-2.0
"""Which subscriptions get an event, and how soon a change of them is known everywhere."""

import statistics
import threading
import time

import pytest
from harness.wait import stays, wait_until

PATTERNS = {
    "/exact": ["invoice.paid"],
    "/prefix": ["invoice.*"],
    "/bare": ["invoice*"],
    "/all": ["*"],
    "/several": ["invoice.paid", "user.*"],
    "/twice": ["invoice.*", "invoice.paid", "*"],  # one delivery, however many patterns match
}
EXPECTED = {
    "invoice.paid": {"/exact", "/prefix", "/bare", "/all", "/several", "/twice"},
    "invoice.paid.late": {"/prefix", "/bare", "/all", "/twice"},
    "invoice": {"/bare", "/all", "/twice"},
    "invoices": {"/bare", "/all", "/twice"},
    "Invoice.paid": {"/all", "/twice"},
    "user.created": {"/all", "/several", "/twice"},
    "user": {"/all", "/twice"},
    "x": {"/all", "/twice"},
}


def test_exact_types_and_prefixes(petrel, receiver, xadd):
    for path, patterns in PATTERNS.items():
        petrel.api.subscribe(receiver.url(path), patterns)
    ids = {type_: "msg_0_" + xadd(type=type_, data="1").replace("-", "_") for type_ in EXPECTED}
    total = sum(map(len, EXPECTED.values()))
    wait_until(lambda: receiver.count() >= total, 10, f"{total} deliveries")
    stays(lambda: receiver.count() == total, 0.3, "no more than those")
    for type_, paths in EXPECTED.items():
        assert sorted(r.path for r in receiver.requests if r.id == ids[type_]) == sorted(paths), type_


def test_an_event_nobody_wants_is_settled(petrel, receiver, xadd, redis_server):
    petrel.api.subscribe(receiver.url("/"), ["never"])
    xadd(type="a", data="1")
    wait_until(lambda: redis_server.is_settled(1), 15, "the event is settled")
    assert receiver.count() == 0


def test_tenants_match_only_their_like(petrel, receiver, xadd):
    for tenant in ("", "a", "b", "A"):
        petrel.api.subscribe(receiver.url(f"/{tenant or 'none'}"), ["t.*"], tenant=tenant)
    for tenant in ("a", "b", "A", "c", ""):
        xadd(type="t.x", data=f'"{tenant}"', tenant=tenant)
    wait_until(lambda: receiver.count() >= 4, 15, "4 deliveries")
    stays(lambda: receiver.count() == 4, 0.3, "tenant c has no subscription")
    for request in receiver.requests:
        tenant = "" if request.path == "/none" else request.path[1:]
        assert request.body.endswith(f'"data":"{tenant}"}}'.encode())


class Ticker:
    """Publishes an event every few milliseconds and keeps when."""

    def __init__(self, xadd):
        self.published = {}
        self._stop = threading.Event()
        self._xadd = xadd
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.004):
            at = time.time()
            self.published["msg_0_" + self._xadd(type="tick", data="1").replace("-", "_")] = at

    def stop(self):
        self._stop.set()
        self._thread.join()


@pytest.fixture
def fleet(start):
    return [start(), start(command="dispatcher")]


def delivered_by(instance):
    return instance.api.metric('petrel_deliveries_total{outcome="delivered"}')


def test_a_change_is_known_to_every_instance_within_a_second(fleet, fast_receiver, redis_server, xadd):
    api = fleet[0].api
    api.subscribe(fast_receiver.url("/always"), ["tick"])
    lags = {"added": [], "changed": [], "deleted": []}
    ticker = Ticker(xadd)

    def at(path):
        return {entry.event for entry in list(fast_receiver.log) if entry.path == path}

    def settle(path):
        """Every instance delivers after the change; then all that was published is settled."""
        before = [delivered_by(instance) for instance in fleet]
        wait_until(lambda: all(delivered_by(i) >= b + 20 for i, b in zip(fleet, before)), 10, f"both at work ({path})")

    for round_ in range(3):
        one, two = f"/one{round_}", f"/two{round_}"
        settle(one)
        subscription = api.ok("POST", "/v1/subscriptions", json={"url": fast_receiver.url(one), "event_types": ["tick"]})
        added = time.time()
        settle(one)
        api.patch(f"/v1/subscriptions/{subscription['id']}", {"url": fast_receiver.url(two)})
        changed = time.time()
        settle(two)
        api.delete(f"/v1/subscriptions/{subscription['id']}")
        deleted = time.time()
        settle(two)
        lags["added"].append((one, added))
        lags["changed"].append((one, changed))
        lags["deleted"].append((two, deleted))
    ticker.stop()
    wait_until(lambda: redis_server.is_settled(len(ticker.published)), 10, "all settled")
    assert at("/always") == set(ticker.published)

    measured = {"added": [], "changed": [], "deleted": []}
    for (one, added), (_, changed), (two, deleted) in zip(*lags.values()):
        of_one, of_two = at(one), at(two)
        assert of_one and of_two
        missed = [t for e, t in ticker.published.items() if added <= t <= changed and e not in of_one | of_two]
        late = [t for e, t in ticker.published.items() if t >= changed and e in of_one]
        ghosts = [t for e, t in ticker.published.items() if t >= deleted and e in of_two]
        measured["added"].append(max(missed, default=added) - added)
        measured["changed"].append(max(late, default=changed) - changed)
        measured["deleted"].append(max(ghosts, default=deleted) - deleted)
        # What is sent to the one before the change is sent to the other after it: to both, or to none, never.
        assert not of_one & of_two
    for what, values in measured.items():
        print(f"{what}: known after {', '.join(f'{v * 1000:.0f}' for v in values)} ms")
        assert statistics.median(values) < 1.0, (what, values)
