"""A site brought from the version it was written in to the one this program reads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path

import msgspec

from bridge.config import versions
from bridge.config.document import Document, Node, read
from bridge.config.editing import CannotEdit, write_site
from bridge.config.faults import Faults
from bridge.config.gather import files
from bridge.config.rewriting import Rewriting
from bridge.config.versions import FIRST, MIGRATIONS, Migration

_BOM = "\ufeff"


class Migrated(msgspec.Struct, frozen=True):
    """One file that changes. ``changes``: in words. ``names_it``: it is the one that names the version."""

    file: Path
    before: bytes
    after: str
    changes: tuple[str, ...]
    names_it: bool

    def diff(self) -> str:
        """What changes in it, as lines of a unified diff."""
        old = self.before.decode("utf-8").splitlines(keepends=True)
        new = self.after.splitlines(keepends=True)
        lines = unified_diff(old, new, str(self.file), str(self.file), n=2)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


class Plan(msgspec.Struct, frozen=True):
    """``found`` → ``newest``, by ``steps``; ``files``: those that change, none when there is nothing to do."""

    path: Path
    found: int
    newest: int
    steps: tuple[Migration, ...]
    files: tuple[Migrated, ...]


def plan(path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> Plan:
    """What there is to do. Reads, and changes nothing; tables beside the files are not looked at.

    Raises SiteErrors for a site that cannot be read, or of a version that this program does not know, and CannotEdit
    where a file cannot be changed without losing how it is laid out.
    """
    newest = FIRST + len(migrations)
    read_, faults = [], Faults()
    for file in files(path, faults):
        document = _read(file, faults)
        if document is not None and document[2].root is not None:
            read_.append(document)
    said = {file: _version(document, path, newest, faults) for file, _, document in read_}
    if faults:
        raise faults.errors()
    named = [version for version in said.values() if version is not None]
    # Some are ahead where a migration was cut short: a step done again changes nothing.
    found = min(named, default=FIRST)
    steps = tuple(migrations[found - FIRST :])
    names_it = next((file for file, version in said.items() if version is not None), None) or _head(read_)
    migrated = [
        _migrated(file, before, document.text, said[file], steps, newest, file == names_it)
        for file, before, document in read_
    ]
    changed = [each for each in migrated if each is not None]
    return Plan(path, found, newest, steps, tuple(sorted(changed, key=lambda each: each.names_it)))


def write(planned: Plan) -> dict[Path, Path]:
    """Replace each file as a whole, with its rights as they were, and keep the old one beside it; returns which is
    kept where. What names the version comes last, so that a migration cut short is begun again. Raises CannotEdit when
    a file was changed meanwhile, and OSError."""
    kept = {}
    for each in planned.files:
        target = each.file.resolve()
        if target.read_bytes() != each.before:
            raise CannotEdit(f"{each.file} was changed meanwhile; run the command again")
        kept[each.file] = _keep(target, each.before, planned.found)
        write_site(each.file, each.before, each.after)
    return kept


def _read(file: Path, faults: Faults) -> tuple[Path, bytes, Document] | None:
    try:
        before = file.read_bytes()
        text = before.decode("utf-8-sig")
    except OSError as error:
        faults.of_file(file, f"cannot be read: {error.strerror}")
        return None
    except UnicodeDecodeError:
        faults.of_file(file, "this is not UTF-8; save the file as UTF-8")
        return None
    document = read(text, str(file))
    faults.take(document.errors)
    if not document.errors and (document.root is None or not isinstance(document.root.value, dict)):
        faults.of_file(file, "is no site: it has no sections")
    return file, before, document


def _version(document: Document, path: Path, newest: int, faults: Faults) -> int | None:
    root = document.root
    node: Node | None = root.value.get("version") if root is not None and isinstance(root.value, dict) else None
    if node is None:
        return None
    said = versions.of(node)
    if said is None or said < FIRST or said > newest:
        faults.add(document, (node.line, node.column), "version", versions.wrong(said, path, newest))
    return said


def _head(documents: Sequence[tuple[Path, bytes, Document]]) -> Path | None:
    """The file that shall name the version where none does: that with the site's name."""
    for file, _, document in documents:
        if document.root is not None and isinstance(document.root.value, dict) and "site" in document.root.value:
            return file
    return documents[0][0] if documents else None


def _migrated(
    file: Path, before: bytes, text: str, said: int | None, steps: Sequence[Migration], newest: int, names_it: bool
) -> Migrated | None:
    rewriting = Rewriting(text, str(file))
    for step in steps:
        step.change(rewriting)
    if said is not None and said != newest:
        rewriting.put(("version",), newest)
    elif said is None and names_it:
        rewriting.add((), "version", newest)
    if rewriting.text == text:
        return None
    mark = _BOM if before.startswith(b"\xef\xbb\xbf") else ""
    return Migrated(file, before, mark + rewriting.text, tuple(rewriting.changes), said is not None or names_it)


def _keep(target: Path, before: bytes, version: int) -> Path:
    """The old file under a name that no site reads: itself where the disk can link, else a copy of it."""
    name, number = f"{target.name}.version-{version}", 1
    while True:
        kept = target.with_name(name if number == 1 else f"{name}.{number}")
        if not kept.exists():
            break
        if kept.read_bytes() == before:
            return kept  # of a migration that was cut short
        number += 1
    try:
        os.link(target, kept)
    except OSError:
        shutil.copy2(target, kept)
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            status = target.stat()
            os.chown(kept, status.st_uid, status.st_gid)
    return kept
