"""A captured datagram as a file: hexadecimal digits, so that it can be read and compared in a change; blanks and what
follows a ``#`` do not count. As Wireshark's "copy as hex stream" gives it, without IP and UDP header."""

from __future__ import annotations

import re

from connectors.snmp import notification
from connectors.snmp.ber import NotBer
from connectors.snmp.document import CONTENT_TYPE, Writer


def datagram(text: str) -> bytes:
    """The bytes in such a file. Raises ValueError when it holds anything else."""
    plain = re.sub(r"#[^\n]*|\s", "", text)
    try:
        return bytes.fromhex(plain)
    except ValueError:
        raise ValueError("a captured datagram is written in hexadecimal digits, two for each byte") from None


def without_community(text: str) -> str:
    """The same datagram with another community of the same length, for a file that others may read."""
    data = datagram(text)
    try:
        shown = notification.read(data).community
    except NotBer:
        return text
    plain = data.replace(shown, b"x" * len(shown), 1).hex() if shown else data.hex()
    return "".join(f"{plain[at : at + 96]}\n" for at in range(0, len(plain), 96))


def message_of(data: bytes, source: str) -> tuple[str, str, bytes]:
    """(place, content type, body) of the message a connector makes of a datagram of version 1 or 2c, without MIBs."""
    try:
        told = notification.read(data)
    except NotBer:
        return source, "application/octet-stream", data
    return told.agent or source, CONTENT_TYPE, Writer().notification(told, source)
