"""A simulated XProtect: everything that speaks HTTP at one port, the data source at another; on demand a bad day."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.milestone.analytics import take
from bridge.simulator.milestone.gateway import Gateway, Users
from bridge.simulator.milestone.source import DataSource
from bridge.simulator.milestone.state import State
from bridge.simulator.simulated import Simulated

GRAPHQL, TOPIC = "/graphql", "/topics/alerts"


class SimulatedMilestone(Simulated):
    """``async with SimulatedMilestone() as xprotect: … xprotect.base_url, xprotect.source.port, xprotect.state``."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 1,
        visible_after: float = 0.05,
        record_bytes: bool = False,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.state = State(lambda: asyncio.get_running_loop().time(), visible_after)
        self.users = Users(tokens=set())
        self.gateway = Gateway(self.state, self.users, now or (lambda: datetime.now(UTC)))
        self.source = DataSource(self.state)
        super().__init__(host, port, seed, record_bytes=record_bytes)
        self.topics = {"alerts"}
        self.topic_base = ""
        """Where the AI Bridge says that its topics are, when that is not here."""
        self.on_asked: Callable[[Asked, Answer], None] | None = None
        """Told of each request and its answer."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self.source.listen(self.server.host)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.source.stop()
        await super().__aexit__(kind, error, trace)

    def _answer(self, asked: Asked) -> Answer:
        answer = self._of(asked)
        if self.on_asked is not None:
            self.on_asked(asked, answer)
        return answer

    def _of(self, asked: Asked) -> Answer:
        if asked.method == "POST" and asked.path == "/":
            return take(asked, self.state)
        if asked.path == GRAPHQL:
            topic = json.loads(asked.body)["variables"]["n"]
            place = {"topicAvailability": {"rest": (self.topic_base or self.base_url) + TOPIC}}
            return Answer(200, json.dumps({"data": {"eventTopics": [place] if topic in self.topics else []}}).encode())
        if asked.path == TOPIC and asked.headers.get(b"content-type") == b"text/json":
            self.state.posted.append(json.loads(asked.body))
            return Answer(200)
        return self.gateway.answer(asked)
