"""The tables for people: README.md's, and docs/quality.md with the tests' names. Both stand between two marks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bridge.cli.quality import QUALITIES, Row, Shown

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "quality.md"
BEGIN = "<!-- quality: made by make quality, not by hand -->"
END = "<!-- quality ends -->"

NOT_SHOWN = "**–**"
DOES_NOT_APPLY = "·"


class NoMarks(ValueError):
    """A page has not both marks."""


def with_table(page: str, table: str) -> str:
    """The page with this between its marks. Raises NoMarks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoMarks(f"write {BEGIN} and {END} where the table shall stand")
    return f"{before}{BEGIN}\n{table}{END}{after}"


def readme_table(shown: Shown) -> str:
    """Numbers are tests that show it. What does not apply to any profile has no column there."""
    lines: list[str] = []
    for what, rows in (("connector", shown.connectors), ("profile", shown.profiles)):
        names = [name for name in QUALITIES if name not in _common(rows)]
        head = [what, *names, "UNKNOWN"]
        lines += ["", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        lines += [f"| {' | '.join([name, *_cells(row, names)])} |" for name, row in rows.items()]
    return "\n".join([*lines, "", ""])


def _cells(row: Row, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        quality = row.qualities[name]
        if quality.does_not_apply:
            yield DOES_NOT_APPLY
        elif not quality.shown:
            yield NOT_SHOWN
        else:
            yield ": ".join([str(quality.shown), *filter(None, [", ".join(quality.peers)])])
    yield str(len(row.unknown)) if row.unknown else ""


def details(shown: Shown) -> str:
    """For docs/quality.md: of each row the tests, why a quality does not apply, and what is UNKNOWN."""
    lines = [""]
    for title, rows in (("Connectors", shown.connectors), ("Profiles", shown.profiles)):
        lines += [f"## {title}", ""]
        common = _common(rows)
        lines += [f"- {name} does not apply to any: {why}" for name, why in common.items()]
        lines += [""] if common else []
        for name, row in rows.items():
            lines += [f"### {name}", "", *_told(row, common), ""]
    return "\n".join(lines)


def _common(rows: Mapping[str, Row]) -> dict[str, str]:
    """What does not apply to any of these rows, for one reason."""
    reasons = {name: {row.qualities[name].does_not_apply for row in rows.values()} for name in QUALITIES}
    return {name: min(why) for name, why in reasons.items() if len(why) == 1 and min(why)}


def _told(row: Row, common: Mapping[str, str]) -> Iterator[str]:
    for name in QUALITIES:
        quality = row.qualities[name]
        if name in common:
            continue
        if quality.does_not_apply:
            yield f"- {name}: does not apply. {quality.does_not_apply[0].upper()}{quality.does_not_apply[1:]}"
        elif quality.failed:
            yield f"- {name}: **not shown**, failed: {', '.join(f'`{test}`' for test in quality.failed)}"
        elif not quality.shown:
            yield f"- {name}: **not shown**"
        else:
            against = f" (against {', '.join(quality.peers)})" if quality.peers else ""
            yield f"- {name}{against}: {'; '.join(_by_file(quality.tests))}"
    yield from (f"- UNKNOWN: {sentence}" for sentence in row.unknown)


def _by_file(tests: Mapping[str, int]) -> Iterator[str]:
    """``[file](link): one, another × 3`` for each file, without what all names begin with."""
    files: dict[str, list[str]] = {}
    for test, many in tests.items():
        file, _, function = test.partition("::")
        files.setdefault(file, []).append(function.removeprefix("test_") + (f" × {many}" if many > 1 else ""))
    for file, functions in files.items():
        yield f"[{file.removeprefix('tests/')}](../{file}): {', '.join(functions)}"
