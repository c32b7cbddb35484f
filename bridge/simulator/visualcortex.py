"""A simulated VisualCortex: one webhook, many cameras, batches (reference source-visualcortex, sections 2 to 6).

Every batch holds events of several cameras. As on a site where both Webhook and Edge Webhook are set up, some batches
come a second time, and records that are no events stand among the others.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bridge.simulator.issued import Issued, Log
from bridge.simulator.payloads import JSON, post
from bridge.simulator.uplink import HttpUplink, Outgoing

_EDGE_BOX = "a58f9979-78ff-4ffd-9923-74e17abb0001"
_RULES = {"vc_line_cross": "65b8a0cb-6c5d-4937-bd0d-e9f269330001", "vc_dwell": "d22a8428-191a-4ab3-b9ee-4b794f110001"}


class VisualCortexSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``cameras``: the ledger's name of each sensor and its entity_id. ``every``: seconds between batches, ``batch``:
    events in one. ``first``: its objects are numbered from here. ``twice_every``: each so-manieth batch comes twice."""

    host: str
    port: int
    path: str
    cameras: Sequence[tuple[str, str]]
    every: float = 1.0
    batch: int = 4
    first: int = 0
    twice_every: int = 5
    timeout: float = 10.0


class VisualCortex:
    """``await platform.run(stop)`` sends batches until ``stop`` is set, then what is left to send."""

    def __init__(self, settings: VisualCortexSettings, log: Log) -> None:
        self.settings = settings
        self._log = log
        self._numbers = itertools.count(settings.first)
        self._turn = itertools.cycle(settings.cameras)
        self._uplink = HttpUplink(settings.host, settings.port, log, timeout=settings.timeout)

    async def run(self, stop: asyncio.Event, drain: float = 60.0) -> None:
        """Returns when everything is acknowledged, ``drain`` seconds after the last batch at the latest."""
        sending = asyncio.create_task(self._uplink.run())
        try:
            for count in itertools.count(1):
                self._put(count)
                if await _told(stop, self.settings.every):
                    break
            await self._uplink.drained(drain)
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            self._uplink.close()

    def _put(self, count: int) -> None:
        settings = self.settings
        elements: list[dict[str, object]] = []
        issued = []
        for _ in range(settings.batch):
            sensor, entity = next(self._turn)
            number = next(self._numbers)
            element, expect = event(entity, number, time.time())
            elements.append(element)
            issued.append(
                self._log.add(
                    Issued(
                        sensor=sensor, serial=entity, car=number, state="event", raises=True, expect=expect,
                        name=expect["object"], number=self._log.next_number(sensor),
                    )
                )
            )  # fmt: skip
        if count % 3 == 0:
            elements.insert(1, {"type": "camera", "payload": {"entity_id": settings.cameras[0][1], "name": "Dock 3"}})
        body = msgspec.json.encode(elements)
        request = post(settings.path, f"{settings.host}:{settings.port}", JSON, body)
        for _ in range(2 if settings.twice_every and count % settings.twice_every == 0 else 1):
            self._uplink.put(Outgoing(request, tuple(issued)))


def event(entity: str, number: int, at: float) -> tuple[dict[str, object], dict[str, str]]:
    """The element about object ``number`` at a camera, and what must stand in the VMS: samples S1 and S2."""
    kind = "vc_dwell" if number % 4 == 3 else "vc_line_cross"
    label = ("person", "bicycle", "car")[number % 3]
    tracked = f"b9238484-03b6-4f20-ab56-{number:012x}"
    about: dict[str, object] = {"event_definition_uuid": _RULES[kind], "object_uuid": tracked, "label": label}
    expect = {"label": label, "object": tracked}
    if kind == "vc_line_cross":
        about["direction"] = ("entry", "exit")[number % 2]
        expect["direction"] = ("in", "out")[number % 2]
    else:
        about["dwelltime_seconds"] = 2.5
        expect["dwell_seconds"] = "2.5"
    payload = {
        "entity_id": entity,
        "entity_type_cd": "camera",
        "transformation_name": kind,
        "transformation_version": "1.0.0",
        "processing_entity_id": _EDGE_BOX,
        "processing_entity_type_cd": "edge_box",
        "event_dttm": _stamp(at),
        "data_json": msgspec.json.encode(about).decode() if number % 7 == 0 else about,
        "created_at": _stamp(at + 0.05),
    }
    return {"type": "event", "payload": payload}, expect


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _told(stop: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
