# SPDX-License-Identifier: Apache-2.0
"""What petrel refuses to connect to, unless told otherwise."""

import pytest
from harness.receiver import Answer, Receiver
from harness.wait import stays, wait_until

DEFAULT = ["--allow-networks", "", "--retry-schedule", "1h"]  # as without the flag


def first_end(petrel, subscription):
    """The reason of the subscription's dead letter, or the outcome of its attempt."""
    def look():
        letters = petrel.api.items("/v1/dead-letters", subscription=subscription["id"])
        attempts = petrel.api.items("/v1/attempts", subscription=subscription["id"])
        return (letters and letters[0]) or (attempts and attempts[0]["outcome"] != "dead" and attempts[0])
    return wait_until(look, 15, f"an end of {subscription['url']}")


REFUSED = [
    "http://127.0.0.1:{port}/", "http://127.1.2.3:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/", "http://0.0.0.0:{port}/",
    "http://2130706433:{port}/", "http://0x7f.1:{port}/", "http://017700000001:{port}/",
    "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/", "http://[::]:{port}/",
    "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::1]/", "http://224.0.0.1/", "http://255.255.255.255/",
]


def test_by_default_nothing_inside_is_connected_to(start, receiver, xadd):
    petrel = start(flags=DEFAULT)
    made, refused_at_once = {}, []
    for url in REFUSED:
        url = url.format(port=receiver.port)
        answer = petrel.api.post("/v1/subscriptions", {"url": url, "event_types": ["a"]})
        # Some are no URL one may write; the others are found out when they are connected to.
        if answer.status_code == 422:
            refused_at_once.append(url)
        else:
            made[url] = answer.json()
    assert f"http://localhost:{receiver.port}/" in made and f"http://127.0.0.1:{receiver.port}/" in made
    assert len(made) > len(REFUSED) / 2, refused_at_once

    wait_until(lambda: petrel.api.table_subscriptions() >= len(made) * petrel.api.metric("petrel_workers"), 10, "known")
    xadd(type="a", data="1")
    for url, subscription in made.items():
        end = first_end(petrel, subscription)
        assert end.get("reason") == "blocked_address", (url, end)
        assert (end["attempts"], end["last_status"], end["last_error"]) == (1, None, "blocked_address"), url
    assert receiver.connections == 0


def test_a_redirect_inside_is_not_followed(start, receiver, xadd):
    inside = Receiver(host="127.0.0.2")
    petrel = start(flags=["--allow-networks", "127.0.0.1", "--retry-schedule", "0s"])
    receiver.script("/", [Answer(307, headers={"location": inside.url("/", host="127.0.0.2")})])
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    wait_until(lambda: petrel.api.items("/v1/dead-letters"), 10, "a dead letter")
    assert receiver.count() == 2 and inside.connections == 0
    inside.close()


def test_allow_networks_allows_what_it_names(start, receiver, xadd):
    other = Receiver(host="127.0.0.2")
    six = Receiver(host="::1")
    petrel = start(flags=["--allow-networks", "127.0.0.1,::1/128", "--retry-schedule", "1h"])
    ends = {}
    for name, url in [("named", receiver.url("/")), ("six", six.url("/", host="[::1]")),
                      ("other", other.url("/", host="127.0.0.2"))]:
        ends[name] = petrel.api.subscribe(url)
    xadd(type="a", data="1")
    assert first_end(petrel, ends["named"]).get("outcome") == "delivered"
    assert first_end(petrel, ends["six"]).get("outcome") == "delivered"
    assert first_end(petrel, ends["other"]).get("reason") == "blocked_address"
    assert other.connections == 0 and six.count() == 1
    other.close()
    six.close()


def test_a_blocked_delivery_can_be_redriven_once_allowed(start, receiver, xadd, redis_server):
    petrel = start(flags=DEFAULT)
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    letter = wait_until(lambda: petrel.api.items("/v1/dead-letters"), 10, "a dead letter")[0]
    assert petrel.terminate() == 0
    petrel = start()
    petrel.api.ok("POST", f"/v1/dead-letters/{letter['id']}/redrive")
    wait_until(lambda: receiver.count() == 1, 10, "the delivery")
    wait_until(lambda: redis_server.is_settled(1), 5, "settled")


def test_a_bad_list_stops_the_start(start):
    with pytest.raises(AssertionError, match="allow_networks"):
        start(flags=["--allow-networks", "127.0.0.0/33"])


def test_blocked_addresses_do_not_disturb_others(start, receiver, xadd):
    petrel = start(flags=["--allow-networks", "127.0.0.1", "--retry-schedule", "1h"])
    petrel.api.subscribe("http://127.0.0.3:1/")
    petrel.api.subscribe(receiver.url("/"))
    for _ in range(20):
        xadd(type="a", data="1")
    wait_until(lambda: receiver.count() == 20, 10, "the allowed one's deliveries")
    wait_until(lambda: len(petrel.api.items("/v1/dead-letters", limit=100)) == 20, 10, "the others are dead letters")
    stays(lambda: receiver.count() == 20, 0.2, "none twice")
