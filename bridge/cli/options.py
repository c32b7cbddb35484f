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


def pass_on_examples(parser: argparse.ArgumentParser) -> None:
    """Show under the help of each word of a command those of the command's examples that begin with it."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        for word in action.choices.values():
            if word.epilog is None:
                lines = [line for line in (parser.epilog or "").splitlines() if _is_of(line, word.prog)]
                word.epilog = "\n".join([f"example{'s' * (len(lines) > 1)}:", *lines]) if lines else None
                word.formatter_class = argparse.RawDescriptionHelpFormatter


def _is_of(line: str, command: str) -> bool:
    words = command.split()
    return line.split()[: len(words)] == words


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
