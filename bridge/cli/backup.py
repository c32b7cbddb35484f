"""``vms-bridge backup``: the journal as one file, of one moment, while its service goes on."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, service, wants_json
from bridge.cli.showing import size

if TYPE_CHECKING:
    from bridge.journal.sqlite.tape import Entries

CHUNK = 256 * 1024


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "backup",
        "a journal as one file, while its service goes on",
        """
        Write a journal into one file: its tables as they are at one moment, and every picture they name. The service
        goes on taking and sending meanwhile; of a service that is not running, the journal is read as it rests. The
        file is there under its name only when it is whole and was read back; it is readable by its owner alone, as it
        holds everything the sensors said. It holds no secret and not the site's files: keep those beside it.
        """,
        "vms-bridge backup --site site.yaml --into /var/backups/vms-bridge/",
        "vms-bridge backup --journal /var/lib/vms-bridge --into depot.tar",
    )
    parser.add_argument(
        "--into",
        required=True,
        metavar="FILE",
        help="a new file; or a folder (made where it is missing, if it ends with /), for a file named by its time",
    )
    service(parser)


def run(arguments: argparse.Namespace) -> int:
    from bridge.journal.sqlite.tape import Damaged

    where = asking.place(arguments)
    target = _target(arguments.into)
    part = target.with_name(f"{target.name}.part")
    pieces = _of_service(where) if asking.running(where) else _of_journal(where)
    try:
        entries = _kept(part, pieces)
        part.rename(target)
        _sync(target.parent)
    except Damaged as damaged:
        raise Failure(Code.REFUSED, f"the backup failed: {damaged}") from damaged
    except OSError as error:
        raise Failure(Code.REFUSED, f"{target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    assert entries.end is not None
    manifest, end = entries.manifest, entries.end
    if wants_json(arguments):
        facts = {"site": manifest.site, "at": manifest.at, "messages": manifest.messages, "events": manifest.events}
        counts = {"undelivered": manifest.undelivered, "pictures": end.files - 1, "missing": end.missing}
        print(json.dumps({"file": str(target), "bytes": target.stat().st_size, **facts, **counts}))
    else:
        missing = f", {end.missing} pictures are missing on its disk" if end.missing else ""
        print(
            f"{target}: {size(target.stat().st_size)}, site {manifest.site} at {manifest.at}: "
            f"{manifest.events} events, {manifest.undelivered} deliveries open, {end.files - 1} pictures{missing}"
        )
    return Code.FOUND if end.missing else Code.DONE


def _target(into: str) -> Path:
    """The file to be made, which is not there yet. Raises Failure."""
    target = Path(into)
    if into.endswith(("/", os.sep)):  # else the first of many backups would be a file of the folder's name
        try:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Failure(Code.REFUSED, f"{target}: {error.strerror or error}") from error
    if target.is_dir():
        target = target / f"vms-bridge-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}.tar"
    if target.exists():
        raise Failure(Code.USAGE, f"{target} is there already: name another file")
    return target


def _kept(part: Path, pieces: Iterator[bytes]) -> Entries:
    """Written, synced, and read back to its end."""
    from bridge.journal.sqlite.tape import Entries

    with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    with part.open("rb") as file:
        entries = Entries(file)
        for _, _, content in entries:
            for _ in content:
                pass
    return entries


def _of_service(where: asking.Place) -> Iterator[bytes]:
    import http.client

    with asking.service(where, timeout=600.0) as client:
        answered = client.stream("/backup")
        try:
            while piece := answered.read(CHUNK):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise Failure(Code.REFUSED, "the service ended the backup before it was whole; its log says why") from error


def _of_journal(where: asking.Place) -> Iterator[bytes]:
    import socket

    from bridge.journal.contract import Fenced, JournalError
    from bridge.journal.sqlite.backup import tape_of
    from bridge.journal.sqlite.lock import FolderLock
    from bridge.journal.sqlite.schema import DATABASE
    from bridge.observing import version

    folder = where.journal
    if folder is None or not (folder / DATABASE).is_file():
        raise Failure(Code.NO_SERVICE, f"no service is running at {where.control}, and no journal is beside it")
    try:
        lock = FolderLock.acquire(folder, socket.gethostname())
    except Fenced as held:
        raise Failure(Code.REFUSED, f"{held}: name its control socket with --control") from held
    try:
        yield from tape_of(folder, version())
    except JournalError as error:
        raise Failure(Code.REFUSED, f"journal: {error}") from error
    finally:
        lock.release()


def _sync(folder: Path) -> None:
    from bridge.journal.sqlite.media import sync_folder

    sync_folder(folder)
