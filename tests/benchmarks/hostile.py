"""Bodies that somebody who means harm would send: as many and as odd values as may stand in a message."""

from __future__ import annotations

MEBIBYTE = 2**20

SHAPES = (
    b"[" + b",".join([b'{"carID":"%d","carState":"new","plateUTF8":"A%d"}' % (n, n) for n in range(1000)]) + b"]",
    b"[" + b"[]," * 24_000 + b"[]]",
    b"{" + b",".join([b'"k%d":1' % number for number in range(45_000)]) + b"}",
    b'{"carID":"' + b"\\u00e9" * 150_000 + b'"}',
    b'{"carID":"' + b"://a@" * 200_000 + b'"}',
    b'{"carID":"/9j/' + b"A" * MEBIBYTE + b'"}',
    b'{"carID":"' + b"\xff" * MEBIBYTE + b'"}',
    b"{'carID':'" + b"\\'" * 30_000,
    b'{"a":' * 60_000,
    b"a=" + b"%40" * 300_000,
    b" " * (4 * MEBIBYTE) + b"{",
    b"<a>" + b"<b>1</b>" * 120_000 + b"</a>",
)


def hostile(number: int, sensor: int) -> bytes:
    """A POST of one of the shapes, in turn."""
    body = SHAPES[number % len(SHAPES)]
    return b"POST /s/%d HTTP/1.1\r\nHost: bridge\r\nContent-Length: %d\r\n\r\n%s" % (sensor, len(body), body)
