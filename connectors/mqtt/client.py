"""The library's client, with a way of its own for what comes and goes most: PUBLISH in, PUBACK out.

The library reads its socket a byte or two at a time, makes an object with properties of each message, and sends each
acknowledgement by itself. Here everything that is there is read at once, whole PUBLISH packets of QoS 0 and 1 are taken
from it as they stand, and acknowledgements are sent together. All else (and a packet that is not there whole) is left
to the library. The formats: MQTT 5.0, 3.3 and 3.4, which for these packets are those of 3.1.1 but for the properties.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTProtocolVersion

_AT_ONCE = 256 * 1024
_PUBLISH, _PUBACK = 0x30, 0x40


class Published(NamedTuple):
    topic: bytes
    payload: bytes
    mid: int
    qos: int
    retained: bool
    again: bool


class AheadClient(Client):
    """Driven by ``fill``, ``published``, ``loop_read``, ``loop_write`` and ``loop_misc``; never by its own thread."""

    _read = b""
    _place = 0
    ended = False
    """The broker has closed its side."""

    @property
    def ahead(self) -> bool:
        """Whether bytes wait that were read already: a select would not tell of them."""
        return self._place < len(self._read)

    @property
    def within(self) -> bool:
        """Whether the library has a part of a packet, and has to have the rest."""
        return bool(self._in_packet["command"])

    def fill(self) -> None:
        """Read what is there, when nothing waits. Raises BlockingIOError when there is nothing, and OSError."""
        self._read = super()._sock_recv(_AT_ONCE)
        self._place = 0
        self.ended = not self._read

    def published(self) -> Iterator[Published]:
        """The PUBLISH packets that wait, up to one that is none, is not whole, or cannot be read."""
        data, end = self._read, len(self._read)
        five = self._protocol == MQTTProtocolVersion.MQTTv5
        while self._place < end:
            at = self._place
            head = data[at]
            qos = head >> 1 & 3
            if head & 0xF0 != _PUBLISH or qos > 1:
                return
            length, at = _length(data, at + 1)
            stop = at + length
            if at < 0 or stop > end or length < 2:
                return
            topic = at + 2 + (data[at] << 8 | data[at + 1])
            begin = topic + 2 if qos else topic
            if begin > stop:
                return
            mid = data[topic] << 8 | data[topic + 1] if qos else 0
            if five:
                many, begin = _length(data, begin)
                begin += many
                if begin < many or begin > stop:
                    return
            self._place = stop
            yield Published(data[at + 2 : topic], data[begin:stop], mid, qos, head & 1 == 1, head & 8 == 8)

    def acknowledge(self, mids: Sequence[int]) -> None:
        """PUBACK for each, in this order, in one piece."""
        self._packet_queue(_PUBACK, b"".join([b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids]), 0, 1)

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._place >= len(self._read):
            if self.ended:
                return b""
            self.fill()
        found = self._read[self._place : self._place + bufsize]
        self._place += len(found)
        return found


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A variable byte integer (MQTT 5.0, 1.5.5), and the place after it; that is below 0 when it is not there whole."""
    value = 0
    for place, byte in enumerate(data[at : at + 4]):
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value, at + place + 1
    return 0, -1
