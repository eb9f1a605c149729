// SPDX-License-Identifier: Apache-2.0
// The official JavaScript library as a judge: JSON lines in, "ok" or the error per line out.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, id, timestamp, signature, body_base64 } = JSON.parse(line);
  try {
    new Webhook(secret).verify(Buffer.from(body_base64, "base64").toString(), {
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": signature,
    }, { jsonParse: false }); // a payload need not be JSON
    console.log("ok");
  } catch (error) {
    console.log(`error: ${error.message}`);
  }
}
