"""A report as plain text, for mail and archives."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from bridge.proving.report.facts import Report
from bridge.proving.report.sections import SIGNATURES, UNPROVEN, Row, Section, cells, heading, printable, sections

WIDTH = 110


def as_text(report: Report) -> str:
    lines = [f"Handover report: {printable(report.site)}", "=" * min(WIDTH, 17 + len(report.site)), ""]
    lines += [f"{what + ':':<27}{printable(value)}" for what, value in heading(report)]
    for section in sections(report):
        lines += _section(section)
    lines += ["", *textwrap.wrap(UNPROVEN, WIDTH), ""]
    for what in SIGNATURES:
        lines += ["", f"{what}: ".ljust(WIDTH, "_")]
    return "\n".join(lines) + "\n"


def _section(section: Section) -> list[str]:
    lines = ["", section.title, "-" * len(section.title)]
    if section.note:
        lines += textwrap.wrap(printable(section.note), WIDTH)
    if not section.rows:
        return [*lines, section.empty]
    for row in cells(section.rows):
        lines += _row(section.head, row)
    return lines


def _row(head: Row, row: Row) -> list[str]:
    """The first cells on one line, as far as they fit; then each long one with its name under it."""
    first = [cell for cell in row[:2] if cell]
    lines = textwrap.wrap(f"* {' | '.join(first)}", WIDTH, subsequent_indent="  ") or ["*"]
    for name, cell in _named(head, row):
        lines += textwrap.wrap(f"{name}: {cell}", WIDTH, initial_indent="    ", subsequent_indent="      ")
    return lines


def _named(head: Row, row: Row) -> Sequence[tuple[str, str]]:
    return [(name, cell) for name, cell in zip(head[2:], row[2:], strict=True) if cell]
