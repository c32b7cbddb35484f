"""A file with what a device sends → the messages its connector makes of it, by the connector's own code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec.structs import replace

from bridge.cli.ending import Code, Failure
from bridge.clock import SystemClock
from bridge.model import ConnectorId, Message, Origin, Position, Receipt, ReceiptKind
from bridge.secret import Secrets
from connectors.base import Address, ConnectorSettings, Mode

_KINDS = {".json": "application/json", ".xml": "application/xml", ".txt": "text/plain", ".jpg": "image/jpeg"}
_REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.[01]\r?\n")


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the sending beside the file. ``authenticated``: the name of the secret it showed, None to have
    its credentials compared. ``path`` and ``kind`` go before what a recorded request says."""

    peer: str
    path: str | None = None
    kind: str | None = None
    authenticated: str | None = None


class _Collecting:
    """An intake that takes everything and keeps it in a list."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def submit(self, message: Message) -> Receipt:
        self.messages.append(message)
        return Receipt(ReceiptKind.ACCEPTED)

    async def position(self, name: str) -> Position | None:
        return None


async def messages(
    file: Path,
    data: bytes,
    sent: Sent,
    connector: ConnectorId,
    settings: ConnectorSettings,
    addresses: Sequence[Address],
    secrets: Secrets,
) -> list[Message]:
    """``data`` of ``file``: a recorded request (``.http``), a stretch of a stream (a TCP connector's), a datagram in
    hex (``.snmp``), a message with its topic (``.mqtt``), a stretch of an HTTP answer that does not end
    (``.stream``), or one body.

    With no ``addresses`` nobody asks for credentials. Raises Failure, also when the connector would refuse it.
    """
    if settings.type in ("tcp", "tcp-client"):
        from connectors.framing.framed import framed
        from connectors.framing.framings import FramedSettings

        assert isinstance(settings, FramedSettings)
        frames = framed(settings.framing, settings.max_object)
        return [_plain(connector, sent, body) for body in (*frames.feed(data), *frames.finish())]
    if file.suffix == ".snmp":
        from connectors.snmp.captured import datagram, message_of

        try:
            place, label, document = message_of(datagram(data.decode("utf-8", "replace")), sent.peer)
        except ValueError as wrong:
            raise Failure(Code.FOUND, f"{file}: {wrong}") from None
        return [_plain(connector, replace(sent, path=sent.path or place), document, label)]
    if file.suffix == ".stream":
        from connectors.http_stream.captured import messages_in

        try:
            told = messages_in(data)
        except ValueError as wrong:
            raise Failure(Code.FOUND, f"{file}: {wrong}") from None
        return [replace(_plain(connector, sent, each.body, each.content_type), parts=each.parts) for each in told]
    if file.suffix == ".mqtt":
        from connectors.mqtt.captured import message_of as published

        try:
            origin, said = published(data, sent.peer)
        except ValueError as wrong:
            raise Failure(Code.FOUND, f"{file}: {wrong}") from None
        found = _plain(connector, replace(sent, path=sent.path or origin.place), said)
        return [replace(found, origin=replace(found.origin, attributes=origin.attributes))]
    method, path, headers, body = _recorded(file, data) if _is_recorded(file, data) else ("POST", "", {}, data)
    kind = sent.kind or headers.get("content-type") or _KINDS.get(file.suffix)
    if kind is not None:
        headers["content-type"] = kind
    if settings.type != "http":
        return [_plain(connector, sent, body, kind)]
    taken = await _through_http(
        method, sent.path or path or "/", headers, body, sent.peer, connector, settings,
        addresses if sent.authenticated is None else (), secrets,
    )  # fmt: skip
    if sent.authenticated is None:
        return taken
    return [replace(each, origin=replace(each.origin, authenticated=sent.authenticated)) for each in taken]


def _plain(connector: ConnectorId, sent: Sent, body: bytes, kind: str | None = None) -> Message:
    origin = Origin(sent.peer, sent.path or "", sent.authenticated)
    return Message(connector=connector, origin=origin, body=body, content_type=kind, arrived=SystemClock().now())


async def _through_http(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    peer: str,
    connector: ConnectorId,
    settings: ConnectorSettings,
    addresses: Sequence[Address],
    secrets: Secrets,
) -> list[Message]:
    from connectors.http.app import App
    from connectors.http.credentials import Credentials
    from connectors.http.settings import HttpSettings
    from connectors.http.table import Table

    assert isinstance(settings, HttpSettings)
    app = App(connector, settings, Table(addresses), Credentials(secrets))
    collecting = _Collecting()
    app.begin(collecting, Mode.TAKE, accept=True)
    answered: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: dict[str, object]) -> None:
        answered.append(event)

    where, _, query = path.partition("?")
    shown = {**headers, "content-length": str(len(body))}  # a file that was edited is as long as it is
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(where),
        "raw_path": where.encode("latin-1", "replace"),
        "query_string": query.encode("latin-1", "replace"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in shown.items()],
        "client": (peer, 0),
    }
    await app(scope, receive, send)
    if not collecting.messages:
        status, why = answered[0].get("status"), b"".join(bytes(each.get("body", b"")) for each in answered[1:])  # type: ignore[call-overload]
        raise Failure(Code.FOUND, f"connector {connector} would answer {status}: {why.decode().strip()}")
    return collecting.messages


def _is_recorded(file: Path, data: bytes) -> bool:
    return file.suffix == ".http" or _REQUEST_LINE.match(data) is not None


def _recorded(file: Path, data: bytes) -> tuple[str, str, dict[str, str], bytes]:
    """(method, path, headers, body) of a raw request. Line ends may be LF alone, as editors leave them; the body is
    all that follows the head."""
    first = _REQUEST_LINE.match(data)
    if first is None:
        raise Failure(Code.USAGE, f"{file}: the first line is no request line, like POST /gate HTTP/1.1")
    rest = data[first.end() :]
    if rest.startswith((b"\r\n", b"\n")):
        head, body = b"", rest.partition(b"\n")[2]
    else:
        blank = re.search(rb"\r?\n\r?\n", rest)
        head, body = (rest[: blank.start()], rest[blank.end() :]) if blank else (rest, b"")
    headers: dict[str, str] = {}
    for line in head.splitlines():
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    url = urlsplit(first[2].decode("latin-1"))
    return first[1].decode(), f"{url.path}?{url.query}" if url.query else url.path, headers, body
