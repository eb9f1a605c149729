# SPDX-License-Identifier: Apache-2.0
"""petrel config: every setting, its origin, what is refused."""

import json
import re

import pytest

from harness.cli import one_line, run, succeed
from harness.processes import ROOT

def config_items(*arguments, **options):
    items = json.loads(succeed("config", "--json", *arguments, **options))["items"]
    return {item["key"]: item for item in items}


def test_config_says_where_each_value_came_from(tmp_path):
    (tmp_path / "petrel.conf").write_text("shards = 3\nworkers = 5\nlisten = 127.0.0.1:1111\n")
    items = config_items("--listen", "127.0.0.1:3333", cwd=tmp_path,
                         env={"PETREL_WORKERS": 7, "PETREL_LISTEN": "127.0.0.1:2222"})
    assert (items["listen"]["value"], items["listen"]["origin"]) == ("127.0.0.1:3333", "flag")
    assert (items["workers"]["value"], items["workers"]["origin"]) == ("7", "environment")
    assert (items["shards"]["value"], items["shards"]["origin"]) == ("3", "file")
    assert (items["log_level"]["value"], items["log_level"]["origin"]) == ("info", "default")
    table = succeed("config", cwd=tmp_path)
    assert re.search(r"^shards +3 +file ", table, re.M)


def test_config_never_shows_secrets():
    text = succeed("config", "--json", "--redis-url", "redis://user:hunter2@h:1/2", env={"PETREL_ADMIN_KEY": "k" * 20})
    text += succeed("config", "--redis-url", "redis://user:hunter2@h:1/2", "--admin-key", "k" * 20)
    assert "hunter2" not in text and "k" * 20 not in text
    assert "redis://h:1/2" in text


@pytest.mark.parametrize("arguments, env, words", [
    (["--shards", "0"], {}, ["shards", '"0"', "--shards"]),
    (["--retry-schedule", "5"], {}, ["retry_schedule", '"5"', "--retry-schedule"]),
    (["--allow-networks", "10.0.0.1/8"], {}, ["allow_networks", "--allow-networks"]),
    ([], {"PETREL_WORKERS": "many"}, ["workers", '"many"', "PETREL_WORKERS"]),
    (["--log-level", "loud"], {}, ["log_level", '"loud"']),
    (["--config", "/nowhere.conf"], {}, ["/nowhere.conf"]),
    (["--redis-url", "http://x"], {}, ["redis_url"]),
])
def test_a_bad_value_stops_with_one_line(arguments, env, words):
    for command in ("config", "serve"):
        done = run(command, *arguments, env=env)
        assert done.returncode == 2
        line = one_line(done.stderr)
        for word in words:
            assert word in line


def test_an_unknown_key_in_the_file_is_named(tmp_path):
    (tmp_path / "petrel.conf").write_text("workers = 2\nwrokers = 3\n")
    done = run("config", cwd=tmp_path)
    assert done.returncode == 2
    assert "wrokers" in one_line(done.stderr) and "petrel.conf" in done.stderr


def test_the_configuration_page_is_current():
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == succeed("config", "--markdown"), "run: petrel config --markdown > docs/configuration.md"
    assert page == succeed("config", "--markdown", "--shards", "4")  # defaults, wherever it is made
