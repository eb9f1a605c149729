# SPDX-License-Identifier: Apache-2.0
"""petrel subscriptions."""

import json

import pytest

from harness.cli import SECRET, one_line, run, succeed, succeed_json

@pytest.fixture
def subscription(at):
    return succeed("subscriptions", "add", "http://127.0.0.1:9/hooks", "--event-types", "invoice.*", *at).strip()


def show(subscription, at):
    return succeed_json("subscriptions", "show", subscription, *at)


def test_subscriptions_add_and_show(at):
    added = json.loads(succeed("subscriptions", "add", "https://example.com/hooks", "--event-types",
                               "invoice.*, user.created", "--event-types", "a.b", "--tenant", "acme", "--description",
                               "their shop", "--metadata", '{"n":12345678901234567890}', "--header", "X-Env: prod",
                               "--timeout", "10s", "--max-concurrency", "7", "--retry-schedule", "1s,2m", "--paused",
                               "--json", *at))
    assert added["url"] == "https://example.com/hooks" and added["state"] == "paused"
    assert added["event_types"] == ["invoice.*", "user.created", "a.b"]
    assert added["headers"] == {"X-Env": "(hidden)"} and added["retry_schedule"] == ["1s", "2m"]
    assert (added["timeout_ms"], added["max_concurrency"], added["tenant"]) == (10000, 7, "acme")
    assert not any("whsec_" in str(value) for value in added.values())
    shown = show(added["id"], at)
    assert shown.pop("health")["parked"] == 0 and shown == added
    assert '{"n":12345678901234567890}' in succeed("subscriptions", "show", added["id"], *at)


@pytest.mark.parametrize("arguments, field", [
    (["ftp://example.com", "--event-types", "a"], "url: "),
    (["http://user:pass@example.com", "--event-types", "a"], "url: "),
    (["http://example.com", "--event-types", "a*b"], "event_types[0]: "),
    (["http://example.com", "--event-types", "a", "--header", "Host: x"], "headers.Host: "),
    (["http://example.com", "--event-types", "a", "--header", "nonsense"], "--header: "),
    (["http://example.com", "--event-types", "a", "--retry-schedule", "soon"], "retry_schedule[0]: "),
    (["http://example.com", "--event-types", "a", "--timeout", "5"], "--timeout: "),
    (["http://example.com", "--event-types", "a", "--max-concurrency", "0"], "--max-concurrency: "),
    (["http://example.com", "--event-types", "a", "--secret", "hunter2"], "secret: "),
    (["http://example.com", "--event-types", "a", "--signature", "v9"], "signature: "),
    (["http://example.com", "--event-types", "a", "--metadata", "{"], "--metadata: "),
    (["http://example.com", "--event-types", "a", "--metadata", "[]"], "metadata: "),
    (["http://example.com"], "--event-types is missing"),
])
def test_subscriptions_add_refuses(at, arguments, field):
    done = run("subscriptions", "add", *arguments, *at)
    assert done.returncode == 2 and field in one_line(done.stderr) and "hunter2" not in done.stderr
    assert succeed_json("subscriptions", "list", *at)["items"] == []


def test_subscriptions_update(at, subscription):
    succeed("subscriptions", "update", subscription, "--header", "X-A: 1", "--header", "X-B: 2", "--timeout", "3s",
            "--retry-schedule", "none", *at)
    changed = show(subscription, at)
    assert changed["headers"] == {"X-A": "(hidden)", "X-B": "(hidden)"} and changed["retry_schedule"] == []
    succeed("subscriptions", "update", subscription, "--header", "X-A:", "--timeout", "default", "--retry-schedule",
            "default", "--url", "https://example.com/2", "--event-types", "*", *at)
    changed = show(subscription, at)
    assert changed["headers"] == {"X-B": "(hidden)"} and changed["timeout_ms"] is None and changed["retry_schedule"] is None
    assert changed["url"] == "https://example.com/2" and changed["event_types"] == ["*"]
    done = run("subscriptions", "update", subscription, *at)
    assert done.returncode == 2 and "nothing to change" in one_line(done.stderr)


def test_subscriptions_states(at, subscription):
    for words, state in [(["pause"], "paused"), (["resume"], "active"), (["disable", "--reason", "they left"], "disabled")]:
        text = succeed("subscriptions", words[0], subscription, *words[1:], *at)
        assert text == f"{subscription} is {state}\n"
        assert show(subscription, at)["state"] == state
    assert show(subscription, at)["disabled_reason"] == "they left"
    assert succeed_json("subscriptions", "resume", subscription, *at)["disabled_reason"] is None


def test_subscriptions_list_filters_and_pages(at):
    ids = [succeed("subscriptions", "add", f"https://example.com/{i}", "--event-types", "a", "--tenant", f"t{i % 2}",
                   *at).strip() for i in range(5)]
    listed = succeed_json("subscriptions", "list", *at)
    assert [item["id"] for item in listed["items"]] == ids and listed["next_cursor"] is None
    table = succeed("subscriptions", "list", *at)
    assert table.splitlines()[0].split() == ["ID", "STATE", "BREAKER", "TENANT", "EVENT", "TYPES", "URL"]
    assert all(one in table for one in ids)
    of_tenant = succeed_json("subscriptions", "list", "--tenant", "t1", *at)["items"]
    assert [item["id"] for item in of_tenant] == ids[1::2]
    found = succeed_json("subscriptions", "list", "--query", "COM/3", *at)["items"]
    assert [item["id"] for item in found] == [ids[3]]
    seen, cursor = [], None
    while cursor or not seen:
        page = json.loads(succeed("subscriptions", "list", "--limit", "2", "--json", *at,
                                  *(["--cursor", cursor] if cursor else [])))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ids
    for arguments, message in [(["--state", "happy"], "--state"), (["--limit", "0"], "--limit"),
                               (["--cursor", "x"], "cursor")]:
        done = run("subscriptions", "list", *arguments, *at)
        assert done.returncode == 2 and message in one_line(done.stderr)


def test_subscriptions_secrets(at, subscription):
    first = succeed("subscriptions", "secret", subscription, *at).strip()
    assert first.startswith("whsec_")
    text = succeed("subscriptions", "rotate-secret", subscription, "--grace", "1h", *at)
    assert "also signs until" in text and "whsec_" not in text
    answer = succeed_json("subscriptions", "secret", subscription, *at)
    assert answer["secret"] != first and [old["secret"] for old in answer["previous"]] == [first]
    assert first in succeed("subscriptions", "secret", subscription, "--all", *at)
    succeed("subscriptions", "rotate-secret", subscription, "--secret-file", "-", *at, stdin=SECRET + "\n")
    assert succeed("subscriptions", "secret", subscription, *at).strip() == SECRET
    done = run("subscriptions", "rotate-secret", subscription, "--secret", "whsec_short", *at)
    assert done.returncode == 2 and "--secret: " in one_line(done.stderr)
    done = run("subscriptions", "secret", subscription, "--public", *at)
    assert done.returncode == 1 and "no public half" in one_line(done.stderr)


def test_an_ed25519_secret_has_a_public_half(at):
    one = succeed("subscriptions", "add", "https://example.com", "--event-types", "a", "--signature", "v1a", *at).strip()
    assert succeed("subscriptions", "secret", one, *at).startswith("whsk_")
    assert succeed("subscriptions", "secret", one, "--public", *at).startswith("whpk_")


def test_subscriptions_test_publishes_for_it_only(at, cli_redis, subscription):
    event = succeed("subscriptions", "test", subscription, *at).strip()
    [(entry, fields)] = cli_redis.client.xrange("petrel:events")
    assert event == "msg_0_" + entry.replace("-", "_")
    assert (fields["subscription"], fields["type"]) == (subscription, "petrel.test")


def test_subscriptions_rm(at, subscription):
    done = run("subscriptions", "rm", "sub_nowhere", subscription, *at)
    assert done.returncode == 1 and done.stdout == f"{subscription} is deleted\n"
    assert "subscription sub_nowhere: not found" in one_line(done.stderr)
    assert succeed_json("subscriptions", "list", *at)["items"] == []


@pytest.mark.parametrize("name", ["show", "pause", "resume", "disable", "secret", "rotate-secret", "test", "rm"])
def test_an_unknown_subscription_is_1(at, name):
    done = run("subscriptions", name, "sub_nowhere", *at)
    assert done.returncode == 1 and "sub_nowhere: not found" in one_line(done.stderr)
