# SPDX-License-Identifier: Apache-2.0
"""The subscribers: one process, one asyncio loop, a small HTTP/1.1 parser. The path says how a request is answered,
`/<kind>/<subscription's name>`; every request is recorded, and the records are handed over when asked for.

What is answered depends on the event's id and the attempt alone, so that a seed replays the same answers.
"""

import asyncio
import multiprocessing
import time
import zlib

from harness.ports import listen

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
ERROR = b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nno"
BUSY = b"HTTP/1.1 503 Later\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\nno"
GONE = b"HTTP/1.1 410 Gone\r\ncontent-length: 2\r\n\r\nno"


def chance(identifier, salt=0):
    """0…99, the same for the same id."""
    return zlib.crc32(identifier, salt) % 100


def answer(kind, identifier, attempt):
    """(seconds to wait, response; None: never)."""
    if kind == b"good":
        return 0.0, OK
    if kind == b"slow":
        return 0.1 + chance(identifier) / 250, OK
    if kind == b"failing":
        return 0.0, OK if attempt > 3 or chance(identifier, attempt) < 40 else ERROR
    if kind == b"dead":
        return 0.0, ERROR
    if kind == b"busy":
        return 0.0, OK if attempt > 1 or chance(identifier) < 90 else BUSY
    if kind == b"long":  # a second attempt that outlasts a renewal of its lease
        return (0.0, ERROR) if attempt == 1 else (2.5, OK)
    if kind == b"gone":
        return 0.0, GONE
    if kind == b"hang":
        return 0.0, None
    raise ValueError(kind)


class Connection(asyncio.Protocol):
    def __init__(self, records):
        self.records = records
        self.buffer = b""
        self.answering = None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        if self.answering:
            self.answering.cancel()

    def data_received(self, data):
        self.buffer += data
        head_size = self.buffer.find(b"\r\n\r\n")
        if head_size < 0 or self.answering:
            return
        head = self.buffer[:head_size].lower()
        at = head.index(b"content-length: ") + 16
        length = int(head[at : (head + b"\r").index(b"\r", at)])
        if len(self.buffer) < head_size + 4 + length:
            return
        line = self.buffer[: self.buffer.index(b"\r")]
        _, kind, name = line.split(b" ")[1].split(b"/")
        identifier = self.header(head_size, b"webhook-id: ")
        attempt = int(self.header(head_size, b"webhook-attempt: "))
        self.buffer = self.buffer[head_size + 4 + length :]
        arrived = time.monotonic()
        delay, response = answer(kind, identifier, attempt)
        record = [arrived, 0.0, name, identifier, attempt, 0]
        self.records.append(record)
        if response is None:
            return
        if delay:
            self.answering = asyncio.get_running_loop().call_later(delay, self.send, record, response)
        else:
            self.send(record, response)

    def header(self, head_size, name):
        at = self.buffer.index(name, 0, head_size) + len(name)
        return self.buffer[at : self.buffer.index(b"\r", at)]

    def send(self, record, response):
        self.answering = None
        if self.transport.is_closing():
            return
        self.transport.write(response)
        record[1] = time.monotonic()
        record[5] = int(response[9:12])


async def _main(pipe, host):
    loop = asyncio.get_running_loop()
    records = []
    server = await loop.create_server(lambda: Connection(records), sock=listen(host, 4096), backlog=4096)
    pipe.send(server.sockets[0].getsockname()[1])

    def on_request():
        if pipe.recv() == "count":
            pipe.send(len(records))
        else:
            pipe.send([tuple(record) for record in records])

    loop.add_reader(pipe.fileno(), on_request)
    await asyncio.Event().wait()


class Receivers:
    """The process, seen from the outside."""

    def __init__(self, host="127.0.0.1"):
        self.pipe, other = multiprocessing.Pipe()
        self.process = multiprocessing.Process(
            target=lambda: asyncio.run(_main(other, host)), daemon=True
        )
        self.process.start()
        self.port = self.pipe.recv()

    def records(self):
        """(arrived, answered, subscription's name, event id, attempt, status; 0: not answered), all of them."""
        self.pipe.send("records")
        return self.pipe.recv()

    def count(self):
        self.pipe.send("count")
        return self.pipe.recv()

    def close(self):
        self.process.kill()
        self.process.join()
