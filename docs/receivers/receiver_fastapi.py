"""A target with FastAPI, as it should be. SIGNING_SECRET=whsec_… python3 receiver_fastapi.py [port]"""
import socket, sys
from threading import Lock

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from receiver import verified  # receiver.py: the signature, with the standard library

app = FastAPI()
DONE, LOCK = set(), Lock()  # in a real service a table with a unique key


def work(run, body):
    with LOCK:  # one at a time, so that two calls of one run cannot both begin
        if run not in DONE:
            print("working on", body, flush=True)
            DONE.add(run)


@app.post("/")
async def receive(request: Request):
    # The signature is over the bytes of the body, so they are verified before anything is parsed.
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > 1 << 20:
            raise HTTPException(413)
    if not verified(request.headers, body):
        raise HTTPException(401)
    await run_in_threadpool(work, request.headers["idempotency-key"], body)
    return {}


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int((sys.argv + ["9100"])[1])))
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
