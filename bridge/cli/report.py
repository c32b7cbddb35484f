"""``vms-bridge report``: the handover report of a selftest that was stored, in another form; nothing is tried again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, wants_json


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "report",
        "a stored selftest as a page or a text, nothing tried again",
        """
        Read what vms-bridge selftest --report FILE.json has stored, and write it as a page or a text. It keeps the date
        of the test: nothing is tried again, and no site is read.
        """,
        "vms-bridge report handover.json > handover.txt",
        "vms-bridge report handover.json --to handover.html",
    )
    parser.add_argument("stored", type=Path, metavar="FILE", help="a report that ends in .json")
    parser.add_argument(
        "--to", type=Path, metavar="FILE", help="where to; .html, .txt or .json. Text on stdout unless given"
    )


def run(arguments: argparse.Namespace) -> int:
    from bridge.proving.report.stored import FORMS, NotReadable, as_json, form_of, read, write
    from bridge.proving.report.text import as_text

    to: Path | None = arguments.to
    if to is not None and form_of(to) is None:
        raise Failure(Code.USAGE, f"{to}: the report's name ends in {', '.join(FORMS)}")
    try:
        report = read(arguments.stored)
    except NotReadable as error:
        raise Failure(Code.USAGE, str(error)) from error
    if to is None:
        sys.stdout.write(as_json(report) if wants_json(arguments) else as_text(report))
        return Code.DONE
    try:
        write(report, to)
    except OSError as error:
        raise Failure(Code.REFUSED, f"{to} cannot be written: {error.strerror}") from error
    return Code.DONE
