# SPDX-License-Identifier: Apache-2.0
"""A receiver for a hundred thousand requests: it keeps who came and what was answered, nothing else."""

import asyncio
import threading
import time
from collections import Counter, namedtuple

from .ports import listen

Entry = namedtuple("Entry", "path event is_accepted at")  # at: monotonic seconds

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def status_line(status):
    return b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status


class _Connection(asyncio.Protocol):
    def __init__(self, receiver):
        self.receiver = receiver
        self.buffer = b""

    def connection_made(self, transport):
        self.transport = transport
        self.receiver.connections += 1

    def data_received(self, data):
        self.buffer = self.buffer + data if self.buffer else data
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end].lower()
            total = end + 4 + int(self._value(head, b"\r\ncontent-length: "))
            if len(self.buffer) < total:
                return
            path = self.buffer[5 : self.buffer.index(b" ", 5)].decode()
            event = self._value(self.buffer[:end], b"\r\nwebhook-id: ").decode()
            self.buffer = self.buffer[total:]
            self._answer(path, event)

    @staticmethod
    def _value(head, name):
        start = head.index(name) + len(name)
        end = head.find(b"\r\n", start)
        return head[start:end] if end > 0 else head[start:]

    def _answer(self, path, event):
        answer = self.receiver.decide(path, event)
        self.receiver.log.append(Entry(path, event, answer == OK, time.monotonic()))
        if self.receiver.delay_s:
            asyncio.get_running_loop().call_later(self.receiver.delay_s, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer):
        self.receiver.on_send()
        if answer is None:
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(answer)


class FastReceiver:
    """decide(path, event id) → the answer's bytes, or None to break the connection. Runs on the receiver's thread."""

    def __init__(self, decide=lambda path, event: OK):
        self.decide = decide
        self.on_send = lambda: None  # when an answer goes out
        self.delay_s = 0  # of each answer
        self.log = []  # of Entry
        self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self), sock=listen(backlog=1024), backlog=1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def listen_also_on(self, hosts):
        """More loopback addresses, on the same port: other destinations."""
        server = self._loop.create_server(lambda: _Connection(self), hosts, self.port, backlog=1024)
        asyncio.run_coroutine_threadsafe(server, self._loop).result(20)

    def accepted(self):
        """Counter of (path, event id), of requests answered with a 200."""
        return Counter((entry.path, entry.event) for entry in list(self.log) if entry.is_accepted)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
