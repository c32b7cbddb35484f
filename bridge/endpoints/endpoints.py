"""All endpoints of a site: started, changed with a reload, and ended together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from bridge.clock import Clock
from bridge.config.site import Endpoint, Site
from bridge.delivery.backoff import half_jitter
from bridge.endpoints.status import EndpointStatus
from bridge.endpoints.stream import Stream
from bridge.journal.contract import JournalError
from bridge.secret import Secrets
from bridge.supervision import Conditions

if TYPE_CHECKING:  # loaded only for sites that have endpoints
    from bridge.endpoints.port import Port
    from bridge.endpoints.settings import WebSocketEndpoint
    from bridge.endpoints.webhook import Webhook
    from bridge.endpoints.websocket import WebSocket

log = logging.getLogger("bridge.endpoints")

LONGEST_PAUSE = 60.0


class Endpoints:
    """``run`` until cancelled; ``replace`` with another site meanwhile. ``stream`` has to be told of every decision."""

    def __init__(self, site: Site, stream: Stream, secrets: Secrets, clock: Clock, conditions: Conditions) -> None:
        self.stream = stream
        self._site = site
        self._secrets = secrets
        self._clock = clock
        self._conditions = conditions
        self._group: asyncio.TaskGroup | None = None
        self._made: dict[str, tuple[Endpoint, Webhook | WebSocket]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ports: dict[str, tuple[Port, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for endpoint in self._site.endpoints.values():
                    self._start(endpoint)
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None

    async def replace(self, site: Site) -> None:
        """Stop those that are gone or changed, start those that are new or changed; the others notice nothing."""
        self._site = site
        if self._group is None:
            return
        for name, (endpoint, _) in tuple(self._made.items()):
            new = site.endpoints.get(name)
            if new is None or new.settings != endpoint.settings:
                await self._stop(name)
        for name, endpoint in site.endpoints.items():
            if name not in self._made:
                self._start(endpoint)

    async def status(self) -> list[EndpointStatus]:
        found = []
        for name, endpoint in self._site.endpoints.items():
            made = self._made.get(name)
            if made is None:
                found.append(EndpointStatus(name, endpoint.settings.type, why="not started"))
                continue
            try:
                found.append(await made[1].current())
            except JournalError:
                found.append(made[1].status)
        return found

    # ------------------------------------------------------------------------------------------------------ one of them

    def _start(self, endpoint: Endpoint) -> None:
        from bridge.endpoints.filter import filter_of
        from bridge.endpoints.settings import WebhookEndpoint, WebSocketEndpoint
        from bridge.endpoints.webhook import Webhook
        from bridge.endpoints.websocket import WebSocket

        assert self._group is not None
        name, settings = endpoint.id, endpoint.settings
        wanted = filter_of(settings.filter, endpoint.select)
        if isinstance(settings, WebhookEndpoint):
            webhook = Webhook(name, settings, wanted, self.stream, self._secrets, self._clock, self._conditions)
            self._made[name] = endpoint, webhook
            run = self._again_and_again(f"endpoint {name}", webhook.run, webhook.down)
            self._tasks[name] = self._group.create_task(run, name=f"endpoint {name}")
        elif isinstance(settings, WebSocketEndpoint):
            websocket = WebSocket(name, settings, wanted, self.stream, self._secrets)
            self._made[name] = endpoint, websocket
            self._port(settings).add(websocket)

    async def _stop(self, name: str) -> None:
        from bridge.endpoints.websocket import WebSocket

        _, made = self._made.pop(name)
        if isinstance(made, WebSocket):
            await self._leave(made)
            return
        task = self._tasks.pop(name)
        task.cancel()
        await asyncio.wait([task])
        self._conditions.end(f"endpoint {name}", "no longer there")

    # --------------------------------------------------------------------------------------------------------- ports

    def _port(self, settings: WebSocketEndpoint) -> Port:
        """The port of this address; a new one when there is none yet."""
        assert self._group is not None
        found = self._ports.get(settings.bind)
        if found is not None:
            return found[0]
        from bridge.endpoints.port import Port

        key = f"endpoints on {settings.bind}"
        port = Port(settings, lambda: self._conditions.end(key))
        task = self._group.create_task(self._again_and_again(key, port.run, port.down), name=key)
        self._ports[settings.bind] = port, task
        return port

    async def _leave(self, websocket: WebSocket) -> None:
        bind = websocket.settings.bind
        port, task = self._ports[bind]
        del port.places[websocket.path]
        await websocket.dismiss("the site was changed")
        if not port.places:
            del self._ports[bind]
            task.cancel()
            await asyncio.wait([task])
            self._conditions.end(f"endpoints on {bind}", "no longer there")

    async def _again_and_again(self, key: str, run: Callable[[], Awaitable[None]], down: Callable[[str], None]) -> None:
        """One that fails says why and is tried again; the others never notice."""
        wait = 1.0
        while True:
            try:
                await run()
            except OSError as error:
                why = error.strerror or str(error)
            except Exception as error:
                why = f"failed: {type(error).__name__}"
                log.exception("%s failed", key)
            else:
                return
            down(why)
            self._conditions.begin(key, why)
            await self._clock.sleep(half_jitter(wait))
            wait = min(wait * 2, LONGEST_PAUSE)
