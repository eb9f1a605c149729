# SPDX-License-Identifier: Apache-2.0
"""Fixtures: each test has its own redis-server; petrel processes and receivers are made by factories."""

import itertools
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness.openapi import CheckedApi  # noqa: E402
from harness.processes import ADMIN_KEY, Petrel, RedisServer  # noqa: E402
from harness.receiver import Receiver  # noqa: E402
from harness.receiver_fast import FastReceiver  # noqa: E402


def pytest_configure(config):
    # Who starts the tests in the background has them, and all that they start, ignore Ctrl-C; some tests are about it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "smoke: a quick look at each part, for when one is being changed")


@pytest.fixture
def redis_server(tmp_path):
    server = RedisServer(tmp_path / "redis")
    yield server
    server.close()


@pytest.fixture(scope="module")
def module_redis(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"), appendonly=True)
    yield server
    server.close()


@pytest.fixture
def cli_redis(module_redis):
    """An empty Redis for the command line's tests, one per file."""
    module_redis.client.flushall()
    return module_redis


@pytest.fixture
def at(cli_redis):
    """The flags that point at it."""
    return ["--redis-url", cli_redis.url]


@pytest.fixture
def durable_redis(tmp_path):
    server = RedisServer(tmp_path / "redis", appendonly=True)
    yield server
    server.close()


@pytest.fixture
def start(redis_server, tmp_path):
    """start(command="serve", flags=[…]) → a petrel process on this test's Redis."""
    running = []
    numbers = itertools.count()

    def make(command="serve", flags=(), server=None, **kwargs):
        child = Petrel(server or redis_server, tmp_path / f"petrel{next(numbers)}", command, flags, **kwargs)
        running.append(child)
        return child

    yield make
    for child in running:
        child.close()


@pytest.fixture
def petrel(start):
    """One `petrel serve` with a quick retry schedule."""
    return start(flags=["--retry-schedule", "200ms,400ms,800ms"])


@pytest.fixture
def api_of():
    """api_of(a petrel process) → its API, every exchange held against /openapi.json."""

    def make(process, key=ADMIN_KEY):
        return CheckedApi(process.url, key, process.dispatcher_url)

    return make


@pytest.fixture
def api(petrel, api_of):
    """The API of `petrel`, held against its document."""
    return api_of(petrel)


@pytest.fixture
def as_key(petrel):
    """as_key(key text) → the API for it."""
    return lambda key: CheckedApi(petrel.url, key, petrel.dispatcher_url)


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def fast_receiver():
    """For thousands of requests; its decide may be set."""
    made = FastReceiver()
    yield made
    made.close()


@pytest.fixture
def xadd(redis_server):
    """xadd(type="a.b", data="1", …) → the entry's id."""

    def add(**fields):
        return redis_server.binary.xadd("petrel:events", fields).decode()

    return add
