"""Vehicles as a plate reader sees them, the same for the same number: plates, misreadings, the messages of a pass."""

from __future__ import annotations

import enum
from collections.abc import Iterator

import msgspec

_LETTERS = "ABCDEFHIJKLMNPRSTUVXYZ"
_MAKES = (("Skoda", "Octavia"), ("Ford", "Explorer"), ("Opel", "Astra G"), ("Toyota", "Corolla"), ("Volvo", "V60"))
_COLORS = ("GRAY", "WHITE", "BLACK", "BLUE", "RED")
_TYPES = ("CAR", "SUV", "VAN", "TRUCK", "PICKUP")
LARGEST = 10 * len(_LETTERS) ** 2 * 10_000


def plate(number: int) -> str:
    """Numbers below ``LARGEST`` to plates like 4AB1234, one to one."""
    rest, serial = divmod(number, 10_000)
    rest, second = divmod(rest, len(_LETTERS))
    digit, first = divmod(rest, len(_LETTERS))
    return f"{digit % 10}{_LETTERS[first]}{_LETTERS[second]}{serial:04d}"


def misread(right: str) -> str:
    """What the reader took this plate for at first sight; never another vehicle's plate or misreading."""
    return "OISZAGBTPQ"[int(right[0])] + right[1:]


class CarState(enum.Enum):
    NEW = "new"
    UPDATE = "update"
    RELIABLE = "reliable"
    LOST = "lost"


class Vehicle(msgspec.Struct, frozen=True):
    """``number`` makes all of it; ``car`` is the reader's own running number (carID). ``listed``: "", allow, block."""

    number: int
    car: int
    listed: str = ""

    @property
    def plate(self) -> str:
        return plate(self.number)

    @property
    def is_misread(self) -> bool:
        """Every third is read wrongly at first."""
        return self.number % 3 == 0

    @property
    def is_corrected_late(self) -> bool:
        """Some of those: the plate comes right only when the vehicle has left, and what was raised must be amended."""
        return self.number % 6 == 0

    @property
    def direction(self) -> str:
        return "in" if self.number % 2 == 0 else "out"

    @property
    def make(self) -> tuple[str, str]:
        return _MAKES[self.number % len(_MAKES)]

    @property
    def color(self) -> str:
        return _COLORS[self.number % len(_COLORS)]

    @property
    def type(self) -> str:
        return _TYPES[self.number % len(_TYPES)]


class Timing(msgspec.Struct, frozen=True):
    """Seconds from the first sighting. Defaults as the reference's section 2: 1.0 s consolidation, lost 10 s after
    the last recognition, which is when the vehicle has passed."""

    update: float = 0.4
    reliable: float = 1.0
    passed: float = 2.0
    lost: float = 10.0

    def faster(self, factor: float) -> Timing:
        return Timing(self.update / factor, self.reliable / factor, self.passed / factor, self.lost / factor)


class Sighting(msgspec.Struct, frozen=True):
    """One message of a pass: ``after`` seconds from the first sighting, what the reader says of the vehicle by then.

    ``raises``: a bridge that waits for something better waits no longer than for this one.
    """

    vehicle: Vehicle
    state: CarState
    after: float
    plate: str
    direction: str
    confidence: float
    raises: bool = False


def sightings(vehicle: Vehicle, timing: Timing, ai: bool = True) -> Iterator[Sighting]:
    """The messages of one pass, in order of time: new, update, with ``ai`` reliable, lost.

    Direction is not known at first; the plate may be wrong until the update, or until the vehicle has left.
    """
    first = misread(vehicle.plate) if vehicle.is_misread else vehicle.plate
    right, way = vehicle.plate, vehicle.direction
    then = first if vehicle.is_corrected_late else right
    yield Sighting(vehicle, CarState.NEW, 0.0, first, "unknown", 0.712004)
    # Without the consolidated result, the first update that knows the direction is what a bridge waits for.
    yield Sighting(vehicle, CarState.UPDATE, timing.update, then, "unknown" if ai else way, 0.8688, raises=not ai)
    if ai:
        yield Sighting(vehicle, CarState.RELIABLE, timing.reliable, then, way, 0.934, raises=True)
    yield Sighting(vehicle, CarState.LOST, timing.passed + timing.lost, right, way, 0.951)
