"""The header of a version 3 message: who claims to speak, in clear by RFC 3412 6 and RFC 3414 2.4."""

from __future__ import annotations

import msgspec

from connectors.snmp import ber
from connectors.snmp.ber import NotBer, expect

_USM = 3
"""The user-based security model (RFC 3411 4)."""


class Header(msgspec.Struct, frozen=True):
    """Who a version 3 datagram says it is of. Nothing of it is proven. ``level``: 0 plain, 1 authenticated, 3 encrypted
    too. ``proof``: where the bytes stand that prove it."""

    engine: bytes
    user: bytes
    boots: int
    time: int
    level: int
    proof: tuple[int, int]


def header_of(data: bytes) -> Header:
    """Who a version 3 message claims to be of (RFC 3412 6, RFC 3414 2.4). Raises NotBer."""
    start, end = expect(data, 0, len(data), ber.SEQUENCE, "the message")
    _, at = expect(data, start, end, ber.INTEGER, "the version")
    start, after = expect(data, at, end, ber.SEQUENCE, "the header")
    for what in ("the message id", "the longest message"):
        _, start = expect(data, start, after, ber.INTEGER, what)
    first, start = expect(data, start, after, ber.OCTETS, "the flags")
    if start - first != 1:
        raise NotBer(f"{start - first} bytes of flags")
    level = data[first] & 3
    model = ber.integer(data, *expect(data, start, after, ber.INTEGER, "the security model"))
    if model != _USM:
        raise NotBer(f"its security model is {model}, and only the user-based one is spoken here")
    start, stop = expect(data, after, end, ber.OCTETS, "the security parameters")
    start, stop = expect(data, start, stop, ber.SEQUENCE, "the security parameters")
    first, at = expect(data, start, stop, ber.OCTETS, "the engine id")
    engine = data[first:at]
    numbers = []
    for what in ("the engine's boots", "the engine's time"):
        first, at = expect(data, at, stop, ber.INTEGER, what)
        numbers.append(ber.integer(data, first, at))
    first, at = expect(data, at, stop, ber.OCTETS, "the user's name")
    user = data[first:at]
    if len(engine) > 32 or len(user) > 32:
        raise NotBer("an engine id or a user's name of more than 32 bytes")
    proof = expect(data, at, stop, ber.OCTETS, "the authentication")
    return Header(engine, user, numbers[0], numbers[1], level, proof)
