# SPDX-License-Identifier: Apache-2.0
"""The command line itself: help, typing errors, wrong usage, the version."""

import json
import re
import subprocess

import pytest

from harness.cli import one_line, run, succeed
from harness.processes import BINARY

COMMANDS = [["serve"], ["dispatcher"], ["admin"], ["publish"], ["attempts"], ["listen"], ["verify"], ["check"], ["bench"],
            ["config"], ["version"]]
GROUPS = {
    "subscriptions": ["add", "list", "show", "update", "pause", "resume", "disable", "secret", "rotate-secret",
                      "test", "rm"],
    "dead-letters": ["list", "show", "redrive", "rm"],
}
LEAVES = COMMANDS + [[group, name] for group, names in GROUPS.items() for name in names]

@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_command_has_help(words):
    done = run(*words, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert f"Usage: petrel {' '.join(words)}" in done.stdout
    assert "Options" in done.stdout
    assert "\033" not in done.stdout  # no colours where no terminal is
    assert run(*words, "-h").stdout == done.stdout


def test_help_lists_every_command_and_the_exit_codes():
    text = succeed("--help")
    for words in COMMANDS + [[group] for group in GROUPS]:
        assert re.search(rf"^  {words[0]} ", text, re.M), words
    assert "Exit codes" in text
    assert succeed("help") == text
    assert "Usage: petrel publish" in succeed("help", "publish")


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_needs_a_command(group):
    done = run(group)
    assert done.returncode == 2
    for name in GROUPS[group]:
        assert re.search(rf"^  {name}( |$)", done.stdout, re.M), name
    assert run(group, "--help").returncode == 0


@pytest.mark.parametrize("given, nearest", [
    (["serv"], "serve"), (["evrify"], "verify"), (["subs-criptions"], "subscriptions"), (["pub"], "publish"),
    (["subscriptions", "lst"], "subscriptions list"), (["dead-letters", "redirve"], "dead-letters redrive"),
])
def test_a_typing_error_gets_a_suggestion(given, nearest):
    done = run(*given)
    assert done.returncode == 2 and done.stdout == ""
    assert f"did you mean `petrel {nearest}`?" in one_line(done.stderr)


def test_an_unknown_command_without_a_near_name():
    done = run("kubernetes")
    assert done.returncode == 2 and "--help" in one_line(done.stderr)


@pytest.mark.parametrize("words, message", [
    (["publish", "a.b", "--dta", "1"], "did you mean --data?"),
    (["check", "--redis-ulr", "x"], "did you mean --redis-url?"),
    (["version", "--json=1"], "--json takes no value"),
    (["verify", "--id"], "--id needs a value: --id ID"),
    (["verify", "--id", "a", "--id", "b"], "--id is given twice"),
    (["version", "now"], 'unexpected "now"'),
    (["subscriptions", "show"], "missing ID; usage: petrel subscriptions show ID"),
    (["serve", "publish"], 'unexpected "publish"'),
    (["publish"], "missing TYPE"),
])
def test_wrong_usage_is_one_line_and_2(words, message):
    done = run(*words)
    assert done.returncode == 2 and done.stdout == ""
    assert message in one_line(done.stderr)


def test_version():
    assert re.match(r"petrel \d+\.\d+\.\d+\n", succeed("version"))
    assert succeed("--version") == succeed("version")
    assert set(json.loads(succeed("version", "--json"))) == {"petrel", "libuv", "built_with"}
    assert "libcurl" in succeed("version")


def test_output_that_nobody_reads_is_no_crash():
    done = subprocess.run(f"{BINARY} config --markdown | head -c 10", shell=True, capture_output=True, timeout=20)
    assert len(done.stdout) == 10 and done.stderr == b""
    done = subprocess.run(f"{BINARY} config > /dev/full", shell=True, capture_output=True, timeout=20)
    assert done.returncode == 1 and b"can't write the result" in done.stderr
