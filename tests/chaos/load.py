# SPDX-License-Identifier: Apache-2.0
"""The producer: a thread that adds events of all kinds at a steady rate, and knows which were accepted. On a machine too
busy for that rate it waits for the dispatchers: a backlog proves nothing here, and takes its time."""

import itertools
import random
import threading
import time

import redis

# type: (weight, subscriptions' names that want it)
TYPES = {
    "a": (46, ("good1",)),
    "b": (20, ("good1", "good2", "slow")),
    "c": (12, ("slow", "failing")),
    "d": (12, ("failing",)),
    "e": (3, ("dead",)),
    "f": (3, ("good2", "busy")),
    "g": (1, ("long",)),
    "i": (1, ("ordered",)),
    "j": (1, ("rated",)),
}
REJECTED = 2  # of a hundred: no type
REPEATED = 2  # of a hundred: an id once more
BACKLOG_MAX = 3000  # entries not settled, deliveries parked
LOOK_EVERY = 10  # batches

# Where the receiver's kind isn't the name, and what else the subscription has.
KINDS = {"good1": "good", "good2": "good", "ordered": "good", "rated": "good"}
FIELDS = {"ordered": {"ordered": True}, "rated": {"rate_limit": 100}}


def subscriptions():
    """(name, kind of receiver, event types, other fields), each."""
    for name in sorted({name for _, names in TYPES.values() for name in names}):
        types = sorted(kind for kind, (_, names) in TYPES.items() if name in names)
        yield name, KINDS.get(name, name), types, FIELDS.get(name, {})


class Load:
    """accepted: event id → its type ("": to be rejected). Every event has its own id unless `own_ids` is False (then
    seven of ten have none); with own ids a batch whose answer was lost is simply sent again."""

    def __init__(self, client, seed, rate, own_ids=True, batch=40):
        self.client = client
        self.random = random.Random(seed)
        self.rate = rate
        self.own_ids = own_ids
        self.batch = batch
        self.accepted = {}
        self.accepted_at = {}
        self.rejected = set()
        self.repeats_sent = 0
        self.number = 0
        self.errors = 0
        self.lock = threading.Lock()
        self.is_stopped = threading.Event()
        self.may_run = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.may_run.set()
        self.thread.start()
        return self

    def pause(self):
        self.may_run.clear()

    def resume(self):
        self.may_run.set()

    def stop(self):
        self.is_stopped.set()
        self.may_run.set()
        self.thread.join(120)
        assert not self.thread.is_alive(), "the producer still tries to add its last batch"

    def snapshot(self):
        with self.lock:
            return dict(self.accepted), set(self.rejected)

    def count(self):
        return self.number

    def _fields(self):
        """(fields, type, own id or None)"""
        self.number += 1
        draw = self.random.randrange(100)
        if draw < REJECTED:
            return {"data": "1", "number": str(self.number)}, "", None
        kind = self.random.choices(list(TYPES), [weight for weight, _ in TYPES.values()])[0]
        fields = {"type": kind, "data": str(self.number)}
        if self.own_ids or self.random.randrange(10) < 3:
            fields["id"] = f"own{self.number}"
        return fields, kind, fields.get("id")

    def _make_batch(self):
        made = [self._fields() for _ in range(self.batch)]
        repeats = [one for one in made if one[2] and self.random.randrange(100) < REPEATED]
        self.repeats_sent += len(repeats)
        return made + repeats

    def _send(self, made):
        pipe = self.client.pipeline(transaction=False)
        for fields, _, _ in made:
            pipe.xadd("petrel:events", fields)
        answers = pipe.execute(raise_on_error=False)
        with self.lock:
            for (_, kind, own), entry in zip(made, answers):
                if isinstance(entry, Exception):
                    raise entry
                if not kind:
                    self.rejected.add(entry)
                else:
                    self.accepted[own or f"msg_0_{entry.replace('-', '_')}"] = kind

    def _wait_for_room(self):
        """While somebody works on it; a backlog that nobody touches (all are dead just now) is no reason to wait."""
        before = None
        while not self.is_stopped.is_set():
            try:
                groups = self.client.xinfo_groups("petrel:events")
                parked = int(self.client.hget("petrel:totals", "parked") or 0)
            except redis.RedisError:
                return
            backlog = parked + sum((group["lag"] or 0) + group["pending"] for group in groups)
            if backlog < BACKLOG_MAX or before is not None and backlog >= before:
                return
            before = backlog
            time.sleep(0.5)

    def _run(self):
        due = time.monotonic()
        for number in itertools.count(1):
            if number % LOOK_EVERY == 0:
                self._wait_for_room()
            if not self.may_run.is_set():
                self.may_run.wait()
                due = time.monotonic()
            if self.is_stopped.is_set():
                return
            made = self._make_batch()
            while True:
                try:
                    self._send(made)
                    break
                except redis.RedisError:
                    # Without an answer nobody knows what was added. Entries to be rejected have no id: left out.
                    self.errors += 1
                    made = [one for one in made if one[2]]
                    time.sleep(0.1)
            due += self.batch / self.rate
            now = time.monotonic()
            if due > now:
                time.sleep(due - now)
            else:
                due = max(due, now - 1)  # what can't be caught up within a second is not
