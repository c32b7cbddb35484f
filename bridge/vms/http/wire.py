"""The bytes of a request's head. Pure: a dry run shows exactly these."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.vms.http.answer import Unsendable
from bridge.vms.http.origin import Origin

_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})


def head(
    method: str, origin: Origin, path: str, headers: Iterable[tuple[str, str]], length: int, absolute: bool = False
) -> bytes:
    """Request line and headers, Host first and Content-Length last. ``absolute``: as a proxy wants it.

    Raises Unsendable when a header, or the path, would break out of its line.
    """
    target = f"{origin}{path}" if absolute else path
    lines = [f"{method} {target} HTTP/1.1", f"Host: {origin.authority}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length or method in _WITH_LENGTH:
        lines.append(f"Content-Length: {length}")
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks or " " in target or "\0" in text:
        raise Unsendable("a header or the path has a line break or a space where HTTP allows none")
    return text.encode() + b"\r\n\r\n"
