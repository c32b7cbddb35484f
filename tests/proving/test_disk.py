"""The journal's disk: room, kind, speed."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from bridge.config.site import FaultLimits, JournalSettings
from bridge.proving import disk
from bridge.proving.lines import Grade, Line
from tests.proving.conftest import closed_port

MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:20 / /run rw,nosuid - tmpfs tmpfs rw,size=1024k
24 22 0:21 / /srv/far\\040away rw - nfs4 store:/x rw
25 22 0:22 / /layer rw - overlay overlay rw,lowerdir=a
broken line
"""


def settings(path: Path, **others: int) -> JournalSettings:
    return JournalSettings(path=path, **others)


def graded(lines: list[Line]) -> list[Grade]:
    return [line.grade for line in lines]


def test_room_is_held_against_what_the_site_says(tmp_path: Path) -> None:
    limits = FaultLimits(disk_low=1)
    assert graded(disk.room(settings(tmp_path, limit=1, reserve=1), limits, "")) == [Grade.OK]
    more_than_there_is = 2**60
    assert graded(disk.room(settings(tmp_path, limit=more_than_there_is, reserve=1), limits, "")) == [Grade.WARN]
    low = msgspec.structs.replace(limits, disk_low=more_than_there_is)
    assert graded(disk.room(settings(tmp_path, limit=1, reserve=1), low, "")) == [Grade.WARN]
    assert graded(disk.room(settings(tmp_path, limit=1, reserve=more_than_there_is), limits, "")) == [Grade.WRONG]


def test_the_folder_need_not_be_there_yet(tmp_path: Path) -> None:
    assert disk.existing(tmp_path / "a" / "b") == tmp_path
    assert graded(disk.speed(tmp_path / "a" / "b", ""))[0] in (Grade.OK, Grade.WARN, Grade.WRONG)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("folder", "system", "grades"),
    [
        ("/var/lib/x", "ext4", []),
        ("/run/x", "tmpfs", [Grade.WRONG]),
        ("/srv/far away/x", "nfs4", [Grade.WRONG]),
        ("/layer", "overlay", [Grade.WARN]),
        ("/running", "ext4", []),
    ],
)
def test_file_systems_that_lose_what_is_kept_are_named(
    tmp_path: Path, folder: str, system: str, grades: list[Grade]
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert disk.file_system(Path(folder), mounts) == system
    assert graded(disk.kind_lines(system, Path(folder), "")) == grades


def test_where_the_system_does_not_tell_nothing_is_said(tmp_path: Path) -> None:
    assert disk.kind(tmp_path, "", tmp_path / "no mountinfo") == []


def test_measuring_leaves_nothing_and_is_bounded(tmp_path: Path) -> None:
    found = disk.measured(tmp_path)
    assert 1 <= found.rounds <= disk.ROUNDS
    assert 0 < found.median <= found.slowest
    assert os.listdir(tmp_path) == []


def test_a_slow_disk_is_told_from_one_that_is_too_slow() -> None:
    def line(median: float) -> Grade:
        return disk.speed_line(disk.Speed(median, median, 25), "").grade

    assert [line(0.004), line(0.08), line(0.4)] == [Grade.OK, Grade.WARN, Grade.WRONG]


def test_a_disk_that_cannot_be_written_is_wrong() -> None:
    assert graded(disk.speed(Path(f"/proc/{closed_port()}x"), "")) == [Grade.WRONG]
