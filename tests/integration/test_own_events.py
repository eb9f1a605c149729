# SPDX-License-Identifier: Apache-2.0
"""petrel.delivery.dead and petrel.subscription.disabled: events like others, that never cause more of themselves."""

import json

from harness import judges
from harness.receiver import Answer
from harness.wait import stays, wait_until


def data_of(request):
    body = json.loads(request.body)
    return body["type"], body["data"]


def test_a_death_is_told_to_who_asks(start, receiver, xadd):
    petrel = start(flags=["--retry-schedule", "none"])
    receiver.script("/bad", [Answer(500)])
    bad = petrel.api.subscribe(receiver.url("/bad"), ["a"])
    watcher = petrel.api.subscribe(receiver.url("/watch"), ["petrel.delivery.dead"])
    petrel.api.subscribe(receiver.url("/foreign"), ["petrel.*"], tenant="another")
    event = "msg_0_" + xadd(type="a", data="1").replace("-", "_")
    request = wait_until(lambda: receiver.at("/watch"), 10, "the news")[0]
    assert judges.judge_python([(petrel.api.secret(watcher["id"])["secret"], request)]) == ["ok"]
    type_, data = data_of(request)
    assert type_ == "petrel.delivery.dead"
    assert data == {
        "dead_letter": f"{event}.{bad['id']}", "event": event, "event_type": "a", "subscription": bad["id"],
        "reason": "exhausted", "attempts": 1, "last_status": 500,
    }
    stays(lambda: receiver.count("/watch") == 1 and receiver.count("/foreign") == 0, 0.3, "once, and to nobody else")


def test_a_disabling_is_told_to_who_asks(start, receiver, xadd):
    petrel = start(flags=["--retry-schedule", "none"])
    receiver.script("/bad", [Answer(410)])
    bad = petrel.api.subscribe(receiver.url("/bad"), ["a"])
    petrel.api.subscribe(receiver.url("/watch"), ["petrel.subscription.disabled"])
    xadd(type="a", data="1")
    request = wait_until(lambda: receiver.at("/watch"), 10, "the news")[0]
    type_, data = data_of(request)
    assert type_ == "petrel.subscription.disabled"
    assert data == {"subscription": bad["id"], "url": receiver.url("/bad"), "reason": "gone"}
    stays(lambda: receiver.count("/watch") == 1, 0.3, "once")


def test_deaths_of_own_events_are_silent(start, receiver, xadd, redis_server):
    # Whoever wants to know of deaths, and answers badly, would cause a new one each time.
    petrel = start(flags=["--retry-schedule", "none"])
    receiver.script("/bad", [Answer(500)])
    receiver.script("/watch", [Answer(500)])
    petrel.api.subscribe(receiver.url("/bad"), ["a"])
    petrel.api.subscribe(receiver.url("/watch"), ["petrel.*"])
    xadd(type="a", data="1")
    wait_until(lambda: len(petrel.api.items("/v1/dead-letters")) == 2, 10, "the delivery's and the news' death")
    stays(lambda: redis_server.client.xlen("petrel:events") == 2, 0.5, "no third event")
    assert receiver.count("/watch") == 1


def test_disablings_by_own_events_end(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", "none"])
    for path in ("/bad", "/one", "/two"):
        receiver.script(path, [Answer(410)])
    petrel.api.subscribe(receiver.url("/bad"), ["a"])
    petrel.api.subscribe(receiver.url("/one"), ["petrel.*"])
    petrel.api.subscribe(receiver.url("/two"), ["petrel.*"])
    xadd(type="a", data="1")
    wait_until(lambda: all(s["state"] == "disabled" for s in petrel.api.items("/v1/subscriptions")), 10,
               "all have said that they are gone")
    stays(lambda: redis_server.client.xlen("petrel:events") <= 5, 0.5, "it ends")
    assert not [e for e in petrel.api.items("/v1/dead-letters", reason="exhausted")]


def test_nobody_asks_then_nothing_is_published(start, receiver, xadd, redis_server):
    petrel = start(flags=["--retry-schedule", "none"])
    receiver.script("/bad", [Answer(410)])
    petrel.api.subscribe(receiver.url("/bad"), ["a"])
    xadd(type="a", data="1")
    wait_until(lambda: petrel.api.items("/v1/dead-letters"), 10, "the dead letter")
    stays(lambda: redis_server.client.xlen("petrel:events") == 1, 0.3, "only what was published")
