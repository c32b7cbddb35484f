"""The header of a table → which column is what."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from bridge.config.document import Node
from bridge.config.errors import nearest
from bridge.config.faults import Entry, Faults
from bridge.config.table import Cell, Table

REMARK = "#"
"""A column whose header begins so is for people alone."""


class Column(msgspec.Struct, frozen=True):
    """``at``: its place in a row, from 0."""

    at: int
    key: str
    header: Cell


def columns_of(
    table: Table, entry: Entry, named: Node | None, understood: Callable[[str], str | None], known: tuple[str, ...],
    faults: Faults,
) -> dict[str, Column]:  # fmt: skip
    """The columns that are read, by key. ``named``: the ``columns`` beside the file's name in ``entry``, if any.

    ``understood`` gives the key that a header means, None when it means none of the ``known``.
    """
    wanted = _named(entry, named, understood, known, faults)
    found: dict[str, Column] = {}
    for at, cell in enumerate(table.header):
        if wanted is None:
            if not cell.text or cell.text.startswith(REMARK):
                continue
            key = understood(cell.text)
            if key is None:
                _unknown(table, cell, known, faults)
                continue
        else:
            taken = wanted.pop(cell.text.casefold(), None)
            if taken is None:
                continue
            key = taken
        if key in found:
            first = found[key].header
            message = f"a second column {cell.text}; the first is at column {first.column} of this line: keep one"
            faults.add(table.source, cell.place, "", message)
            continue
        found[key] = Column(at, key, cell)
    if wanted and named is not None:
        for header in wanted:
            _not_there(entry, named, header, table, faults)
    if wanted is None:
        _cells_without_header(table, faults)
    return found


def _named(
    entry: Entry, node: Node | None, understood: Callable[[str], str | None], known: tuple[str, ...], faults: Faults
) -> dict[str, str] | None:
    """Header (case aside) → key, as ``columns`` says."""
    if node is None or not isinstance(node.value, dict):
        return None
    wanted: dict[str, str] = {}
    for header, below in node.value.items():
        key = understood(below.value) if isinstance(below.value, str) else None
        if key is None:
            near = nearest(str(below.value), known)
            instead = f"did you mean {near}?" if near else f"write one of {', '.join(known)}"
            message = f"{below.value} is no key that a column can have; {instead}"
            faults.add(entry.source, (below.line, below.column), f"{entry.path}.columns.{header}", message)
        else:
            wanted[" ".join(header.split()).casefold()] = key
    return wanted


def _unknown(table: Table, cell: Cell, known: tuple[str, ...], faults: Faults) -> None:
    near = nearest(cell.text, known)
    instead = f"did you mean {near}?" if near else f"the columns are {', '.join(known)}"
    message = f"{cell.text} is no key of this table; {instead} (a header that begins with {REMARK} is a remark)"
    faults.add(table.source, cell.place, "", message)


def _not_there(entry: Entry, named: Node, header: str, table: Table, faults: Faults) -> None:
    keys: Mapping[str, tuple[int, int]] = named.keys or {}
    written = next((key for key in keys if " ".join(key.split()).casefold() == header), header)
    headers = [cell.text for cell in table.header if cell.text]
    near = nearest(written, headers)
    instead = f"did you mean {near}?" if near else f"there is {', '.join(headers[:20])}"
    message = f"{table.source.file} has no column {written}; {instead}"
    place = keys.get(written, (named.line, named.column))
    faults.add(entry.source, place, f"{entry.path}.columns.{written}", message)


def _cells_without_header(table: Table, faults: Faults) -> None:
    """The first cell that says something under a column without a name: it would be passed over unseen."""
    named = {at for at, cell in enumerate(table.header) if cell.text}
    width = len(table.header)
    if len(named) == width and all(len(row) <= width for row in table.rows):
        return
    for row in table.rows:
        for at, cell in enumerate(row):
            if cell.text and at not in named:
                faults.hide(table.source, Node(cell.text, *cell.place))
                message = "this column has no header; give it one, or empty the cell (is a separator too many before?)"
                faults.add(table.source, cell.place, "", message)
                return
