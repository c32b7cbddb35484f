"""A simulated Security Center: cameras, two alarms and a custom event; on demand having a bad day."""

from __future__ import annotations

from collections.abc import Callable

from bridge.simulator.genetec.api import Api, Users
from bridge.simulator.genetec.directory import Bookmark, Directory, Entity, Made, Raised, Triggered
from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.simulated import Simulated

CAMERAS = ("00000001-0000-babe-0000-080023e940c6", "00000001-0000-babe-0000-080023e940c7")
ALARM = "543b686c-06e1-4304-afa6-fcef50242a5e"
CUSTOM_EVENT = 5000


class SimulatedGenetec(Simulated):
    """``async with SimulatedGenetec() as gsc: … gsc.base_url, gsc.bookmarks, gsc.raised, gsc.triggered``."""

    def __init__(self, *, cameras: int = 2, host: str = "127.0.0.1", port: int = 0, seed: int = 1) -> None:
        more = [f"00000001-0000-babe-0000-{number:012x}" for number in range(2, cameras)]
        guids = [*CAMERAS[:cameras], *more]
        names = ["Dock", "Gate", *(f"Camera {number}" for number in range(3, cameras + 1))]
        entities = [
            Entity(guid, name, logical_id=number)
            for number, (guid, name) in enumerate(zip(guids, names, strict=False), 1)
        ]
        entities.append(Entity(ALARM, "Sensor Alarm", "Alarm"))
        self.directory = Directory(entities, {CUSTOM_EVENT: ("Sensor", "Camera")})
        self.users = Users()
        self.api = Api(self.directory, self.users)
        super().__init__(host, port, seed, base="/WebSdk")
        self.on_made: Callable[[Made], None] | None = None
        """Told of each thing as it is made."""

    @property
    def bookmarks(self) -> list[Bookmark]:
        return [each for each in self.directory.made if isinstance(each, Bookmark)]

    @property
    def raised(self) -> list[Raised]:
        return [each for each in self.directory.made if isinstance(each, Raised)]

    @property
    def triggered(self) -> list[Triggered]:
        return [each for each in self.directory.made if isinstance(each, Triggered)]

    def _answer(self, asked: Asked) -> Answer:
        before = len(self.directory.made)
        answer = self.api.answer(asked)
        if self.on_made is not None:
            for made in self.directory.made[before:]:
                self.on_made(made)
        return answer
