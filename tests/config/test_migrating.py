"""A site of an older version becomes one of the newest: proved with steps handed in, as the product has none yet."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bridge.config import editing, migrating, versions
from bridge.config.editing import CannotEdit
from bridge.config.errors import SiteErrors
from bridge.config.migrating import plan, write
from bridge.config.rewriting import Rewriting, entries
from bridge.config.versions import Migration

OLD = """\
# The depot, as Sam set it up.
version: 1   # of the format
site: {name: Harbour depot}

sensors:
  gate:              # north
    poll_every: 1 min   # not oftener: the reader is slow
    profile: cammra
  yard: {poll_every: 5 s, profile: cammra}
"""
NEW = """\
# The depot, as Sam set it up.
version: 3   # of the format
site: {name: Harbour depot}

sensors:
  gate:              # north
    kind: lpr
    poll: 1 min   # not oftener: the reader is slow
    profile: cammra
  yard: {kind: lpr, poll: 5 s, profile: cammra}
"""


def renamed(file: Rewriting) -> None:
    for name, sensor in entries(file.said, "sensors").items():
        if "poll_every" in sensor:
            file.rename(("sensors", name, "poll_every"), "poll")


def written_out(file: Rewriting) -> None:
    for name, sensor in entries(file.said, "sensors").items():
        if "kind" not in sensor:
            file.add(("sensors", name), "kind", "lpr")


STEPS = (Migration("poll_every is called poll.", renamed), Migration("A sensor says its kind.", written_out))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(OLD)
    file.chmod(0o640)
    (tmp_path / "doors.csv").write_text("id,poll_every\n1,2\n")
    return file


def test_a_chain_is_gone_through_and_comments_order_and_layout_stay(site: Path) -> None:
    planned = plan(site, STEPS)
    assert (planned.found, planned.newest, [step.why for step in planned.steps]) == (1, 3, [s.why for s in STEPS])
    write(planned)
    assert site.read_text() == NEW
    assert planned.files[0].changes == (
        "sensors.gate.poll_every is called poll now",
        "sensors.yard.poll_every is called poll now",
        "sensors.gate.kind is new: lpr",
        "sensors.yard.kind is new: lpr",
        "version is 3 now",
    )


def test_only_the_steps_that_are_missing_are_gone(site: Path) -> None:
    site.write_text(OLD.replace("version: 1", "version: 2"))
    assert plan(site, STEPS).steps == STEPS[1:]
    assert "poll_every" in plan(site, STEPS).files[0].after


def test_planning_writes_nothing_and_shows_the_difference(site: Path) -> None:
    shown = plan(site, STEPS).files[0].diff()
    assert "-    poll_every: 1 min   # not oftener: the reader is slow\n" in shown
    assert "+    poll: 1 min   # not oftener: the reader is slow\n" in shown
    assert site.read_text() == OLD
    assert sorted(each.name for each in site.parent.iterdir()) == ["doors.csv", "site.yaml"]


def test_the_old_file_stays_beside_it_and_rights_and_tables_stay_as_they_were(site: Path) -> None:
    kept = write(plan(site, STEPS))
    assert kept[site].name == "site.yaml.version-1"
    assert kept[site].read_text() == OLD
    assert {stat.S_IMODE(each.stat().st_mode) for each in (site, kept[site])} == {0o640}
    assert (site.parent / "doors.csv").read_text() == "id,poll_every\n1,2\n"
    assert sorted(each.name for each in site.parent.iterdir()) == ["doors.csv", "site.yaml", "site.yaml.version-1"]


def test_both_files_belong_to_whom_the_old_one_belonged(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which only root could get wrong; by a link, and by a copy."""
    owner = (10001, 10002) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(site, *owner)
    kept = write(plan(site, STEPS))
    assert {(each.stat().st_uid, each.stat().st_gid) for each in (site, kept[site])} == {owner}
    site.write_text(OLD + "# again\n")
    monkeypatch.setattr(os, "link", refuse)
    kept = write(plan(site, STEPS))
    assert {(each.stat().st_uid, each.stat().st_gid) for each in (site, kept[site])} == {owner}


def refuse(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_done_again_there_is_nothing_to_do(site: Path) -> None:
    write(plan(site, STEPS))
    again = plan(site, STEPS)
    assert again.files == ()
    assert write(again) == {}
    assert site.read_text() == NEW


def test_an_older_file_that_was_kept_is_not_written_over(site: Path) -> None:
    earlier = site.with_name("site.yaml.version-1")
    earlier.write_text("something else")
    kept = write(plan(site, STEPS))
    assert (earlier.read_text(), kept[site].read_text()) == ("something else", OLD)


def test_a_file_that_was_changed_meanwhile_is_left_alone(site: Path) -> None:
    planned = plan(site, STEPS)
    site.write_text(OLD + "# more\n")
    with pytest.raises(CannotEdit, match="changed meanwhile"):
        write(planned)
    assert site.read_text() == OLD + "# more\n"
    assert not site.with_name("site.yaml.version-1").exists()


def test_where_a_disk_has_no_links_the_old_file_is_copied(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refuse)
    kept = write(plan(site, STEPS))
    assert kept[site].read_text() == OLD
    assert stat.S_IMODE(kept[site].stat().st_mode) == 0o640


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site of three files, of which one names the version."""
    made = tmp_path / "site"
    made.mkdir()
    head, sensors = OLD.split("\nsensors:")
    (made / "10-site.yaml").write_text(head + "\n")
    (made / "20-sensors.yaml").write_text("sensors:" + sensors)
    (made / "30-cameras.yaml").write_text("cameras: {}\n")
    return made


def test_a_folder_is_migrated_as_one_site_and_untouched_files_stay(folder: Path) -> None:
    kept = write(plan(folder, STEPS))
    assert {file.name for file in kept} == {"10-site.yaml", "20-sensors.yaml"}
    assert "version: 3 " in (folder / "10-site.yaml").read_text()
    assert "poll: 1 min" in (folder / "20-sensors.yaml").read_text()
    assert plan(folder, STEPS).files == ()


def test_a_migration_cut_short_between_two_files_is_finished_by_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, done = editing.write_site, 0

    def cut(file: Path, before: bytes, text: str) -> None:
        nonlocal done
        done += 1
        if done == 2:
            raise OSError(28, "No space left on device")
        honest(file, before, text)

    monkeypatch.setattr(migrating, "write_site", cut)
    with pytest.raises(OSError, match="No space"):
        write(plan(folder, STEPS))
    monkeypatch.undo()
    assert "version: 1" in (folder / "10-site.yaml").read_text(), "what names the version comes last"
    write(plan(folder, STEPS))
    assert "version: 3" in (folder / "10-site.yaml").read_text()
    assert (folder / "10-site.yaml.version-1").read_text().startswith("# The depot")
    assert plan(folder, STEPS).files == ()


def test_a_file_without_a_version_gets_it_where_a_person_would_write_it(site: Path) -> None:
    site.write_text(OLD.replace("version: 1   # of the format\n", ""))
    planned = plan(site)
    write(planned)
    assert site.read_text() == OLD.replace("   # of the format", "")
    assert planned.files[0].changes == ("version is new: 1",)
    assert plan(site).files == ()


@pytest.mark.parametrize(
    ("said", "words"),
    [("4", "written for a newer vms-bridge; this one reads version 3"), ("0", "no such"), ("'2'", "no such")],
)
def test_a_version_that_is_not_known_is_refused(site: Path, said: str, words: str) -> None:
    site.write_text(OLD.replace("version: 1", f"version: {said}"))
    with pytest.raises(SiteErrors, match=words):
        plan(site, STEPS)


def test_a_broken_file_is_refused_with_its_place(site: Path) -> None:
    site.write_text("version: 1\nsensors: {gate\n")
    with pytest.raises(SiteErrors, match=r"site\.yaml:3:1: .*not closed"):
        plan(site, STEPS)


def test_every_step_of_the_product_is_one_that_can_be_done_again() -> None:
    """For those to come: a folder's migration that was cut short is begun again."""
    assert versions.FIRST + len(versions.MIGRATIONS) == versions.NEWEST
    for step in versions.MIGRATIONS:
        assert step.why.endswith(".")
