# SPDX-License-Identifier: Apache-2.0
"""/v1/subscriptions: create, list, change, delete; secrets and their rotation; pause, resume, disable, test."""

import pytest
import standardwebhooks
from harness.receiver import Answer
from harness.wait import stays, wait_until

URL = "https://example.com/hooks"


def publish(api, type_="a", data=1):
    return api.ok("POST", "/v1/events", json={"type": type_, "data": data})["id"]


def verifies(secret, request):
    try:
        standardwebhooks.Webhook(secret).verify(request.body, request.headers, json_parse=False)
        return True
    except standardwebhooks.WebhookVerificationError:
        return False


@pytest.mark.smoke
def test_a_subscription_lives_and_ends(api, receiver):
    body = {
        "url": receiver.url("/"), "event_types": ["invoice.*", "order.paid"], "description": "Acme's",
        "metadata": {"n": 1}, "headers": {"X-Team": "one"}, "timeout_ms": 5000, "max_concurrency": 3,
        "retry_schedule": ["1s", "1m"], "tenant": ""}
    before = api.table_subscriptions()
    answer = api.post("/v1/subscriptions", body)
    api.wait_known(before)
    created = answer.json()
    assert answer.status_code == 201 and answer.headers["location"] == f"/v1/subscriptions/{created['id']}"
    assert {name: created[name] for name in body} == {**body, "headers": {"X-Team": "(hidden)"}}
    assert created["state"] == "active" and created["signature"] == "v1" and created["disabled_reason"] is None
    shown = api.ok("GET", answer.headers["location"])
    assert shown.pop("health")["breaker"] == "closed" and shown == created
    publish(api, "invoice.paid")
    wait_until(lambda: receiver.count() == 1, 15, "it is sent to")
    assert receiver.at("/")[0].headers["x-team"] == "one"
    assert api.delete(answer.headers["location"]).status_code == 204
    assert api.get(answer.headers["location"]).status_code == 404
    assert api.delete(answer.headers["location"]).status_code == 404

    def is_unmatched():
        event = publish(api, "invoice.paid")
        wait_until(lambda: api.ok("GET", f"/v1/events/{event}")["state"] == "settled", 15, "settled")
        return api.ok("GET", f"/v1/events/{event}")["deliveries"] == []

    wait_until(is_unmatched, 15, "no event is for it any more")


def test_metadata_keeps_numbers_as_they_were_written(api):
    raw = '{"url":"%s","event_types":["*"],"metadata":{"big":123456789012345678901234567890,"f":1.10}}' % URL
    answer = api.post("/v1/subscriptions", data=raw.encode(), headers={"content-type": "application/json"})
    assert b'"metadata":{"big":123456789012345678901234567890,"f":1.10}' in answer.content


def test_a_patch_changes_what_it_names(api, receiver):
    created = api.subscribe(receiver.url("/old"), headers={"X-A": "1", "X-B": "2"}, metadata={"a": 1, "b": {"c": 2}})
    path = f"/v1/subscriptions/{created['id']}"
    changed = api.patch(path, {
        "url": receiver.url("/new"), "headers": {"X-A": None, "X-C": "3"}, "metadata": {"b": {"c": None, "d": 4}},
        "timeout_ms": 1000, "description": "new"}).json()
    assert changed["headers"] == {"X-B": "(hidden)", "X-C": "(hidden)"}
    assert api.ok("GET", f"{path}/secret")["headers"] == {"X-B": "2", "X-C": "3"}
    assert changed["metadata"] == {"a": 1, "b": {"d": 4}}
    assert changed["event_types"] == ["*"] and changed["created_at"] == created["created_at"]
    assert changed["updated_at"] >= created["updated_at"]

    def arrives():
        publish(api)
        return receiver.count("/new") > 0

    wait_until(arrives, 15, "the new URL is used")
    back = api.patch(path, {"timeout_ms": None, "description": None, "headers": None}).json()
    assert back["timeout_ms"] is None and back["description"] == "" and back["headers"] == {}
    assert api.patch(path, {"tenant": "x"}).status_code == 422, "a tenant is for ever"
    assert api.patch(path, {}).status_code == 200


def test_filters_of_the_list(api):
    made = {
        "a": api.subscribe("https://a.example/hooks", tenant="acme", description="billing"),
        "b": api.subscribe("https://b.example/hooks", tenant="acme"),
        "c": api.subscribe("https://c.example/hooks", description="Billing too"),
    }
    api.ok("POST", f"/v1/subscriptions/{made['b']['id']}/pause")

    def listed(**params):
        by_id = {s["id"]: name for name, s in made.items()}
        return "".join(by_id[item["id"]] for item in api.items("/v1/subscriptions", **params))

    assert listed() == "abc", "oldest first"
    assert listed(tenant="acme") == "ab" and listed(tenant="nobody") == ""
    assert listed(state="paused") == "b" and listed(state="active") == "ac" and listed(state="disabled") == ""
    assert listed(q="BILLING") == "ac" and listed(q="b.example") == "b"
    assert listed(tenant="acme", state="active", q="a.example") == "a"


def test_pages_neither_repeat_nor_skip_while_things_change(api):
    ids = [api.subscribe(f"https://example.com/{n}")["id"] for n in range(11)]
    seen, cursor = [], None
    for page in range(100):
        answer = api.ok("GET", "/v1/subscriptions", params={"limit": 3, **({"cursor": cursor} if cursor else {})})
        seen += [item["id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        if page == 0:  # one seen goes, one not yet seen goes, a new one comes
            api.delete(f"/v1/subscriptions/{ids[1]}")
            api.delete(f"/v1/subscriptions/{ids[5]}")
            body = {"url": "https://example.com/new", "event_types": ["*"]}
            new = api.ok("POST", "/v1/subscriptions", json=body)["id"]
    assert seen == ids[:5] + ids[6:] + [new]


# ---- secrets

def test_secrets_are_in_one_answer_only(api):
    given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    answer = api.post("/v1/subscriptions", {"url": URL, "event_types": ["*"], "secret": given})
    path = f"/v1/subscriptions/{answer.json()['id']}"
    others = [answer, api.get(path), api.get("/v1/subscriptions"), api.patch(path, {"description": "x"}),
              api.post(path + "/rotate-secret"), api.post(path + "/pause")]
    assert all("whsec_" not in other.text and given[6:] not in other.text for other in others)
    secrets = api.ok("GET", path + "/secret")
    assert secrets["previous"][0]["secret"] == given and secrets["secret"] != given
    made = api.secret(api.subscribe(URL, signature="v1a")["id"])
    assert made["secret"].startswith("whsk_") and made["public_key"].startswith("whpk_")


@pytest.mark.smoke
def test_the_old_secret_signs_along_for_its_grace_period(api, receiver):
    subscription = api.subscribe(receiver.url("/"))["id"]
    path = f"/v1/subscriptions/{subscription}"
    old = api.secret(subscription)["secret"]
    publish(api)
    wait_until(lambda: receiver.count() == 1, 15, "first")
    api.ok("POST", path + "/rotate-secret", json={"grace": "3s"})
    secrets = api.ok("GET", path + "/secret")
    new = secrets["secret"]
    assert new != old and secrets["previous"][0]["secret"] == old and secrets["previous"][0]["expires_at"]

    def next_request():
        before = receiver.count()
        publish(api)
        wait_until(lambda: receiver.count() > before, 15, "a delivery")
        return receiver.at("/")[-1]

    def by_both():
        request = next_request()
        return verifies(old, request) and verifies(new, request)

    wait_until(by_both, 3, "both sign")

    def by_new_only():
        request = next_request()
        assert verifies(new, request)
        return not verifies(old, request)

    wait_until(by_new_only, 10, "the old one ends")
    # Without grace the former one ends at once; a secret of one's own is taken.
    own = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    api.ok("POST", path + "/rotate-secret", json={"secret": own, "grace": "0"})
    wait_until(lambda: verifies(own, next_request()), 3, "it signs")
    assert not verifies(new, receiver.at("/")[-1])


# ---- states

@pytest.mark.smoke
def test_paused_parks_and_resume_sends(api, receiver, redis_server):
    subscription = api.subscribe(receiver.url("/"))["id"]
    path = f"/v1/subscriptions/{subscription}"
    assert api.ok("POST", path + "/pause")["state"] == "paused"
    assert api.ok("POST", path + "/pause")["state"] == "paused", "twice is no error"

    def is_parked():
        return redis_server.totals().get("parked", 0)

    wait_until(lambda: is_parked() if publish(api) else 0, 15, "an event parks")
    before, parked = receiver.count(), is_parked()
    ids = [publish(api) for _ in range(5)]
    wait_until(lambda: is_parked() >= parked + 5, 15, "they park")
    stays(lambda: receiver.count() == before, 0.3, "nothing is sent")
    assert api.ok("POST", path + "/resume")["state"] == "active"
    wait_until(lambda: set(ids) <= set(receiver.accepted("/")), 10, "all arrive")
    assert all(request.attempt == 1 for request in receiver.at("/"))


def test_disabled_takes_no_new_events(api, receiver, redis_server):
    subscription = api.subscribe(receiver.url("/"))["id"]
    path = f"/v1/subscriptions/{subscription}"
    disabled = api.ok("POST", path + "/disable", json={"reason": "not paid"})
    assert disabled["state"] == "disabled" and disabled["disabled_reason"] == "not paid"

    def is_unmatched():
        event = publish(api)
        wait_until(lambda: api.ok("GET", f"/v1/events/{event}")["state"] == "settled", 15, "settled")
        return api.ok("GET", f"/v1/events/{event}")["deliveries"] == []

    wait_until(is_unmatched, 15, "it takes no events any more")
    before = receiver.count()
    assert api.post(path + "/test").status_code == 409
    resumed = api.ok("POST", path + "/resume")
    assert resumed["state"] == "active" and resumed["disabled_reason"] is None
    wait_until(lambda: publish(api) and receiver.count() > before, 15, "it takes events again")
    assert api.ok("POST", path + "/disable")["disabled_reason"] == "disabled by request"


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_what_is_parked_dies_with_its_subscription(api, receiver, end):
    receiver.script("/", [Answer(500)])
    subscription = api.subscribe(receiver.url("/"), retry_schedule=["2s", "1h"])["id"]
    event = publish(api)
    wait_until(lambda: [d["state"] for d in api.ok("GET", f"/v1/events/{event}")["deliveries"]] == ["parked"], 15,
               "it parks")
    if end == "disable":
        api.ok("POST", f"/v1/subscriptions/{subscription}/disable")
    else:
        api.delete(f"/v1/subscriptions/{subscription}")
    letter = wait_until(lambda: api.items("/v1/dead-letters"), 10, "a dead letter, when it would have been due")[0]
    assert letter["reason"] == f"subscription_{end}d" and letter["attempts"] == 1
    assert receiver.count() == 1


def test_a_test_event_goes_to_one_subscription(api, receiver):
    one = api.subscribe(receiver.url("/one"), ["nothing.else"], tenant="acme")["id"]
    api.subscribe(receiver.url("/two"), tenant="acme")
    answer = api.post(f"/v1/subscriptions/{one}/test")
    assert answer.status_code == 202 and answer.headers["location"] == f"/v1/events/{answer.json()['id']}"
    wait_until(lambda: receiver.count("/one") == 1, 15, "it arrives")
    request = receiver.at("/one")[0]
    assert request.id == answer.json()["id"] and b'"type":"petrel.test"' in request.body
    assert verifies(api.secret(one)["secret"], request) and receiver.count("/two") == 0


def test_every_instance_follows_a_change_within_a_second(api, start, api_of, receiver, xadd):
    """The change is made through an API that runs apart from the dispatchers."""
    elsewhere = api_of(start("admin"))
    start("dispatcher")
    created = elsewhere.subscribe(receiver.url("/"))["id"]

    def all_arrive():
        before = receiver.count()
        for _ in range(20):  # so many that both dispatchers read some
            xadd(type="a", data="1")
        try:
            return wait_until(lambda: receiver.count() >= before + 20, 0.2, "all 20")
        except AssertionError:
            return False

    wait_until(all_arrive, 1, "both dispatchers know it")
    elsewhere.delete(f"/v1/subscriptions/{created}")


def test_subscriptions_written_at_once_lose_no_change(api):
    import threading

    path = f"/v1/subscriptions/{api.subscribe(URL)['id']}"
    statuses = []

    def change(number):
        statuses.append(api.patch(path, {"metadata": {f"m{number}": number}}).status_code)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 409}
    assert len(api.ok("GET", path)["metadata"]) == statuses.count(200)
