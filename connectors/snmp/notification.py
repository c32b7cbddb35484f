"""A trap or inform, whatever version it came in, in the terms of version 2 (RFC 3584 3.1): decoded from its datagram.

Versions 1 and 2c are read here; version 3 is the library's (``connectors.snmp.engine``).
"""

from __future__ import annotations

import hashlib
from typing import Final, TypeAlias

import msgspec

from connectors.snmp import ber
from connectors.snmp.ber import NotBer, expect, head

MOST_VARBINDS = 1000
"""Read of one notification; a datagram has no room for many more."""

SYS_UPTIME: Final = "1.3.6.1.2.1.1.3.0"
TRAP_OID: Final = "1.3.6.1.6.3.1.1.4.1.0"
TRAP_ENTERPRISE: Final = "1.3.6.1.6.3.1.1.4.3.0"
TRAP_ADDRESS: Final = "1.3.6.1.6.3.18.1.3.0"
TRAP_COMMUNITY: Final = "1.3.6.1.6.3.18.1.4.0"
STANDARD_TRAPS: Final = "1.3.6.1.6.3.1.1.5"

_V1_TRAP, _INFORM, _V2_TRAP, _RESPONSE = 0xA4, 0xA6, 0xA7, 0xA2
_SPECIFIC = 6

Value: TypeAlias = "int | float | bytes | str | None"


class Varbind(msgspec.Struct, frozen=True, gc=False):
    """``kind``: the tag of its type. ``value``: numbers as numbers, octets as bytes, object identifiers and addresses
    as text with dots; None where the agent has no value."""

    oid: str
    kind: int
    value: Value


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """``trap``: what version 2 calls it; ``enterprise``, ``generic`` and ``specific``: what version 1 does. Both are
    always there, by RFC 3584, so that one device is told alike whichever version it speaks.

    ``uptime``: hundredths of a second since the device's network part started. ``agent``: the device itself, where
    somebody relays its traps; None when it does not say. ``varbinds``: without uptime and trap. ``asked``: of an
    inform, what tells it from all others of this sender; "" for a trap.
    """

    version: str
    trap: str
    enterprise: str
    generic: int
    specific: int
    uptime: int | None
    agent: str | None
    varbinds: tuple[Varbind, ...]
    asked: str = ""
    community: bytes = b""


def version_of(data: bytes) -> int:
    """0 is version 1, 1 is version 2c, 3 is version 3. Raises NotBer."""
    start, stop = expect(data, 0, len(data), ber.SEQUENCE, "the message")
    return ber.integer(data, *expect(data, start, stop, ber.INTEGER, "the version"))


def read(data: bytes) -> Notification:
    """A version 1 or 2c notification. Raises NotBer for anything else; bytes behind it are let be."""
    start, end = expect(data, 0, len(data), ber.SEQUENCE, "the message")
    start, at = expect(data, start, end, ber.INTEGER, "the version")
    version = ber.integer(data, start, at)
    if version not in (0, 1):
        raise NotBer(f"it is of version {version}")
    start, at = expect(data, at, end, ber.OCTETS, "the community")
    community = data[start:at]
    tag, start, stop = head(data, at, end)
    if version == 0 and tag == _V1_TRAP:
        return _version_1(data, start, stop, community)
    if version == 1 and tag in (_V2_TRAP, _INFORM):
        return version_2(data, start, stop, "v2c", confirmed=tag == _INFORM, community=community)
    raise NotBer(f"it is no notification: its PDU has the tag {tag:#04x}")


def answer_to(data: bytes) -> bytes:
    """The response to a version 2c inform: itself as a Response, without errors (RFC 3416 4.2.7)."""
    start, end = expect(data, 0, len(data), ber.SEQUENCE, "the message")
    _, at = expect(data, start, end, ber.INTEGER, "the version")
    _, at = expect(data, at, end, ber.OCTETS, "the community")
    answer = bytearray(data[:end])
    start, stop = expect(data, at, end, _INFORM, "the inform")
    answer[at] = _RESPONSE
    _, start = expect(data, start, stop, ber.INTEGER, "the request id")
    for what in ("the error status", "the error index"):
        first, start = expect(data, start, stop, ber.INTEGER, what)
        answer[first:start] = bytes(start - first)
    return bytes(answer)


def version_2(
    data: bytes, start: int, stop: int, version: str, *, confirmed: bool, community: bytes = b""
) -> Notification:
    """The inside of a version 2 PDU between ``start`` and ``stop``. Raises NotBer."""
    begun = start
    for what in ("the request id", "the error status", "the error index"):
        _, start = expect(data, start, stop, ber.INTEGER, what)
    asked = hashlib.blake2b(data[begun:stop], digest_size=12).hexdigest() if confirmed else ""
    return told(_varbinds(data, start, stop), version, asked, community)


def told(every: list[Varbind], version: str, asked: str, community: bytes = b"") -> Notification:
    """What the varbinds of a version 2 notification say. Raises NotBer when they do not name the trap."""
    trap = enterprise = ""
    uptime: int | None = None
    agent: str | None = None
    varbinds: list[Varbind] = []
    for varbind in every:
        oid, value = varbind.oid, varbind.value
        if oid == TRAP_OID and not trap and type(value) is str:
            trap = value
        elif oid == SYS_UPTIME and uptime is None and type(value) is int:
            uptime = value
        elif oid == TRAP_COMMUNITY:
            continue  # a relay tells with which it was sent: a secret
        else:
            if oid == TRAP_ADDRESS and type(value) is str:
                agent = value
            elif oid == TRAP_ENTERPRISE and type(value) is str:
                enterprise = value
            varbinds.append(varbind)
    if not trap:
        raise NotBer("it does not say which trap it is: there is no snmpTrapOID.0")
    generic, above, specific = as_version_1(trap)
    return Notification(
        version=version, trap=trap, enterprise=enterprise if enterprise and generic != _SPECIFIC else above,
        generic=generic, specific=specific, uptime=uptime, agent=agent, varbinds=tuple(varbinds), asked=asked,
        community=community,
    )  # fmt: skip


def as_version_1(trap: str) -> tuple[int, str, int]:
    """(generic, enterprise, specific) of a trap (RFC 3584 3.2)."""
    above, _, last = trap.rpartition(".")
    if above == STANDARD_TRAPS and last in ("1", "2", "3", "4", "5", "6"):
        return int(last) - 1, above, 0
    return _SPECIFIC, above.removesuffix(".0"), int(last)


def _version_1(data: bytes, start: int, stop: int, community: bytes) -> Notification:
    first, at = expect(data, start, stop, ber.OBJECT, "the enterprise")
    enterprise = ber.dotted(data[first:at])
    first, at = expect(data, at, stop, ber.ADDRESS, "the agent's address")
    if at - first != 4:
        raise NotBer(f"an agent's address of {at - first} bytes")
    agent = ".".join(map(str, data[first:at]))
    first, at = expect(data, at, stop, ber.INTEGER, "the generic trap")
    generic = ber.integer(data, first, at)
    first, at = expect(data, at, stop, ber.INTEGER, "the specific trap")
    specific = ber.unsigned(data, first, at)
    first, at = expect(data, at, stop, ber.TICKS, "the uptime")
    uptime = ber.unsigned(data, first, at)
    if not 0 <= generic <= _SPECIFIC:
        raise NotBer(f"there is no generic trap {generic}")
    trap = f"{enterprise}.0.{specific}" if generic == _SPECIFIC else f"{STANDARD_TRAPS}.{generic + 1}"
    return Notification(
        version="v1", trap=trap, enterprise=enterprise, generic=generic, specific=specific, uptime=uptime,
        agent=None if agent == "0.0.0.0" else agent, varbinds=tuple(_varbinds(data, at, stop)),  # noqa: S104 - read
        community=community,
    )  # fmt: skip


def _varbinds(data: bytes, at: int, stop: int) -> list[Varbind]:
    at, end = expect(data, at, stop, ber.SEQUENCE, "the list of varbinds")
    found: list[Varbind] = []
    while at < end:
        if len(found) == MOST_VARBINDS:
            raise NotBer(f"it has more than {MOST_VARBINDS} varbinds")
        start, at = expect(data, at, end, ber.SEQUENCE, "a varbind")
        first, start = expect(data, start, at, ber.OBJECT, "the name of a varbind")
        name = ber.dotted(data[first:start])
        kind, first, last = head(data, start, at)
        if last != at:
            raise NotBer(f"a varbind with {at - last} bytes too many at byte {last}")
        found.append(Varbind(name, kind, value_of(kind, data, first, last)))
    return found


def value_of(kind: int, data: bytes, start: int, stop: int) -> Value:
    """A value by its type; what is of no known type stays bytes. Raises NotBer."""
    if kind == ber.OCTETS:
        return data[start:stop]
    if kind == ber.INTEGER:
        return ber.integer(data, start, stop)
    if kind in (ber.COUNTER32, ber.GAUGE32, ber.TICKS, ber.COUNTER64, ber.UNSIGNED32):
        return ber.unsigned(data, start, stop)
    if kind == ber.OBJECT:
        return ber.dotted(data[start:stop])
    if kind == ber.ADDRESS and stop - start == 4:
        return ".".join(map(str, data[start:stop]))
    if kind == ber.NULL or 0x80 <= kind <= 0x82:  # noSuchObject, noSuchInstance, endOfMibView
        return None
    if kind == ber.OPAQUE:
        number = ber.opaque_number(data[start:stop])
        return data[start:stop] if number is None else number
    return data[start:stop]
