"""What simulated senders said and what was acknowledged: one side of the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec


class Issued(msgspec.Struct, kw_only=True):
    """One message of one thing, once, however often it was sent.

    The thing is ``car`` of ``serial`` at ``sensor``: a vehicle's running number at a reader, and for other sources what
    they number; ``name`` is what it is known again by in the VMS (see ``arrivals``) where those three do not stand
    there. ``number``: its place among the messages of its sensor, in the order they are sent. ``expect``: what must
    stand in the VMS once this message counts (field → value). ``acknowledged``: the receiver said it has it.
    ``unsure``: sent, and neither acknowledged nor known to be lost; on a way without acknowledgement, written just
    before the connection broke. ``written``: on such a way, handed to the network, on its sender's ``connection`` of
    this number. ``urgency``: the lane it takes.
    ``ordered``: False where nobody promises its place, for a poll brought it after an outage.
    """

    sensor: str
    serial: str
    car: int
    state: str
    number: int
    capture_timestamp: int = 0
    plate: str = ""
    name: str = ""
    raises: bool = False
    """Whether the vehicle's event is raised at the latest with this message, however long the hold."""
    urgency: str = "notice"
    ordered: bool = True
    expect: dict[str, str] = {}
    picture: str = ""
    """SHA-256 of its picture, where the ledger is to compare it."""
    acknowledged: bool = False
    written: bool = False
    connection: int = 0
    unsure: bool = False
    attempts: int = 0
    status: int = 0
    """The last HTTP status; 0 before there was one."""

    @property
    def alarm(self) -> bool:
        return self.urgency == "alarm"

    @property
    def sure(self) -> bool:
        """Whether the receiver must have it."""
        return self.acknowledged or (self.written and not self.unsure)

    @property
    def vehicle(self) -> tuple[str, str, int]:
        return self.sensor, self.serial, self.car


class Log:
    """All that was issued, in the order it was made."""

    def __init__(self) -> None:
        self.issued: list[Issued] = []
        self.sent = 0
        """Requests and objects put on the wire, repetitions included."""
        self.refused = 0
        """Answers that were not 2xx."""
        self.cut = 0
        """Requests that got no answer."""
        self.latencies: list[float] = []
        """Seconds from sending to acknowledgement, when they are kept."""
        self.excuse_cuts = True
        """Whether a connection that breaks excuses what was just written to it, where nothing is acknowledged."""
        self._numbers: defaultdict[str, int] = defaultdict(int)

    def add(self, issued: Issued) -> Issued:
        self.issued.append(issued)
        return issued

    def next_number(self, sensor: str) -> int:
        """0, 1, 2, … for each sensor."""
        number = self._numbers[sensor]
        self._numbers[sensor] = number + 1
        return number

    @property
    def acknowledged(self) -> list[Issued]:
        return [each for each in self.issued if each.acknowledged]

    def vehicles(self) -> Mapping[tuple[str, str, int], Sequence[Issued]]:
        """The messages of each vehicle, in order."""
        found: dict[tuple[str, str, int], list[Issued]] = {}
        for each in self.issued:
            found.setdefault(each.vehicle, []).append(each)
        return found

    def write(self, path: Path) -> None:
        """All of it as JSON lines."""
        path.write_bytes(b"".join([msgspec.json.encode(each) + b"\n" for each in self.issued]))
