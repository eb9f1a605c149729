# SPDX-License-Identifier: Apache-2.0
"""petrel config: every setting, its origin, what is refused."""

import json
import os
import re

import pytest

from harness.cli import one_line, run, succeed
from harness.processes import ROOT

# Two values of each setting that are shown as they are given.
VALUES = {
    "redis_url": ("redis://127.0.0.1:7001/1", "redis://127.0.0.1:7002/2"),
    "shards": ("3", "4"),
    "listen": ("127.0.0.1:8101", "127.0.0.1:8102"),
    "admin_key": ("a" * 20, "b" * 20),
    "data_dir": ("/tmp/one", "/tmp/two"),
    "workers": ("3", "4"),
    "retry_schedule": ("1s,2s", "3s,4m"),
    "request_timeout": ("10s", "20s"),
    "connect_timeout": ("3s", "4s"),
    "shutdown_timeout": ("7s", "8s"),
    "max_in_flight": ("100", "200"),
    "max_concurrency": ("10", "20"),
    "allow_networks": ("10.0.0.0/8", "192.168.0.0/16"),
    "max_event_bytes": ("64KiB", "128KiB"),
    "dedupe_window": ("2h", "3h"),
    "retain_events": ("1000", "2000"),
    "log_level": ("debug", "warn"),
    "log_format": ("json", "logfmt"),
    "namespace": ("one", "two"),
}


def config_items(*arguments, **options):
    items = json.loads(succeed("config", "--json", *arguments, **options))["items"]
    return {item["key"]: item for item in items}


@pytest.mark.parametrize("key", VALUES)
def test_flags_beat_the_environment_beats_the_file_beats_the_default(tmp_path, key):
    one, two = VALUES[key]
    flag, variable = "--" + key.replace("_", "-"), "PETREL_" + key.upper()

    def shown(*arguments, env=None):
        item = config_items(*arguments, env=env, cwd=tmp_path)[key]
        assert item["meaning"]
        return item["origin"], item["value"]

    def expected(origin, value):
        return origin, value if key != "admin_key" else shown(flag, value)[1]  # not shown

    default = shown()
    assert default[0] == "default"
    (tmp_path / "petrel.conf").write_text(f"{key} = {two}\n")
    assert shown() == expected("file", two)
    assert shown(env={variable: one}) == expected("environment", one)
    assert shown(f"{flag}={two}", env={variable: one}) == expected("flag", two)
    (tmp_path / "petrel.conf").write_text("")
    assert shown() == default


def test_the_file_may_be_named(tmp_path):
    (tmp_path / "other.conf").write_text("# ours\nshards = 7\nretry-schedule = 1s\n")
    items = config_items("--config", tmp_path / "other.conf")
    assert (items["shards"]["value"], items["retry_schedule"]["value"]) == ("7", "1s")
    assert config_items(env={"PETREL_CONFIG": tmp_path / "other.conf"})["shards"]["value"] == "7"


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


@pytest.mark.parametrize("key", [key for key in VALUES if key not in ("data_dir",)])
def test_a_bad_value_in_the_file_stops_with_its_key_and_line(tmp_path, key):
    (tmp_path / "petrel.conf").write_text(f"\n{key} = ~\n")
    for command in ("serve", "dispatcher", "admin", "config"):
        done = run(command, cwd=tmp_path)
        assert done.returncode == 2 and done.stdout == ""
        line = one_line(done.stderr)
        assert key in line and "petrel.conf:2" in line


def test_an_unknown_key_in_the_file_is_named(tmp_path):
    (tmp_path / "petrel.conf").write_text("workers = 2\nwrokers = 3\n")
    done = run("config", cwd=tmp_path)
    assert done.returncode == 2
    assert "wrokers" in one_line(done.stderr) and "petrel.conf" in done.stderr


def test_the_configuration_of_the_operations_page(tmp_path):
    page = (ROOT / "docs/operations.md").read_text()
    section = page.split("## Installing")[1].split("\n## ")[0]
    file, = re.findall(r"^```ini\n(.*?)^```", section, re.M | re.S)
    environment = re.search(r"^```sh\n(PETREL_.*?)^```", section, re.M | re.S)[1]
    variables = dict(line.split("=", 1) for line in environment.splitlines())
    (tmp_path / "petrel.conf").write_text(file)
    items = config_items(cwd=tmp_path, env=variables)
    given = {line.split(" = ")[0]: "file" for line in file.splitlines()}
    given.update({name.removeprefix("PETREL_").lower(): "environment" for name in variables})
    assert {key: item["origin"] for key, item in items.items() if item["origin"] != "default"} == given


def test_a_mistyped_variable_is_named(tmp_path):
    # What a Kubernetes service called "petrel" puts into containers is no mistake.
    others = {"PETREL_PORT": "tcp://10.0.0.1:80", "PETREL_SERVICE_HOST": "10.0.0.1", "PETREL_SOMETHING_ELSE": "1"}
    done = run("config", env={"PETREL_WORKRS": "3", "PETREL_MAX_INFLIGHT": "7", **others}, cwd=tmp_path)
    assert done.returncode == 0
    warnings = sorted(line.split("event=")[1] for line in done.stderr.splitlines())
    assert warnings == [
        '"unknown environment variable is ignored" variable=PETREL_MAX_INFLIGHT did_you_mean=PETREL_MAX_IN_FLIGHT',
        '"unknown environment variable is ignored" variable=PETREL_WORKRS did_you_mean=PETREL_WORKERS',
    ]


@pytest.mark.parametrize("value", ["auto", "0"])
def test_as_many_workers_as_cores(tmp_path, value):
    assert config_items("--workers", value, cwd=tmp_path)["workers"]["value"] == str(len(os.sched_getaffinity(0)))


def test_the_configuration_page_is_current():
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == succeed("config", "--markdown"), "run: petrel config --markdown > docs/configuration.md"
    assert page == succeed("config", "--markdown", "--shards", "4")  # defaults, wherever it is made
