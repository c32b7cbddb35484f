"""A raw limit: the HTTP server alone, answering at once and doing nothing."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn
import uvloop


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_level="error")
    print(f"ready http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    await uvicorn.Server(config).serve([listening])


asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
asyncio.run(main())
