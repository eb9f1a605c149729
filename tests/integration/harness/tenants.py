# SPDX-License-Identifier: Apache-2.0
"""A world of tenants, and for each route of the API how to ask it about one of their things."""

from .receiver import Answer
from .wait import wait_until


def make_key(api, scope="read", **fields):
    return api.ok("POST", "/v1/keys", json={"name": "test", "scope": scope, **fields})


class World:
    """Tenant acme and tenant other, each with one of everything; and things without a tenant."""

    def __init__(self, api, receiver):
        self.api, self.receiver = api, receiver
        receiver.script("/bad", [Answer(500)])
        self.ids = {tenant: self._fill(tenant) for tenant in ("acme", "other", "")}

    def _fill(self, tenant):
        api = self.api
        good = api.subscribe(self.receiver.url("/good"), tenant=tenant)["id"]
        bad = api.subscribe(self.receiver.url("/bad"), tenant=tenant, retry_schedule=[])["id"]
        event, other = (api.ok("POST", "/v1/events", json={"type": "a", "data": 1, "tenant": tenant})["id"]
                        for _ in range(2))
        wait_until(lambda: len(api.items("/v1/dead-letters", subscription=bad)) == 2, 10, "two dead letters")
        wait_until(lambda: len(api.items("/v1/attempts", event=event)) == 2, 10, "both were tried")
        delivered = api.ok("POST", "/v1/events", json={
            "type": "a", "data": 1, "tenant": tenant, "subscription": good})["id"]
        for one in (event, other, delivered):
            wait_until(lambda: api.ok("GET", f"/v1/events/{one}")["state"] == "settled", 10, "settled")
        key = make_key(api, "read", tenant=tenant)["id"]
        return {"subscription": good, "failing": bad, "event": event, "dead_letter": f"{event}.{bad}",
                "other_letter": f"{other}.{bad}", "key": key, "rejected": "0-1-1", "delivered": delivered}


# What to send to a route, and how to find out whose things an answer shows. {id} is of the kind named.
RULES = {
    ("POST", "/v1/events"): dict(body={"type": "probe", "data": 1}),
    ("GET", "/v1/events"): dict(shows=("event",), field="id"),
    ("GET", "/v1/events/{id}"): dict(id="event"),
    ("POST", "/v1/events/{id}/redeliver"): dict(id="delivered"),
    ("POST", "/v1/subscriptions"): dict(body={"url": "https://example.com/", "event_types": ["x"]}),
    ("GET", "/v1/subscriptions"): dict(shows=("subscription", "failing"), field="id"),
    ("GET", "/v1/subscriptions/{id}"): dict(id="subscription"),
    ("PATCH", "/v1/subscriptions/{id}"): dict(id="subscription", body={"description": "changed"}),
    ("DELETE", "/v1/subscriptions/{id}"): dict(id="subscription", ends=True),
    ("GET", "/v1/subscriptions/{id}/secret"): dict(id="subscription"),
    ("POST", "/v1/subscriptions/{id}/rotate-secret"): dict(id="subscription"),
    ("POST", "/v1/subscriptions/{id}/pause"): dict(id="subscription"),
    ("POST", "/v1/subscriptions/{id}/resume"): dict(id="subscription"),
    ("POST", "/v1/subscriptions/{id}/disable"): dict(id="subscription"),
    ("POST", "/v1/subscriptions/{id}/test"): dict(id="failing"),
    ("POST", "/v1/subscriptions/{id}/replay"): dict(id="subscription", body={"since": "1h"}),
    ("GET", "/v1/subscriptions/{id}/attempts"): dict(id="subscription"),
    ("GET", "/v1/dead-letters"): dict(shows=("dead_letter",), field="id"),
    ("POST", "/v1/dead-letters/redrive"): dict(body={"type": "nothing"}),
    ("POST", "/v1/dead-letters/purge"): dict(body={"type": "nothing"}),
    ("GET", "/v1/dead-letters/{id}"): dict(id="dead_letter"),
    ("DELETE", "/v1/dead-letters/{id}"): dict(id="dead_letter", ends=True),
    ("POST", "/v1/dead-letters/{id}/redrive"): dict(id="other_letter", ends=True),
    ("GET", "/v1/attempts"): dict(shows=("event",), field="event"),
    ("GET", "/v1/rejected-events"): dict(),
    ("GET", "/v1/rejected-events/{id}"): dict(id="rejected"),
    ("POST", "/v1/rejected-events/{id}/requeue"): dict(id="rejected"),
    ("DELETE", "/v1/rejected-events/{id}"): dict(id="rejected", ends=True),
    ("GET", "/v1/instances"): dict(),
    ("GET", "/v1/status"): dict(),
    ("POST", "/v1/keys"): dict(body={"name": "x", "scope": "read"}),
    ("GET", "/v1/keys"): dict(shows=("key",), field="id"),
    ("GET", "/v1/keys/{id}"): dict(id="key"),
    ("DELETE", "/v1/keys/{id}"): dict(id="key", ends=True),
}


def private_operations(api):
    for method, path, operation in api.document.operations():
        if operation["security"]:
            yield method, path, operation["security"][0]["key"][0], operation.get("x-all-tenants", False)


def call(client, method, path, rule, target=""):
    kwargs = {"json": rule["body"]} if "body" in rule else {}
    return client.call(method, path.replace("{id}", target), **kwargs)
