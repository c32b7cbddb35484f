"""What the commands' options have in common."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def command(
    subparsers: Subparsers, name: str, summary: str, description: str, *examples: str
) -> argparse.ArgumentParser:
    """A command's parser, with ``--json``, ``--debug`` and its examples under the help."""
    shown = "\n".join(f"  {example}" for example in examples)
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=textwrap.dedent(description).strip(),
        epilog=f"{'example' if len(examples) == 1 else 'examples'}:\n{shown}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    general(parser)
    return parser


def general(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="for programs: JSON, one per line"
    )
    group.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of a fault")


def service(parser: argparse.ArgumentParser) -> None:
    """Which running service, or which journal: one of three ways to say it."""
    group = parser.add_argument_group("which service (or its journal, when it is not running)")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--site", type=Path, metavar="SITE", help="its site file; else VMS_BRIDGE_SITE or site.yaml")
    which.add_argument("--journal", type=Path, metavar="DIR", help="its journal's folder")
    which.add_argument("--control", type=Path, metavar="SOCKET", help="its control socket")


def secrets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--secrets", type=Path, metavar="DIR", help="a folder with one file per secret, not readable by others"
    )


def wants_json(arguments: argparse.Namespace) -> bool:
    return bool(getattr(arguments, "json", False))
