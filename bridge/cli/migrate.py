"""``vms-bridge migrate``: a site file of an older version becomes one of the version that this program reads."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.loading import must_exist
from bridge.cli.options import Subparsers, command, wants_json

if TYPE_CHECKING:
    from bridge.config.migrating import Plan


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "migrate",
        "bring a site file of an older version to this one",
        """
        Says what changes from the version the site was written in to the one that this program reads, shows it as a
        diff, and writes it: comments, order and layout stay, each file is replaced as a whole with its rights as they
        were, and the old one stays beside it as site.yaml.version-N. Tables beside it are left alone. Done again, it
        has nothing to do. run and check refuse a site of another version.
        """,
        "vms-bridge migrate site.yaml --dry-run",
        "vms-bridge migrate site.yaml",
    )
    parser.add_argument("site", type=Path, metavar="SITE", help="the site's file, or its folder of files")
    parser.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")


def run(arguments: argparse.Namespace) -> int:
    from bridge.config.editing import CannotEdit
    from bridge.config.errors import SiteErrors
    from bridge.config.migrating import plan, write

    must_exist(arguments.site)
    try:
        planned = plan(arguments.site)
    except SiteErrors as errors:
        raise Failure(Code.USAGE, errors.render()) from errors
    except CannotEdit as cannot:
        raise Failure(Code.REFUSED, str(cannot)) from None
    as_json = wants_json(arguments)
    if not as_json:
        _show(planned)
    kept: dict[Path, Path] = {}
    if not arguments.dry_run:
        try:
            kept = write(planned)
        except CannotEdit as cannot:
            raise Failure(Code.REFUSED, str(cannot)) from None
        except OSError as error:
            raise Failure(Code.REFUSED, f"{error.filename} cannot be written: {error.strerror}") from None
    if as_json:
        _tell(planned, kept, arguments.dry_run)
    elif planned.files:
        for file, old in kept.items():
            print(f"written: {file}; the old one is {old}")
        print("nothing was written" if arguments.dry_run else f"now look at it: vms-bridge check {arguments.site}")
    return Code.DONE


def _show(planned: Plan) -> None:
    if not planned.files:
        print(f"{planned.path} is of version {planned.newest}, which this bridge reads: nothing to do")
        return
    if planned.steps:
        print(f"{planned.path}: version {planned.found} becomes version {planned.newest}")
        for step in planned.steps:
            print(f"  {step.why}")
    else:
        print(f"{planned.path} names no version in a place where it has to: it is of version {planned.newest}")
    for each in planned.files:
        print(f"{each.file}:")
        for change in each.changes:
            print(f"  {change}")
        print(each.diff(), end="")


def _tell(planned: Plan, kept: dict[Path, Path], dry: bool) -> None:
    files = [
        {"file": str(each.file), "changes": each.changes, "diff": each.diff(), "kept": str(kept.get(each.file, ""))}
        for each in planned.files
    ]
    facts = {"site": str(planned.path), "from": planned.found, "to": planned.newest, "dry_run": dry}
    print(json.dumps({**facts, "files": files}, ensure_ascii=False))
