# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that breaks connections in chosen ways: one asyncio loop in a thread.

    proxy = Proxy(port)           passes everything to 127.0.0.1:port
    proxy.refuse()                listens no more, and resets what is open
    proxy.hold()                  accepts, and passes nothing in either direction (a hung or unreachable server)
    proxy.delay_s = 0.1           each way, without lowering the throughput
    proxy.cut_replies = f         f() → how many bytes of replies a new connection gets before it is reset
    proxy.refuse_commands = f     f(words of a command) → the error that the server gives to it, or None
    proxy.heal()                  all of that is over
"""

import asyncio
import threading

from .ports import free_port

READ_BYTES = 65536


class Proxy:
    def __init__(self, target_port, host="127.0.0.1"):
        self.target_port = target_port
        self.host = host
        self.port = free_port()
        self.accepted = 0
        self.delay_s = 0.0
        self.cut_replies = None
        self.refuse_commands = None
        self._open = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()
        self._thread.start()
        assert self._started.wait(10)

    @property
    def url(self):
        return f"redis://{self.host}:{self.port}"

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._passing = asyncio.Event()
        self._passing.set()
        self._loop.run_until_complete(self._listen())
        self._started.set()
        self._loop.run_forever()

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self):
        self._server = await asyncio.start_server(self._serve, self.host, self.port, backlog=1024)

    # ---- faults

    def refuse(self):
        async def run():
            self._server.close()
            await self._server.wait_closed()
            self._reset_all()

        self._do(run())

    def hold(self):
        async def run():
            self._passing.clear()

        self._do(run())

    def reset(self):
        """Resets every open connection; new ones are served."""

        async def run():
            self._reset_all()

        self._do(run())

    def heal(self):
        self.delay_s, self.cut_replies, self.refuse_commands = 0.0, None, None

        async def run():
            self._passing.set()
            if not self._server.is_serving():
                await self._listen()

        self._do(run())

    def _reset_all(self):
        for writer in list(self._open):
            writer.transport.abort()

    # ---- passing on

    async def _serve(self, reader, writer):
        self.accepted += 1
        self._open.add(writer)
        server = None
        try:
            await self._passing.wait()
            server_reader, server = await asyncio.open_connection(self.host, self.target_port)
            self._open.add(server)
            left = self.cut_replies() if self.cut_replies else None
            await asyncio.gather(self._requests(reader, server), self._replies(server_reader, writer, left))
        except (ConnectionError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, server):
                if end:
                    self._open.discard(end)
                    end.transport.abort()

    async def _write(self, writer, data):
        if self.delay_s:
            self._loop.call_later(self.delay_s, writer.write, data)
        else:
            writer.write(data)
            await writer.drain()

    async def _requests(self, reader, server):
        while True:
            words, raw = await self._read_command(reader)
            await self._passing.wait()
            error = self.refuse_commands(words) if self.refuse_commands else None
            await self._write(server, raw if error is None else self._command_with_error(error))

    @staticmethod
    def _command_with_error(error):
        """The server gives the error itself, so that replies stay in order."""
        words = [b"EVAL", f"return redis.error_reply('{error}')".encode(), b"0"]
        return b"*3\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)

    async def _replies(self, reader, client, left):
        while data := await reader.read(READ_BYTES):
            await self._passing.wait()
            if left is not None and len(data) > left:
                client.write(data[:left])
                await client.drain()
                raise ConnectionResetError
            if left is not None:
                left -= len(data)
            await self._write(client, data)
        raise ConnectionResetError

    async def _read_command(self, reader):
        """A RESP array of strings, as its words and as it came."""
        raw = await reader.readuntil(b"\r\n")
        words = []
        for _ in range(int(raw[1:])):
            head = await reader.readuntil(b"\r\n")
            body = await reader.readexactly(int(head[1:]) + 2)
            words.append(body[:-2])
            raw += head + body
        return words, raw

    def close(self):
        def stop():
            self._server.close()
            self._reset_all()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_later(0.05, self._loop.stop)

        self._loop.call_soon_threadsafe(stop)
        self._thread.join(5)
