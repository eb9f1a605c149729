# SPDX-License-Identifier: Apache-2.0
"""Scenarios that measure: how soon a dead instance's work is done by others, how soon a drained one is gone."""

import signal
import time

from bench import DEFAULTS, Bench
from harness.wait import wait_until

RECOVERY_LIMIT_S = 10.0
REQUEST_TIMEOUT_S = 3.0


# ---- recovery


def _recovery_s(bench, held):
    """Until the last delivery that the dead instance had in hand was sent again; None: none was."""
    last = None
    seen = set()
    for arrived, _, name, identifier, _, _ in bench.receivers.records():
        pair = (identifier.decode(), name.decode())
        # What it had sent just before may arrive a moment after its death.
        if arrived < held.begin + 0.3 or pair in seen or pair not in held:
            continue
        seen.add(pair)
        last = max(last or 0.0, arrived - held.begin)
    return last


def _kill_and_measure(bench, victim, restart):
    held = bench.kill9(victim)
    replacement = restart()
    wait_until(lambda: not _is_anything_held(bench, victim), 30, "nothing is the dead instance's any more")
    time.sleep(3)  # for what is on its way
    return replacement, _recovery_s(bench, held), len(held.fresh), len(held.leased)


def _is_anything_held(bench, victim):
    names = [c["name"] for c in bench.client.xinfo_consumers("petrel:events", "petrel")]
    return any(f"-{victim.pid}-" in name for name in names) or time.sleep(0.2)


def _check(bench, measured):
    times = [round(m[1], 2) for m in measured if m[1] is not None]
    print(f"seconds until the last repeated delivery: {times}; held: {[m[2:] for m in measured]}", flush=True)
    assert times, "the dead had something in hand"
    assert max(times) <= RECOVERY_LIMIT_S, f"recovery took {max(times)} s"
    bench.load.stop()
    bench.wait_settled()
    return bench.verdict(more={"recovery_s": times, "runs": len(measured)})


def recovery(folder, seed, rounds, rate):
    """Two dispatchers with default settings, one dies: the other takes over."""
    bench = Bench(folder, seed, flags=DEFAULTS)
    try:
        running = [bench.dispatcher().wait_ready() for _ in range(2)]
        bench.start_load(rate, own_ids=False)
        measured = []
        for _ in range(rounds):
            time.sleep(7 + bench.random.random())
            replacement, *numbers = _kill_and_measure(bench, running.pop(0), bench.dispatcher)
            running.append(replacement)
            measured.append((None, *numbers))
        return _check(bench, measured)
    finally:
        bench.close()


def alone(folder, seed, rounds, rate):
    """The only dispatcher dies and is started again at once, as a service manager does."""
    bench = Bench(folder, seed, flags=DEFAULTS)
    try:
        running = bench.dispatcher().wait_ready()
        bench.start_load(rate, own_ids=False)
        measured = []
        for _ in range(rounds):
            time.sleep(2 + bench.random.random())
            running, *numbers = _kill_and_measure(bench, running, bench.dispatcher)
            measured.append((None, *numbers))
        return _check(bench, measured)
    finally:
        bench.close()


# ---- drain


def _nothing_left(bench):
    """After the end of the only dispatcher."""
    state = bench.state()
    assert bench.client.xpending("petrel:events", "petrel")["pending"] == 0, "entries are pending"
    assert not state.leased, f"leases are left: {list(state.leased)[:3]}"
    assert bench.client.xinfo_consumers("petrel:events", "petrel") == [], "consumers are left"
    assert bench.client.hlen("petrel:instances") == 0, "a heartbeat is left"


def _end(instance, deadline_s):
    begin = time.monotonic()
    code = instance.terminate(30)
    took = time.monotonic() - begin
    assert took <= deadline_s, f"it took {took:.2f} s to end, not {deadline_s}"
    return code, took


def _add_hanging(bench):
    """Requests that are never answered; claimed ones too, after their first timeout."""
    for number in range(10):
        bench.client.xadd("petrel:events", {"type": "hang", "data": str(number)})
    before = sum(record[2] == b"hang" for record in bench.receivers.records())
    wait_until(lambda: sum(r[2] == b"hang" for r in bench.receivers.records()) >= before + 5, 20, "they hang")


def _drain_patiently(bench):
    """Attempts end by their own timeout, at the latest."""
    instance = bench.dispatcher()
    instance.wait_ready()
    _add_hanging(bench)
    code, took = _end(instance, REQUEST_TIMEOUT_S + 1.0)
    assert code == 0, f"ended with {code}"
    _nothing_left(bench)
    return took


def _drain_impatiently(bench):
    """shutdown_timeout comes first: attempts are aborted and parked as they were."""
    instance = bench.dispatcher(["--shutdown-timeout", "500ms"])
    instance.wait_ready()
    _add_hanging(bench)
    begin = time.monotonic()
    held = bench.note_fault(instance, begin)
    code, took = _end(instance, 0.5 + 1.0)
    held.add_aborted(bench.client, bench.names)
    assert code == 0, f"ended with {code}"
    _nothing_left(bench)
    return took


def _drain_and_lose_patience(bench):
    """A second signal ends it at once; what it had is taken over as after a kill."""
    instance = bench.dispatcher()
    instance.wait_ready()
    _add_hanging(bench)
    # Within a second of the first, as it hears them, they are the same wish.
    wait_until(lambda: instance.signal(signal.SIGTERM) or not instance.is_running(), 20, "impatience shows")
    code = instance.process.returncode
    bench.note_death(instance)
    assert code == 128 + signal.SIGTERM, f"ended with {code}"


def drain(folder, seed, rounds, rate):
    """The producer never stops meanwhile."""
    bench = Bench(folder, seed, flags=[*DEFAULTS, "--request-timeout", f"{int(REQUEST_TIMEOUT_S)}s"])
    try:
        hanging = bench.subscribe("hang", "hang", ["hang"])
        load = bench.start_load(rate, own_ids=False)
        took = []
        for _ in range(rounds):
            took.append(_drain_patiently(bench))
            _drain_impatiently(bench)
        _drain_and_lose_patience(bench)
        print(f"seconds to end: {took}", flush=True)
        bench.dispatcher()
        bench.admin.call("DELETE", f"/v1/subscriptions/{hanging}")
        load.stop()
        bench.wait_settled()
        return bench.verdict(more={"recovery_s": [round(t, 2) for t in took], "runs": 2 * rounds + 1,
                                   "faults": 2 * rounds + 1})
    finally:
        bench.close()


def rolling_restart(folder, seed, restarts, rate):
    """One after the other, under load, receivers answering in time: nothing at all is repeated."""
    bench = Bench(folder, seed, flags=DEFAULTS)
    try:
        running = [bench.dispatcher().wait_ready() for _ in range(2)]
        load = bench.start_load(rate, own_ids=False)
        took = []
        for _ in range(restarts):
            time.sleep(1 + bench.random.random())
            code, seconds = _end(running.pop(0), 16.0)
            assert code == 0, f"ended with {code}"
            took.append(round(seconds, 2))
            running.append(bench.dispatcher().wait_ready())
        load.stop()
        bench.wait_settled()
        result = bench.verdict(more={"recovery_s": took, "runs": restarts, "faults": restarts})
        assert result["repeats"] == 0, "a repeat"
        return result
    finally:
        bench.close()
