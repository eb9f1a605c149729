# SPDX-License-Identifier: Apache-2.0
"""deploy/quickstart: what a newcomer runs first."""

import os
import re
import shlex
import signal
import subprocess

import pytest

from harness.processes import ROOT, Child, clean_environment
from harness.wait import wait_until

SCRIPT = ROOT / "deploy" / "quickstart"
BUILD_DEADLINE_S = 600  # where the release preset isn't built yet
FORMER = {"PETREL_REDIS_URL": "redis://127.0.0.1:1", "PETREL_LISTEN": "nonsense"}  # of the caller; must not matter


def environment(folder):
    return clean_environment({**FORMER, "TMPDIR": folder})


def working_folders():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue


def has_processes(folder):
    """Every process of a quickstart has its temporary folder as its working folder."""
    return any(link.startswith(str(folder)) for link in working_folders())


def nothing_is_left(folder):
    return not has_processes(folder) and list(folder.iterdir()) == []


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "tmp"
    made.mkdir()
    return made


@pytest.fixture
def staying(tmp_path, folder):
    child = Child([str(SCRIPT)], tmp_path / "quickstart.log", env=environment(folder), cwd=tmp_path)
    wait_until(lambda: "Try next" in child.output() or not child.is_running(), BUILD_DEADLINE_S, "it is up")
    assert child.is_running(), child.output()
    yield child
    child.signal(signal.SIGTERM)
    child.process.wait(60)
    child.close()


def run_once(folder):
    return subprocess.run([SCRIPT, "--once"], cwd=folder.parent, env=environment(folder), capture_output=True, text=True,
                          timeout=BUILD_DEADLINE_S, check=False)


def test_once_shows_a_verified_delivery_and_leaves_nothing(folder):
    for _ in range(2):
        done = run_once(folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        assert re.search(r"^\S+ +verified +demo\.hello +msg_0_\d+_\d+ +attempt 1 ", done.stdout, re.MULTILINE)
        assert "delivered and verified" in done.stdout
        assert nothing_is_left(folder)


def test_it_stays_up_and_what_it_prints_works(staying, folder):
    commands = re.findall(r"^    ((?:redis-cli|/\S+/petrel) .*)$", staying.output(), re.MULTILINE)
    assert len(commands) == 3, staying.output()
    printed = []
    for command in commands:
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        printed.append(done.stdout)
    assert re.match(r"\d+-\d+\n", printed[0])
    assert "demo.hello" in printed[1] and "append_only_file" in printed[2]
    wait_until(lambda: re.search(r"verified +demo\.again", staying.output()), 20, "what arrives is shown")
    key = re.search(r"admin key +(\S+)", staying.output())[1]
    api = re.search(r"admin API and page +(\S+)", staying.output())[1]
    listed = subprocess.run(["sh", "-c", f'curl -fsS -H "Authorization: Bearer $(cat {shlex.quote(key)})" {api}/v1/subscriptions'],
                            capture_output=True, text=True, timeout=60, check=True)
    assert '"demo.*"' in listed.stdout


def test_a_second_one_runs_beside_the_first(staying, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    done = run_once(second)
    assert done.returncode == 0, done.stdout + done.stderr
    assert staying.is_running() and nothing_is_left(second)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_it(staying, folder, number):
    staying.signal(number)
    assert staying.process.wait(60) == 0
    assert nothing_is_left(folder)
    assert "==> packages" in staying.output(), "output that goes to a file is whole"


def test_even_killed_it_leaves_no_process(staying, folder):
    assert has_processes(folder)
    staying.kill9()
    wait_until(lambda: not has_processes(folder), 60, "petrel, its Redis and the receiver have ended")


def test_an_unknown_option():
    done = subprocess.run([SCRIPT, "--twice"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and "unknown option --twice; see --help" in done.stderr
    done = subprocess.run([SCRIPT, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "--once" in done.stdout and "#" not in done.stdout
