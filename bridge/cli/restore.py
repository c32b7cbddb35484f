"""``vms-bridge restore``: a journal put back from its backup."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, wants_json


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "restore",
        "a journal put back from its backup",
        """
        Make a folder the journal that a backup holds, while no service has it. The backup is read to its end and its
        tables are checked before anything there is touched. What the folder held before is, with --replace, moved into
        a folder beside the journal, never removed.

        A journal put back is as it was: messages that came after the backup are not in it. Every delivery that was
        open then is looked for in its VMS before it is sent, as it may have been delivered since; where a VMS cannot
        be searched, it is sent marked as a possible duplicate. Who follows an endpoint is told that it begins anew.
        """,
        "vms-bridge restore depot.tar --journal /var/lib/vms-bridge",
        "vms-bridge restore depot.tar --journal journal --replace",
    )
    parser.add_argument("backup", type=Path, metavar="FILE", help="what vms-bridge backup wrote")
    parser.add_argument("--journal", type=Path, required=True, metavar="DIR", help="the folder it becomes")
    parser.add_argument("--replace", action="store_true", help="also when the folder is not empty")


def run(arguments: argparse.Namespace) -> int:
    from bridge.journal.contract import JournalError
    from bridge.journal.sqlite.backup import restore
    from bridge.journal.sqlite.tape import Damaged

    try:
        with arguments.backup.open("rb") as file:
            done = restore(file, arguments.journal, arguments.replace)
    except Damaged as damaged:
        raise Failure(Code.USAGE, f"{arguments.backup}: {damaged}; nothing was changed") from damaged
    except JournalError as error:
        raise Failure(Code.REFUSED, f"{error}; nothing was changed") from error
    except OSError as error:
        raise Failure(Code.REFUSED, f"{error.filename or arguments.journal}: {error.strerror or error}") from error
    manifest = done.manifest
    if wants_json(arguments):
        facts = {"site": manifest.site, "at": manifest.at, "events": manifest.events, "pictures": done.pictures}
        told = {"missing": done.missing, "searched": done.searched, "before": done.before}
        print(json.dumps({"journal": str(arguments.journal), **facts, **told}))
        return Code.DONE
    print(f"{arguments.journal} is the journal of site {manifest.site} as of {manifest.at}: {manifest.events} events")
    print(f"{done.searched} open deliveries are looked for in their VMS before they are sent")
    if done.before:
        print(f"what was there before is in {done.before}")
    return Code.DONE
