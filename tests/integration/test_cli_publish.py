# SPDX-License-Identifier: Apache-2.0
"""petrel publish, and what every command that needs Redis says without it."""

import json

import pytest

from harness.cli import one_line, run, succeed
from harness.ports import free_port

def entries(cli_redis):
    """What is in the stream: (id, fields)."""
    return cli_redis.client.xrange("petrel:events")


def test_publish_writes_an_entry_and_prints_the_id(at, cli_redis):
    event = succeed("publish", "invoice.paid", "--data", '{"n": 1.50}', *at).strip()
    [(entry, fields)] = entries(cli_redis)
    assert event == "msg_0_" + entry.replace("-", "_")
    assert fields == {"type": "invoice.paid", "data": '{"n": 1.50}'}


def test_publish_hands_every_field_on(at, cli_redis):
    answer = succeed("publish", "a.b", "--payload", "x=1", "--content-type", "text/plain", "--id", "my-1", "--tenant",
                     "acme", "--timestamp", "2026-01-31T12:00:00Z", "--subscription", "sub_1", "--traceparent",
                     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "--json", *at)
    assert json.loads(answer) == {"id": "my-1"}
    [(_, fields)] = entries(cli_redis)
    assert fields == {"type": "a.b", "payload": "x=1", "content_type": "text/plain", "id": "my-1", "tenant": "acme",
                      "timestamp": "2026-01-31T12:00:00Z", "subscription": "sub_1",
                      "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


def test_publish_reads_files_and_standard_input(at, cli_redis, tmp_path):
    (tmp_path / "data.json").write_text('{"from":"file"}')
    succeed("publish", "a.b", "--data-file", tmp_path / "data.json", *at)
    succeed("publish", "a.b", "-", *at, stdin='{"from":"stdin"}')
    succeed("publish", "a.b", "--payload-file", "-", *at, stdin="bytes")
    bodies = [fields.get("data", fields.get("payload")) for _, fields in entries(cli_redis)]
    assert bodies == ['{"from":"file"}', '{"from":"stdin"}', "bytes"]


@pytest.mark.parametrize("arguments, message", [
    (["a b", "--data", "1"], "type: "),
    (["a.b", "--data", '{"n":'], "data: "),
    (["a.b", "--data", "1", "--id", "a b"], "id: "),
    (["a.b", "--data", "1", "--tenant", "ü"], "tenant: "),
    (["a.b", "--data", "1", "--timestamp", "now"], "timestamp: "),
    (["a.b", "--data", "1", "--traceparent", "x"], "traceparent: "),
    (["a.b", "--payload", "1", "--content-type", "text"], "content_type: "),
    (["a.b", "--data", "1", "--payload", "1"], "give one of"),
    (["a.b"], "give one of"),
    (["a.b", "{}"], 'unexpected "{}"'),
    (["a.b", "--data-file", "/nowhere"], "can't read /nowhere"),
])
def test_publish_refuses_what_is_no_event(at, cli_redis, arguments, message):
    done = run("publish", *arguments, *at)
    assert done.returncode == 2 and message in one_line(done.stderr)
    assert cli_redis.client.execute_command("EXISTS", "petrel:events") == 0


def test_publish_refuses_what_is_too_large(at, tmp_path):
    (tmp_path / "large.json").write_text('"' + "x" * 5000 + '"')
    done = run("publish", "a.b", "--data-file", tmp_path / "large.json", "--max-event-bytes", "4KiB", *at)
    assert done.returncode == 2 and "4096 bytes" in one_line(done.stderr)


@pytest.mark.parametrize("words", [["publish", "a.b", "--data", "1"], ["subscriptions", "list"], ["attempts"],
                                   ["dead-letters", "list"], ["subscriptions", "show", "sub_1"]], ids=" ".join)
def test_a_redis_that_is_away_is_1_and_says_what_to_do(words):
    done = run(*words, "--redis-url", f"redis://:hunter2@127.0.0.1:{free_port()}")
    assert done.returncode == 1 and done.stdout == ""
    assert "--redis-url" in one_line(done.stderr) and "hunter2" not in done.stderr


def test_a_full_redis_is_an_error_at_the_producer(at, cli_redis):
    cli_redis.client.execute_command("CONFIG", "SET", "maxmemory", "1")
    try:
        done = run("publish", "a.b", "--data", "1", *at)
    finally:
        cli_redis.client.execute_command("CONFIG", "SET", "maxmemory", "0")
    assert done.returncode == 1 and "refuses writes" in one_line(done.stderr)
