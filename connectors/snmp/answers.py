"""What a device says when it is asked, or why it does not."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from connectors.snmp.notification import Varbind


class Unanswered(Exception):
    """No usable answer; the text says why, without anything secret."""


class Row(msgspec.Struct, frozen=True):
    """Of a table's entry: ``index`` tells it from the others, ``columns`` are by their number."""

    table: str
    index: str
    columns: Mapping[str, Varbind]


class Answer(msgspec.Struct, frozen=True):
    """All that was asked for: the single values in the order of the question, and the rows of its tables."""

    values: tuple[Varbind, ...]
    rows: tuple[Row, ...]
