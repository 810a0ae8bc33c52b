// A target with Express, as it should be. SIGNING_SECRET=whsec_… node receiver_express.mjs [port]
import { createHmac, timingSafeEqual } from "node:crypto";
import express from "express";

const [, encoded = ""] = /^whsec_([A-Za-z0-9+/]+=*)$/.exec(process.env.SIGNING_SECRET ?? "") ?? [];
const key = Buffer.from(encoded, "base64");
if (key.length < 24) { // with an empty or a short key anybody could sign
  console.error("SIGNING_SECRET must be whsec_ and at least 24 bytes in base64. Make one: export SIGNING_SECRET=whsec_$(openssl rand -base64 32)");
  process.exit(1);
}
const done = new Set(); // in a real service a table with a unique key

function signed(request, response, next) {
  const { "webhook-id": id = "", "webhook-timestamp": moment = "", "webhook-signature": given = "" } = request.headers;
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const want = Buffer.from("v1," + createHmac("sha256", key).update(`${id}.${moment}.`).update(body).digest("base64"));
  const fresh = /^\d+$/.test(moment) && Math.abs(Date.now() / 1000 - Number(moment)) <= 300;
  const genuine = given.split(" ").some((one) => one.length === want.length && timingSafeEqual(Buffer.from(one, "latin1"), want));
  if (!fresh || !genuine) return response.sendStatus(401);
  next();
}

const app = express();
// The signature is over the bytes of the body: read them raw, and parse them only when they are verified.
app.post("/", express.raw({ type: () => true, limit: "1mb" }), signed, (request, response) => {
  const run = request.get("Idempotency-Key");
  if (!done.has(run)) {
    console.log("working on", request.body.toString());
    done.add(run);
  }
  response.sendStatus(200);
});
const server = app.listen(Number(process.argv[2] ?? 9100), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
