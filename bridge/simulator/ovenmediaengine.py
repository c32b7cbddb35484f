"""A simulated OvenMediaEngine: streams come, suffer, recover and go, and its Alert module says so.

As the real one (reference source-ovenmediaengine-alert, sections 1 to 4, 9): one connection a notification, the body on
one line with its keys in order, signed over its bytes; every notification names all that is wrong with its stream by
now; what could not be sent in three tries is lost, for its queue is only in memory.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bridge.simulator.http_client import Cut, HttpClient
from bridge.simulator.issued import Issued, Log
from bridge.simulator.payloads import JSON, Quirks, post

TRIES = 3
CREATED, DELETED = "INGRESS_STREAM_CREATED", "INGRESS_STREAM_DELETED"
LOW, BFRAME = "INGRESS_BITRATE_LOW", "INGRESS_HAS_BFRAME"

_SAID = {
    CREATED: "A new ingress stream has been created",
    DELETED: "A ingress stream has been deleted",
    LOW: "The ingress stream's current bitrate (316228 bps) is lower than the configured bitrate (2000000 bps)",
    BFRAME: "There are B-Frames in the ingress stream",
    "OK": "The current status is good",
}
_URGENCY = {DELETED: "alarm", LOW: "fault"}


class Notification(msgspec.Struct, frozen=True):
    """``codes``: what it names. ``tells``: the events it makes, each as (place in the life of the stream, code,
    state)."""

    codes: tuple[str, ...]
    tells: tuple[tuple[int, str, str], ...]


LIFE = (
    Notification((CREATED,), ((1, CREATED, "momentary"),)),
    Notification((LOW,), ((2, LOW, "active"),)),
    Notification((LOW, BFRAME), ((3, BFRAME, "active"),)),
    Notification((BFRAME,), ((4, LOW, "restored"),)),
    Notification(("OK",), ((5, BFRAME, "restored"),)),
    Notification((DELETED,), ((6, DELETED, "momentary"),)),
)
"""What is said of a stream from its coming to its going."""


class OvenMediaEngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``streams``: the ledger's name of each sensor and its sourceUri. ``every``: seconds between notifications of a
    stream. ``secret``: the SecretKey its notifications are signed with."""

    host: str
    port: int
    path: str
    streams: Sequence[tuple[str, str]]
    secret: str
    every: float = 1.0
    timeout: float = 3.0


class OvenMediaEngine:
    """``await server.run(stop)`` lets streams come and go until ``stop`` is set; lives that have begun are told to
    their end, without waiting."""

    def __init__(self, settings: OvenMediaEngineSettings, log: Log) -> None:
        self.settings = settings
        self._log = log

    async def run(self, stop: asyncio.Event, drain: float = 60.0) -> None:
        """Returns when the last stream has gone, ``drain`` seconds after ``stop`` at the latest."""
        async with asyncio.TaskGroup() as group:
            for index, (sensor, uri) in enumerate(self.settings.streams):
                group.create_task(self._stream(sensor, uri, index, stop, drain))

    async def _stream(self, sensor: str, uri: str, index: int, stop: asyncio.Event, drain: float) -> None:
        settings = self.settings
        await _wait(stop, settings.every * index / len(settings.streams))
        while not stop.is_set():
            created = datetime.now(UTC)
            doubt = False
            for notification in LIFE:
                issued = self._issue(sensor, uri, created, notification)
                taken = await self._send(uri, created, notification, issued)
                # What was lost was part of the state: until the stream is said to be gone, nobody knows what is on.
                doubt = doubt or not taken
                for each in issued:
                    each.unsure = doubt
                    each.acknowledged = taken and not doubt
                if not stop.is_set():
                    await _wait(stop, settings.every)
                elif drain <= 0:
                    return

    def _issue(self, sensor: str, uri: str, created: datetime, notification: Notification) -> list[Issued]:
        since = created.isoformat(timespec="milliseconds")
        return [
            self._log.add(
                Issued(
                    sensor=sensor, serial=since, car=place, state=f"{code} {state}", raises=True,
                    name=f"{uri} {since} {code} {state}", number=self._log.next_number(sensor),
                    urgency=_URGENCY.get(code, "notice"), expect={"code": code, "state": state},
                )
            )
            for place, code, state in notification.tells
        ]  # fmt: skip

    async def _send(self, uri: str, created: datetime, notification: Notification, issued: Sequence[Issued]) -> bool:
        """Three tries when there is no answer, none after an answer that is not 200."""
        settings = self.settings
        body = document(uri, created, notification.codes)
        signature = f"X-OME-Signature: {signed(settings.secret.encode(), body)}"
        host = f"{settings.host}:{settings.port}"
        request = post(settings.path, host, JSON, body, "", Quirks(), "User-Agent: OvenMediaEngine", signature)
        for _ in range(TRIES):
            for each in issued:
                each.attempts += 1
            self._log.sent += 1
            client = HttpClient(settings.host, settings.port, timeout=settings.timeout)
            try:
                reply = await client.send(request)
            except Cut:
                self._log.cut += 1
                await asyncio.sleep(0)
                continue
            finally:
                client.close()
            for each in issued:
                each.status = reply.status
            self._log.refused += reply.status != 200
            return reply.status == 200
        return False


def document(uri: str, created: datetime, codes: Sequence[str]) -> bytes:
    """The body as jsoncpp writes it: one line, keys in order (section 4)."""
    name = uri.rpartition("/")[2]
    info: dict[str, object] = {
        "createdTime": created.isoformat(timespec="milliseconds"),
        "name": name,
        "sourceType": "Rtmp",
        "sourceUrl": "TCP://10.20.0.31:10639",
        "tracks": [
            {
                "id": 0, "name": "Video", "type": "Video",
                "video": {"bitrate": 300000, "bypass": False, "codec": "H264", "framerate": 29.970029830932617,
                          "hasBframes": BFRAME in codes, "height": 1080, "keyFrameInterval": 60.0, "width": 1920},
            },
            {"audio": {"bitrate": 160000, "bypass": False, "channel": 1, "codec": "AAC", "samplerate": 48000},
             "id": 1, "name": "Audio", "type": "Audio"},
        ],
    }  # fmt: skip
    told = {
        "messages": [{"code": code, "description": _SAID[code]} for code in codes],
        "sourceInfo": info,
        "sourceUri": uri,
        "type": "INGRESS",
    }
    return msgspec.json.encode(told, order="deterministic")


def signed(secret: bytes, body: bytes) -> str:
    """``X-OME-Signature``: HMAC-SHA1 of the body's bytes as base64url without padding (section 3)."""
    return base64.urlsafe_b64encode(hmac.digest(secret, body, hashlib.sha1)).decode().rstrip("=")


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
