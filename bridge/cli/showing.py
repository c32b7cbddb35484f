"""How facts look to people: local times, sizes, columns. No terminal codes, so that it reads the same in a file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from bridge.cli.ending import Code, Failure


def moment(value: object) -> datetime | None:
    """A datetime, or the ISO text of one."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None


def local(value: object) -> str:
    """``2026-11-21 19:00:03`` on this machine's clock; a dash for no time."""
    found = moment(value)
    return found.astimezone().strftime("%Y-%m-%d %H:%M:%S") if found else "-"


def ago(value: object) -> str:
    found = moment(value)
    if found is None:
        return "-"
    seconds = (datetime.now(UTC) - found).total_seconds()
    if seconds < 1:
        return "just now"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def size(value: object) -> str:
    if not isinstance(value, int | float):
        return "-"
    left = float(value)
    for unit in ("B", "KiB", "MiB"):
        if left < 1024:
            return f"{left:.0f} {unit}" if unit == "B" else f"{left:.1f} {unit}"
        left /= 1024
    return f"{left:.1f} GiB"


def table(rows: Sequence[Sequence[str]], indent: int = 0) -> list[str]:
    """Left-aligned columns, two spaces apart; the last is not padded."""
    if not rows:
        return []
    columns = max(len(row) for row in rows)
    widths = [max((len(row[at]) for row in rows if at < len(row)), default=0) for at in range(columns)]
    return [
        " " * indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]


def listed(
    found: Iterable[Mapping[str, object]], as_json: bool, row: Callable[[Mapping[str, object]], Sequence[object]]
) -> None:
    """Print records: as JSON lines, or as a table of what ``row`` shows of each."""
    rows = []
    for each in found:
        if as_json:
            print(json.dumps(each, ensure_ascii=False))
        else:
            rows.append([str(fact) for fact in row(each)])
    for line in table(rows):
        print(line)
    if not rows and not as_json:
        print("none")


def chosen(arguments: argparse.Namespace, *names: str) -> dict[str, str]:
    """Those of these options that were given."""
    given = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def must_choose(arguments: argparse.Namespace, choice: Mapping[str, str], what: str, options: str) -> None:
    """Raises Failure unless something was chosen, or ``--all``, and not both."""
    if not choice and not arguments.all:
        raise Failure(Code.USAGE, f"say which to {what}: {options}, or --all")
    if choice and arguments.all:
        raise Failure(Code.USAGE, "--all means every one of them: leave it out, or the other choices")
