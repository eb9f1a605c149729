# SPDX-License-Identifier: Apache-2.0
"""The audit log of the admin API: who did what to which."""

from harness.tenants import RULES, World, call, make_key, private_operations
from harness.wait import wait_until


def test_the_audit_log_says_who_did_what_to_which(api, as_key, petrel):
    made = make_key(api, "write", tenant="acme")
    client = as_key(made["key"])
    subscription = client.subscribe("https://example.com/s3cret-path", metadata={"password": "hunter2"})["id"]
    client.get(f"/v1/subscriptions/{subscription}/secret")
    client.call("DELETE", "/v1/subscriptions/sub_nobody")
    client.call("POST", "/v1/keys", json={"name": "x", "scope": "admin"})
    api.ok("POST", f"/v1/subscriptions/{subscription}/pause")

    def lines():
        return [line for line in petrel.output().splitlines() if 'event=audit' in line]

    wait_until(lambda: len(lines()) >= 6, 15, "six lines")
    log = "\n".join(lines())
    for expected in (
        f"key=admin peer=127.0.0.1 method=POST path=/v1/keys made=/v1/keys/{made['id']} status=201",
        f"key={made['id']} peer=127.0.0.1 method=POST path=/v1/subscriptions made=/v1/subscriptions/{subscription} status=201",
        f"key={made['id']} peer=127.0.0.1 method=GET path=/v1/subscriptions/{subscription}/secret made=\"\" status=200",
        f"key={made['id']} peer=127.0.0.1 method=DELETE path=/v1/subscriptions/sub_nobody made=\"\" status=404",
        f"key={made['id']} peer=127.0.0.1 method=POST path=/v1/keys made=\"\" status=403",
        f"key=admin peer=127.0.0.1 method=POST path=/v1/subscriptions/{subscription}/pause made=\"\" status=200",
    ):
        assert expected in log, log
    assert "hunter2" not in petrel.output() and made["key"] not in petrel.output()
    assert "s3cret-path" not in log and "whsec_" not in petrel.output()


def test_no_change_is_missing_in_the_audit_log(api, receiver, petrel):
    world = World(api, receiver)
    operations = [op for op in private_operations(api) if op[0] != "GET" or op[1].endswith("/secret")]
    expected = []
    for method, path, _, _ in sorted(operations, key=lambda op: bool(RULES[op[:2]].get("ends"))):
        rule = RULES[method, path]
        target = world.ids["acme"].get(rule.get("id"), "")
        answer = call(api, method, path, rule, target)
        expected.append(f"key=admin peer=127.0.0.1 method={method} path={path.replace('{id}', target)} made=")
        assert answer.status_code < 500
    assert len(expected) >= 19

    def missing():
        lines = [line for line in petrel.output().splitlines() if "event=audit" in line]
        return [line for line in expected if not any(line in one for one in lines)]

    wait_until(lambda: not missing(), 15, "a line for each")
    assert not missing()
