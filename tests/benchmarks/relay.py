"""The bare relay everything is compared with: aiohttp in, aiohttp out, nothing kept, nothing mapped."""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import uvloop
from aiohttp import web


async def main(vms: str) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:

        async def take(request: web.Request) -> web.Response:
            body = await request.read()
            async with session.post(vms, data=body) as answer:
                await answer.read()
            return web.Response()

        app = web.Application()
        app.router.add_post("/{rest:.*}", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(f"ready http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()


uvloop.run(main(sys.argv[1]))
