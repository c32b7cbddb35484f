"""``python -m tests.quality FILE ...``: runs' evidence → mappings/quality/shown.json, README.md and docs/quality.md.

Without a file: what was shown stays as it is, and what is written by hand (and in profiles) is put in anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

import mappings
from bridge.cli.quality import QUALITIES, Quality, Shown, shown
from tests.quality.evidence import Key, read, together
from tests.quality.pages import PAGE, README, details, readme_table, with_table
from tests.quality.rows import Wrong, connectors, made_of, profiles


def as_before(found: Shown) -> dict[Key, Quality]:
    """The evidence that rows were made of."""
    rows = {f"connector:{name}": row for name, row in found.connectors.items()}
    rows |= {f"profile:{name}": row for name, row in found.profiles.items()}
    there = {f"connector:{name}" for name in connectors()} | {f"profile:{name}" for name in profiles()}
    return {
        Key(subject, name): quality
        for subject, row in rows.items()
        for name, quality in row.qualities.items()
        if subject in there and name in QUALITIES and (quality.tests or quality.failed)
    }


def write(found: Shown) -> None:
    encoded = msgspec.json.format(msgspec.json.encode(found), indent=1)
    mappings.QUALITY_SHOWN.write_bytes(encoded + b"\n")
    README.write_text(with_table(README.read_text("utf-8"), readme_table(found)), "utf-8")
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), details(found)), "utf-8")


def main(files: list[str]) -> int:
    try:
        found = made_of(together(read(Path(file)) for file in files) if files else as_before(shown()))
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    write(found)
    for name, row in {**found.connectors, **found.profiles}.items():
        missing = [quality for quality, each in row.qualities.items() if not (each.shown or each.does_not_apply)]
        print(f"{name:<18}{row.letters():<10}{'not shown: ' if missing else ''}{', '.join(missing)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
