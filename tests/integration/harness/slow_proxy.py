# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy in front of Redis: cuts every connection when told to, and holds back what Redis answers to a connection of a
given name (CLIENT SETNAME)."""

import asyncio
import threading

from .ports import listen


class SlowProxy:
    def __init__(self, port):
        self.target = port
        self.delays = {}  # part of a connection's name → seconds that its answers are held back
        self.writers = set()
        self.is_started = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.is_started.wait(10)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def cut_all(self):
        self.loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in self.writers])

    def close(self):
        self.loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self.loop)])
        self.loop.call_soon_threadsafe(self.loop.call_later, 0.05, self.loop.stop)  # when they have ended
        self.thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, sock=listen()))
        self.port = server.sockets[0].getsockname()[1]
        self.is_started.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        seen = bytearray()
        ends = {writer, there_writer}
        self.writers |= ends
        await asyncio.gather(self._pass(reader, there_writer, seen, False), self._pass(there_reader, writer, seen, True),
                             return_exceptions=True)
        self.writers -= ends
        for end in ends:
            end.close()

    async def _pass(self, reader, writer, seen, is_answer):
        while data := await reader.read(65536):
            if not is_answer and len(seen) < 4096:
                seen += data
            delay = sum(s for name, s in self.delays.items() if name.encode() in seen) if is_answer else 0
            if delay:
                await asyncio.sleep(delay)
            writer.write(data)
            await writer.drain()
        writer.close()
