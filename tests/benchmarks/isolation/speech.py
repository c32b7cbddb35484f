"""What a device says at first when nothing is wrong with it, by the connector that asks it; each ends in the midst."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import struct

_KEY = re.compile(rb"(?i)sec-websocket-key: *(\S+)")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
_LONG = 10**9


def begun(way: str, asked: bytes) -> bytes:
    """The beginning of a right answer to ``asked``, which announces more than comes."""
    return _BEGUN[way](asked)


def _modbus(asked: bytes) -> bytes:
    """Header and half of the first register (Modbus application protocol 4.1): 250 bytes of values are announced."""
    question = (asked + bytes(12))[:12]
    return question[:4] + b"\x00\xfd" + question[6:8] + b"\xfa\x00"


def _object(asked: bytes) -> bytes:
    return b'{"packetCounter":"1","carState":"'


def _stream(asked: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{" % _LONG
    )


def _answer(asked: bytes) -> bytes:
    return b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{"a":"' % _LONG


def _websocket(asked: bytes) -> bytes:
    """The upgrade, and a text frame of 4 MiB of which the first byte comes (RFC 6455 5.2)."""
    key = _KEY.search(asked)
    accept = base64.b64encode(hashlib.sha1((key[1] if key else b"") + _GUID).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n\x81\x7f" + struct.pack(">Q", 4 * 2**20) + b"{"


def _mqtt(asked: bytes) -> bytes:
    """CONNACK in the client's version, and a PUBLISH of 4 MiB of which the topic comes (MQTT 5, 3.2 and 3.3)."""
    five = asked[8:9] == b"\x05"
    return (b"\x20\x03\x00\x00\x00" if five else b"\x20\x02\x00\x00") + b"\x30\x80\x80\x80\x02\x00\x03bad"


_BEGUN = {
    "modbus": _modbus,
    "tcp-client": _object,
    "http-stream": _stream,
    "http-poll": _answer,
    "websocket": _websocket,
    "mqtt": _mqtt,
    "vms": _answer,
}


def garbage(way: str, asked: bytes, chance: random.Random) -> bytes:
    """What is no answer: bytes of no kind, another protocol, a right beginning with nonsense behind it, a length that
    is not true."""
    wrong = begun(way, asked)
    return chance.choice(
        (
            chance.randbytes(65_536),
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n" + chance.randbytes(4096),
            wrong + chance.randbytes(65_536),
            wrong[:-9],
            b"\r\n" * 1000,
            asked * 3,
        )
    )
