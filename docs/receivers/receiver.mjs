// A target as it should be, with nothing but Node. SIGNING_SECRET=whsec_… node receiver.mjs [port]
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const [, encoded = ""] = /^whsec_([A-Za-z0-9+/]+=*)$/.exec(process.env.SIGNING_SECRET ?? "") ?? [];
const key = Buffer.from(encoded, "base64");
if (key.length < 24) { // with an empty or a short key anybody could sign
  console.error("SIGNING_SECRET must be whsec_ and at least 24 bytes in base64. Make one: export SIGNING_SECRET=whsec_$(openssl rand -base64 32)");
  process.exit(1);
}
const done = new Set(); // in a real service a table with a unique key

function verified(headers, body) {
  const { "webhook-id": id = "", "webhook-timestamp": moment = "", "webhook-signature": given = "" } = headers;
  if (!/^\d+$/.test(moment) || Math.abs(Date.now() / 1000 - Number(moment)) > 300) return false;
  const want = Buffer.from("v1," + createHmac("sha256", key).update(`${id}.${moment}.`).update(body).digest("base64"));
  return given.split(" ").some((one) => one.length === want.length && timingSafeEqual(Buffer.from(one), want));
}

const server = createServer(async (request, response) => {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    if ((length += part.length) > 1 << 20) return response.writeHead(413).end();
    parts.push(part);
  }
  const body = Buffer.concat(parts);
  if (!verified(request.headers, body)) return response.writeHead(401).end();
  const run = request.headers["idempotency-key"];
  if (!done.has(run)) {
    console.log("working on", body.toString());
    done.add(run);
  }
  response.writeHead(200).end();
});
server.listen(Number(process.argv[2] ?? 9100), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
