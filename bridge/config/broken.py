"""What libyaml says about text that is no YAML, said so that people know what to write."""

from __future__ import annotations

import yaml

_SENTENCES = (
    ("that cannot start any token", "a value cannot begin like this; put quotes around a text that begins with "
     "@, ` or %"),
    ("mapping values are not allowed", "a colon is too many here: indent this line like its neighbours, "
     "or put quotes around a text that holds a colon and a space"),
    ("could not find expected ':'", "this line has no colon; write key: value, and indent what belongs to a text"),
    ("did not find expected key", "this does not line up with the lines above; indent it like its neighbours"),
    ("did not find expected '-' indicator", "a list goes on here without its dash; begin the line with - or "
     "indent it differently"),
    ("did not find expected ',' or", "a { or [ before this is not closed, or a comma is missing"),
    ("found unexpected end of stream", "a quote or bracket opened before this is never closed"),
    ("did not find expected node content", "a value is missing here, or a { or [ is never closed"),
    ("block sequence entries are not allowed", "a list cannot begin here; put its first - on a line of its own"),
    ("found unknown escape character", "inside double quotes a backslash has a meaning; write it twice (\\\\) or use "
     "single quotes"),
    ("found undefined tag handle", "an exclamation mark begins a tag; put quotes around the text"),
    ("while scanning an anchor", "an & begins an anchor; put quotes around the text"),
    ("while scanning an alias", "a * begins an alias; put quotes around the text"),
)  # fmt: skip


def broken(error: yaml.YAMLError, text: str) -> tuple[tuple[int, int], str]:
    """Line and column (from 1) of a parser's error, and what to write instead. No part of ``text`` is repeated."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: max(0, text.find(chr(error.character)))] if isinstance(error.character, int) else ""
        place = (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        return place, "a control character that YAML does not allow; delete it and type the line again"
    if not isinstance(error, yaml.MarkedYAMLError):
        return (1, 1), "this is no YAML"
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    if _character(text, *place) == "\t":
        return place, "indent with spaces, never with tabs"
    said = f"{error.context or ''} {error.problem or ''}"
    for fragment, sentence in _SENTENCES:
        if fragment in said:
            return place, sentence
    return place, f"this is no YAML: {(error.problem or 'unreadable').strip()}"


def _character(text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    return lines[line - 1][column - 1 : column] if line <= len(lines) else ""
