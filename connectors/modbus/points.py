"""A point: what of the device it reads, and what its value means. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from connectors.modbus.address import BITS, ModbusAddress, PointSettings, ReadSettings, Table
from connectors.modbus.levels import LEVELS, NORMAL
from connectors.modbus.settings import Addressing
from connectors.modbus.values import is_number, number, registers_of, scaled

Value: TypeAlias = bool | int | float
State: TypeAlias = str | int | float
"""``on`` or ``off``, a level's name, or the value that was told."""

_MODICON: dict[Table, int] = {"coil": 0, "discrete_input": 1, "input_register": 3, "holding_register": 4}
"""The first digit of the five (or six) that many manuals write."""
LAST = 65535


class BadAddress(ValueError):
    """An address that is none in the way the settings write them; says which and what is."""


class Span(msgspec.Struct, frozen=True, order=True):
    """Registers or bits that are read in one piece: ``start`` as on the wire."""

    unit: int
    table: Table
    start: int
    count: int

    @property
    def end(self) -> int:
        return self.start + self.count


class Read:
    """One value: its span, and how it is made of what is read there."""

    def __init__(self, unit: int, settings: ReadSettings, addressing: Addressing) -> None:
        table = settings.table
        assert table is not None
        self.settings = settings
        self.is_bit = table in BITS
        count = 1 if self.is_bit else registers_of(settings.as_)
        self.span = Span(unit, table, on_the_wire(table, settings.number, addressing), count)
        if self.span.end > LAST + 1:
            raise BadAddress(f"{settings.label} is beyond the last address")

    def value(self, read: Sequence[int]) -> Value | None:
        """Of what stands in its span; None when the device says that there is no value."""
        if self.is_bit:
            return bool(read[0])
        wanted = self.settings
        found = number(read, wanted.as_, wanted.word_order, wanted.byte_order)
        if not is_number(found):
            return None
        if isinstance(found, int):
            bits = found & (1 << registers_of(wanted.as_) * 16) - 1
            if wanted.bit is not None:
                return None if found in wanted.absent else bool(bits >> wanted.bit & 1)
            if wanted.mask is not None:
                found = (bits & wanted.mask) >> (wanted.mask & -wanted.mask).bit_length() - 1
        if found in wanted.absent:
            return None
        return scaled(found, wanted.scale, wanted.offset)


def on_the_wire(table: Table, written: int, addressing: Addressing) -> int:
    """0 to 65535. Raises BadAddress."""
    if addressing == "zero":
        found = written
    elif addressing == "one":
        found = written - 1
    else:
        digit = _MODICON[table]
        base = digit * (100_000 if written > 99_999 or (digit == 0 and written > 9_999) else 10_000)
        found = written - base - 1
        if not 0 <= found <= (LAST if base != digit * 10_000 or digit == 0 else 9_998):
            first = f"{digit}0001"
            raise BadAddress(
                f"{table} {written} is no address as addressing: modicon writes them; the first is {first}"
            )
    if not 0 <= found <= LAST:
        raise BadAddress(f"{table} {written} is no address with addressing: {addressing}")
    return found


class Point:
    """``name``: its sensor's word for it; ``key``: its own on this connector; ``place`` and ``digest``: of its address,
    by which messages find their sensor. ``values`` are read along."""

    def __init__(self, name: str, settings: PointSettings, address: ModbusAddress, addressing: Addressing) -> None:
        self.name = name
        self.settings = settings
        self.unit = address.unit
        self.every = address.every
        self.place = address.place()
        self.digest = address.digest
        self.key = f"unit {address.unit} {settings.label}"
        self.read = Read(address.unit, settings, addressing)
        self.values: Mapping[str, Read] = {
            each: Read(address.unit, read, addressing) for each, read in address.values.items()
        }

    @property
    def spans(self) -> tuple[Span, ...]:
        return (self.read.span, *(each.span for each in self.values.values()))

    @property
    def about(self) -> str:
        """What kind of state it has: of a contact, the level of a measured value, or the value itself."""
        return "level" if self.settings.thresholds is not None else "change" if self.settings.change else "contact"

    def is_on(self, value: Value) -> bool:
        active = self.settings.active
        closed = value in active if active else bool(value)
        return closed is (self.settings.normally == "open")

    def state(self, value: Value, before: State | None) -> State:
        """What the value means, where the state before was ``before``; equal to it while nothing is to be told."""
        wanted = self.settings
        if wanted.thresholds is not None:
            return wanted.thresholds.level(float(value), next((each for each in LEVELS if each == before), NORMAL))
        if wanted.change is not None:
            near = isinstance(before, int | float) and abs(value - before) < wanted.change
            return before if near and before is not None else value
        return "on" if self.is_on(value) else "off"


def points_of(addresses: Sequence[object], addressing: Addressing) -> list[Point]:
    """All points of these addresses, each with a key of its own. Raises BadAddress."""
    found: list[Point] = []
    keys: set[str] = set()
    for address in addresses:
        if not isinstance(address, ModbusAddress):
            continue
        for name, settings in address.all_points().items():
            point = Point(name, settings, address, addressing)
            if point.key in keys:
                point.key = f"{point.key} as {point.digest}"
            if point.key not in keys:
                keys.add(point.key)
                found.append(point)
    return found
