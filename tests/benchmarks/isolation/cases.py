"""Every kind of badness by every way it can come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ASKED = ("modbus", "tcp-client", "http-stream", "http-poll", "websocket", "mqtt")


@dataclass(frozen=True)
class Case:
    """``what``: of ``bad``; ``way``: the connector that meets it, or ``vms``. ``sends``: it comes to us."""

    what: str
    way: str
    says: str
    sends: bool = False

    @property
    def name(self) -> str:
        return f"{self.way}: {self.says}"


_SAYS = {
    "hole": "no answer to SYN",
    "mute": "accepts, never says a thing",
    "vanishes": "begins an answer, then gone without FIN",
    "dribbles": "answers byte by byte",
    "babbles": "answers garbage",
    "endless": "an answer without end, 1 MB/s",
}


def cases() -> Iterator[Case]:
    for what, says in _SAYS.items():
        for way in ASKED:
            yield Case(what, way, says)
        if what in ("mute", "babbles"):
            yield Case(what, "snmp-poll", {"mute": "silent (UDP)"}.get(what, says))
    yield Case("heads", "http", "50 heads byte by byte", sends=True)
    yield Case("bodies", "http", "50 bodies byte by byte", sends=True)
    yield Case("dribbling", "tcp", "50 messages byte by byte", sends=True)
    yield Case("endless-object", "tcp", "a message without end, 1 MB/s", sends=True)
    for way in ("http", "tcp", "udp", "snmp", "mqtt"):
        yield Case("nonsense", way, "garbage, 100 a second", sends=True)
    for what in ("hole", "mute", "vanishes", "dribbles", "babbles", "endless"):
        yield Case(what, "vms", _SAYS[what])
