"""The few facts of an X.509 certificate that have to be told of one nobody vouches for (RFC 5280, 4.1).

The standard library reads a certificate only after it was verified; a pinned or self-signed one has to be told of too.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

_SEQUENCE, _INTEGER, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x02, 0x17, 0x18, 0xA0


class NoCertificate(ValueError):
    """These bytes are no X.509 certificate."""


class Certificate(msgspec.Struct, frozen=True):
    """``self_issued``: issuer and subject are the same."""

    begins: datetime
    ends: datetime
    self_issued: bool


def read(data: bytes) -> Certificate:
    """From DER. Raises NoCertificate."""
    try:
        whole, _ = _value(data, 0, _SEQUENCE)
        inner, _ = _value(whole, 0, _SEQUENCE)
        at = _after(inner, 0) if inner[0] == _VERSION else 0
        _, at = _value(inner, at, _INTEGER)
        _, at = _value(inner, at, _SEQUENCE)  # the signature's algorithm
        issuer, at = _value(inner, at, _SEQUENCE)
        validity, at = _value(inner, at, _SEQUENCE)
        subject, _ = _value(inner, at, _SEQUENCE)
        begins, following = _time(validity, 0)
        ends, _ = _time(validity, following)
    except (IndexError, UnicodeDecodeError) as error:
        raise NoCertificate("it ends too early, or is no certificate") from error
    return Certificate(begins, ends, issuer == subject)


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """(tag, where the value begins, where it ends) of the element at ``at`` (X.690, 8.1)."""
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise NoCertificate("an element of it has a length that DER does not allow")
        length, at = int.from_bytes(data[at : at + count]), at + count
    if at + length > len(data):
        raise NoCertificate("it ends too early")
    return tag, at, at + length


def _after(data: bytes, at: int) -> int:
    return _header(data, at)[2]


def _value(data: bytes, at: int, wanted: int) -> tuple[bytes, int]:
    tag, begin, end = _header(data, at)
    if tag != wanted:
        raise NoCertificate("it is not built as a certificate is")
    return data[begin:end], end


def _time(data: bytes, at: int) -> tuple[datetime, int]:
    """UTCTime has two digits of the year, 50 to 99 of the last century; GeneralizedTime four (RFC 5280, 4.1.2.5)."""
    tag, begin, end = _header(data, at)
    text = data[begin:end].decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise NoCertificate("its dates are missing")
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC), end
    except ValueError:
        raise NoCertificate("its dates cannot be read") from None
