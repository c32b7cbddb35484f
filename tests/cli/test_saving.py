"""What is downloaded is in the folder when it is whole, under a name of ours, and in nobody's place."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.cli.event_compared import compared, differences
from bridge.cli.saving import Folder, NotSaved, file_name

AT = datetime(2026, 2, 3, 10, 15, 25, tzinfo=UTC)


async def pieces(*of: bytes, fails: Exception | None = None) -> AsyncIterator[bytes]:
    for each in of:
        yield each
    if fails is not None:
        raise fails


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "new" / "folder", 100)
    saved = await folder.save("a.mp4", pieces(b"one", b"two"))
    assert (saved.file, saved.size) == ("a.mp4", 6)
    assert (tmp_path / "new/folder/a.mp4").read_bytes() == b"onetwo"
    assert names(tmp_path / "new/folder") == ["a.mp4"]


@pytest.mark.parametrize(
    ("coming", "size", "why"),
    [
        (pieces(b"half", fails=ValueError("cut")), 0, "cut"),
        (pieces(b"x" * 60, b"x" * 60), 0, "--most"),
        (pieces(b"x" * 10), 11, "only 10 of 11 bytes"),
        (pieces(), 0, "nothing in it"),
        (pieces(b"x"), 101, "--most"),
    ],
)
async def test_what_is_not_whole_leaves_nothing(
    tmp_path: Path, coming: AsyncIterator[bytes], size: int, why: str
) -> None:
    with pytest.raises((NotSaved, ValueError), match=why):
        await Folder(tmp_path, 100).save("a.mp4", coming, size)
    assert names(tmp_path) == []


async def test_the_limit_is_over_all_of_them(tmp_path: Path) -> None:
    folder = Folder(tmp_path, 10)
    await folder.save("a.jpg", pieces(b"x" * 6))
    with pytest.raises(NotSaved):
        await folder.save("b.jpg", pieces(b"x" * 6))
    await folder.save("c.jpg", pieces(b"x" * 4))
    assert names(tmp_path) == ["a.jpg", "c.jpg"]


async def test_nothing_is_written_over_not_even_through_a_link(tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    (into / "a.mp4").write_bytes(b"evidence")
    (tmp_path / "outside").write_bytes(b"of somebody else")
    (into / "a-2.mp4").symlink_to(tmp_path / "outside")
    (into / "a-3.mp4").symlink_to(tmp_path / "not there yet")
    assert (await Folder(into, 100).save("a.mp4", pieces(b"new"))).file == "a-4.mp4"
    assert (into / "a.mp4").read_bytes() == b"evidence"
    assert (tmp_path / "outside").read_bytes() == b"of somebody else"
    assert not (tmp_path / "not there yet").exists()


async def test_where_files_can_have_one_name_only_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    folder = Folder(tmp_path, 100)
    assert [(await folder.save("a.mp4", pieces(text))).file for text in (b"1", b"2")] == ["a.mp4", "a-2.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"1"
    assert names(tmp_path) == ["a-2.mp4", "a.mp4"]


@pytest.mark.parametrize(
    ("event", "camera", "what", "kind", "name"),
    [
        ("0197c3-1.0", "gate-in", "clip", "video/mp4", "0197c3-1.0_gate-in_clip_20260203T101525Z.mp4"),
        ("../../etc/passwd", "gate", "clip", "video/mp4", "etc-passwd_gate_clip_20260203T101525Z.mp4"),
        ("..", "...", "", "image/png; q=1", "20260203T101525Z.png"),
        ("e\0\n1", "a/b\\c", "C:\\x", "text/html", "e-1_a-b-c_C-x_20260203T101525Z.bin"),
        ("x" * 500, "gate", "clip", "", "x" * 120 + ".bin"),
    ],
)
def test_no_name_from_outside_leads_out_of_the_folder(event: str, camera: str, what: str, kind: str, name: str) -> None:
    made = file_name(event, camera, what, AT, kind, ".bin")
    assert made == name
    assert Path(made).name == made


# ------------------------------------------------------------------------------------------------------- side by side


def test_two_sides_are_compared_tag_by_tag() -> None:
    ours = {"plate": "1AB", "lane": "2", "title": "Car", "detail_1": '{"a": ', "detail_2": "1}"}
    theirs = {"plate": "1AB", "lane": "3", "detail_1": '{"a":1}', "process": "processed"}
    rows = {row.tag: row.verdict for row in compared(ours, theirs)}
    assert rows == {
        "plate": "",
        "lane": "differs",
        "title": "only in the journal",
        "process": "only in the VMS",
        "detail": "",
    }
    assert differences(compared(ours, theirs)) == 2


def test_a_message_that_stands_in_a_document_is_not_missing() -> None:
    ours = {"detail_document": "bridge-1", "detail_1": "{}"}
    assert differences(compared(ours, {"detail_document": "bridge-1"})) == 0
    assert differences(compared({"detail_1": "{}"}, {})) == 1
    assert differences(compared({"detail_1": "{}"}, {"detail_1": '{"other":1}'})) == 1
    assert differences(compared({"n": 2, "b": True}, {"n": "2", "b": "true"})) == 0
