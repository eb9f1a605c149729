# SPDX-License-Identifier: Apache-2.0
"""What one would write by hand in Python: asyncio, redis-py, aiohttp. Reads the stream in a group, signs, POSTs with
keep-alive, acknowledges. No retry schedule, no isolation, no dead letters: less than petrel does.

    python worker.py <redis port> <receiver port> <destinations> [in flight]
"""

import asyncio
import base64
import hashlib
import hmac
import sys
import time
from datetime import datetime, timezone

import aiohttp
import redis.asyncio as redis

SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


async def deliver(session, store, entry, fields, port, destinations):
    number = int(fields[b"type"].rsplit(b".", 1)[1]) % destinations + 1
    url = f"http://127.{number >> 16}.{number >> 8 & 255}.{number & 255}:{port}/hook"
    event = "msg_0_" + entry.decode().replace("-", "_")
    stamp = str(int(time.time()))
    at = datetime.fromtimestamp(int(entry.split(b"-")[0]) / 1000, timezone.utc)
    body = b'{"type":"%s","timestamp":"%s","data":%s}' % (
        fields[b"type"], at.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode(), fields[b"data"])
    digest = hmac.new(SECRET, f"{event}.{stamp}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "webhook-id": event, "webhook-timestamp": stamp, "webhook-attempt": "1", "user-agent": "baseline",
        "webhook-signature": "v1," + base64.b64encode(digest).decode(), "content-type": "application/json",
    }
    async with session.post(url, data=body, headers=headers) as answer:
        await answer.read()
        if answer.status < 300:
            await store.xack("petrel:events", "petrel", entry)


async def main(redis_port, port, destinations, in_flight=256):
    store = redis.Redis(port=redis_port)
    try:
        await store.xgroup_create("petrel:events", "petrel", "0", mkstream=True)
    except redis.ResponseError:
        pass
    slots, tasks = asyncio.Semaphore(in_flight), set()

    def done(task):
        slots.release()
        tasks.discard(task)
        if task.exception():
            print(task.exception(), file=sys.stderr)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        print("ready", flush=True)
        while True:
            for _, entries in await store.xreadgroup("petrel", "python", {"petrel:events": ">"}, 64, 5000):
                for entry, fields in entries:
                    await slots.acquire()
                    task = asyncio.create_task(deliver(session, store, entry, fields, port, destinations))
                    tasks.add(task)
                    task.add_done_callback(done)


asyncio.run(main(*map(int, sys.argv[1:])))
