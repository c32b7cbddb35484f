"""A stretch of a stream as it was captured: the head of the answer, an empty line, and the bytes behind it. Pure."""

from __future__ import annotations

from connectors.http_stream.joining import Joining
from connectors.http_stream.told import Told

_MOST = 64 * 2**20


def messages_in(data: bytes) -> list[Told]:
    """What a connector would have made of it, every document with the pictures behind it. Raises ValueError when there
    is no head, or none of a multipart answer."""
    head, empty, body = data.partition(b"\r\n\r\n")
    if not empty:
        head, empty, body = data.partition(b"\n\n")
    first, *lines = head.decode("latin-1").splitlines() or [""]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    kind = headers.get("content-type", "")
    if not first.startswith("HTTP/") or not kind.startswith("multipart/"):
        raise ValueError("write the head of the answer first: HTTP/1.1 200 OK, and its Content-Type, multipart/…")
    reading = Joining(kind, _MOST, 1.0, "")
    return [*reading.feed(body), *reading.finish(clean=True)]
