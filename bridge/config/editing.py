"""Putting entries into a section of a site file without touching anything else in it.

Nothing is dumped: lines are inserted where a person would write them, comments, order and layout stay. What came out is
read again and compared with what was meant, and a file that is laid out too unusually is left alone.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import yaml

from bridge.config.document import Document, Node, Plain, plain, read, scalar
from bridge.config.private_file import sync_folder

Value: TypeAlias = str | int | float | bool
Fields: TypeAlias = Mapping[str, Value]
"""What stands under an entry: key → value."""

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./ -]*(:[A-Za-z0-9_./-]+)?")
_BOM = "\ufeff"


class CannotEdit(Exception):
    """The file is not changed; the message says why, and what to write by hand."""


def entry_line(name: str, fields: Fields) -> str:
    """``gate-in: {vms: cloud, id: 4711, token: secret:gate-in}``"""
    return f"{name}: {{{', '.join(f'{key}: {written(value)}' for key, value in fields.items())}}}"


def with_entries(text: str, file: str, section: str, entries: Mapping[str, Fields], after: str = "") -> str:
    """The text of a file with these entries at the end of a section; a section that is not there is begun behind the
    section ``after``. Raises CannotEdit."""
    if not entries:
        return text
    lines = [entry_line(name, fields) for name, fields in entries.items()]
    document = read(text, file)
    root = document.root
    if document.errors or root is None or not isinstance(root.value, dict) or root.keys is None:
        raise CannotEdit(f"{file} has errors; mend them first (vms-bridge check {file})")
    for edited in _edited(document, root, section, lines, after):
        if _as_meant(root, edited, section, entries):
            return edited
    shown = "\n".join(f"  {line}" for line in lines)
    raise CannotEdit(f"{file} is laid out so that it cannot be added to; write by hand, under {section}:\n{shown}")


def write_site(file: Path, before: bytes, text: str) -> None:
    """Replace a site file's text, as a whole, with its rights as they were. Raises CannotEdit when it is no longer
    what was read, and OSError."""
    target = file.resolve()
    if target.read_bytes() != before:
        raise CannotEdit(f"{file} was changed meanwhile; run the command again")
    status = target.stat()
    fresh = target.with_name(f".{target.name}.new")
    with fresh.open("wb") as opened:
        opened.write(text.encode())
        opened.flush()
        os.fsync(opened.fileno())
    fresh.chmod(status.st_mode & 0o7777)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.chown(fresh, status.st_uid, status.st_gid)
    os.replace(fresh, target)
    sync_folder(target.parent)


def _edited(document: Document, root: Node, section: str, lines: list[str], after: str) -> Iterator[str]:
    """What the text could become, the nicest first."""
    assert isinstance(root.value, dict)
    assert root.keys is not None
    text = document.text
    ends = "\r\n" if "\r\n" in text else "\n"
    whole = text.splitlines(keepends=True)
    if whole and not whole[-1].endswith(("\n", "\r")):
        whole[-1] += ends
    there = root.value.get(section)
    if there is None:
        at = _last(whole, root, after, 1) if after in root.value else len(whole)
        yield _with(whole, at, ends + f"{section}:{ends}" + _block(lines, 2, ends))
        return
    line = root.keys[section][0] - 1
    if isinstance(there.value, dict) and there.value and there.keys is not None:
        first = min(there.keys.values())
        if _flow_begins(whole, there):
            yield from _into_flow(text, section, lines, ends)
        else:
            yield _with(whole, _last(whole, root, section, first[1]), _block(lines, first[1] - 1, ends))
    elif isinstance(there.value, dict):
        whole[there.line - 1] = re.sub(r"[ \t]*\{[ \t]*\}", "", whole[there.line - 1], count=1)
        yield _with(whole, there.line, _block(lines, 2, ends))
    elif there.value is None:
        whole[line] = re.sub(r":[ \t]*(~|null|Null|NULL)", ":", whole[line], count=1)
        yield _with(whole, _last(whole, root, section, 2), _block(lines, 2, ends))


def _with(whole: list[str], at: int, more: str) -> str:
    return "".join(whole[:at]) + more + "".join(whole[at:])


def _block(lines: list[str], indent: int, ends: str) -> str:
    return "".join(f"{' ' * indent}{line}{ends}" for line in lines)


def _last(whole: list[str], root: Node, section: str, column: int) -> int:
    """How many lines there are up to the end of a section: blank lines and comments that stand further left than its
    entries belong to what follows."""
    assert root.keys is not None
    begins = root.keys[section][0]
    following = [line for line, _ in root.keys.values() if line > begins]
    end = min(following) - 1 if following else len(whole)
    while end > begins:
        line = whole[end - 1].rstrip()
        left = line.lstrip()
        if left and not (left.startswith("#") and len(line) - len(left) < column - 1) and line not in ("...", "---"):
            break
        end -= 1
    return end


def _flow_begins(whole: list[str], node: Node) -> bool:
    return whole[node.line - 1][node.column - 1 : node.column] == "{"


def _into_flow(text: str, section: str, lines: list[str], ends: str) -> Iterator[str]:
    """Before the brace that closes ``section: {…}``; on lines of their own when that stands alone."""
    at = _closing(text, section)
    if at is None:
        return
    before = text[:at].rstrip()
    comma = "" if before.endswith((",", "{")) else ","
    if "\n" not in text[len(before) : at]:
        yield before + comma + " " + ", ".join(lines) + text[at:]
        return
    last = before.rpartition("\n")[2]
    indent = " " * (len(last) - len(last.lstrip()))
    gap = text[len(before) : at]
    yield before + comma + ends + f",{ends}".join(f"{indent}{line}" for line in lines) + gap + text[at:]
    # A comment behind the last value would swallow the comma.
    yield before + ends + ends.join(f"{indent}, {line}" for line in lines) + gap + text[at:]


def _closing(text: str, section: str) -> int | None:
    """Where the flow mapping under a key of the root ends."""
    depth, key, inside = 0, "", False
    for event in yaml.parse(text, Loader=yaml.SafeLoader):  # the pure parser: its marks have an index
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            depth += 1
            inside = inside or (depth == 2 and key == section)
            expecting_key = depth == 1
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            if depth == 2 and inside:
                mark = event.start_mark
                return int(mark.index) if mark is not None and text[mark.index : mark.index + 1] == "}" else None
            depth -= 1
            expecting_key = depth == 1
        elif isinstance(event, yaml.ScalarEvent | yaml.AliasEvent) and depth == 1:
            if expecting_key:
                key = str(getattr(event, "value", ""))
            expecting_key = not expecting_key
    return None


def _as_meant(root: Node, edited: str, section: str, entries: Mapping[str, Fields]) -> bool:
    document = read(edited, "")
    if document.errors or document.root is None:
        return False
    wanted = plain(root)
    assert isinstance(wanted, dict)
    below = wanted.get(section) or {}
    if not isinstance(below, dict):
        return False
    added: dict[str, Plain] = {name: dict(fields) for name, fields in entries.items()}
    return plain(document.root) == {**wanted, section: {**below, **added}}


def written(value: Value) -> str:
    """A value as it stands between braces: as it is where that reads as the same text, else in double quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if _PLAIN.fullmatch(value) and isinstance(scalar(value), str) and value.strip() == value:
        return value
    return json.dumps(value, ensure_ascii=False)
