# SPDX-License-Identifier: Apache-2.0
"""A full Redis, and memory that comes back: nothing is acknowledged before it is written elsewhere; reading stops below
the limit; producers get Redis's own error; the settled past is trimmed."""

import threading

import pytest
from harness.faults import Effort, Producer, metrics, readiness, repeats, wait_arrived
from harness.receiver import Answer
from harness.wait import stays, wait_until

RETRIES = ["--retry-schedule", ",".join(["1s"] * 60)]


def limit(redis_server, extra_bytes):
    info = redis_server.client.info("memory")
    redis_server.client.config_set("maxmemory", info["used_memory"] + extra_bytes)


def whereabouts(redis_server, subscription):
    """Of every event by its own id: where Redis says it is."""
    client = redis_server.client
    group = client.xinfo_groups("petrel:events")[0]
    pending = {p["message_id"] for p in client.xpending_range("petrel:events", "petrel", "-", "+", 100000)}
    entries = client.xrange("petrel:events")
    waiting = {fields.get("id") for entry, fields in entries
               if entry in pending or tuple(map(int, entry.split("-"))) > tuple(
                   map(int, group["last-delivered-id"].split("-")))}
    return waiting, set(client.hkeys(f"petrel:parked:{subscription}"))


@pytest.mark.smoke
def test_reading_stops_below_the_limit_and_nothing_is_lost_beyond_it(start, redis_server, receiver):
    # Memory is looked at once a second: in so small a Redis that asks for a lower mark than the default.
    petrel = start(flags=[*RETRIES, "--memory-watermark", "60"])
    is_well = []
    receiver.script("/sick", lambda number: Answer(status=200 if is_well else 500))
    sub = petrel.api.subscribe(receiver.url("/sick"))["id"]
    limit(redis_server, 8 * 1024 * 1024)
    with Producer(redis_server.client, pause_s=0.002, payload="x" * 3000) as producer:
        most = redis_server.client.config_get("maxmemory")["maxmemory"]
        wait_until(lambda: redis_server.client.info("memory")["used_memory"] > 0.65 * int(most), 30, "the watermark")
        producer.pause_s = 0.5  # the next look may be long in coming
        wait_until(lambda: metrics(petrel)["petrel_intake_paused"] == 1, 30, "reading stops")
        producer.pause_s = 0.002
        assert not producer.refused, "the limit came before the watermark"
        assert readiness(petrel)[0] == 200
        wait_until(lambda: producer.refused, 30, "the producer is told by Redis itself")
        told = wait_until(lambda: (seen := readiness(petrel))[0] == 503 and seen[1], 10, "/readyz says so too")
    assert all("OOM" in refusal or "used memory" in refusal for refusal in producer.refused)
    assert not told["maxmemory"]["ok"] and told["maxmemory"]["level"] == "error"
    wait_until(lambda: petrel.api.post("/v1/events", {"type": "other", "data": 1}).status_code == 507, 15,
               "so does the API")
    effort = Effort(petrel)
    commands, attempts = redis_server.client.info("stats")["total_commands_processed"], receiver.count("/sick")
    wait_until(lambda: receiver.count("/sick") > attempts + 500, 20, "deliveries go on")
    effort_commands = redis_server.client.info("stats")["total_commands_processed"] - commands
    # Deliveries go on: a claim, a fetch, a retry and a line of the log for each, scripts' own commands included.
    effort_attempts = receiver.count("/sick") - attempts
    assert effort_commands < 2000 + 25 * effort_attempts, (effort_commands, effort_attempts)
    assert effort.spent()["connects"] == 0
    waiting, parked = whereabouts(redis_server, sub)
    assert set(producer.accepted) == (waiting | parked) - {None}
    assert waiting and parked
    is_well.append(True)
    redis_server.client.config_set("maxmemory", 0)
    wait_arrived(receiver, "/sick", producer.accepted, 60)
    wait_until(lambda: redis_server.is_settled(len(producer.accepted)), 20, "all is settled")
    wait_until(lambda: metrics(petrel)["petrel_intake_paused"] == 0, 15, "reading goes on")
    assert repeats(receiver, "/sick") == 0
    assert metrics(petrel)["petrel_data_loss_total"] == 0


COUNT = 8  # as many as a subscription that has shown nothing yet gets at once


def test_outcomes_wait_until_a_full_redis_takes_them(start, redis_server, receiver):
    """Attempts fail while no write is accepted: their entries stay pending, and park when there is room."""
    petrel = start(flags=[*RETRIES, "--request-timeout", "60s"])
    gate = threading.Event()
    receiver.script("/sick", lambda number: Answer(status=500 if number < COUNT else 200, gate=gate))
    receiver.script("/good", [Answer(gate=gate)])
    sick = petrel.api.subscribe(receiver.url("/sick"), ["sick"])["id"]
    petrel.api.subscribe(receiver.url("/good"), ["good"])
    names = {}
    for kind in ("sick", "good"):
        names[kind] = [f"{kind}-{number}" for number in range(COUNT)]
        for name in names[kind]:
            redis_server.client.xadd("petrel:events", {"type": kind, "data": "1", "id": name})
    wait_until(lambda: metrics(petrel)["petrel_in_flight"] == 2 * COUNT, 20, "attempts are in flight")
    redis_server.client.config_set("maxmemory", 1)
    gate.set()
    wait_until(lambda: receiver.count("/sick") == COUNT and receiver.count("/good") == COUNT, 10, "all have their answer")
    # What arrived is acknowledged, full or not; what failed stays where it is.
    wait_until(lambda: redis_server.pending() == COUNT, 10, "what failed stays pending")
    effort = Effort(petrel)
    stays(lambda: redis_server.pending() == COUNT and redis_server.client.hlen(f"petrel:parked:{sick}") == 0, 1.5,
          "nothing is acknowledged before it is written")
    effort.assert_no_spin()
    redis_server.client.config_set("maxmemory", 0)
    wait_until(lambda: redis_server.pending() == 0, 4, "written as soon as there is room")
    wait_arrived(receiver, "/sick", names["sick"])
    wait_until(lambda: redis_server.is_settled(2 * COUNT), 20, "all is settled")
    assert repeats(receiver, "/sick") == 0 and repeats(receiver, "/good") == 0


def test_the_past_gives_way_before_redis_is_full(start, redis_server, fast_receiver):
    """Everything is delivered at once, several times what Redis can hold: nobody is refused for long, or waits."""
    start(flags=[*RETRIES, "--memory-watermark", "80"]).api.subscribe(fast_receiver.url("/"))
    limit(redis_server, 12 * 1024 * 1024)
    with Producer(redis_server.client, pause_s=0.001, payload="x" * 8000) as producer:
        wait_until(lambda: len(producer.accepted) >= 5000, 60, "producers go on")
    wait_until(lambda: {entry.event for entry in list(fast_receiver.log)} >= set(producer.accepted), 30, "all are delivered")
    assert redis_server.client.info("memory")["used_memory"] < redis_server.client.info("memory")["maxmemory"]


@pytest.mark.parametrize("id_of", [lambda number: {}, lambda number: {"id": f"e{number}"}], ids=["", "own ids"])
def test_a_redis_that_filled_up_while_nobody_read_it(start, redis_server, fast_receiver, id_of):
    """What can't be attempted at once can't be parked either: so little is read at a time, and what was delivered after
    something that stays pending makes room."""
    first = start()
    first.api.subscribe(fast_receiver.url("/"))
    assert first.terminate() == 0
    pipeline = redis_server.client.pipeline(transaction=False)
    for number in range(3000):
        pipeline.xadd("petrel:events", {"type": "a", "data": f'"{"x" * 1000}"', **id_of(number)})
    pipeline.execute()
    limit(redis_server, 1000)
    start(ready=False)
    wait_until(lambda: len({entry.event for entry in list(fast_receiver.log)}) == 3000, 60, "all are delivered")
    wait_until(lambda: redis_server.pending() == 0, 20, "and acknowledged")
    redis_server.client.xadd("petrel:events", {"type": "a", "data": "1"})


@pytest.mark.smoke
def test_the_past_is_trimmed_and_its_memory_returns(start, redis_server, receiver):
    petrel = start(flags=["--retain-events", "100"])
    petrel.api.subscribe(receiver.url("/"))
    client = redis_server.client
    # Another reader of the stream, and an entry that somebody holds: neither is trimmed over.
    client.xgroup_create("petrel:events", "audit", id="0")
    before = client.info("memory")["used_memory"]
    names = [f"e{number}" for number in range(2000)]
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.xadd("petrel:events", {"type": "a", "payload": "x" * 2000, "id": name})
    pipeline.execute()
    wait_arrived(receiver, "/", names)
    wait_until(lambda: redis_server.pending() == 0, 10, "settled")
    stays(lambda: client.xlen("petrel:events") == 2000, 1.5, "the other group has read nothing yet")
    held = client.xreadgroup("audit", "a", {"petrel:events": ">"}, count=5)[0][1]
    client.xack("petrel:events", "audit", *[entry for entry, _ in held[:4]])
    client.xack("petrel:events", "audit", held[4][0])
    held = client.xreadgroup("audit", "a", {"petrel:events": ">"}, count=1000)[0][1]
    client.xack("petrel:events", "audit", *[entry for entry, _ in held[:900]])
    wait_until(lambda: client.xlen("petrel:events") < 1200, 10, "up to the one it holds")
    stays(lambda: client.xlen("petrel:events") >= 2000 - 905, 1.5, "not beyond it")
    client.xgroup_destroy("petrel:events", "audit")
    wait_until(lambda: client.xlen("petrel:events") == 100, 10, "trimmed")
    client.delete(*client.keys("petrel:seen:*"))  # these live for dedupe_window, not with the stream
    wait_until(lambda: client.info("memory")["used_memory"] - before < 1_500_000, 10, "the memory is back")


def test_the_past_is_trimmed_by_age(start, redis_server, receiver):
    petrel = start(flags=["--retain-events", "100000,2s"])
    petrel.api.subscribe(receiver.url("/"))
    for number in range(50):
        redis_server.client.xadd("petrel:events", {"type": "a", "data": "1"})
    wait_until(lambda: receiver.count() == 50, 10, "delivered")
    wait_until(lambda: redis_server.client.xlen("petrel:events") <= 1, 15, "gone by age")
