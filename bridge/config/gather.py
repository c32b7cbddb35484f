"""A file, or a folder of files, → the sections of one site, each entry with the place it stands at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bridge.config import versions
from bridge.config.document import Document, Node, Place, read
from bridge.config.errors import did_you_mean, nearest
from bridge.config.explain import naming
from bridge.config.faults import Entry, Faults
from bridge.config.groups import is_group
from bridge.config.models import NAME, REQUIRED, SECTIONS

NAMED = ("vms", "cameras", "connectors", "sensors", "endpoints")
LARGEST = 64 * 2**20
"""Bytes of one file; 10,000 sensors are 3 MB."""

_NAME = re.compile(NAME)


class Sections(msgspec.Struct):
    """``one``: the sections of which there is one (site, journal); ``named``: id → entry for each of NAMED.

    ``tables``: each ``sensors`` that is ``{from: file.csv, ...}`` as a whole.
    """

    one: dict[str, Entry]
    named: dict[str, dict[str, Entry]]
    tables: list[Entry]


def gather(path: Path, faults: Faults) -> Sections:
    """Read what stands under ``path``; whatever is wrong with its outline is added to ``faults``."""
    sections = Sections({}, {name: {} for name in NAMED}, [])
    whole = True
    seen: set[str] = set()
    read: list[tuple[Document, Node]] = []
    for file in files(path, faults):
        document = _document(file, faults)
        if document is None or document.root is None:
            whole = False
            continue
        read.append((document, document.root))
    if _of_other_version(read, path, faults):
        return sections  # what the keys of that version mean here says nothing
    for document, root in read:
        _outline(document, root, sections, seen, faults)
    missing = [name for name in REQUIRED if name not in seen]
    if missing == ["version"] and whole:
        faults.of_file(path, versions.missing(path))
    elif whole and missing and not (faults and not seen):
        faults.of_file(
            path, f"there is no section {' and no section '.join(missing)}; every site has {', '.join(REQUIRED)}"
        )
    return sections


def files(path: Path, faults: Faults) -> list[Path]:
    """The files a site is made of."""
    if not path.is_dir():
        return [path]
    for other in sorted(path.glob("*.yml")):
        faults.of_file(other, "only files that end in .yaml belong to a site; rename it")
    files = sorted(path.glob("*.yaml"))
    if not files:
        faults.of_file(path, "there is no *.yaml file in this folder; write one, or name another")
    return files


def _document(file: Path, faults: Faults) -> Document | None:
    try:
        size = file.stat().st_size
        data = file.read_bytes() if size <= LARGEST else b""
    except OSError as error:
        faults.of_file(file, f"cannot be read: {error.strerror}")
        return None
    if size > LARGEST:
        faults.of_file(file, f"has {size:,} bytes; {LARGEST:,} are the most a site file may have")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        source = Document(str(file), "", None, ())
        place = (before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1)
        faults.add(source, place, "", "this is not UTF-8; save the file as UTF-8")
        return None
    document = read(text, str(file))
    faults.take(document.errors)
    return document


def _outline(document: Document, root: Node, sections: Sections, seen: set[str], faults: Faults) -> None:
    if root.value is None:
        if not document.errors:
            faults.of_file(document.file, f"is empty; write {', '.join(f'{name}:' for name in REQUIRED)}")
        return
    if not isinstance(root.value, dict) or root.keys is None:
        faults.hide(document, root)
        faults.add(
            document, (root.line, root.column), "", f"a site is a mapping; begin with version: {versions.NEWEST}"
        )
        return
    for name, node in root.value.items():
        place = root.keys[name]
        entry = Entry(document, name, place, node)
        if name not in SECTIONS:
            faults.hide(document, node)
            near = did_you_mean(name, SECTIONS) or f"; the sections are {', '.join(SECTIONS)}"
            seen.add(nearest(name, SECTIONS))  # nobody needs to hear that this one is missing too
            faults.add(document, place, name, f"there is no section {name}{near}")
            continue
        seen.add(name)
        if name == "version":
            _version(entry, faults)
        elif name == "sensors" and is_group(node):
            sections.tables.append(entry)
        elif name in NAMED:
            _named(entry, sections.named[name], faults)
        elif name in sections.one:
            twice(name, entry, sections.one[name], faults)
        else:
            sections.one[name] = entry


def _version(entry: Entry, faults: Faults) -> None:
    why = versions.wrong(versions.of(entry.node), entry.source.file)
    if why:
        faults.add(entry.source, (entry.node.line, entry.node.column), "version", why)


def _of_other_version(read: Sequence[tuple[Document, Node]], path: Path, faults: Faults) -> bool:
    other = False
    for document, root in read:
        node = root.value.get("version") if isinstance(root.value, dict) else None
        said = versions.of(node)
        if node is not None and said is not None and said >= versions.FIRST and said != versions.NEWEST:
            other = True
            faults.add(document, (node.line, node.column), "version", versions.wrong(said, path))
    return other


def _named(section: Entry, entries: dict[str, Entry], faults: Faults) -> None:
    node = section.node
    if node.value is None:
        return
    if not isinstance(node.value, dict) or node.keys is None:
        faults.hide(section.source, node)
        message = f"{section.path} has to be a mapping: under it a name of your choice, and under that its keys"
        faults.add(section.source, section.place, section.path, message)
        return
    for key, below in node.value.items():
        place: Place = node.keys[key]
        entry = Entry(section.source, f"{section.path}.{key}", place, below)
        if key in entries:
            twice(key, entry, entries[key], faults)
            continue
        entries[key] = entry
        if not _NAME.fullmatch(key):
            faults.add(section.source, place, section.path, f"{naming('a name')}; what people read goes under name:")


def twice(what: str, entry: Entry, first: Entry, faults: Faults) -> None:
    """Say that a name is there already."""
    faults.add(
        entry.source, entry.place, entry.path, f"{what} is written twice; the first is at {first.where}: keep one"
    )
