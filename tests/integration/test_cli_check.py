# SPDX-License-Identifier: Apache-2.0
"""petrel check."""

import json
import re

import pytest

from harness.cli import run, succeed
from harness.ports import free_port

def findings(done):
    return {check["name"]: check["level"] for check in json.loads(done.stdout)["checks"]}


def test_check_of_a_good_redis(at, cli_redis):
    done = run("check", "--json", *at)
    assert done.returncode == 0 and json.loads(done.stdout)["ok"] is True
    levels = findings(done)
    assert levels["redis"] == levels["append_only_file"] == levels["layout"] == "ok"
    assert levels["instances"] == "warn"
    assert cli_redis.client.execute_command("DBSIZE") == 0  # it only looks
    text = succeed("check", *at)
    assert re.search(r"^ok +append_only_file +on$", text, re.M) and "\033" not in text


@pytest.mark.parametrize("setting, value, good, finding", [
    ("appendonly", "no", "yes", "append_only_file"),
    ("maxmemory-policy", "allkeys-lru", "noeviction", "maxmemory_policy"),
])
def test_check_fails_where_events_can_be_lost(at, cli_redis, setting, value, good, finding):
    cli_redis.client.execute_command("CONFIG", "SET", "maxmemory", "1gb", setting, value)
    try:
        done = run("check", "--json", *at)
        text = run("check", *at).stdout
    finally:
        cli_redis.client.execute_command("CONFIG", "SET", "maxmemory", "0", setting, good)
    assert done.returncode == 1 and findings(done)[finding] == "fail"
    assert re.search(rf"^FAIL +{finding} ", text, re.M)


def test_check_fails_on_another_layout(at, cli_redis):
    cli_redis.client.execute_command("SET", "petrel:schema", "999")
    done = run("check", "--json", *at)
    assert done.returncode == 1 and findings(done)["layout"] == "fail"


def test_check_without_redis():
    done = run("check", "--json", "--redis-url", f"redis://127.0.0.1:{free_port()}")
    assert done.returncode == 1 and findings(done)["redis"] == "fail"
