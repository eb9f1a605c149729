# SPDX-License-Identifier: Apache-2.0
"""Ports that nobody takes in between, and that come round again only after all the others.

They lie outside the range from which the kernel gives ports to clients, else any connection could take one before its
server listens. All tests on the machine draw from one row, in a file: a port that was a receiver's is not soon another's, so
nothing that still sends to the first reaches the second. Standard library only."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FILE = Path(tempfile.gettempdir()) / f"petrel-tests-ports.{os.getuid()}"
LOWEST, HIGHEST = 10_000, 65_535


def _outside_of_clients():
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    below, above = range(LOWEST, first), range(last + 1, HIGHEST + 1)
    return max(below, above, key=len)


def _draw(count):
    """`count` neighbours, the next of the row."""
    ports = _outside_of_clients()
    assert len(ports) >= 2 * count, f"ip_local_port_range leaves {len(ports)} ports to servers: make it smaller"
    with open(FILE, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        port = int(text) if text.isdigit() else random.choice(ports)
        if port not in ports or port + count - 1 not in ports:
            port = ports[0]
        file.truncate(0)
        file.write(str(port + count))
    return port


def _is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(count=1):
    """The first of `count` neighbouring free ports."""
    while True:
        port = _draw(count)
        if all(_is_free(port + i) for i in range(count)):
            return port


def listen(host="127.0.0.1", backlog=512):
    """A listening socket on a port that hasn't been another test's for long."""
    return socket.create_server((host, free_port()), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=backlog)
