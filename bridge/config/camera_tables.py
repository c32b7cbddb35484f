"""Cameras that are looked up by what an event says: ``cameras: {by: fields.entity_id, table: cameras.csv}``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from bridge.config.columns import columns_of
from bridge.config.document import Node
from bridge.config.errors import nearest
from bridge.config.faults import Entry, Faults
from bridge.config.parts import refer
from bridge.config.site import TableRead
from bridge.config.table import Cell, Table, read_table
from bridge.decide.cameras import CamerasBy
from bridge.model import CameraId
from bridge.profiles.expression import Expression, ExpressionError, compile_expression

Rows = dict[str, tuple[CameraId, ...]]

KEY, CAMERAS = "key", "cameras"
_SPLIT = re.compile(r"[;,\s]+")


class CameraTables:
    """The tables that sensors name, each read once. ``read``: what was read, for those who ask what a site is of."""

    def __init__(self, cameras: Mapping[str, Entry], faults: Faults) -> None:
        self._cameras = cameras
        self._faults = faults
        self._tables: dict[tuple[Path, str], tuple[str, Rows] | None] = {}
        self._expressions: dict[str, Expression | ExpressionError] = {}
        self.read: list[TableRead] = []

    @property
    def digests(self) -> list[str]:
        """Changes when a table says something else."""
        said = [[file.name, sorted(made[1].items())] for (file, _), made in self._tables.items() if made is not None]
        return [hashlib.blake2b(repr(each).encode(), digest_size=8).hexdigest() for each in said]

    def of(self, entry: Entry, node: Node) -> CamerasBy | None:
        """What a sensor's ``cameras`` says, when it is a mapping; None after saying what is wrong in it."""
        said = node.value if isinstance(node.value, dict) else {}
        by, table = said.get("by"), said.get("table")
        if by is None or table is None or not isinstance(by.value, str) or not isinstance(table.value, str):
            return None  # said when the section was validated
        path = f"{entry.path}.cameras"
        expression = self._expression(by.value)
        if isinstance(expression, ExpressionError):
            self._faults.add(entry.source, (by.line, by.column), f"{path}.by", str(expression))
        rows = self._rows(Entry(entry.source, path, entry.place, node), table, said.get("columns"))
        if rows is None or isinstance(expression, ExpressionError):
            return None
        return CamerasBy(expression, *rows)

    def _expression(self, text: str) -> Expression | ExpressionError:
        found = self._expressions.get(text)
        if found is None:
            try:
                found = compile_expression(text, {"fields", "identity"})
            except ExpressionError as error:
                found = error
            self._expressions[text] = found
        return found

    def _rows(self, entry: Entry, node: Node, columns: Node | None) -> tuple[str, Rows] | None:
        source, place, _ = entry.source.told((node.line, node.column), "")
        file = Path(source.file).parent / str(node.value)
        key = (file, repr(columns.value) if columns is not None else "")
        if key not in self._tables:
            self._tables[key] = None
            try:
                table = read_table(file, self._faults)
            except OSError as error:
                message = f"{file} cannot be read: {error.strerror}"
                if isinstance(error, FileNotFoundError):
                    there = sorted(each.name for each in file.parent.glob("*.csv")) if file.parent.is_dir() else []
                    near = nearest(str(node.value), there)
                    message = f"there is no file {file}" + (f"; did you mean {near}?" if near else "; write it")
                self._faults.add(source, place, f"{entry.path}.table", message)
                return None
            if table is not None:
                self._tables[key] = self._read(file, table, entry, columns)
        return self._tables[key]

    def _read(self, file: Path, table: Table, entry: Entry, named: Node | None) -> tuple[str, Rows] | None:
        columns = columns_of(table, entry, named, _understood, (KEY, "camera", CAMERAS), self._faults)
        for wanted, what in ((KEY, "what the events say"), (CAMERAS, "the cameras for it")):
            if wanted not in columns:
                message = f"there is no column {wanted.removesuffix('s')} ({what}); name one so in this line"
                self._faults.add(table.source, table.header[0].place, "", message)
        if KEY not in columns or CAMERAS not in columns:
            return None
        found: dict[str, dict[str, None]] = {}
        for row in table.rows:
            key, cell = _at(row, columns[KEY].at), _at(row, columns[CAMERAS].at)
            if key is None or cell is None:
                there = next(each for each in row if each.text)
                missing = KEY if key is None else "camera"
                self._faults.add(table.source, there.place, "", f"this row has no {missing}; write it, or take it out")
                continue
            self._cameras_of(table, key, cell, found.setdefault(key.text, {}))
        self.read.append(TableRead("cameras", str(file), len(table.rows), table.encoding))
        return file.name, {key: tuple(map(CameraId, names)) for key, names in found.items()}

    def _cameras_of(self, table: Table, key: Cell, cell: Cell, found: dict[str, None]) -> None:
        for name in filter(None, _SPLIT.split(cell.text)):
            row = Entry(table.source, f"key {key.text}", key.place, Node(name, *cell.place))
            if name not in self._cameras:
                refer(row, row.node, row.path, "camera", "cameras", name, self._cameras, self._faults)
            elif name in found:
                message = f"{key.text} has {name} already; each camera gets an event once: take this out"
                self._faults.add(table.source, cell.place, "", message)
            found[name] = None


def _at(row: list[Cell], at: int) -> Cell | None:
    return row[at] if at < len(row) and row[at].text else None


def _understood(header: str) -> str | None:
    return {"key": KEY, "camera": CAMERAS, "cameras": CAMERAS}.get(header.strip().casefold())
