# SPDX-License-Identifier: Apache-2.0
"""The guard against names that lead inside: real public and private addresses, in a network namespace of our own."""

import re
import signal
import time
from pathlib import Path

import pytest
from harness import netns
from harness.processes import ADMIN_KEY, Api
from harness.receiver import Answer, Receiver
from harness.wait import stays, wait_until

PUBLIC, OTHER_PUBLIC, PRIVATE, METADATA = "93.184.215.14", "93.184.215.15", "10.1.2.3", "169.254.169.254"


@pytest.fixture
def world(tmp_path):
    """Inside the namespace while the test runs. Comes first: Redis and petrel start in it."""
    try:
        with netns.entered(PUBLIC, OTHER_PUBLIC, PRIVATE, METADATA):
            yield
    except netns.NotPermitted as error:
        pytest.skip(f"network namespaces aren't permitted here: {error}")


@pytest.fixture
def names(world):
    server = netns.NameServer({})
    yield server
    server.close()


@pytest.fixture
def public(world):
    receiver = Receiver(host=PUBLIC)
    yield receiver
    receiver.close()


@pytest.fixture
def traps(public):
    """Listeners inside, on the receiver's port and on those that metadata services have."""
    made = [netns.Trap(a, p) for a in (PRIVATE, METADATA, "127.0.0.1", "127.0.0.2", "::1") for p in (public.port, 80)]
    yield made
    for trap in made:
        trap.close()


@pytest.fixture
def outward(names, public, traps, start, tmp_path):
    """outward(flags) → petrel with the guard as it is by default, and with our name server."""
    def make(*flags, config=""):
        (tmp_path / "petrel.conf").write_text(config)
        return start(flags=["--allow-networks", "", "--retry-schedule", "1h", *flags],
                     env={"PETREL_CONFIG": str(tmp_path / "petrel.conf")}, prefix=netns.with_resolver(tmp_path))

    return make


def end_of(petrel, subscription):
    """(outcome, status, error) of the subscription's last attempt."""
    attempt = wait_until(lambda: petrel.api.items("/v1/attempts", subscription=subscription["id"]), 15,
                         f"an attempt at {subscription['url']}")
    return attempt[0]["outcome"], attempt[0]["status"], attempt[0]["error"]


BLOCKED = ("dead", None, "blocked_address")
DELIVERED = ("delivered", 200, "")


def test_a_name_that_is_public_first_and_private_then(world, outward, names, public, traps, xadd):
    second = Receiver(host=PUBLIC)
    petrel = outward()
    for name, inside in [("metadata", METADATA), ("private", PRIVATE), ("loopback", "127.0.0.1")]:
        names.names[f"{name}.test"] = [[PUBLIC], [inside]]
    ends = {}
    for name in names.names:
        # The second destination has the same name, but another port: it is looked up again.
        for receiver, expected in ((public, DELIVERED), (second, BLOCKED)):
            made = petrel.api.subscribe(receiver.url("/", host=name), [name])
            xadd(type=name, data="1", subscription=made["id"])
            ends[made["url"]] = end_of(petrel, made)
            assert ends[made["url"]] == expected, (made["url"], names.queries)
    assert public.count() == 3 and second.connections == 0
    assert all(trap.is_untouched() for trap in traps)
    second.close()


def test_of_several_addresses_only_the_public_ones_are_tried(world, outward, names, public, traps, xadd):
    petrel = outward()
    names.names["mixed.test"] = [[PRIVATE, METADATA, PUBLIC, "127.0.0.1"]]
    names.names["inside.test"] = [[PRIVATE, METADATA, "127.0.0.1", "0.0.0.0"]]
    mixed = petrel.api.subscribe(public.url("/", host="mixed.test"))
    inside = petrel.api.subscribe(public.url("/", host="inside.test"))
    xadd(type="a", data="1")
    assert end_of(petrel, mixed) == DELIVERED
    assert end_of(petrel, inside) == BLOCKED
    assert all(trap.is_untouched() for trap in traps)


def test_names_of_ipv6_addresses_that_lead_inside(world, outward, names, public, traps, xadd):
    petrel = outward()
    inside = ["::1", "::", f"::ffff:{PRIVATE}", "::ffff:127.0.0.1", f"::{METADATA}", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1",
              "2002:7f00:1::", "2001:0:7f00:1::", "fe80::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1",
              "2606:4700::5efe:7f00:1"]
    names.names6 = {f"six{i}.test": [address] for i, address in enumerate(inside)}
    names.names6["all.test"] = inside
    names.names6["both.test"], names.names["both.test"] = inside, [[PUBLIC]]
    ends = {}
    for name in names.names6:
        made = petrel.api.subscribe(public.url("/", host=name), [name])
        xadd(type=name, data="1", subscription=made["id"])
        ends[name] = made
    for name, made in ends.items():
        assert end_of(petrel, made) == (DELIVERED if name == "both.test" else BLOCKED), (name, names.names6[name])
    assert public.count() == 1
    assert all(trap.is_untouched() for trap in traps)


def test_a_redirect_to_the_metadata_service(world, outward, names, public, traps, xadd):
    petrel = outward()
    names.names["hop.test"] = [[PUBLIC]]
    public.script("/", lambda n: Answer(302, headers={"location": f"http://{METADATA}/latest/meta-data/"}))
    public.script("/loop", lambda n: Answer(307, headers={"location": public.url("/loop", host="hop.test")}))
    made = [petrel.api.subscribe(public.url(path, host="hop.test")) for path in ("/", "/loop")]
    xadd(type="a", data="1")
    assert [end_of(petrel, m) for m in made] == [("retry", 302, "http_status"), ("retry", 307, "http_status")]
    assert public.count() == 2
    assert all(trap.is_untouched() for trap in traps)


def test_nothing_outside_tells_why(world, outward, names, public, traps, xadd, redis_server):
    petrel = outward("--log-format", "logfmt")
    ends = []
    for i, inside in enumerate([PRIVATE, METADATA, "127.0.0.1", "10.99.99.99"]):
        names.names[f"n{i}.test"] = [[inside]]
        made = petrel.api.subscribe(f"http://n{i}.test:{public.port}/", [f"t{i}"])
        xadd(type=f"t{i}", data="1")
        ends.append(end_of(petrel, made))
        # The operator finds it in his log …
        wait_until(lambda a=inside: f'detail="{a}: not a public address' in petrel.output(), 15, "it is logged")
    assert ends == [BLOCKED] * 4
    # … and nobody anywhere else: nothing tells an address with a listener from one without.
    seen = [petrel.api.get(path).text for path in ("/v1/attempts", "/v1/dead-letters", "/v1/subscriptions", "/metrics")]
    for letter in petrel.api.items("/v1/dead-letters"):
        seen.append(petrel.api.get(f"/v1/dead-letters/{letter['id']}").text)
    for key in redis_server.client.scan_iter("petrel:*"):
        seen.append(str(redis_server.binary.dump(key)))
    for inside in (PRIVATE, METADATA, "10.99.99.99", "not a public"):
        assert not any(inside in text for text in seen), inside
    assert all(trap.is_untouched() for trap in traps)


def test_a_changed_policy_counts_at_once(world, outward, names, public, traps, xadd, tmp_path):
    petrel = outward(config=f"deny_networks = {OTHER_PUBLIC}\n")
    names.names["a.test"] = [[PUBLIC]]
    names.names["b.test"] = [[OTHER_PUBLIC]]
    first = petrel.api.subscribe(public.url("/", host="a.test"), ["a"])
    other = petrel.api.subscribe(public.url("/", host="b.test"), ["b"])
    for i in range(3):
        xadd(type="a", data="1")
        # The receiver counts a request before it has answered: only after the answer is its connection free.
        wait_until(lambda n=i + 1: len(petrel.api.items("/v1/attempts", subscription=first["id"])) == n, 15,
                   "a delivery on a kept connection")
    assert public.count() == 3 and public.connections == 1
    xadd(type="b", data="1")
    assert end_of(petrel, other) == BLOCKED  # public, and yet denied

    def reload(config):
        before = petrel.output().count("configuration loaded again")
        (tmp_path / "petrel.conf").write_text(config)
        petrel.signal(signal.SIGHUP)
        wait_until(lambda: petrel.output().count("configuration loaded again") > before, 15, "it is loaded")

    reload(f"deny_networks = {PUBLIC}\n")
    assert "needs a restart" not in petrel.output()
    xadd(type="a", data="2")
    wait_until(lambda: len(petrel.api.items("/v1/dead-letters", subscription=first["id"])) == 1, 10, "it is refused")
    stays(lambda: public.count() == 3, 0.2, "nothing goes out on the connection that is there")
    answer = petrel.api.post("/v1/subscriptions", {"url": f"http://{PUBLIC}/", "event_types": ["x"]})
    assert answer.status_code == 422  # the API knows, too

    reload("deny_networks =\nallow_ports = 443\n")
    xadd(type="a", data="3")
    wait_until(lambda: len(petrel.api.items("/v1/dead-letters", subscription=first["id"])) == 2, 10, "a port refused")
    reload(f"allow_ports = {public.port}\n")
    xadd(type="a", data="4")
    wait_until(lambda: public.count() == 4, 10, "allowed again")
    (tmp_path / "petrel.conf").write_text("deny_networks = nonsense\n")
    petrel.signal(signal.SIGHUP)
    wait_until(lambda: "configuration not loaded again" in petrel.output(), 15, "a bad file changes nothing")
    xadd(type="a", data="5")
    wait_until(lambda: public.count() == 5, 10, "still allowed")


def test_an_admin_server_that_knows_less_opens_nothing(world, outward, names, public, traps, start, xadd):
    # Its own judgement is a kindness; the dispatcher's counts.
    admin = start("admin", flags=["--allow-networks", "0.0.0.0/0"])
    petrel = outward()
    petrel.api = Api(admin.url, ADMIN_KEY, petrel.dispatcher_url)
    made = [petrel.api.subscribe(f"http://{a}:{public.port}/", ["a"]) for a in (PRIVATE, METADATA, "127.0.0.2")]
    xadd(type="a", data="1")
    assert [end_of(petrel, m) for m in made] == [BLOCKED] * 3
    assert all(trap.is_untouched() for trap in traps)


def test_a_name_server_that_never_answers(world, names, public, start, tmp_path, xadd):
    """Each lookup is a thread that can't be stopped: they are bounded, and don't keep others from being looked up."""
    petrel = start(flags=["--allow-networks", "", "--retry-schedule", "1h", "--connect-timeout", "1s"],
                   prefix=netns.with_resolver(tmp_path, "timeout:20 attempts:1"))
    names.names["good.test"] = [[PUBLIC]]
    petrel.api.subscribe(public.url("/", host="good.test"), ["good"])
    xadd(type="good", data="1")
    wait_until(lambda: public.count() == 1, 15, "the good one is known")
    made = [petrel.api.ok("POST", "/v1/subscriptions", json={
        "url": f"http://silent{i}.test/", "event_types": ["a"]})["id"] for i in range(150)]
    wait_until(lambda: petrel.api.table_subscriptions() >= 151 * petrel.api.metric("petrel_workers"), 10, "known")

    def threads():
        status = Path(f"/proc/{petrel.pid}/status").read_text()
        return int(re.search(r"Threads:\s+(\d+)", status)[1])

    before = most = threads()
    xadd(type="a", data="1")
    end = time.monotonic() + 20
    timed_out = []
    while len(timed_out) < len(made) and time.monotonic() < end:
        most = max(most, threads())
        timed_out = [a for a in petrel.api.items("/v1/attempts", limit=200) if a["error"] == "timeout"]
    assert len(timed_out) == len(made)
    print(f"{most - before} threads more for {len(made)} hung lookups")
    assert 0 < most - before <= 2 * 24, "two workers, three quarters of 32 slots each"
    xadd(type="good", data="2")
    wait_until(lambda: public.count() == 2, 15, "the good one goes on")
    assert petrel.terminate() == 0, "its threads hold up nobody"
