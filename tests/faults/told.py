"""What the world was told by a recorded bridge: read from what went through its sockets (``trace_writes.c``).

An acknowledgement names what it is for only on some ways: on the others it is what came in before it that does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from tests.faults.disk import Step

Thing = tuple[str, int]
"""A sensor, and the number of what it said."""

_EVENT = re.compile(rb'"id":"([0-9a-f]{26}\.\d+)"')
_REQUEST = re.compile(rb'POST /s/([a-z0-9-]+)|"carID": ?"(\d+)"')
_ANSWER = re.compile(rb"HTTP/1\.1 (\d)")
_INFORM = re.compile(rb"n-(\d+)")
_PUBLISH, _PUBACK = 3, 4


class Told:
    """``acknowledged``: by way in. ``shown``: events that the VMS was sent. The ports are the bridge's own, but for
    those of ``broker`` and ``vms``, to which it connects. ``informing``: sensor by the address that informs come from.
    """

    def __init__(self, lpr: int, broker: int, traps: int, vms: int, informing: Mapping[str, str]) -> None:
        self.acknowledged: dict[str, set[Thing]] = {"lpr": set(), "broker": set(), "traps": set()}
        self.shown: set[str] = set()
        self._lpr, self._broker, self._traps, self._vms = lpr, broker, traps, vms
        self._informing = informing
        self._posts: dict[str, _Posts] = {}
        self._sessions: dict[str, _Session] = {}

    def take(self, step: Step) -> None:
        """A step of kind N or I."""
        local, _, peer = step.path.partition(">")
        address, _, port = peer.rpartition(":")
        said = step.kind == "N"
        if int(local) == self._traps:
            if said:
                numbers = _INFORM.findall(step.data)
                self.acknowledged["traps"].update((self._informing[address], int(number)) for number in numbers)
        elif int(local) == self._lpr:
            posts = self._posts.setdefault(peer, _Posts())
            self.acknowledged["lpr"].update(posts.said(step.data) if said else posts.heard(step.data))
        elif int(port) == self._broker:
            session = self._sessions.setdefault(local, _Session())
            self.acknowledged["broker"].update(session.said(step.data) if said else session.heard(step.data))
        elif int(port) == self._vms and said:
            self.shown.update(id.decode() for id in _EVENT.findall(step.data))


class _Posts:
    """One connection by HTTP: requests and answers in their order."""

    def __init__(self) -> None:
        self._stream = b""
        self._sensor = ""
        self._waiting: list[Thing] = []

    def heard(self, data: bytes) -> Iterator[Thing]:
        self._stream += data
        for found in _REQUEST.finditer(self._stream):
            if found[1]:
                self._sensor = found[1].decode()
            else:
                self._waiting.append((self._sensor, int(found[2])))
                self._stream = self._stream[found.end() :]
                return self.heard(b"")
        return iter(())

    def said(self, data: bytes) -> Iterator[Thing]:
        for found in _ANSWER.finditer(data):
            thing = self._waiting.pop(0)
            if found[1] == b"2":
                yield thing


class _Session:
    """One connection to a broker (MQTT 5.0, 2.1, 3.3, 3.4): what was published under which packet id."""

    def __init__(self) -> None:
        self._in = self._out = b""
        self._published: dict[int, Thing] = {}

    def heard(self, data: bytes) -> Iterator[Thing]:
        self._in += data
        while packet := _packet(self._in):
            kind, flags, content, self._in = packet
            if kind == _PUBLISH and flags >> 1 & 3 == 1:
                at = 2 + int.from_bytes(content[:2], "big")
                mid = int.from_bytes(content[at : at + 2], "big")
                length, start = _number(content, at + 2) or (0, at + 3)
                said = json.loads(content[start + length :])
                self._published[mid] = (said["deviceInfo"]["deviceName"], said["fCnt"])
        return iter(())

    def said(self, data: bytes) -> Iterator[Thing]:
        self._out += data
        while packet := _packet(self._out):
            kind, _, content, self._out = packet
            if kind == _PUBACK:
                yield self._published.pop(int.from_bytes(content[:2], "big"))


def _packet(stream: bytes) -> tuple[int, int, bytes, bytes] | None:
    """Kind, flags and content of the first packet, and what follows it; None while it is not whole."""
    found = _number(stream, 1)
    if found is None or len(stream) < sum(found):
        return None
    length, start = found
    return stream[0] >> 4, stream[0] & 15, stream[start : start + length], stream[start + length :]


def _number(stream: bytes, at: int) -> tuple[int, int] | None:
    """A variable byte integer and where it ends."""
    number = 0
    for place in range(4):
        if at + place >= len(stream):
            return None
        number |= (stream[at + place] & 127) << 7 * place
        if stream[at + place] < 128:
            return number, at + place + 1
    raise ValueError("no number has five bytes")
