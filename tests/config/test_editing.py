"""Entries are put into a file as a person would write them; everything that stood in it stands as it stood."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.document import parse, plain
from bridge.config.editing import CannotEdit, entry_line, with_entries, write_site

NEW = {"yard": {"vms": "cloud", "id": 4713, "token": "secret:yard"}}
LINE = "yard: {vms: cloud, id: 4713, token: secret:yard}"


def edited(text: str, entries: dict[str, dict[str, str | int]] | None = None) -> str:
    return with_entries(text, "site.yaml", "cameras", entries or NEW, after="vms")


def added(before: str, after: str) -> list[str]:
    """The lines that are new; fails when any other is gone."""
    told = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    assert not [line for line in told if line.startswith("- ")], told
    return [line[2:] for line in told if line.startswith("+ ")]


BLOCK = """\
# The depot.
version: 1
vms:
  cloud: {type: vxg}

cameras:   # by their numbers
    gate: {vms: cloud, id: 4711, token: secret:gate}   # north
    # the next one is
    # being repaired
    wide:
      vms: cloud
      id: 4712
      token: secret:wide
    # end of the cameras

# Where devices send to.
connectors: {}
"""


def test_an_entry_stands_behind_the_last_one_with_its_indent_and_no_comment_moves() -> None:
    after = edited(BLOCK)
    assert added(BLOCK, after) == [f"    {LINE}"]
    lines = after.splitlines()
    assert lines[lines.index(f"    {LINE}") - 1] == "    # end of the cameras"
    assert lines[lines.index(f"    {LINE}") + 1] == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("cameras:\n  a: {id: 1}", "cameras:\n  a: {id: 1}\n  LINE\n"),
        ("cameras:\n  a: {id: 1}\n...\n", "cameras:\n  a: {id: 1}\n  LINE\n...\n"),
        ("cameras:\n", "cameras:\n  LINE\n"),
        ("cameras: null  # none\nvms: {}\n", "cameras:  # none\n  LINE\nvms: {}\n"),
        ("cameras: {}   # none yet\nvms: {}\n", "cameras:   # none yet\n  LINE\nvms: {}\n"),
        ("cameras: {a: {id: 1}}\nvms: {}\n", "cameras: {a: {id: 1}, LINE}\nvms: {}\n"),
        ("{version: 1, cameras: {a: {id: 1}}, vms: {}}", "{version: 1, cameras: {a: {id: 1}, LINE}, vms: {}}"),
        ("cameras: {a: {id: 1},}\n", "cameras: {a: {id: 1}, LINE}\n"),
        ("cameras: {\n  a: {id: 1}\n}\n", "cameras: {\n  a: {id: 1},\n  LINE\n}\n"),
        ("cameras: {\n  a: {id: 1}  # north\n}\n", "cameras: {\n  a: {id: 1}  # north\n  , LINE\n}\n"),
        ("version: 1\nvms:\n  cloud: {type: vxg}\n\nsensors: {}\n",
         "version: 1\nvms:\n  cloud: {type: vxg}\n\ncameras:\n  LINE\n\nsensors: {}\n"),
        ("version: 1\n", "version: 1\n\ncameras:\n  LINE\n"),
        ("cameras:\n  a:\n    name: |\n      x\n      # no comment\nvms: {}\n",
         "cameras:\n  a:\n    name: |\n      x\n      # no comment\n  LINE\nvms: {}\n"),
        ("cameras:\r\n  a: {id: 1}\r\nvms: {}\r\n", "cameras:\r\n  a: {id: 1}\r\n  LINE\r\nvms: {}\r\n"),
        ("vms: {}\ncameras:\n  a: {id: 1}\n\n# last words\n",
         "vms: {}\ncameras:\n  a: {id: 1}\n  LINE\n\n# last words\n"),
    ],
)  # fmt: skip
def test_sections_as_people_write_them(before: str, after: str) -> None:
    assert edited(before) == after.replace("LINE", LINE)


@pytest.mark.parametrize(
    "text",
    [
        "x: &all {a: {id: 1}}\ncameras: *all\n",
        "cameras: &all\n  a: {id: 1}\nx: *all\n",
        "cameras: [a, b]\n",
        "cameras: none\n",
    ],
)
def test_a_file_laid_out_too_unusually_is_left_alone_and_the_lines_are_told(text: str) -> None:
    with pytest.raises(CannotEdit) as cannot:
        edited(text)
    assert LINE in str(cannot.value)


def test_broken_yaml_is_not_edited() -> None:
    with pytest.raises(CannotEdit, match="has errors"):
        edited("cameras:\n  a: {id: 1\n")


@pytest.mark.parametrize(
    "name",
    [
        "Gate: in",
        "0",
        "yes",
        "null",
        " x ",
        "#1 gate",
        'The "big" one',
        "Vrátnice",
        "{a}",
        "12:30",
        "a\\b",
        "-",
        "门",
        "",
    ],
)
def test_a_name_is_quoted_where_yaml_would_read_it_otherwise(name: str) -> None:
    line = entry_line("gate", {"vms": "cloud", "name": name, "id": 1})
    assert plain(parse(line, "")) == {"gate": {"vms": "cloud", "name": name, "id": 1}}


@given(
    st.lists(
        st.sampled_from(["  a: {id: 1}", "  b:\n    id: 2", "# far left", "  # here", "", "      # deep"]), max_size=8
    ),
    st.sampled_from(["", "vms: {}\n", "# about vms\nvms: {}\n", "\n\nvms: {}"]),
    st.sampled_from(["", " # cameras"]),
)  # fmt: skip
def test_whatever_the_layout_nothing_is_lost_and_what_is_meant_is_added(
    lines: list[str], behind: str, comment: str
) -> None:
    unique = [line for at, line in enumerate(lines) if ":" not in line or line not in lines[:at]]
    before = "\n".join(["version: 1", f"cameras:{comment}", *unique, behind])
    after = edited(before)
    assert added(before, after) == [f"  {LINE}"]
    wanted = plain(parse(before, ""))
    assert isinstance(wanted, dict)
    assert plain(parse(after, "")) == {**wanted, "cameras": {**(wanted["cameras"] or {}), **NEW}}  # type: ignore[dict-item]


def test_a_file_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("version: 1\n")
    with pytest.raises(CannotEdit, match="was changed meanwhile"):
        write_site(file, b"version: 2\n", "version: 3\n")
    assert file.read_text() == "version: 1\n"


def test_rights_and_links_stay_as_they_were(tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text("version: 1\n")
    real.chmod(0o640)
    (tmp_path / "site.yaml").symlink_to(real)
    write_site(tmp_path / "site.yaml", b"version: 1\n", "version: 1\n# x\n")
    assert (tmp_path / "site.yaml").is_symlink()
    assert real.read_text() == "version: 1\n# x\n"
    assert real.stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 2
