"""How facts look to people: local times, sizes, columns. No terminal codes, so that it reads the same in a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime


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
