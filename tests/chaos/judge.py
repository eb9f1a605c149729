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
                if "@" in state:
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


class Held:
    """What a dead or frozen instance had in hand: pairs whose outcome Redis didn't know. Only these may be repeated."""

    def __init__(self, client, names, pid, begin):
        self.begin = begin
        consumers = [one["name"] for one in client.xinfo_consumers("petrel:events", "petrel")
                     if f"-{pid}-" in one["name"]]
        entries = [one["message_id"] for consumer in consumers
                   for one in client.xpending_range("petrel:events", "petrel", "-", "+", 1000000, consumer)]
        pipe = client.pipeline(transaction=False)
        for entry in entries:
            pipe.xrange("petrel:events", entry, entry)
            pipe.smembers(f"petrel:settled:{entry}")
        answers = pipe.execute()
        self.fresh = set()
        for found, settled in zip(answers[::2], answers[1::2]):
            for entry, fields in found:
                identifier = fields.get("id") or f"msg_0_{entry.replace('-', '_')}"
                known = {names.get(subscription) for subscription in settled}
                kind = fields.get("type", "")
                wanted = TYPES[kind][1] if kind in TYPES else ("own",) if kind.startswith("petrel.") else ()
                self.fresh |= {(identifier, name) for name in wanted if name not in known}
        # A lease ends with the tail of its holder's name, its worker and a number. One that died young may have leases and
        # no consumer yet.
        instances = [one.rsplit(":", 1)[0] for one in consumers] + [
            one for one in client.hkeys("petrel:instances") if f"-{pid}-" in one]
        tail = instances[0][-12:] if instances else "-"
        self.leased = {(identifier, name) for subscription, name in names.items()
                       for identifier, state in client.hgetall(f"petrel:parked:{subscription}").items()
                       if f" @{tail}." in state}

    def add_aborted(self, client, names):
        """What a drain has aborted and parked as it was: without a counted attempt."""
        self.fresh |= {(identifier, name) for subscription, name in names.items()
                       for identifier, state in client.hgetall(f"petrel:parked:{subscription}").items()
                       if len(state.split(" @")[0].split()) == 1}

    def __contains__(self, pair):
        return pair in self.fresh or pair in self.leased

    def explains(self, pair, _):
        return pair in self

    def __len__(self):
        return len(self.fresh) + len(self.leased)


class Outage:
    """Redis was away. Outcomes wait in memory; a lease that ends meanwhile may be another's before they are written."""

    def __init__(self, begin, end):
        self.begin, self.end = begin, end

    def __len__(self):
        return 0

    def explains(self, _, times):
        return any(arrived <= self.end and self.begin <= answered + 0.5 for arrived, answered in times)


def repeats(records, faults):
    """(repeats, [those not explained], seconds between the answer and the fault, the longest of the explained ones).

    faults: a Held for each time an instance died or stood still, an Outage for each time Redis did. A pair may be repeated once for each of them that had it
    in hand. The seconds say how soon petrel writes down what has arrived: on a busy machine, how late it looked.
    """
    count, unexplained, oldest = 0, [], 0.0
    for pair, times in arrivals(records).items():
        if len(times) < 2:
            continue
        count += len(times) - 1
        held = [fault for fault in faults if fault.explains(pair, times[:-1])]
        if len(held) < len(times) - 1:
            unexplained.append((pair, times))
        else:
            oldest = max(oldest, min(fault.begin - times[0][1] for fault in held))
    return count, unexplained, round(oldest, 3)
