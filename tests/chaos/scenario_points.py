# SPDX-License-Identifier: Apache-2.0
"""Fault points: a victim under load dies at each of them in turn; what is nowhere at that instant is lost. The next
victim is the restart of the one before, and takes its work over; the last one lives, and settles everything."""

import signal
import time

import requests

from bench import Bench, Instance
from harness.wait import wait_until
from load import TYPES

NEW_KEY = {"name": "chaos", "scope": "read"}
GONE = "h"  # type of the events whose subscriber answers 410: nobody counts on them
assert GONE not in TYPES


def _has_died(victim):
    return not victim.is_running()


def _dead_letter(bench):
    """A dead letter to play with, (id, pair)."""
    for letter in bench.client.zrange("petrel:dead", 0, -1):
        identifier, subscription = letter.rsplit(".", 1)
        if bench.names.get(subscription) == "dead" and identifier != "copyless":
            return letter, (identifier, "dead")
    return None


def _die_under_load(bench, point, kind):
    flags = ["--shutdown-timeout", "300ms"] if kind == "abort" else []
    victim = bench.dispatcher(flags, point)
    if kind != "load":
        victim.wait_ready()
        before = bench.receivers.count()
        wait_until(lambda: bench.receivers.count() > before + 20, 30, "it delivers")
        if kind == "abort":
            before = sum(name == b"slow" for _, _, name, _, _, _ in bench.receivers.records())
            wait_until(lambda: sum(r[2] == b"slow" for r in bench.receivers.records()) > before, 30, "slow ones too")
            bench.note_fault(victim)
        victim.signal(signal.SIGTERM)
    return victim


def _die_in_admin(bench, point):
    """The admin process dies while it is asked for a change; another one goes on."""
    wait_until(lambda: _dead_letter(bench), 60, "there is a dead letter")
    letter, pair = _dead_letter(bench)
    command = point.split(".")[0]
    event, subscription = letter.split(".")
    asked = {
        "redrive": lambda: ("POST", f"/v1/dead-letters/{letter}/redrive"),
        "discard": lambda: ("DELETE", f"/v1/dead-letters/{letter}"),
        "enqueue": lambda: ("POST", f"/v1/events/{event}/redeliver", {"subscription": subscription}),
        "requeue": lambda: ("POST", f"/v1/rejected-events/{_rejected(bench)}/requeue"),
        "xdel": lambda: ("DELETE", f"/v1/rejected-events/{_rejected(bench)}"),
        "zrem": lambda: ("DELETE", f"/v1/subscriptions/{bench.subscribe('short-lived', 'good', ['never'])}"),
        "api_key_put": lambda: ("POST", "/v1/keys", NEW_KEY),
        "hset": lambda: ("GET", "/v1/subscriptions", None, _new_key(bench)),  # when a key was used last
        "set": lambda: ("POST", "/v1/events", {"type": "a", "data": 1}),
        "del": lambda: ("POST", f"/v1/dead-letters/{_without_copy(bench)}/redrive"),  # 409: its key is forgotten
    }[command]()
    method, path, body, token = (*asked, None, None)[:4]
    victim = Instance(bench, "admin", (), point).wait_ready()
    if command == "discard":
        bench.discarded.add(pair)
    try:
        victim.call(method, path, body, token, point if command in ("set", "del") else None)
    except requests.RequestException:
        pass  # its death
    return victim


def _new_key(bench):
    return bench.admin.call("POST", "/v1/keys", NEW_KEY).json()["key"]


def _rejected(bench):
    """An entry that was refused once, and wouldn't be now; nobody wants it."""
    entry = bench.client.xadd("petrel:rejected", {
        "petrel_entry": "1-1", "petrel_reason": "type: …", "type": "never", "data": "1"})
    return f"0-{entry}"


def _without_copy(bench):
    """A dead letter whose event's copy is gone."""
    letter = f"copyless.{bench.id_of('dead')}"
    bench.client.zadd("petrel:dead", {letter: 1})
    bench.client.hset(f"petrel:dead:{letter}", mapping={"event": "copyless", "subscription": bench.id_of("dead")})
    return letter


def _prepare(bench, name, gone):
    """What has to be so that this point is passed at all."""
    if name.startswith("subscription_put"):
        bench.admin.call("POST", f"/v1/subscriptions/{gone}/resume")
        bench.client.xadd("petrel:events", {"type": GONE, "data": "1"})
    if name.startswith("wake"):
        bench.admin.call("POST", f"/v1/subscriptions/{bench.id_of('failing')}/pause")


def _clean_up(bench, name):
    letter = f"copyless.{bench.id_of('dead')}"
    bench.client.zrem("petrel:dead", letter)
    bench.client.delete(f"petrel:dead:{letter}")
    if name.startswith("wake"):
        bench.admin.call("POST", f"/v1/subscriptions/{bench.id_of('failing')}/resume")


def run_points(folder, seed, points, events, rate=400):
    """points: [(name, victim, passes)]"""
    bench = Bench(folder, seed)
    begin = time.monotonic()
    try:
        gone = bench.subscribe("gone", "gone", [GONE])
        bench.subscribe("own", "good", ["petrel.*"])
        load = bench.start_load(rate, own_ids=False)
        runs = []
        first = bench.dispatcher()  # so that there are dead letters, retries and a dead instance to take over
        wait_until(lambda: bench.totals().get("dead", 0) > 0 and load.count() > 200, 120, "it runs")
        bench.kill9(first)
        for name, kind, passes in points:
            point = f"{name}:{bench.random.randint(1, passes)}"
            print(f"{time.monotonic() - begin:6.1f} s  point {point}", flush=True)
            _prepare(bench, name, gone)
            helper = None
            if kind == "admin":
                helper = bench.dispatcher()
                victim = _die_in_admin(bench, point)
            else:
                victim = _die_under_load(bench, point, kind)
            wait_until(lambda: _has_died(victim), 120, f"the process dies at {point}")
            assert victim.process.returncode == -signal.SIGKILL, f"{point}: ended with {victim.process.returncode}"
            held = bench.note_death(victim)
            if kind == "abort":
                held.add_aborted(bench.client, bench.names)
            if helper:
                bench.kill9(helper)
            missing = bench.lost_now()
            assert not missing, f"{point}: lost at the instant of death: {missing[:5]}"
            _clean_up(bench, name)
            runs.append(point)
        bench.dispatcher()
        wait_until(lambda: load.count() >= events, 300, "the events are sent")
        load.stop()
        bench.wait_settled()
        return bench.verdict(more={"runs": len(runs), "points": runs})
    finally:
        bench.close()

