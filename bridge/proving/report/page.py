"""A report as one HTML page: nothing in it is loaded from elsewhere, nothing runs, and it prints on A4.

Every text is escaped, whoever wrote it: a device, a VMS, a site's file.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bridge.proving.report.facts import Report
from bridge.proving.report.sections import SIGNATURES, UNPROVEN, Row, Section, cells, heading, printable, sections

_STYLE = """
@page { size: A4; margin: 14mm 12mm 16mm; }
:root { color-scheme: light; }
body { font: 10pt/1.4 "Segoe UI", "Noto Sans", "DejaVu Sans", Arial, sans-serif; color: #1a1f24; background: #fff;
  max-width: 72rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 18pt; margin: 0 0 .2rem; } h2 { font-size: 12.5pt; margin: 2rem 0 .4rem; break-after: avoid;
  border-bottom: 1px solid #9aa4ad; padding-bottom: .2rem; }
.kind { color: #4a545e; margin: 0 0 1rem; } .note { color: #4a545e; margin: .2rem 0 .6rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: 0; }
dt { color: #4a545e; } dd { margin: 0; overflow-wrap: anywhere; } dd:last-child { font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: 9pt; }
th { text-align: left; font-weight: 600; color: #4a545e; border-bottom: 1.5px solid #9aa4ad; }
th, td { padding: .25rem .5rem .25rem 0; vertical-align: top; }
td { border-bottom: 1px solid #dde2e6; overflow-wrap: anywhere; } thead { display: table-header-group; }
tr { break-inside: avoid; } td.short { white-space: nowrap; } th { overflow-wrap: normal; }
.mark { font-weight: 600; border: 1px solid; border-radius: 3px; padding: 0 .35rem; font-size: 8.5pt; }
.ok { color: #17633a; } .warn { color: #7a4d00; } .wrong { color: #a11313; } .unknown { color: #44505b; }
.sign { display: grid; grid-template-columns: 1fr 1fr; gap: 2.6rem 2rem; margin-top: 3rem; break-inside: avoid; }
.sign div { border-top: 1px solid #1a1f24; padding-top: .2rem; color: #4a545e; font-size: 9pt; }
@media print { body { margin: 0; padding: 0; max-width: none; } .mark { border-color: currentColor; } }
"""
_SHORT = 20
"""Characters of the longest cell of a column that is not wrapped."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def as_page(report: Report) -> str:
    told = "".join(f"<dt>{_safe(what)}</dt><dd>{_safe(value)}</dd>\n" for what, value in heading(report))
    rest = "".join(_section(section) for section in sections(report))
    signs = "".join(f"<div>{_safe(what)}</div>" for what in SIGNATURES)
    title = f"Handover report: {_safe(report.site)}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{_safe(report.site)}</h1>\n<p class="kind">Handover report of the sensor bridge</p>\n'
        f'<dl>\n{told}</dl>\n{rest}<p class="note">{_safe(UNPROVEN)}</p>\n'
        f'<div class="sign">{signs}</div>\n</body>\n</html>\n'
    )


def _section(section: Section) -> str:
    note = f'<p class="note">{_safe(section.note)}</p>\n' if section.note else ""
    title = f"<section>\n<h2>{_safe(section.title)}</h2>\n{note}"
    if not section.rows:
        return f"{title}<p>{_safe(section.empty)}</p>\n</section>\n"
    shown = cells(section.rows)
    short = [max(len(row[at]) for row in shown) <= _SHORT for at in range(len(section.head))]
    head = "".join(f'<th scope="col">{_safe(name)}</th>' for name in section.head)
    rows = "".join(_row(row, short, section.graded) for row in shown)
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    return f"{title}{table}</section>\n"


def _row(row: Row, short: Sequence[bool], graded: bool) -> str:
    cells = [
        f'<td class="short">{_safe(cell)}</td>' if fits else f"<td>{_safe(cell)}</td>"
        for cell, fits in zip(row, short, strict=True)
    ]
    if graded:
        cells[0] = f'<td class="short">{_grade(row[0])}</td>'
    return f"<tr>{''.join(cells)}</tr>\n"


def _grade(word: str) -> str:
    kind = word if word in ("ok", "warn", "wrong", "unknown") else "unknown"
    return f'<span class="mark {kind}">{_safe(word)}</span>'


def _safe(text: str) -> str:
    return escape(printable(text), quote=True)
