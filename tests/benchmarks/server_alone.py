"""A raw limit: an HTTP server alone, answering at once and doing nothing: ours, or uvicorn to compare it with."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import uvloop


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def main(whose: str) -> None:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.setblocking(False)
    listening.listen(1024)
    print(f"ready http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    if whose == "uvicorn":
        import uvicorn

        config = uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_level="error")
        await uvicorn.Server(config).serve([listening])
    else:
        from bridge.asgi import Limits, Server

        await Server(app, Limits()).start(listening)
        await asyncio.get_running_loop().create_future()  # until it is ended


uvloop.run(main(sys.argv[1]))
