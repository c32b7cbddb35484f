"""What a sender is answered: ready-made ASGI messages, so that answering costs nothing but the sending."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import TypeAlias

from bridge.model import Receipt, ReceiptKind

Event: TypeAlias = dict[str, object]
Answer: TypeAlias = tuple[Event, Event]
"""``http.response.start`` and ``http.response.body``."""

_CLOSE = (b"connection", b"close")
_LONGEST_REASON = 1000


def answer(status: int, text: str, *headers: tuple[bytes, bytes]) -> Answer:
    return _ready(status, "text/plain; charset=utf-8", f"{text}\n".encode(), *headers)


def kept(content_type: str, body: str) -> Answer:
    """200 with a body of the installer's choice."""
    return _ready(200, content_type, body.encode())


def _ready(status: int, content_type: str, body: bytes, *headers: tuple[bytes, bytes]) -> Answer:
    fixed = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode()), *headers]
    return {"type": "http.response.start", "status": status, "headers": fixed}, {
        "type": "http.response.body",
        "body": body,
    }


READY = answer(200, "ready")
NOT_HERE = answer(404, "no sensor listens on this path")
WRONG_METHOD = answer(405, "post the event", (b"allow", b"POST, PUT, PATCH, GET, HEAD"))

BASIC = b'Basic realm="vms-bridge", charset="UTF-8"'
BEARER = b'Bearer realm="vms-bridge"'


def refused(challenges: Iterable[bytes], close: bool = False) -> Answer:
    """401, and how to show who one is. ``close``: more would come than is worth reading."""
    asked = [(b"www-authenticate", challenge) for challenge in challenges]
    return answer(401, "wrong or missing credentials", *asked, *((_CLOSE,) if close else ()))


TOO_SLOW = answer(408, "the body did not arrive in time", _CLOSE)
NO_LENGTH = answer(411, "say the body's Content-Length, or send it chunked", _CLOSE)
TOO_LARGE = answer(413, "the body is longer than this port takes", _CLOSE)

_TAKEN = {kind: answer(200, kind.value) for kind in ReceiptKind}
_PAUSE = 2.0


@functools.lru_cache(maxsize=256)
def later(seconds: int, why: str, close: bool = False) -> Answer:
    """503: the sender keeps its event and tries again after so many seconds."""
    after = (b"retry-after", str(max(1, seconds)).encode())
    return answer(503, why, after, *((_CLOSE,) if close else ()))


OVERLOADED = later(2, "too much at once, try later", close=True)
UNCERTAIN = later(30, "credentials cannot be checked now, try later")
STOPPING = later(5, "stopping, try later", close=True)
DRY_RUN = later(60, "dry run, try later")
CROWDED = later(5, "too many connections, try later", close=True)


def to_receipt(receipt: Receipt, strict: bool, reply: Answer | None = None) -> Answer:
    """The answer that says what became of a message; a reason is only given where the sender asked to be told.

    ``reply``: what to answer in place of one word, when the message is kept and the sender does not read a reason.
    """
    if receipt.kind is ReceiptKind.LATER:
        return later(math.ceil(receipt.after or _PAUSE), "not now, try later")
    if strict and receipt.kind is ReceiptKind.MALFORMED:
        return answer(400, f"malformed: {receipt.why}"[:_LONGEST_REASON])
    return _TAKEN[receipt.kind] if reply is None else reply


def on_the_wire(ready: Answer) -> bytes:
    """The same as bytes of HTTP/1.1, for a connection on which no request has been read."""
    start, body = ready
    headers, text = start["headers"], body["body"]
    assert isinstance(headers, list)
    assert isinstance(text, bytes)
    return b"HTTP/1.1 %s \r\n%s\r\n%s" % (
        str(start["status"]).encode(),
        b"".join([b"%s: %s\r\n" % header for header in headers]),
        text,
    )
