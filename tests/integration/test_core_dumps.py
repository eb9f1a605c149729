# SPDX-License-Identifier: Apache-2.0
"""A crash leaves no image of the memory behind, unless that was asked for."""

import os
import resource
import signal
import subprocess

import pytest

from harness.ports import free_port
from harness.processes import BINARY


def allow_cores():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def crash(folder, server, *flags):
    """Starts petrel where cores are allowed, lets it run, and aborts it: (soft limit while it ran, whether it dumped)."""
    argv = [BINARY, "serve", "--redis-url", server.url, "--listen", f"127.0.0.1:{free_port()}", "--data-dir",
            str(folder / "data"), "--admin-key", "test-admin-key-0123456789", *flags]
    child = subprocess.Popen(argv, cwd=folder, stderr=subprocess.PIPE, preexec_fn=allow_cores)
    try:
        # The banner comes when everything is up.
        assert child.stderr.readline()
        limits = open(f"/proc/{child.pid}/limits").read()
        soft = next(line for line in limits.splitlines() if line.startswith("Max core file size")).split()[4]
        child.send_signal(signal.SIGABRT)
        _, status = os.waitpid(child.pid, 0)
        child.returncode = -1
    finally:
        if child.returncode is None:
            child.kill()
            child.wait()
        child.stderr.close()
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGABRT
    return soft, os.WCOREDUMP(status)


@pytest.fixture
def folder(tmp_path):
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("this machine allows no core dumps at all (hard limit 0)")
    return tmp_path


def test_no_core_unless_asked(folder, redis_server):
    assert crash(folder, redis_server) == ("0", False)
    assert not list(folder.glob("core*"))


def test_a_core_limit_when_asked(folder, redis_server):
    soft, _ = crash(folder, redis_server, "--core-dumps", "yes")
    # Whether one is written is then the machine's business (kernel.core_pattern).
    assert soft != "0"
