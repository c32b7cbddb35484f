"""``plan`` and ``apply`` on the command line: what people read, what scripts get, and who is asked before."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.setup import missing
from tests.setup.played_vms import Board, Told

from .conftest import Folder

Ran = Callable[..., tuple[int, str]]


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Ran:
    def run(*words: str | Path) -> tuple[int, str]:
        code = main(list(map(str, words)))
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_offline_only_the_secrets_and_the_service_here_are_looked_at(folder: Folder, ran: Ran) -> None:
    code, said = ran("plan", folder.site, "--offline")
    assert code == Code.DONE
    assert said.splitlines()[0] == "VMS cloud (vxg): not asked (--offline)"
    assert "no service is running" in said
    assert said.splitlines()[-1] == "nothing to do"


def test_a_missing_secret_is_wrong_and_told(folder: Folder, ran: Ran) -> None:
    (folder.secrets / "gate-wide").unlink()
    code, said = ran("plan", folder.site, "--offline")
    assert code == Code.FOUND
    assert "in no store of this machine: secret gate-wide" in said
    assert said.splitlines()[-1] == "nothing to apply; 1 thing wrong that apply does not mend (!, secrets)"


def test_a_vms_that_is_away_is_told_once_with_its_place_and_no_secret(folder: Folder, ran: Ran) -> None:
    code, said = ran("plan", folder.site)
    assert code == Code.FOUND
    assert f"  ! {folder.site}:4: vms.cloud, all 2 cameras: no connection to 127.0.0.1 port 9" in said
    assert not [secret for secret in folder.planted() if secret in said]


def test_programs_get_one_object_with_the_code(folder: Folder, ran: Ran) -> None:
    code, said = ran("plan", "--json", folder.site)
    told = json.loads(said)
    assert (code, told["code"], told["wrong"], told["to_do"]) == (1, 1, 2, 0)
    assert told["vms"][0]["troubles"][0]["cameras"] == ["gate-in", "gate-wide"]
    assert (told["service"], bool(told["no_service"]), told["missing_secrets"]) == (None, True, [])
    assert {each["secret"] for each in told["credentials"]} == {"gate-in", "gate-wide", "reader"}
    assert not [secret for secret in folder.planted() if secret in said]


def test_a_site_with_errors_is_not_planned(folder: Folder, ran: Ran) -> None:
    folder.site.write_text(folder.site.read_text().replace("profile: cammra", "profile: camra"))
    code, said = ran("plan", folder.site)
    assert (code, "did you mean cammra?" in said) == (Code.USAGE, True)
    assert ran("apply", "--yes", folder.site)[0] == Code.USAGE


def test_apply_asks_nobody_where_nobody_is(folder: Folder, ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    code, said = ran("apply", folder.site)
    assert (code, "nobody to ask" in said, "--yes" in said) == (Code.USAGE, True, True)


def test_programs_have_to_say_yes_themselves(folder: Folder, ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    code, said = ran("apply", "--json", folder.site)
    assert (code, "--yes" in json.loads(said)["error"]) == (Code.USAGE, True)


def test_with_nothing_to_do_nobody_is_asked(folder: Folder, ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.delattr("builtins.input")
    code, said = ran("apply", folder.site, "--offline")
    assert (code, said.splitlines()[-1]) == (Code.DONE, "nothing to do")


@pytest.mark.parametrize("answer", ["no", "", "  n ", None])
def test_who_does_not_agree_gets_nothing_done(
    folder: Folder, ran: Ran, monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    def said(question: str) -> str:
        if answer is None:
            raise EOFError
        return answer

    Told.begin()
    monkeypatch.setattr(missing, "vms_class", {"vxg": Told, "webhook": Board}.__getitem__)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", said)
    code, told = ran("apply", folder.site)
    assert (code, told.splitlines()[-1]) == (Code.TO_DO, "nothing was done")
    assert not Told.asked


def test_who_agrees_gets_it_done(folder: Folder, ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    Told.begin()
    monkeypatch.setattr(missing, "vms_class", {"vxg": Told}.__getitem__)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    code, told = ran("apply", folder.site)
    assert (code, told.splitlines()[-2:]) == (Code.DONE, ["declared: 2 event types", "done"])
    assert [camera for camera, _ in Told.asked] == ["gate-in", "gate-wide"]
