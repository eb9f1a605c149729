# SPDX-License-Identifier: Apache-2.0
"""What petrel refuses to connect to, unless told otherwise."""

import pytest
from harness.processes import ADMIN_KEY, Api
from harness.receiver import Answer, Receiver
from harness.wait import stays, wait_until

DEFAULT = ["--allow-networks", "", "--retry-schedule", "1h"]  # as without the flag


@pytest.fixture
def apart(start):
    """apart(flags) → a dispatcher with these flags; its .api is an admin server's that lets every URL in."""
    def make(flags):
        admin = start("admin", flags=["--allow-networks", "0.0.0.0/0,::/0"])
        dispatcher = start("dispatcher", flags=flags)
        dispatcher.api = Api(admin.url, ADMIN_KEY, dispatcher.url)
        return dispatcher

    return make


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
    "http://127.1:{port}/", "http://0:{port}/", "http://0x7f000001:{port}/", "http://[::127.0.0.1]:{port}/",
    "http://[2002:7f00:1::]:{port}/", "http://LOCALHOST.:{port}/", "http://x.localhost:{port}/",
    "http://100.100.100.200/latest/meta-data/", "http://192.0.0.192/", "http://168.63.129.16/",
]

MALFORMED = [
    "http://a@127.0.0.1:{port}/", "http://a:b@127.0.0.1:{port}/", "http://example.com@127.0.0.1:{port}/",
    "http://１２７.０.０.１:{port}/", "http://127。0。0。1:{port}/", "http://①②⑦.⓪.⓪.①:{port}/", "http://ｌocalhost:{port}/",
    "http://[fe80::1%25lo]:{port}/", "http://127.0.0.1%00.example.com/", "http://127.0.0.1\\@example.com/",
    "http://127.0.0.1\t:{port}/", "gopher://127.0.0.1:{port}/", "file:///etc/passwd", "http:127.0.0.1:{port}/",
]


def test_the_api_refuses_what_the_url_tells_already(start, receiver, xadd):
    petrel = start(flags=DEFAULT)
    good = petrel.api.subscribe("https://example.com/")
    for url in REFUSED:
        body = {"url": url.format(port=receiver.port), "event_types": ["a"]}
        for answer in (petrel.api.post("/v1/subscriptions", body),
                       petrel.api.patch(f"/v1/subscriptions/{good['id']}", {"url": body["url"]})):
            assert answer.status_code == 422, url
            # One sentence for all of them: nobody learns which rule it was.
            assert answer.json()["errors"] == [
                {"field": "url", "message": "petrel doesn't deliver to this address (blocked_address)"}], url
    assert [s["url"] for s in petrel.api.items("/v1/subscriptions")] == ["https://example.com/"]


def test_what_could_be_read_in_two_ways_is_no_url(start, receiver):
    petrel = start()  # loopback is allowed: these are refused for what they are
    for url in MALFORMED:
        answer = petrel.api.post("/v1/subscriptions", {"url": url.format(port=receiver.port), "event_types": ["a"]})
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "url", url
        assert "blocked" not in answer.text, url
    assert petrel.api.items("/v1/subscriptions") == [] and receiver.connections == 0


def test_by_default_nothing_inside_is_connected_to(apart, receiver, xadd):
    petrel = apart(DEFAULT)
    made = {}
    for url in REFUSED:
        url = url.format(port=receiver.port)
        made[url] = petrel.api.ok("POST", "/v1/subscriptions", json={"url": url, "event_types": ["a"]})
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


def test_allow_networks_allows_what_it_names(apart, receiver, xadd):
    other = Receiver(host="127.0.0.2")
    six = Receiver(host="::1")
    petrel = apart(["--allow-networks", "127.0.0.1,::1/128", "--retry-schedule", "1h"])
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


def test_a_blocked_delivery_can_be_redriven_once_allowed(apart, start, receiver, xadd, redis_server):
    petrel = apart(DEFAULT)
    petrel.api.subscribe(receiver.url("/"))
    xadd(type="a", data="1")
    letter = wait_until(lambda: petrel.api.items("/v1/dead-letters"), 10, "a dead letter")[0]
    assert petrel.terminate() == 0
    petrel = start()
    petrel.api.ok("POST", f"/v1/dead-letters/{letter['id']}/redrive")
    wait_until(lambda: receiver.count() == 1, 10, "the delivery")
    wait_until(lambda: redis_server.is_settled(1), 15, "settled")


def test_a_bad_list_stops_the_start(start):
    with pytest.raises(AssertionError, match="allow_networks"):
        start(flags=["--allow-networks", "127.0.0.0/33"])


def test_blocked_addresses_do_not_disturb_others(apart, receiver, xadd):
    petrel = apart(["--allow-networks", "127.0.0.1", "--retry-schedule", "1h"])
    petrel.api.subscribe("http://127.0.0.3:1/")
    petrel.api.subscribe(receiver.url("/"))
    for _ in range(20):
        xadd(type="a", data="1")
    wait_until(lambda: receiver.count() == 20, 10, "the allowed one's deliveries")
    wait_until(lambda: len(petrel.api.items("/v1/dead-letters", limit=100)) == 20, 10, "the others are dead letters")
    stays(lambda: receiver.count() == 20, 0.2, "none twice")
