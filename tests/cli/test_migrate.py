"""``vms-bridge migrate``, and what the other commands say of a site of another version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.cli.main import main
from bridge.config import migrating, versions
from bridge.config.rewriting import Rewriting
from bridge.config.versions import Migration
from tests.cli.conftest import SITE, Folder


def _lane(file: Rewriting) -> None:
    if file.at(("connectors", "lpr", "bind")) is not None:
        file.rename(("connectors", "lpr", "bind"), "listen")


STEPS = (Migration("bind is called listen.", _lane),)


@pytest.fixture
def version_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is one version on."""
    monkeypatch.setattr(versions, "NEWEST", 2)
    monkeypatch.setattr(versions.wrong, "__defaults__", (2,))
    monkeypatch.setattr(migrating.plan, "__defaults__", (STEPS,))


def test_a_site_of_this_version_is_left_alone(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", str(folder.site)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert folder.site.read_text() == SITE


@pytest.mark.usefixtures("version_2")
def test_a_dry_run_shows_the_difference_and_writes_nothing(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", str(folder.site), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "version 1 becomes version 2\n  bind is called listen.\n" in shown
    assert "connectors.lpr.bind is called listen now" in shown
    assert '-  lpr: {type: http, bind: "127.0.0.1:0"}\n+  lpr: {type: http, listen: "127.0.0.1:0"}\n' in shown
    assert shown.endswith("nothing was written\n")
    assert folder.site.read_text() == SITE


@pytest.mark.usefixtures("version_2")
def test_it_shows_writes_and_says_where_the_old_file_is(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--json", str(folder.site)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["from"], told["to"], told["dry_run"]) == (1, 2, False)
    assert Path(told["files"][0]["kept"]).read_text() == SITE
    assert "listen" in folder.site.read_text()
    assert main(["migrate", str(folder.site)]) == 0
    assert "nothing to do" in capsys.readouterr().out


@pytest.mark.usefixtures("version_2")
@pytest.mark.parametrize("words", [["check"], ["run"], ["run", "--dry-run"], ["ports"]])
def test_an_old_site_is_refused_with_the_command_that_helps(
    folder: Folder, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, str(folder.site)]) == (1 if words == ["check"] else 2)
    captured = capsys.readouterr()
    assert f"run vms-bridge migrate {folder.site}" in captured.out + captured.err
    assert "1 error" in captured.out + captured.err


@pytest.mark.parametrize("words", [["check"], ["run"], ["run", "--dry-run"], ["migrate"], ["ports"]])
def test_a_newer_site_is_refused_with_one_clear_sentence(
    folder: Folder, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder.site.write_text(SITE.replace("version: 1", "version: 7\nwhat_will_be: 1"))
    assert main([*words, str(folder.site)]) == (1 if words == ["check"] else 2)
    captured = capsys.readouterr()
    assert "of version 7, written for a newer vms-bridge; this one reads version 1" in captured.out + captured.err
    assert "1 error" in captured.out + captured.err


def test_a_newer_site_gets_no_cameras_either(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.site.write_text(SITE.replace("version: 1", "version: 7"))
    assert main(["cameras", "list", "--with", "gate-in", "--site", str(folder.site)]) == 2
    assert "written for a newer vms-bridge" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["check"], ["run"]])
def test_a_site_without_a_version_is_refused_and_migrated(
    folder: Folder, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder.site.write_text(SITE.replace("version: 1\n", ""))
    assert main([*words, str(folder.site)]) != 0
    captured = capsys.readouterr()
    assert f"vms-bridge migrate {folder.site} writes it" in captured.out + captured.err
    assert main(["migrate", str(folder.site)]) == 0
    assert folder.site.read_text() == SITE
    assert main(["check", str(folder.site)]) == 0
