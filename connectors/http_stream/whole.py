"""Whether a document is whole by itself, so that nobody needs to wait for what comes behind it. Pure."""

from __future__ import annotations

import re

import msgspec

# The root element's name, behind a byte order mark, a declaration and remarks; models leave any of them out.
_ROOT = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*(?:<[?!][^>]{0,1000}>\s*){0,8}<([A-Za-z_][\w.:-]{0,200})[\s/>]")
_SNIFFED = 8 * 1024


def is_whole(data: bytes) -> bool:
    """Of JSON and XML alone; of anything else nobody knows."""
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"<":
        root = _ROOT.match(data, 0, _SNIFFED)
        return root is not None and data.rstrip().endswith(b"</" + root[1] + b">")
    if start in (b"{", b"["):
        try:
            msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
        except (ValueError, RecursionError):
            return False
        return True
    return False
