// SPDX-License-Identifier: Apache-2.0
// What one would write by hand in Node: read the stream in a group, sign, POST with keep-alive, acknowledge. No retry
// schedule, no isolation, no dead letters: less than petrel does.
//
//   node worker.mjs <redis port> <receiver port> <destinations> [in flight]
import { createHmac } from "node:crypto";
import Redis from "ioredis";
import { Pool } from "undici";

const [redisPort, receiverPort, destinations, inFlight = 256] = process.argv.slice(2).map(Number);
const secret = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
const reader = new Redis(redisPort, { enableAutoPipelining: false });
const writer = new Redis(redisPort, { enableAutoPipelining: true });
const pools = new Map();

function poolOf(type) {
  const number = (Number(type.slice("bench.".length)) % destinations) + 1;
  if (!pools.has(number)) {
    const origin = `http://127.${number >> 16}.${(number >> 8) & 255}.${number & 255}:${receiverPort}`;
    pools.set(number, new Pool(origin, { connections: Math.max(2, Math.ceil(inFlight / destinations)) }));
  }
  return pools.get(number);
}

async function deliver(entry, fields) {
  const event = {};
  for (let i = 0; i < fields.length; i += 2) event[fields[i]] = fields[i + 1];
  const id = `msg_0_${entry.replace("-", "_")}`;
  const timestamp = Math.floor(Date.now() / 1000);
  const at = new Date(Number(entry.split("-")[0])).toISOString();
  const body = `{"type":"${event.type}","timestamp":"${at}","data":${event.data}}`;
  const signature = createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64");
  const answer = await poolOf(event.type).request({
    path: "/hook", method: "POST", body,
    headers: {
      "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": `v1,${signature}`,
      "webhook-attempt": "1", "content-type": "application/json", "user-agent": "baseline",
    },
  });
  await answer.body.dump();
  if (answer.statusCode < 300) await writer.xack("petrel:events", "petrel", entry);
}

await writer.xgroup("CREATE", "petrel:events", "petrel", "0", "MKSTREAM").catch(() => {});
console.log("ready");
let running = 0, wake;
for (;;) {
  const reply = await reader.xreadgroup("GROUP", "petrel", "node", "COUNT", 64, "BLOCK", 5000, "STREAMS", "petrel:events", ">");
  for (const [entry, fields] of reply?.[0]?.[1] ?? []) {
    while (running >= inFlight) await new Promise((resolve) => (wake = resolve));
    running++;
    deliver(entry, fields).catch((error) => console.error(error.message)).finally(() => { running--; wake?.(); });
  }
}
