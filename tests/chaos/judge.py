# SPDX-License-Identifier: Apache-2.0
"""The promise as sets: accepted = delivered ∪ parked ∪ dead ∪ rejected ∪ still in the stream, and every repeat explained.

A pair is (event id, subscription's name).
"""

from collections import defaultdict

from load import TYPES


def expected_pairs(accepted):
    return {(identifier, name) for identifier, kind in accepted.items() for name in TYPES[kind][1]}


def arrivals(records):
    """pair → [(arrived, answered)] of those answered with a 2xx, by arrival."""
    found = defaultdict(list)
    for arrived, answered, name, identifier, _, status in records:
        if 200 <= status <= 299:
            found[identifier.decode(), name.decode()].append((arrived, answered))
    for times in found.values():
        times.sort()
    return found


class State:
    """What Redis has of the deliveries, at an instant at which nobody changes it."""

    def __init__(self, client, names):
        """names: subscription id → name."""
        self.in_stream = set()  # event ids (own, or msg_…) of entries pending or unread
        self.parked = set()     # pairs
        self.dead = set()       # pairs
        self.leased = set()     # pairs, of the parked ones
        self.rejected = {fields["petrel_entry"] for _, fields in client.xrange("petrel:rejected")}
        groups = {group["name"]: group for group in client.xinfo_groups("petrel:events")}
        entries = []
        if "petrel" in groups:
            entries += client.xrange("petrel:events", f"({groups['petrel']['last-delivered-id']}", "+")
            pending = client.xpending_range("petrel:events", "petrel", "-", "+", 1000000)
            pipe = client.pipeline(transaction=False)
            for one in pending:
                pipe.xrange("petrel:events", one["message_id"], one["message_id"])
            entries += [entry for found in pipe.execute() for entry in found]
        else:
            entries += client.xrange("petrel:events")
        self.entries = {entry for entry, _ in entries}
        for entry, fields in entries:
            self.in_stream.add(fields.get("id") or f"msg_0_{entry.replace('-', '_')}")
        for subscription, name in names.items():
            for identifier, state in client.hgetall(f"petrel:parked:{subscription}").items():
                self.parked.add((identifier, name))
                if not state.endswith(" -"):
                    self.leased.add((identifier, name))
        for letter in client.zrange("petrel:dead", 0, -1):
            identifier, subscription = letter.rsplit(".", 1)
            if subscription in names:
                self.dead.add((identifier, names[subscription]))


def lost(accepted, rejected, records, state, discarded=()):
    """What was accepted and is nowhere."""
    arrived = arrivals(records)
    missing = [
        pair for pair in expected_pairs(accepted)
        if pair not in arrived and pair not in state.parked and pair not in state.dead and pair not in discarded
        and pair[0] not in state.in_stream
    ]
    missing += [("rejected", entry) for entry in rejected if entry not in state.rejected and entry not in state.entries]
    return missing


def repeats(records, faults, grace_s=1.0, late_s=0.5):
    """(repeats, those not explained, how long before its fault the oldest of the others had been answered). faults: [(begin, end)]: each time an instance died (begin = end) or stood still.

    Explained is a repeat when an attempt that was answered with a 2xx was in flight at a fault: on its way between its
    arrival (a busy receiver sees it up to late_s after it was sent) and the moment at which Redis knows the outcome, which
    petrel writes down within grace_s.
    """
    count, unexplained, oldest = 0, [], 0.0
    for pair, times in arrivals(records).items():
        if len(times) < 2:
            continue
        count += len(times) - 1
        in_flight = [
            (begin, end) for begin, end in faults
            if any(arrived - late_s <= end and begin <= answered + grace_s for arrived, answered in times[:-1])
        ]
        if len(in_flight) < len(times) - 1:
            unexplained.append((pair, times))
        else:
            oldest = max(oldest, min(begin - times[0][1] for begin, _ in in_flight))
    return count, unexplained, round(oldest, 3)
