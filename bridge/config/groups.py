"""Groups of sensors: an entry that says ``from: doors.csv`` → one entry for each row of the table.

What stands beside ``from`` holds for every row; a cell that says something goes before it. Every value keeps the place
it was written at, in the table or beside ``from``, so that a fault names that one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bridge.config.columns import Column, columns_of
from bridge.config.document import Node, Place
from bridge.config.errors import nearest
from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.config.mapping import KEYS, GroupSection
from bridge.config.models import SensorSection
from bridge.config.rows import ID, Rows, elsewhere
from bridge.config.site import TableRead
from bridge.config.table import Table, read_table

_TEXTS = ("name", "kind", "location", "profile", "connector", "timezone")
_NEVER = ("rules",)
_REQUIRED = ("profile", "connector", "cameras")

Twice = Callable[[str, Entry, Entry, Faults], None]


def is_group(node: Node) -> bool:
    """Whether a mapping under (or in the place of) ``sensors`` is a table of sensors."""
    value = node.value
    return isinstance(value, dict) and "from" in value and not isinstance(value["from"].value, dict)


def with_rows(
    entries: Mapping[str, Entry], whole: Iterable[Entry], twice: Twice, faults: Faults
) -> tuple[dict[str, Entry], list[TableRead]]:
    """The sensors by id, each group in ``entries`` and ``whole`` (``sensors`` that is one) replaced by its rows.

    ``twice`` says that an id is there already.
    """
    sensors: dict[str, Entry] = {}
    read: list[TableRead] = []
    groups = [entry for entry in entries.values() if is_group(entry.node)]
    for name, entry in entries.items():
        if not is_group(entry.node):
            sensors[name] = entry
    for group in (*groups, *whole):
        rows, table = _Group(group, faults).rows()
        if table is not None:
            read.append(TableRead("sensors", table.source.file, len(rows), table.encoding))
        for id, row in rows:
            if id in sensors:
                twice(id, row, sensors[id], faults)
            else:
                sensors[id] = row
    return sensors, read


class _Group:
    def __init__(self, entry: Entry, faults: Faults) -> None:
        self._entry = entry
        self._faults = faults
        value = entry.node.value
        self._said: dict[str, Node] = value if isinstance(value, dict) else {}

    def rows(self) -> tuple[list[tuple[str, Entry]], Table | None]:
        """(id, entry) of each row, and the table they are from; none after saying why."""
        entry, faults = self._entry, self._faults
        own = {key: node for key, node in self._said.items() if key in KEYS}
        about = Entry(entry.source, entry.path, entry.place, Node(own, *entry.place, entry.node.keys))
        section = validated(GroupSection, about, faults)
        beside = self._beside()
        if section is None:
            return [], None
        file = Path(entry.source.file).parent / section.from_
        table = self._table(file, section.from_)
        if table is None:
            return [], None
        columns = columns_of(
            table, entry, self._said.get("columns"), _understood, (ID, *_TEXTS, "cameras", "address.…", "identity.…"),
            faults,
        )  # fmt: skip
        if not self._complete(table, columns, beside):
            return [], table
        reader = Rows(entry, table, columns, beside, faults)
        return [made for row in table.rows if (made := reader.row(row)) is not None], table

    def _table(self, file: Path, written: str) -> Table | None:
        node = self._said["from"]
        try:
            return read_table(file, self._faults)
        except OSError as error:
            message = f"{file} cannot be read: {error.strerror}"
            if isinstance(error, FileNotFoundError):
                tables = sorted(each.name for each in file.parent.glob("*.csv")) if file.parent.is_dir() else []
                near = nearest(written, tables)
                message = f"there is no file {file}" + (
                    f"; did you mean {near}?" if near else "; write a CSV file here"
                )
                if re.fullmatch(r"[0-9a-fA-F.:/]+", written):
                    message += f", or, if this is where it sends from, address: {{from: {written}}}"
            path = f"{self._entry.path}.from"
            self._faults.add(self._entry.source, (node.line, node.column), path, message)
            return None

    def _beside(self) -> dict[str, Node]:
        """What holds for every row, its lines marked as not the table's."""
        entry, faults = self._entry, self._faults
        keys = entry.node.keys or {}
        found: dict[str, Node] = {}
        for key, node in self._said.items():
            if key == "address":
                faults.hide(entry.source, node)  # no row may come to be checked, and a secret written here to be seen
            if key not in KEYS:
                self._take(key, node, keys.get(key, entry.place), entry.path, found)
        defaults = self._said.get("defaults")
        if defaults is not None and isinstance(defaults.value, dict):
            for key, node in defaults.value.items():
                if key == "address":
                    faults.hide(entry.source, node)
                place = (defaults.keys or {}).get(key, (defaults.line, defaults.column))
                if key in found:
                    message = f"{key} stands beside from already; write it once"
                    faults.add(entry.source, place, f"{entry.path}.defaults.{key}", message)
                    continue
                self._take(key, node, place, f"{entry.path}.defaults", found)
        return found

    def _take(self, key: str, node: Node, place: Place, path: str, found: dict[str, Node]) -> None:
        if key not in SensorSection.model_fields:
            known = (*KEYS, *SensorSection.model_fields)
            near = nearest(key, known)
            hint = f"; did you mean {near}?" if near else f"; the keys here are {', '.join(known)}"
            self._faults.hide(self._entry.source, node)
            self._faults.add(self._entry.source, place, f"{path}.{key}", f"there is no key {key} here{hint}")
        else:
            found[key] = elsewhere(node)

    def _complete(self, table: Table, columns: Mapping[str, Column], beside: Mapping[str, Node]) -> bool:
        """Whether every key that a sensor needs stands in some column or beside ``from``; what is missing is said."""
        headers = [cell.text for cell in table.header if cell.text]
        place = table.header[0].place
        complete = True
        if ID not in columns:
            complete = False
            first = next(iter(headers), "Door")
            message = (
                "there is no column id, by which each sensor is known for good; name a column so, or say which it is "
                f"beside from: columns: {{{first}: id}}"
            )
            self._faults.add(table.source, place, self._entry.path, message)
        for key in _REQUIRED:
            if key not in columns and key not in beside:
                complete = False
                message = f"{key} is missing: there is no column {key}, and it does not stand beside from"
                self._faults.add(table.source, place, f"{self._entry.path}.{key}", message)
        return complete


def _understood(header: str) -> str | None:
    """``"Address.Path"`` → ``"address.path"``, ``"identity.Serial"`` → ``"address.identity.Serial"``; None for no key
    that a column can have. Below the first dot it is as written: what a profile reads has its own spelling."""
    head, dot, below = header.partition(".")
    head = head.strip().casefold()
    below = below.strip()
    if not dot:
        return head if head in (ID, *_TEXTS, "cameras") else None
    if head == "identity" and below:
        return f"address.identity.{below}"
    nested = head in SensorSection.model_fields and head not in (*_TEXTS, *_NEVER, "cameras")
    return f"{head}.{below}" if nested and below else None
