"""Requests out: a small HTTP/1.1 client for the trigger call, shared by the targets.

Why our own: the call that raises an event must tell *surely not taken* from *answer lost*, and must cost little.
Measured on one core (reference ``performance.md``): httpx 190 to 1,900 POST/s, aiohttp 8,700 to 21,000, a bare
protocol 17,000 to 148,000. ``tests/benchmarks/sender.py`` measures it again.
"""

from bridge.tls import TlsSettings
from bridge.vms.http.answer import Answer, AnswerLost, NotSent, SendingError, Unsendable
from bridge.vms.http.origin import Origin, split_url
from bridge.vms.http.sender import Sender
from bridge.vms.http.settings import OutboundSettings, ProxySettings, sender_for

__all__ = [
    "Answer",
    "AnswerLost",
    "NotSent",
    "Origin",
    "OutboundSettings",
    "ProxySettings",
    "Sender",
    "SendingError",
    "TlsSettings",
    "Unsendable",
    "sender_for",
    "split_url",
]
