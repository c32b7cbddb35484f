"""One row of a table of sensors → one entry, in which every value keeps the place it was written at."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.config.columns import Column
from bridge.config.document import Document, Node, Place
from bridge.config.explain import naming
from bridge.config.faults import Entry, Faults
from bridge.config.models import NAME
from bridge.config.table import Cell, Table, TableText

ID = "id"
_ELSEWHERE = 2**40
"""Added to the line of what stands beside ``from``, so that its place is told from one in the table."""

_NAME = re.compile(NAME)
_SPLIT = re.compile(r"[^;,\s]+")


class RowText(Document, kw_only=True):
    """What a row says, in the table and beside ``from``. ``path`` is the row's sensor, ``whole`` the group."""

    table: TableText
    beside: Document
    path: str
    whole: str

    def line(self, number: int) -> str:
        return self.beside.line(number - _ELSEWHERE) if number > _ELSEWHERE else self.table.line(number)

    def told(self, place: Place, path: str) -> tuple[Document, Place, str]:
        if place[0] <= _ELSEWHERE:
            return self.table, place, path
        return self.beside, (place[0] - _ELSEWHERE, place[1]), self.whole + path.removeprefix(self.path)

    def written(self, node: Node) -> tuple[str, Node]:
        if node.line <= _ELSEWHERE:
            return self.table.written(node)
        return self.beside.written(Node(node.value, node.line - _ELSEWHERE, node.column))


def elsewhere(node: Node) -> Node:
    """What stands beside ``from``, its lines marked as not the table's."""
    value = node.value
    if isinstance(value, dict):
        value = {key: elsewhere(below) for key, below in value.items()}
    elif isinstance(value, list):
        value = [elsewhere(below) for below in value]
    keys = None if node.keys is None else {key: (line + _ELSEWHERE, at) for key, (line, at) in node.keys.items()}
    return Node(value, node.line + _ELSEWHERE, node.column, keys)


class Rows:
    """Makes entries of rows; 10,000 of them a second, so what is the same for all is made once."""

    def __init__(
        self, group: Entry, table: Table, columns: Mapping[str, Column], beside: Mapping[str, Node], faults: Faults
    ) -> None:
        self._group = group
        self._table = table
        self._beside = beside
        self._faults = faults
        self._id = columns[ID]
        self._columns = [(column, _path(column.key)) for column in columns.values() if column.key != ID]
        keys = group.node.keys or {}
        self._keys = {key: (node.line, node.column) for key, node in beside.items()} | {
            key: (line + _ELSEWHERE, at) for key, (line, at) in keys.items() if key in beside
        }

    def row(self, row: list[Cell]) -> tuple[str, Entry] | None:
        id = row[self._id.at] if self._id.at < len(row) else None
        if id is None or not id.text:
            first = next(cell for cell in row if cell.text)
            self._faults.add(self._table.source, first.place, self._group.path, "this row has no id; give it one")
            return None
        source = RowText(
            self._table.source.file, "", None, (),
            table=self._table.source, beside=self._group.source, path=f"sensors.{id.text}", whole=self._group.path,
        )  # fmt: skip
        if not _NAME.fullmatch(id.text):
            offered = re.sub(r"[^A-Za-z0-9_.-]+", "-", id.text).strip("-_.")[:64]
            hint = f"; write for example {offered}" if offered else ""
            self._faults.add(source, id.place, self._group.path, f"{naming('an id')}{hint}")
        node = Node(dict(self._beside), *id.place, dict(self._keys))
        for column, path in self._columns:
            if column.at < len(row) and (cell := row[column.at]).text:
                _put(node, path, self._list(cell) if column.key == "cameras" else Node(cell.text, *cell.place), id)
        return id.text, Entry(source, source.path, id.place, node)

    def _list(self, cell: Cell) -> Node:
        """``gate-in; gate-wide`` as a list, each name at its own place where the line has it so."""
        line = self._table.source.line(cell.line)
        names = []
        at = cell.column - 1
        for found in _SPLIT.finditer(cell.text):
            there = line.find(found[0], at)
            column = there + 1 if there >= 0 else cell.column
            at = max(at, there + len(found[0]))
            names.append(Node(found[0], cell.line, column))
        return Node(names, *cell.place)


def _path(key: str) -> tuple[str, ...]:
    """Of ``address.identity.serial.no`` the last is ``serial.no``: names that a profile reads may hold dots."""
    parts = key.split(".")
    if parts[:2] == ["address", "identity"]:
        return (*parts[:2], ".".join(parts[2:]))
    return tuple(parts)


def _put(node: Node, path: tuple[str, ...], value: Node, id: Cell) -> None:
    """Set what a cell says; a mapping that holds for all rows is copied before it gets something of one row."""
    for part in path[:-1]:
        assert isinstance(node.value, dict)
        assert node.keys is not None
        below = node.value.get(part)
        if below is None or not isinstance(below.value, dict):
            below = Node({}, *id.place, {})
        elif below.line > _ELSEWHERE:
            below = Node(dict(below.value), *id.place, dict(below.keys or {}))
        node.value[part] = below
        node.keys.setdefault(part, (value.line, value.column))
        node = below
    assert isinstance(node.value, dict)
    assert node.keys is not None
    node.value[path[-1]] = value
    node.keys[path[-1]] = (value.line, value.column)
