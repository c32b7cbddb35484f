"""Generic events: a line of text to a data source of the Event Server, and the echo it is set to give [10].

Over TCP not with ``plain.PlainSocket``: one connects, sends and closes here, and an echo may lack a line's end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

from bridge.model import Action, Ambiguous, CameraId, Delivered, Delivery, Outcome, Rejected, Retry
from bridge.vms.base import PLAIN
from bridge.vms.datagrams import Datagrams
from bridge.vms.milestone.settings import MilestoneCamera, MilestoneSettings
from bridge.vms.milestone.steps import Kind, Step
from bridge.vms.milestone.words import Words
from bridge.vms.plain import address
from bridge.vms.text import Place

_STATISTICS = re.compile(rb"\d+,\d+,(0|[1-9]\d*(?=[,\s]))")
"""``1,39,1,RecCam1``: request, characters, how many generic events matched, which."""
_LONGEST_ECHO = 65536


class Generic:
    def __init__(self, settings: MilestoneSettings, cameras: Mapping[CameraId, MilestoneCamera], words: Words) -> None:
        self._settings = settings
        self._cameras = cameras
        self._words = words
        self._place = Place(encoding="" if settings.characters == "utf-8" else settings.characters, lines=False)
        self._end = b"\r\n" if settings.separator == "crlf" else b""

    def of(self, delivery: Delivery) -> tuple[Step, ...]:
        """What its expressions can match on stands first: name, type, state, urgency, camera."""
        if delivery.action is Action.AMEND and self._settings.amendments == "leave out":
            return ()
        event = delivery.event
        head = (self._settings.event_name, event.type, event.state.value, event.urgency.name.lower(), delivery.camera)
        text = self._place.clean(f"{' '.join(head)} {self._words.line(delivery)}")
        step = Step(
            kind=Kind.GENERIC,
            event=event.id,
            method=PLAIN,
            url=self._settings.generic,
            body=text.encode(self._settings.characters, "replace") + self._end,
            camera=delivery.camera,
            purpose="send a generic event",
            raises=True,
        )
        return (step,)


async def throw(step: Step, datagrams: Datagrams, seconds: float) -> Outcome:
    """Hand it over as a datagram. Raises SendingError."""
    await datagrams.write(step.body, seconds)
    return Delivered(note="nobody answers a datagram: whether it arrived is not known")


async def say(step: Step, settings: MilestoneSettings) -> Outcome:
    """Connect, send, hear the echo, close. Never raises."""
    host, port = address(step.url)
    where = step.url.removeprefix("tcp://")
    end = asyncio.get_running_loop().time() + settings.timeout
    try:
        async with asyncio.timeout_at(end):
            reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return Retry(f"no connection to {where} within {settings.timeout:g} s", away=True)
    except OSError as error:
        return Retry(f"{where}: {error.strerror or 'the name is not known'}", away=True)
    try:
        async with asyncio.timeout_at(end):
            writer.write(step.body)
            await writer.drain()
            return await _echo(reader, step.body, settings.echo)
    except TimeoutError:
        return Ambiguous(f"{where} took the text and gave no echo; see echo", away=True)
    except (OSError, EOFError):
        return Ambiguous(f"the connection to {where} was cut before its echo came")
    finally:
        writer.close()


async def _echo(reader: asyncio.StreamReader, body: bytes, expected: str) -> Outcome:
    """Raises EOFError."""
    if expected == "none":
        return Delivered(note="nobody answers a generic event")
    heard = b""
    while len(heard) < _LONGEST_ECHO + len(body):
        data = await reader.read(4096)
        if not data:
            raise EOFError
        heard += data
        if expected == "all" and len(heard) >= len(body):
            if not heard.startswith(_same_in_all(body)):
                break
            return Delivered(note="its echo came")
        statistics = _STATISTICS.search(heard) if expected == "statistics" else None
        if statistics is not None:
            if statistics[1] == b"0":
                return Rejected("XProtect has no generic event that matches; make one in the Management Client")
            return Delivered(note=f"{statistics[1].decode()} generic events matched")
    return Ambiguous("the echo is not the one that echo says")


def _same_in_all(body: bytes) -> bytes:
    """Its beginning up to what a code page may change."""
    return body[: next((at for at, byte in enumerate(body) if byte > 0x7F), len(body))]
