# SPDX-License-Identifier: Apache-2.0
"""From the first failure to the end: the schedule, the dead letter, the redrive, and what Redis holds meanwhile."""

import statistics
from datetime import datetime

import pytest
from harness.receiver import Answer
from harness.receiver_fast import OK, FastReceiver, status_line
from harness.wait import stays, wait_until

# What may be there once everything is settled; docs/redis-layout.md lists them.
RESTING_KEYS = {"petrel:events", "petrel:totals", "petrel:attempts", "petrel:floor", "petrel:subscriptions",
                "petrel:changes", "petrel:instances", "petrel:schema", "petrel:rejected", "petrel:breakers"}


def dead_letters(petrel, count, **filters):
    return wait_until(lambda: len(i := petrel.api.items("/v1/dead-letters", **filters)) == count and i, 15,
                      f"{count} dead letters")


def gaps_ms(requests):
    return [(b.arrived_at - a.arrived_at) * 1000 for a, b in zip(requests, requests[1:])]


def keys(redis_server):
    """But for what is known of the subscribers' health, which stays as long as they do, and what is going on, which
    expires."""
    return {key for key in redis_server.client.keys("*") if ":health:" not in key and ":lanes:" not in key}


# ---- the schedule

def test_the_schedule_is_kept_in_milliseconds(start, receiver, xadd):
    schedule = [150, 300, 600, 450]
    petrel = start(flags=["--retry-schedule", ",".join(f"{ms}ms" for ms in schedule)])
    receiver.script("/", [Answer(500)])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    letter = dead_letters(petrel, 1)[0]
    assert letter["attempts"] == 5
    requests = receiver.at("/")
    assert [r.attempt for r in requests] == [1, 2, 3, 4, 5]
    for gap, step in zip(gaps_ms(requests), schedule):
        # Above it is the machine's own slowness: the jitter ends at 1.2.
        assert 0.8 * step - 5 <= gap <= 1.2 * step + 1000, (gaps_ms(requests), schedule)


def test_a_subscription_may_have_its_own_schedule(start, receiver, xadd):
    petrel = start(flags=["--retry-schedule", "1h"])
    for path in ("/own", "/text", "/none", "/global"):
        receiver.script(path, [Answer(500)])
    petrel.api.subscribe(receiver.url("/own"), retry_schedule=["400ms", "200ms"])
    petrel.api.subscribe(receiver.url("/text"), retry_schedule=[1])  # whole seconds
    petrel.api.subscribe(receiver.url("/none"), retry_schedule=[])
    waiting = petrel.api.subscribe(receiver.url("/global"))
    xadd(type="a", data="1")
    letters = {letter["subscription"]: letter for letter in dead_letters(petrel, 3)}
    assert waiting["id"] not in letters
    assert sorted(letter["attempts"] for letter in letters.values()) == [1, 2, 3]
    first, second = gaps_ms(receiver.at("/own"))
    assert 315 <= first <= 1480 and 155 <= second <= 1240
    assert 795 <= gaps_ms(receiver.at("/text"))[0] <= 2200
    assert receiver.count("/none") == receiver.count("/global") == 1


def attempts_of(state):
    """Of a parked delivery's state: how many, and when the last one began, ms."""
    born, *tried = state.split(" @")[0].split(" ")
    return (int(tried[0]), int(born) + int(tried[1]) + int(tried[2])) if tried else (0, 0)


def test_the_jitter_is_a_fifth_and_spread(start, xadd, redis_server):
    # 400 deliveries fail together; their second attempts must not come together.
    seen = set()

    def decide(_, event):
        if event in seen:
            return OK
        seen.add(event)
        return status_line(500)

    receiver = FastReceiver(decide)
    petrel = start(flags=["--retry-schedule", "1h", "--max-concurrency", "1000"])
    subscription = petrel.api.subscribe(receiver.url("/"))
    for i in range(400):
        xadd(type="a", data=str(i))
    key = f"petrel:parked:{subscription['id']}"

    def attempted():
        # Some may have found no slot at first and wait for one in the queue.
        states = {event: attempts_of(state) for event, state in redis_server.client.hgetall(key).items()}
        return states if sum(count == 1 for count, _ in states.values()) == 400 else None

    states = wait_until(attempted, 20, "400 have failed once")
    due = dict(redis_server.client.zrange(f"petrel:queue:{subscription['id']}", 0, -1, withscores=True))
    # The answers came at once.
    waits = [(due[event] - began_ms) / 3_600_000 for event, (_, began_ms) in states.items()]
    assert 0.8 <= min(waits) < 0.83 and 1.17 < max(waits) <= 1.201
    assert 0.97 < statistics.mean(waits) < 1.03
    receiver.close()


def test_attempts_are_counted_over_a_restart(start, receiver, xadd):
    flags = ["--retry-schedule", "1500ms,100ms"]
    petrel = start(flags=flags)
    receiver.script("/", [Answer(500)])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    wait_until(lambda: receiver.count() == 1, 15, "the first attempt")
    assert petrel.terminate() == 0
    petrel = start(flags=flags)
    letter = dead_letters(petrel, 1)[0]
    assert letter["attempts"] == 3
    assert [r.attempt for r in receiver.at("/")] == [1, 2, 3]


# ---- the dead letter

def test_a_dead_letter_tells_what_happened(start, receiver, xadd):
    petrel = start(flags=["--retry-schedule", "300ms"])
    receiver.script("/", [Answer(500, body=b"first"), Answer(404, body="zweite ✓".encode())])
    subscription = petrel.api.subscribe(receiver.url("/"), ["invoice.*"], tenant="acme")
    event = "msg_0_" + xadd(type="invoice.paid", data='{"n": 1}', tenant="acme").replace("-", "_")
    letter = dead_letters(petrel, 1)[0]
    letter = petrel.api.ok("GET", f"/v1/dead-letters/{letter['id']}")
    expected = {
        "id": f"{event}.{subscription['id']}", "event": event, "subscription": subscription["id"],
        "type": "invoice.paid", "tenant": "acme", "reason": "exhausted", "attempts": 2, "last_status": 404,
        "last_error": "http_status", "last_response": "zweite ✓", "content_type": "application/json",
    }
    assert expected.items() <= letter.items(), letter
    assert letter["body"].startswith('{"type":"invoice.paid"') and letter["body"].endswith('"data":{"n": 1}}')
    times = [datetime.fromisoformat(letter[k]).timestamp()
             for k in ("first_attempt_at", "last_attempt_at", "died_at")]
    first, second = (r.arrived_at for r in receiver.at("/"))
    assert abs(times[0] - first) < 1 and abs(times[1] - second) < 1
    assert times[0] < times[1] <= times[2] < times[1] + 2


def test_a_redrive_starts_over(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", "100ms"])
    receiver.script("/", [Answer(500)] * 3 + [Answer(200)])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data='{"n":1}')
    letter = dead_letters(petrel, 1)[0]
    petrel.api.ok("POST", f"/v1/dead-letters/{letter['id']}/redrive")
    wait_until(lambda: receiver.count() == 4, 10, "two more attempts")
    wait_until(lambda: redis_server.is_settled(1), 15, "settled")
    requests = receiver.at("/")
    assert [r.attempt for r in requests] == [1, 2, 1, 2]
    assert len({r.id for r in requests}) == 1 and len({r.body for r in requests}) == 1
    assert petrel.api.items("/v1/dead-letters") == []
    assert petrel.api.call("GET", f"/v1/dead-letters/{letter['id']}").status_code == 404
    assert petrel.api.call("POST", f"/v1/dead-letters/{letter['id']}/redrive").status_code == 404
    # `due` keeps a subscription until its next look.
    wait_until(lambda: keys(redis_server) <= RESTING_KEYS, 10, "only the resting keys are left")


# ---- what Redis holds

def test_one_copy_of_an_event_as_long_as_somebody_needs_it(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", "1h"])
    gone = petrel.api.subscribe(receiver.url("/gone"))
    late = petrel.api.subscribe(receiver.url("/late"), retry_schedule=["2s"])
    fine = petrel.api.subscribe(receiver.url("/fine"))
    dead = [petrel.api.subscribe(receiver.url(f"/dead{i}"), retry_schedule=[]) for i in range(2)]
    for path in ("/gone", "/dead0", "/dead1"):
        receiver.script(path, [Answer(500)])
    receiver.script("/late", [Answer(500), Answer(200)])
    event = "msg_0_" + xadd(type="a", data='"' + "x" * 10000 + '"').replace("-", "_")
    message = f"petrel:message:{event}"

    def refs():
        return int(redis_server.client.getrange(message, 0, 7) or 0)

    letters = dead_letters(petrel, 2)
    wait_until(lambda: refs() == 4, 10, "two parked, two dead, one copy")
    # Some keys come and go meanwhile.
    assert [k for k in keys(redis_server) if (redis_server.client.memory_usage(k) or 0) > 9000] in (
        [message], [message, "petrel:events"], ["petrel:events", message])
    wait_until(lambda: refs() == 3, 15, "the late one has arrived")
    petrel.api.ok("DELETE", f"/v1/dead-letters/{letters[0]['id']}")
    assert refs() == 2
    petrel.api.ok("DELETE", f"/v1/subscriptions/{gone['id']}")
    # Its delivery isn't due for an hour: it becomes a dead letter then, or when it is redriven. The copy stays.
    stays(lambda: refs() == 2, 0.3, "the copy is needed")
    receiver.script("/dead0", [Answer(200)])
    receiver.script("/dead1", [Answer(200)])
    petrel.api.ok("POST", f"/v1/dead-letters/{letters[1]['id']}/redrive")
    wait_until(lambda: refs() == 1, 10, "redriven and delivered")
    assert receiver.count("/fine") == 1 and receiver.count("/late") == 2
    assert {late["id"], fine["id"], *(d["id"] for d in dead)}.isdisjoint(
        k.rsplit(":", 1)[1] for k in keys(redis_server) if ":parked:" in k or ":queue:" in k)


@pytest.mark.parametrize("flags", [[], ["--shards", "3"]], ids=["one shard", "three shards"])
def test_nothing_is_left_when_all_is_settled(start, redis_server, flags):
    petrel = start(flags=["--retry-schedule", "50ms,50ms", *flags])
    failing = set()

    def decide(path, event):
        if path == "/dead" or (path == "/once" and (path, event) not in failing):
            failing.add((path, event))
            return status_line(500)
        return OK

    receiver = FastReceiver(decide)
    for path in ("/fine", "/once", "/dead"):
        petrel.api.subscribe(receiver.url(path))
    prefixes = ["petrel:"] if not flags else [f"petrel:{{{i}}}:" for i in range(3)]
    for i in range(60):
        redis_server.client.xadd(prefixes[i % len(prefixes)] + "events",
                                 {"type": "a", "data": str(i), **({"id": f"own-{i}"} if i % 2 else {})})
    def total(field):
        return sum(int(redis_server.client.hget(p + "totals", field) or 0) for p in prefixes)

    wait_until(lambda: total("dead") == 60 and total("delivered") == 120, 20, "everything has ended")
    letters = petrel.api.items("/v1/dead-letters", limit=100)
    assert len(letters) == 60
    for letter in letters:
        petrel.api.ok("DELETE", f"/v1/dead-letters/{letter['id']}")
    resting = {key.replace("petrel:", prefix, 1) for key in RESTING_KEYS for prefix in ("petrel:", *prefixes)}
    seen = {f"{prefixes[i % len(prefixes)]}seen:own-{i}" for i in range(1, 60, 2)}
    # `due` keeps a subscription until its next look.
    wait_until(lambda: keys(redis_server) <= resting | seen, 10, "only the resting keys are left")
    for key in seen:
        assert 0 < redis_server.client.pttl(key) <= 24 * 3600 * 1000
    assert total("parked") == 0
    receiver.close()
