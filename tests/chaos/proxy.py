# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy in front of Redis that cuts a connection in the middle of a reply when told to."""

import asyncio
import threading

from harness.ports import listen


class Proxy:
    def __init__(self, port):
        self.target = port
        self.cuts = 0
        self.wanted = []  # how much of the next replies passes, 0…1
        self.is_started = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.is_started.wait(10)

    def cut_next_reply(self, share):
        self.loop.call_soon_threadsafe(self.wanted.append, share)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, sock=listen()))
        self.port = server.sockets[0].getsockname()[1]
        self.is_started.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass(reader, there_writer), self._pass_replies(there_reader, writer, there_writer),
                             return_exceptions=True)
        writer.close()
        there_writer.close()

    async def _pass(self, reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def _pass_replies(self, reader, writer, there_writer):
        while data := await reader.read(65536):
            if self.wanted and len(data) > 1:
                kept = max(1, min(len(data) - 1, int(len(data) * self.wanted.pop(0))))
                writer.write(data[:kept])
                await writer.drain()
                self.cuts += 1
                break
            writer.write(data)
            await writer.drain()
        writer.close()
        there_writer.transport.abort()
