"""Keys and values are changed where they stand; everything else in the file stands as it stood."""

from __future__ import annotations

import difflib
from collections.abc import Callable

import pytest

from bridge.config.editing import CannotEdit
from bridge.config.rewriting import Rewriting

TEXT = """\
# The depot.
version: 1   # of the format

vms:
  cloud: {type: vxg, 'url': "https://web.harbour.example", retries: 3}   # the cloud
sensors:
    gate:      # north
      profile: cammra
      # every minute
      poll_every: 1 min   # not oftener
      text: |
        two
        lines
      rules:
        # the first
        - select: event.type == "x"
          name: strangers
        - {collapse: off, why: "as asked"}
      also:
    yard: {profile: cammra}
# the end
"""


def rewritten(change: Callable[[Rewriting], None], text: str = TEXT) -> tuple[list[str], list[str]]:
    """The lines that went and the lines that came."""
    rewriting = Rewriting(text, "site.yaml")
    change(rewriting)
    told = list(difflib.ndiff(text.splitlines(), rewriting.text.splitlines()))
    return [line[2:] for line in told if line[0] == "-"], [line[2:] for line in told if line[0] == "+"]


@pytest.mark.parametrize(
    ("change", "gone", "came"),
    [
        (
            lambda file: file.rename(("sensors", "gate", "poll_every"), "poll"),
            ["      poll_every: 1 min   # not oftener"],
            ["      poll: 1 min   # not oftener"],
        ),
        (
            lambda file: file.rename(("vms", "cloud", "url"), "address"),
            ["""  cloud: {type: vxg, 'url': "https://web.harbour.example", retries: 3}   # the cloud"""],
            ["""  cloud: {type: vxg, address: "https://web.harbour.example", retries: 3}   # the cloud"""],
        ),
        (
            lambda file: file.rename(("sensors", "gate", "rules", 0, "select"), "only"),
            ['        - select: event.type == "x"'],
            ['        - only: event.type == "x"'],
        ),
        (lambda file: file.put(("version",), 2), ["version: 1   # of the format"], ["version: 2   # of the format"]),
        (lambda file: file.put(("sensors", "gate", "also"), "1 min"), ["      also:"], ["      also: 1 min"]),
        (
            lambda file: file.put(("sensors", "gate", "rules", 1, "why"), "a: b"),
            ['        - {collapse: off, why: "as asked"}'],
            ['        - {collapse: off, why: "a: b"}'],
        ),
        (lambda file: file.add((), "kind", "depot"), [], ["kind: depot"]),
        (lambda file: file.add(("sensors", "gate"), "armed", True), [], ["      armed: true"]),
        (
            lambda file: file.add(("sensors", "yard"), "kind", "lpr"),
            ["    yard: {profile: cammra}"],
            ["    yard: {kind: lpr, profile: cammra}"],
        ),
        (
            lambda file: file.remove(("sensors", "gate", "poll_every")),
            ["      poll_every: 1 min   # not oftener"],
            [],
        ),
        (lambda file: file.remove(("sensors", "gate", "text")), ["      text: |", "        two", "        lines"], []),
        (
            lambda file: file.remove(("sensors", "gate", "rules", 0, "select")),
            ['        - select: event.type == "x"', "          name: strangers"],
            ["        - name: strangers"],
        ),
        (
            lambda file: file.remove(("vms", "cloud", "url")),
            ["""  cloud: {type: vxg, 'url': "https://web.harbour.example", retries: 3}   # the cloud"""],
            ["  cloud: {type: vxg, retries: 3}   # the cloud"],
        ),
        (
            lambda file: file.remove(("vms", "cloud", "retries")),
            ["""  cloud: {type: vxg, 'url': "https://web.harbour.example", retries: 3}   # the cloud"""],
            ["""  cloud: {type: vxg, 'url': "https://web.harbour.example"}   # the cloud"""],
        ),
    ],
)
def test_one_place_is_changed_and_no_comment_moves(
    change: Callable[[Rewriting], None], gone: list[str], came: list[str]
) -> None:
    assert rewritten(change) == (gone, came)


def test_what_was_done_is_told_in_words() -> None:
    file = Rewriting(TEXT, "site.yaml")
    file.rename(("sensors", "gate", "poll_every"), "poll")
    file.put(("sensors", "gate", "poll"), "2 min")
    file.add(("sensors", "yard"), "kind", "lpr")
    file.remove(("vms", "cloud", "retries"))
    assert file.changes == [
        "sensors.gate.poll_every is called poll now",
        "sensors.gate.poll is 2 min now",
        "sensors.yard.kind is new: lpr",
        "vms.cloud.retries is gone",
    ]
    assert file.at(("sensors", "gate", "poll")) == "2 min"


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("a: &x {old: 1}\nb: *x\n", lambda file: file.rename(("a", "old"), "new")),  # both would change
        ("a: &x 1\nb: *x\n", lambda file: file.put(("a",), 2)),
        ("a: {old: 1, new: 2}\n", lambda file: file.rename(("a", "old"), "new")),
        ("a: {old: 1}\n", lambda file: file.rename(("a", "older"), "new")),
        ("a: {old: 1}\n", lambda file: file.put(("a",), 2)),
        ("a:\n  only: 1\n", lambda file: file.remove(("a", "only"))),
        ("a: {there: 1}\n", lambda file: file.add(("a",), "there", 2)),
    ],
)
def test_what_it_cannot_change_is_left_alone_and_said(text: str, change: Callable[[Rewriting], None]) -> None:
    file = Rewriting(text, "site.yaml")
    with pytest.raises(CannotEdit, match="by hand"):
        change(file)
    assert (file.text, file.changes) == (text, [])


def test_line_ends_of_windows_stay() -> None:
    file = Rewriting(TEXT.replace("\n", "\r\n"), "site.yaml")
    file.add(("sensors", "gate"), "kind", "lpr")
    file.remove(("sensors", "gate", "poll_every"))
    assert file.text.count("\r\n") == file.text.count("\n") == TEXT.count("\n")
