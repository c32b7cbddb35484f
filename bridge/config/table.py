"""A table as a spreadsheet saves it (CSV) → rows of cells, each with the line and column it stands at.

Taken as Excel and others write them: UTF-8 with or without a byte order mark, UTF-16, Windows-1252; comma, semicolon
or tab between cells (found in the first line, or said by a ``sep=;`` line); quoted cells (RFC 4180) that may hold the
separator and line breaks; CRLF; empty lines. A reader of our own, because the standard library's says of no cell where
it stands and reads past a quotation mark that is never closed without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bridge.config.document import Document, Node, Place
from bridge.config.excerpt import HIDDEN, LONGEST
from bridge.config.faults import Faults

LARGEST = 32 * 2**20
"""Bytes of one table."""
MOST_ROWS = 100_000

_BREAK = re.compile(r"\r\n|\r|\n")
_QUOTED = r'[ \t]*"[^"]*(?:""[^"]*)*"[ ]*'
_SEPARATORS = ";\t,"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_KEPT_AS_TEXT = re.compile(r'="([^"]*)"')
_SHORTENED = re.compile(r"[-+]?\d(?:[.,]\d+)?E\+\d+")
_BROKEN = ("#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!")


class Cell(msgspec.Struct, gc=False):
    """``text``: what people read in it, blanks around and line breaks within taken out. Line and column from 1."""

    text: str
    line: int
    column: int

    @property
    def place(self) -> Place:
        return self.line, self.column


class TableText(Document):
    """The text of a table; its lines are those of the file, and a cell is written with its quotation marks."""

    separator: str = ","

    def line(self, number: int) -> str:
        if self._lines is None:
            self._lines = _BREAK.split(self.text)
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    def written(self, node: Node) -> tuple[str, Node]:
        """A cell as it stands in its line, quotation marks and all: what has to be hidden when it may be a secret."""
        rest = self.line(node.line)[node.column - 1 :]
        found = re.match(_cell(self.separator), rest)
        return self.file, Node(found[0].strip() if found else str(node.value), node.line, node.column)

    def shown(self, place: Place, hidden: Sequence[tuple[int, str]], safe: bool) -> tuple[str, int]:
        """The cell alone: the others of its row may be anything, those that are not read too."""
        line, column = place
        text = self.line(line)
        found = re.match(_cell(self.separator), text[column - 1 :])
        cell = found[0].strip() if found else ""
        if any(at == column for at, _ in hidden):
            cell = HIDDEN
        before = HIDDEN if column > 1 else ""
        after = HIDDEN if found and column - 1 + found.end() < len(text) else ""
        return f"{before}{cell[:LONGEST]}{after}", len(before) + 1


class Table(msgspec.Struct):
    """``header`` and ``rows``: cells as they stand, empty ones too; rows in which all are empty are left out."""

    source: TableText
    header: list[Cell]
    rows: list[list[Cell]]
    encoding: str


def read_table(file: Path, faults: Faults) -> Table | None:
    """The table in ``file``; None after saying why there is none. Raises OSError when it cannot be read."""
    size = file.stat().st_size
    if size > LARGEST:
        faults.of_file(file, f"has {size:,} bytes; {LARGEST:,} are the most a table may have")
        return None
    decoded = _decoded(file.read_bytes())
    if decoded is None:
        faults.of_file(file, "is a workbook, not text; save the sheet as CSV UTF-8")
        return None
    text, encoding = decoded
    said = re.match(r"sep=(.)[ \t]*(?:\r\n|\r|\n)", text, re.IGNORECASE)  # Excel's own first line
    separator = said[1] if said else _separator(text)
    source = TableText(str(file), text, None, (), separator=separator)
    records = _records(source, said.end() if said else 0, faults)
    header = next(records, None)
    if header is None:
        faults.of_file(file, "is empty; its first line names the columns")
        return None
    rows: list[list[Cell]] = []
    for row in records:
        if len(rows) == MOST_ROWS:
            faults.add(source, row[0].place, "", f"{MOST_ROWS:,} rows are the most a table may have; split it")
            break
        rows.append(row)
    return Table(source, header, rows, encoding)


def _decoded(data: bytes) -> tuple[str, str] | None:
    """The text and how it was encoded; None for a workbook. Windows-1252 is what Excel saves as plain "CSV"."""
    if data.startswith(_WORKBOOKS):
        return None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace"), "utf-16"
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "windows-1252"


def _separator(text: str) -> str:
    """The one that stands most often in the first line that says something, outside quotation marks."""
    first = next((line for line in _BREAK.split(text[:65536]) if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(_SEPARATORS, key=bare.count) if any(each in bare for each in _SEPARATORS) else ","


def _cell(separator: str) -> str:
    mark = re.escape(separator)
    return rf"(?:{_QUOTED}(?={mark}|[\r\n]|\Z))|[^{mark}\r\n]*"


def _records(source: TableText, start: int, faults: Faults) -> Iterator[list[Cell]]:
    """The rows that hold anything, cell by cell. What is wrong in a cell is said."""
    text, separator, cell = source.text, source.separator, re.compile(_cell(source.separator))
    at, line, begins = start, 1 if start == 0 else 2, start
    end = len(text)
    while at < end:
        row: list[Cell] = []
        any_text = False
        while True:
            found = cell.match(text, at)
            assert found is not None  # it matches nothing, too
            raw = found[0]
            blank = len(raw) - len(raw.lstrip())
            place = (line, at - begins + blank + 1)
            value = _value(raw, source, place, faults) if raw else ""
            any_text = any_text or value != ""
            row.append(Cell(value, *place))
            at = found.end()
            if '"' in raw and (breaks := [each.end() for each in _BREAK.finditer(raw)]):
                line, begins = line + len(breaks), found.start() + breaks[-1]
            if text[at : at + 1] != separator:
                break
            at += 1
        if any_text:
            yield row
        at += 2 if text.startswith("\r\n", at) else 1
        line, begins = line + 1, at


def _value(raw: str, source: TableText, place: Place, faults: Faults) -> str:
    """What people read in a cell. A formula, and what a formula or Excel has spoilt, is said."""
    text = raw.strip()
    wrong = ""
    if text.startswith('"'):
        if len(text) > 1 and text.endswith('"') and re.fullmatch(_QUOTED, text):
            text = text[1:-1].replace('""', '"')
        else:
            wrong = "this quotation mark is not closed where the cell ends; write it twice and quote the whole cell"
    text = " ".join(text.replace("\ufeff", "").replace("\u200b", "").split())
    kept = _KEPT_AS_TEXT.fullmatch(text)
    if kept:
        return kept[1].strip()
    if text[:1] == "=" or text in _BROKEN:
        wrong = "this is a formula, or what one left behind; save the sheet with values alone"
    elif _SHORTENED.fullmatch(text):
        wrong = "a spreadsheet has shortened this number; format its column as text, and write the number anew"
    if wrong:
        if text not in _BROKEN and not _SHORTENED.fullmatch(text):
            faults.hide(source, Node(text, *place))  # a column of secrets, perhaps
        faults.add(source, place, "", wrong)
    return text
