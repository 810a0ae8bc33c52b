"""A target as it should be, with nothing but the standard library. SIGNING_SECRET=whsec_… python3 receiver.py [port]"""
import base64, hashlib, hmac, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock


def key(secret):
    """The key of a signing secret. With an empty or a short one anybody could sign."""
    try:
        found = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        found = b""
    if not secret.startswith("whsec_") or len(found) < 24:
        sys.exit("SIGNING_SECRET must be whsec_ and at least 24 bytes in base64. Make one: export SIGNING_SECRET=whsec_$(openssl rand -base64 32)")
    return found


KEY = key(os.environ.get("SIGNING_SECRET", ""))
DONE, LOCK = set(), Lock()  # in a real service a table with a unique key


def verified(headers, body):
    call, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not moment.isdigit() or abs(time.time() - int(moment)) > 300:
        return False
    digest = hmac.new(KEY, f"{call}.{moment}.".encode() + body, hashlib.sha256).digest()
    want = "v1," + base64.b64encode(digest).decode()
    return any(hmac.compare_digest(want.encode(), given.encode()) for given in headers.get("webhook-signature", "").split(" "))


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        if length > 1 << 20:
            return self.answer(413)
        body = self.rfile.read(length)
        if not verified(self.headers, body):
            return self.answer(401)
        with LOCK:  # one at a time, so that two calls of one run cannot both begin
            run = self.headers["idempotency-key"]
            if run not in DONE:
                print("working on", body, flush=True)
                DONE.add(run)
        self.answer(200)

    do_GET = do_POST

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int((sys.argv + ["9100"])[1])), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
