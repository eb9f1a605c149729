# SPDX-License-Identifier: Apache-2.0
"""petrel dead-letters and petrel attempts, on what a real dispatcher left."""

import json
import re

import pytest

from harness.cli import Listen, one_line, run, succeed, succeed_json
from harness.wait import wait_until

@pytest.fixture
def dispatcher(start, cli_redis):
    return start("dispatcher", server=cli_redis, flags=["--workers", "1", "--retry-schedule", "none"])


def dead_letters(at, *arguments):
    return succeed_json("dead-letters", "list", *arguments, *at)["items"]


def add_subscription(at, listen):
    return succeed("subscriptions", "add", f"http://127.0.0.1:{listen.port}/hooks", "--event-types", "*", *at).strip()


def test_dead_letters_are_listed_shown_and_redriven(at, dispatcher, tmp_path):
    with Listen(tmp_path, "--json", "--status", "500") as failing:
        subscription = add_subscription(at, failing)
        for i in range(3):
            succeed("publish", f"order.n{i}", "--data", f'{{"n":{i}}}', "--id", f"order-{i}", *at)
        letters = wait_until(lambda: len(found := dead_letters(at)) == 3 and found, 20, "dead letters")
    assert {x["event"] for x in letters} == {"order-0", "order-1", "order-2"}
    letter = next(x for x in letters if x["event"] == "order-1")
    assert (letter["reason"], letter["attempts"], letter["last_status"]) == ("exhausted", 1, 500)
    assert letter["subscription"] == subscription
    table = succeed("dead-letters", "list", *at)
    assert all(x["id"] in table for x in letters)

    text = succeed("dead-letters", "show", letter["id"], *at)
    assert "exhausted" in text and "failing, as told" in text and '"n":1' in text
    shown = succeed_json("dead-letters", "show", letter["id"], *at)
    assert json.loads(shown["body"])["data"] == {"n": 1} and "failing" in shown["last_response"]
    assert succeed("dead-letters", "show", letter["id"], "--body", *at) == shown["body"]

    assert dead_letters(at, "--type", "order.n2")[0]["event"] == "order-2"
    assert dead_letters(at, "--reason", "gone") == [] and dead_letters(at, "--until", "1h") == []
    assert len(dead_letters(at, "--since", "1h", "--subscription", subscription)) == 3

    secret = succeed("subscriptions", "secret", subscription, *at).strip()
    with Listen(tmp_path, "--json", port=failing.port, name="well", secret=secret) as well:
        assert succeed("dead-letters", "redrive", letter["id"], *at) == f"{letter['id']} is redriven\n"
        got = wait_until(lambda: [x for x in well.deliveries() if x["id"] == "order-1"], 20, "the redriven delivery")
        assert got[0]["verified"] is True
        assert succeed("dead-letters", "redrive", "--all", "--type", "order.n0", *at) == "1 redriven\n"
        wait_until(lambda: [x for x in well.deliveries() if x["id"] == "order-0"], 20, "the redriven delivery")
    assert [x["event"] for x in dead_letters(at)] == ["order-2"]
    assert run("dead-letters", "redrive", letter["id"], *at).returncode == 1
    assert succeed("dead-letters", "rm", "--all", *at) == "1 deleted\n"
    assert dead_letters(at) == []


def test_attempts_are_listed_newest_first(at, dispatcher, tmp_path):
    with Listen(tmp_path, "--json") as well:
        subscription = add_subscription(at, well)
        for i in range(3):
            succeed("publish", "order.paid", "--data", str(i), "--id", f"order-{i}", *at)
            wait_until(lambda i=i: succeed_json("attempts", "--event", f"order-{i}", *at)["items"], 20, "attempt")
    items = succeed_json("attempts", "--subscription", subscription, *at)["items"]
    assert [x["event"] for x in items] == ["order-2", "order-1", "order-0"]
    assert (items[0]["outcome"], items[0]["status"], items[0]["attempt"]) == ("delivered", 200, 1)
    table = succeed("attempts", "--outcome", "delivered", "--since", "1h", *at)
    assert "delivered 200" in table and "order-1" in table
    assert succeed_json("attempts", "--outcome", "dead", *at)["items"] == []
    assert len(succeed_json("attempts", "--limit", "1", *at)["items"]) == 1
    for arguments in (["--outcome", "lost"], ["--since", "yesterday"], ["--cursor", "x"]):
        assert run("attempts", *arguments, *at).returncode == 2


@pytest.mark.parametrize("arguments", [[], ["--reason", "gone"], ["x.y", "--all"]])
def test_redrive_and_rm_need_ids_or_all(at, arguments):
    for name in ("redrive", "rm"):
        done = run("dead-letters", name, *arguments, *at)
        assert done.returncode == 2 and "--all" in one_line(done.stderr)


def test_an_unknown_dead_letter_is_1(at):
    for name in ("show", "redrive", "rm"):
        done = run("dead-letters", name, "msg_1.sub_1", *at)
        assert done.returncode == 1 and "not found" in one_line(done.stderr)


def test_empty_lists_say_so_on_stderr(at):
    for words, what in [(["subscriptions", "list"], "no subscriptions"), (["attempts"], "no attempts"),
                        (["dead-letters", "list"], "no dead letters")]:
        done = run(*words, *at)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", what + "\n")
        assert succeed_json(*words, *at) == {"items": [], "next_cursor": None}
