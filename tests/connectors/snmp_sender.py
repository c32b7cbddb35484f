"""Sends traps as fast as it is told, in a process of its own: ``PORT COUNT PAUSE``, a pause in seconds after each 50;
COUNT 0 is for ever.

``datagram`` writes version 2c by hand, so that no program of ours is checked with itself.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import sys
import time

COMMUNITY = b"public-not"
TRAP, INFORM = 0xA7, 0xA6

_UPTIME = bytes.fromhex("06082b06010201010300")
_TRAP_OID = bytes.fromhex("060a2b060106030101040100")
_TRAP = bytes.fromhex("060b2b06010401bf0802030001")  # 1.3.6.1.4.1.8072.2.3.0.1
_TEXT = bytes.fromhex("060c2b06010401bf080203020200")  # 1.3.6.1.4.1.8072.2.3.2.2.0


def _value(tag: int, content: bytes) -> bytes:
    length = len(content)
    head = bytes([length]) if length < 128 else bytes([0x82, length >> 8, length & 0xFF])
    return bytes([tag]) + head + content


def _integer(number: int) -> bytes:
    return _value(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def text(number: int) -> str:
    """What the datagram of this number says."""
    return f"n-{number}"


def datagram(number: int, kind: int = TRAP, community: bytes = COMMUNITY) -> bytes:
    varbinds = [
        _value(0x30, _UPTIME + _value(0x43, number.to_bytes(4, "big"))),
        _value(0x30, _TRAP_OID + _TRAP),
        _value(0x30, _TEXT + _value(0x04, text(number).encode())),
    ]
    pdu = _value(kind, _integer(number) + _integer(0) + _integer(0) + _value(0x30, b"".join(varbinds)))
    return _value(0x30, _integer(1) + _value(0x04, community) + pdu)


def main() -> None:
    port, count, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    made = [datagram(number) for number in range(count or 1000)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        for number, data in enumerate(made if count else itertools.cycle(made)):
            with contextlib.suppress(ConnectionError):  # nobody hears any more
                sender.send(data)
            if pause and number % 50 == 49:
                time.sleep(pause)


if __name__ == "__main__":
    main()
