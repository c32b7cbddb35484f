"""The library's sockets for questions, with a door before them: what is no SNMP goes no further.

Seen with pysnmp 7.1: on most datagrams that are no SNMP its decoder raises whatever it likes, which the event loop logs
with a traceback each, 2 ms of it; a device that answers garbage would fill the log and delay everybody.
"""

from __future__ import annotations

from typing import Any

from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.hlapi.v3arch.asyncio import Udp6TransportTarget, UdpTransportTarget

from connectors.snmp import ber


class _Guarded:
    """``heard``: something came; ``strange``: and was no SNMP, which whoever asks sets back."""

    heard = strange = False
    _callback_function: Any

    def datagram_received(self, datagram: bytes, transportAddress: Any) -> None:
        self.heard = True
        if not _may_be_snmp(datagram):
            self.strange = True
            return
        try:
            self._callback_function(self, transportAddress, datagram)
        except Exception:  # noqa: BLE001 - of which kind is the decoder's whim; the question stays without an answer
            self.strange = True


class _Udp(_Guarded, udp.UdpAsyncioTransport):  # type: ignore[misc]
    pass


class _Udp6(_Guarded, udp6.Udp6AsyncioTransport):  # type: ignore[misc]
    pass


class Target(UdpTransportTarget):  # type: ignore[misc]
    PROTO_TRANSPORT = _Udp


class Target6(Udp6TransportTarget):  # type: ignore[misc]
    PROTO_TRANSPORT = _Udp6


def _may_be_snmp(datagram: bytes) -> bool:
    """Whether it is one sequence that begins with a version (RFC 1157 4, RFC 3412 6)."""
    try:
        start, stop = ber.expect(datagram, 0, len(datagram), ber.SEQUENCE, "the message")
        version = ber.integer(datagram, *ber.expect(datagram, start, stop, ber.INTEGER, "the version"))
    except ber.NotBer:
        return False
    return stop == len(datagram) and version in (0, 1, 3)
