# SPDX-License-Identifier: Apache-2.0
"""valgrind's memcheck over a working petrel and over the fuzz corpora: what the address sanitizer doesn't see is memory
that is read before it was written."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.processes import BINARY, ROOT
from harness.receiver import Answer
from harness.wait import wait_until

FOUND = 99  # exit status
VALGRIND = ["valgrind", "--quiet", f"--error-exitcode={FOUND}", "--leak-check=full", "--errors-for-leak-kinds=definite",
            "--show-leak-kinds=definite", "--child-silent-after-fork=yes", "--max-stackframe=4000000"]
TARGETS = sorted(path.name for path in (ROOT / "tests/fuzz/corpus").iterdir() if path.name != "canary")
PROGRAMS = Path(BINARY).parent / "fuzz"


@pytest.fixture(autouse=True)
def usable():
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is missing")
    if any(name in BINARY for name in ("/asan/", "/tsan/")):
        pytest.skip("a sanitizer's build can't run under valgrind")


def test_a_working_petrel(start, redis_server, receiver, xadd, tmp_path):
    log = tmp_path / "valgrind.log"
    receiver.script("/flaky", [Answer(status=500), Answer()])
    petrel = start(flags=["--retry-schedule", "200ms"], prefix=[*VALGRIND, f"--log-file={log}"], ready=False)
    petrel.wait_ready(90)
    subscription = petrel.api.subscribe(receiver.url("/flaky"), signature="v1a", headers={"X-Key": "a"})["id"]
    petrel.api.ok("PATCH", f"/v1/subscriptions/{subscription}", json={"metadata": {"a": {"b": 1}}})
    xadd(type="a.b", data='{"n":1}', id="evt_1")
    xadd(type="a b", data='{"n":1}')
    petrel.api.ok("POST", "/v1/events", json={"type": "a.b", "payload": "text", "content_type": "text/plain"})
    wait_until(lambda: len(receiver.accepted("/flaky")) == 2, 60, "both events are delivered")
    for path in ("/v1/subscriptions", "/v1/attempts", "/v1/dead-letters", "/v1/rejected-events", "/metrics", "/v1/status"):
        assert petrel.api.get(path).status_code == 200, path
    petrel.api.ok("POST", f"/v1/subscriptions/{subscription}/rotate-secret", json={})
    petrel.api.ok("DELETE", f"/v1/subscriptions/{subscription}")
    code = petrel.terminate(90)
    assert code == 0 and not log.read_text(), f"{code}\n{log.read_text()[:6000]}"


@pytest.mark.parametrize("target", TARGETS)
def test_the_fuzz_corpora(target):
    program = PROGRAMS / target
    if not program.exists():
        pytest.skip(f"{program} isn't built")
    # The seeds alone: what fuzzing added is many times more, and was run with the sanitizers.
    seeds = sorted((ROOT / "tests/fuzz/corpus" / target).iterdir())[:40]
    done = subprocess.run([*VALGRIND, program, *seeds], capture_output=True, text=True, errors="replace", timeout=300,
                          env={**os.environ, "LC_ALL": "C"}, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
