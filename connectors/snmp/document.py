"""What a notification, or an answer to a question, is for a profile: a document, the same for every version of SNMP."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from connectors.snmp import ber
from connectors.snmp.answers import Answer, Row
from connectors.snmp.notification import Notification, Varbind

CONTENT_TYPE = "application/json"

_KINDS: Mapping[int, str] = {
    ber.INTEGER: "integer",
    ber.NULL: "none",
    ber.OBJECT: "oid",
    ber.ADDRESS: "address",
    ber.COUNTER32: "counter",
    ber.GAUGE32: "gauge",
    ber.TICKS: "ticks",
    ber.OPAQUE: "number",
    ber.COUNTER64: "counter",
    ber.UNSIGNED32: "gauge",
    0x80: "none",
    0x81: "none",
    0x82: "none",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")


class Naming(Protocol):
    """What MIBs say of an object identifier."""

    def named(self, oid: str) -> tuple[str, str]:
        """(name, instance): ("ifIndex", "3"); ("", "") when it is not known."""

    def word(self, name: str, value: int) -> str:
        """What the MIB calls this value of an enumeration; "" when it does not say."""


class Nameless:
    """No names are known."""

    def named(self, oid: str) -> tuple[str, str]:
        return "", ""

    def word(self, name: str, value: int) -> str:
        return ""


class Writer:
    """Makes documents. ``charset``: of texts that are no UTF-8, for example windows-1251; else they are told in hex."""

    def __init__(self, names: Naming | None = None, charset: str = "") -> None:
        self._names = names or Nameless()
        self._charset = codecs.lookup(charset).name if charset else ""

    def notification(self, told: Notification, source: str, user: str = "", level: str = "", engine: str = "") -> bytes:
        """``source``: the sender's network address. ``user``, ``level`` and ``engine``: proven, of version 3."""
        document: dict[str, object] = {
            "snmp": told.version,
            "kind": "inform" if told.asked else "trap",
            "trap": told.trap,
            "enterprise": told.enterprise,
            "generic": told.generic,
            "specific": told.specific,
            "source": source,
            "agent": told.agent or source,
        }
        name, _ = self._names.named(told.trap)
        if name:
            document["name"] = name
        if told.uptime is not None:
            document["uptime"] = told.uptime / 100
        if told.asked:
            document["inform"] = f"{source} {told.asked}"
        if user:
            document["user"], document["level"], document["engine"] = user, level, engine
        document["varbinds"], document["values"] = self._told(told.varbinds)
        return msgspec.json.encode(document)

    def answer(self, version: str, source: str, told: Answer, tables: Sequence[str]) -> bytes:
        """What a device said when it was asked; ``tables``: what was walked, whether it had any rows or not.

        The first of its rows is no table's: it stands for the answer as a whole, so that one without any alarms says
        something too.
        """
        document: dict[str, object] = {"snmp": version, "kind": "poll", "source": source, "agent": source}
        document["varbinds"], document["values"] = self._told(told.values)
        document["tables"] = {table: sum(row.table == table for row in told.rows) for table in tables}
        document["rows"] = [
            {"table": "", "index": "", "columns": {}},
            *({"table": row.table, "index": row.index, "columns": self._columns(row)} for row in told.rows),
        ]
        return msgspec.json.encode(document)

    def _columns(self, row: Row) -> dict[str, object]:
        return {name: self.value(varbind)[1] for name, varbind in row.columns.items()}

    def _told(self, varbinds: Iterable[Varbind]) -> tuple[list[dict[str, object]], dict[str, object]]:
        every: list[dict[str, object]] = []
        values: dict[str, object] = {}
        for varbind in varbinds:
            oid = varbind.oid
            kind, value = self.value(varbind)
            one: dict[str, object] = {"oid": oid, "type": kind, "value": value}
            name, instance = self._names.named(oid)
            if name:
                one["name"] = f"{name}.{instance}" if instance else name
                if type(value) is int:
                    word = self._names.word(name, value)
                    if word:
                        one["word"] = word
                values.setdefault(name, value)
            every.append(one)
            above, _, last = oid.rpartition(".")
            if last != "0":
                values.setdefault(oid, value)
            values.setdefault(above, value)
        return every, values

    def value(self, varbind: Varbind) -> tuple[str, object]:
        """(type, value) as they stand in a document: octets as text when they are one, else in hex."""
        value = varbind.value
        if type(value) is bytes:
            text = self._text(value)
            return ("text", text) if text is not None else ("hex", value.hex())
        if type(value) is float:
            return "number", value if math.isfinite(value) else None
        return _KINDS.get(varbind.kind, "none"), value

    def _text(self, value: bytes) -> str | None:
        plain = value.rstrip(b"\0")  # C programs send the end of their strings too
        try:
            text = plain.decode("utf-8")
        except UnicodeDecodeError:
            if not self._charset:
                return None
            text = plain.decode(self._charset, "replace")
        if text.isascii() and text.isprintable():
            return text
        return None if _CONTROL.search(text) else text
