# SPDX-License-Identifier: Apache-2.0
"""A network namespace of the test's own, in which public addresses may be used, and a name server for it.

What the calling thread starts while it is inside (processes, threads, sockets) is inside, too.
"""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import threading

CLONE_NEWNET = 0x40000000
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS = 0x8916, 0x891C, 0x8914
IFF_UP, IFF_RUNNING = 0x1, 0x40

libc = ctypes.CDLL(None, use_errno=True)


class NotPermitted(Exception):
    pass


def _configure(interface, address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        def request(number, payload):
            fcntl.ioctl(s, number, struct.pack("16s16s8x", interface.encode(), payload))

        if address:
            for number, text in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, "255.255.255.255")):
                request(number, struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(text)))
        request(SIOCSIFFLAGS, struct.pack("H14x", IFF_UP | IFF_RUNNING))


@contextlib.contextmanager
def entered(*addresses):
    """Only loopback, which has these addresses besides 127.0.0.0/8. NotPermitted where the system doesn't allow it."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise NotPermitted(os.strerror(ctypes.get_errno()))
        try:
            _configure("lo", None)
            for i, address in enumerate(addresses):
                _configure(f"lo:{i}", address)
            yield
        finally:
            assert libc.setns(before, CLONE_NEWNET) == 0
    finally:
        os.close(before)


class NameServer:
    """Answers A queries over UDP, port 53. names: {"name": [[addresses of the first answer], …]}; the last repeats.

    names6: {"name": [IPv6 addresses]}, for AAAA queries. Names that begin with "silent" get no answer.
    """

    def __init__(self, names):
        self.names, self.names6 = names, {}
        self.queries = []  # names, of A queries
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            query, peer = self._socket.recvfrom(4096)
            if query == b"end":
                return
            answer = self._answer(query)
            if answer:
                self._socket.sendto(answer, peer)

    def _answer(self, query):
        end, labels = 12, []
        while query[end]:
            labels.append(query[end + 1:end + 1 + query[end]].decode())
            end += 1 + query[end]
        question = query[12:end + 5]
        name = ".".join(labels).lower()
        is_a = question[-4:-2] == b"\0\1"
        known = self.names.get(name)
        addresses = []
        if known and is_a:
            addresses = known[min(self.queries.count(name), len(known) - 1)]
        if is_a:
            self.queries.append(name)
        if name.startswith("silent"):
            return None
        records = [b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 0, 4) + socket.inet_aton(a) for a in addresses]
        if question[-4:-2] == b"\0\x1c":
            records = [b"\xc0\x0c\0\x1c\0\1" + struct.pack(">IH", 0, 16) + socket.inet_pton(socket.AF_INET6, a)
                       for a in self.names6.get(name, [])]
        exists = known or name in self.names6
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | (0 if exists else 3), 1, len(records), 0, 0)
        return head + question + b"".join(records)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"end", ("127.0.0.1", 53))
        self._thread.join(5)
        self._socket.close()


def with_resolver(folder, options="timeout:1 attempts:1"):
    """What to put before a command's argv, so that it asks the NameServer."""
    path = folder / "resolv.conf"
    path.write_text(f"nameserver 127.0.0.1\noptions {options}\n")
    return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(path)]


class Trap:
    """A listener nobody should ever connect to."""

    def __init__(self, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.create_server((address, port), family=family)
        self._socket.setblocking(False)

    def is_untouched(self):
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return True
        return False

    def close(self):
        self._socket.close()
