# SPDX-License-Identifier: Apache-2.0
"""A scripted HTTP/1.1 receiver: one asyncio loop in a thread, http or https, any number of paths.

A path's script is a function of the request's running number (from 0) on that path, or a list whose last item
repeats; each item is an Answer. Every request is recorded, with its bytes as they came.
"""

import asyncio
import threading
import time
from dataclasses import dataclass, field

from .ports import listen


@dataclass
class Answer:
    status: int = 200
    delay_s: float = 0.0
    headers: dict = field(default_factory=dict)
    body: bytes = b"ok"
    raw: bytes = None        # sent as it is, instead of a response; then the connection is closed
    hang: bool = False       # never answers
    drop: bool = False       # closes without an answer
    trickle_s: float = 0.0   # the body (or raw) byte by byte, one each trickle_s seconds
    endless: bool = False    # a body that never ends
    gate: threading.Event = None  # answers when it is set


@dataclass
class Request:
    path: str
    method: str
    header_lines: list  # (name as sent, value), in order
    body: bytes
    arrived_at: float   # time.time()
    connection: int
    status: int = 0     # what was answered; 0: nothing

    @property
    def headers(self):
        return {name.lower(): value for name, value in self.header_lines}

    @property
    def id(self):
        return self.headers["webhook-id"]

    @property
    def attempt(self):
        return int(self.headers["webhook-attempt"])


class Receiver:
    def __init__(self, ssl_context=None, host="127.0.0.1"):
        self.requests = []
        self.scripts = {}
        self.connections = 0
        self.lock = threading.Lock()
        self._counts = {}
        self._host = host
        self._ssl = ssl_context
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)

        async def start():
            self._server = await asyncio.start_server(
                self._serve, sock=listen(self._host, 1024), ssl=self._ssl, backlog=1024, limit=2**22
            )
            self.port = self._server.sockets[0].getsockname()[1]

        self._loop.run_until_complete(start())
        self._started.set()
        self._loop.run_forever()

    def url(self, path="/", host="127.0.0.1"):
        return f"{'https' if self._ssl else 'http'}://{host}:{self.port}{path}"

    def script(self, path, answers):
        self.scripts[path] = answers

    def at(self, path):
        with self.lock:
            return [r for r in self.requests if r.path == path]

    def count(self, path=None):
        with self.lock:
            return len(self.requests) if path is None else sum(r.path == path for r in self.requests)

    def accepted(self, path):
        """webhook-ids answered with a 2xx at this path, in order, repeats included."""
        return [r.id for r in self.at(path) if 200 <= r.status <= 299]

    def _answer_for(self, path):
        number = self._counts.get(path, 0)
        self._counts[path] = number + 1
        script = self.scripts.get(path, [Answer()])
        if callable(script):
            return script(number)
        return script[min(number, len(script) - 1)]

    async def _read(self, reader, connection):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        lines = [tuple(part.strip() for part in line.split(":", 1)) for line in head[1:] if line]
        length = next((int(v) for n, v in lines if n.lower() == "content-length"), 0)
        body = await reader.readexactly(length)
        return Request(path, method, lines, body, time.time(), connection)

    async def _serve(self, reader, writer):
        self.connections += 1
        connection = self.connections
        try:
            while True:
                request = await self._read(reader, connection)
                answer = self._answer_for(request.path)
                if answer.delay_s:
                    await asyncio.sleep(answer.delay_s)
                while answer.gate and not answer.gate.is_set():
                    await asyncio.sleep(0.005)
                says_status = not (answer.hang or answer.drop or answer.raw is not None)
                request.status = answer.status if says_status else 0
                with self.lock:
                    self.requests.append(request)
                if not await self._send(writer, answer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, OSError, asyncio.CancelledError):
            pass  # the other side went, or the test is over
        finally:
            writer.close()

    async def _send(self, writer, answer):
        """False when the connection is to be closed."""
        if answer.hang:
            await asyncio.sleep(3600)
        if answer.drop:
            writer.transport.abort()
            return False
        if answer.raw is not None:
            await self._write(writer, answer.raw, answer.trickle_s)
            return False
        head = [f"HTTP/1.1 {answer.status} X"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        if answer.endless:
            writer.write(("\r\n".join(head) + "\r\n\r\n").encode())
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        head.append(f"content-length: {len(answer.body)}")
        writer.write(("\r\n".join(head) + "\r\n\r\n").encode())
        await self._write(writer, answer.body, answer.trickle_s)
        return True

    @staticmethod
    async def _write(writer, data, trickle_s):
        if not trickle_s:
            writer.write(data)
            await writer.drain()
            return
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(trickle_s)

    def close(self):
        def stop():
            self._server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_later(0.05, self._loop.stop)

        self._loop.call_soon_threadsafe(stop)
        self._thread.join(5)
