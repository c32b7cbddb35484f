"""``vms-bridge profile``: what there is, what is wrong in it, and how a new one begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mappings
from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.profiles.compile import compile_profile

CAPTURED = (
    b"POST /in?key=Sesame-1 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic U2VzYW1lLTI=\r\nX-Api-Key: Sesame-3\r\n"
    b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    b'{"Serial No":"D-7","ts":1767603603512,"plateNumber":"4AB1234","stream":"rtsp://u:Sesame-4@10.0.0.1/s",'
    b'"user":{"pin":"Sesame-5"},"results":[{"a":1},{"a":2}],"on":true}'
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captured.http").write_bytes(CAPTURED)
    return tmp_path


def begun(*words: str) -> int:
    return main(["profile", "new", "box", "--from", "captured.http", *words])


def test_list_names_the_built_in_profiles_and_those_beside_the_site(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun()
    capsys.readouterr()
    assert main(["profile", "list", "--json"]) == Code.DONE
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    listed = {each["profile"]: each for each in told if "profile" in each}
    assert listed.keys() == {file.stem for file in mappings.PROFILES.glob("*.yaml")} | {"box"}
    assert all(each["examples"] for each in listed.values())


def test_list_says_what_tests_have_shown_of_what_is_built_in_and_of_connectors(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun()
    capsys.readouterr()
    assert main(["profile", "list", "--json"]) == Code.DONE
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    quality = {each.get("profile") or each["connector"]: each["quality"] for each in told}
    assert quality["cammra"]["samples"] > 40
    assert quality["cammra"]["reconnects"] is None, "does not apply"
    assert quality["cammra"]["unknown"]
    assert "mosquitto" in quality["mqtt"]["peers"]
    assert quality["box"] is None, "a profile of one's own was not tested by us"
    assert main(["profile", "list"]) == Code.DONE
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    (cammra,) = [line for line in lines if line.startswith("cammra ")]
    assert " S..-" in cammra or " S..P" in cammra
    assert any(line.startswith("mqtt ") for line in lines)


def test_show_says_what_is_unknown_of_a_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "show", "comet"]) == Code.DONE
    assert "UNKNOWN: What numbers other than 0" in capsys.readouterr().out


def test_one_s_own_profile_goes_before_a_built_in_one_of_that_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "profiles").mkdir()
    own = folder / "profiles" / "cammra.yaml"
    own.write_text((mappings.PROFILES / "cammra.yaml").read_text())
    assert main(["profile", "show", "cammra"]) == Code.DONE
    assert "file: profiles/cammra.yaml" in capsys.readouterr().out


def test_an_unknown_name_is_answered_with_what_it_may_have_meant(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", "show", "camra"]) == Code.USAGE
    assert "did you mean cammra?" in capsys.readouterr().err


def test_the_built_in_examples_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "test", "cammra"]) == Code.DONE
    assert ", none failed" in capsys.readouterr().out


def test_a_wrong_expectation_is_said_and_ends_with_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun("--kind", "lpr")
    expectation = folder / "profiles" / "box" / "captured.expect.yaml"
    expectation.write_text(expectation.read_text().replace("vehicle.identified", "vehicle.seen"))
    capsys.readouterr()
    assert main(["profile", "test", "profiles/box.yaml"]) == Code.FOUND
    assert "type is 'vehicle.identified'; expected 'vehicle.seen'" in capsys.readouterr().out


def test_a_profile_with_faults_is_not_tested_but_its_faults_are_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.yaml").write_text("profile: bad\nname: Bad\nkind: lprr\nmessages: {}\n")
    assert main(["profile", "test", "bad.yaml"]) == Code.FOUND
    assert "bad.yaml:3:" in capsys.readouterr().err


def test_a_profile_without_examples_is_not_called_tested(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun()
    for file in (folder / "profiles" / "box").iterdir():
        file.unlink()
    assert main(["profile", "test", "profiles/box.yaml"]) == Code.FOUND


def test_new_names_every_value_by_the_common_word_where_it_is_known(folder: Path) -> None:
    assert begun("--kind", "lpr") == Code.DONE
    text = (folder / "profiles" / "box.yaml").read_text()
    assert "plate: {from: item.plateNumber, as: plate}" in text
    assert "serial_no: 'item[\"Serial No\"]'" in text
    assert "time: item.ts" in text
    assert "# split: [results]" in text
    compile_profile(text, "box.yaml")


def test_new_passes_its_own_first_test(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun()
    assert main(["profile", "test", "profiles/box.yaml"]) == Code.DONE


def test_no_secret_of_the_captured_message_is_kept(folder: Path) -> None:
    begun()
    kept = "".join(file.read_text("latin-1") for file in (folder / "profiles").rglob("*") if file.is_file())
    assert "4AB1234" in kept
    assert "Sesame" not in kept
    assert "U2VzYW1l" not in kept


def test_new_never_overwrites(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun()
    mine = folder / "profiles" / "box.yaml"
    mine.write_text("mine")
    assert begun() == Code.USAGE
    assert mine.read_text() == "mine"
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("bad", ["../box", "Box", "", "a" * 65])
def test_a_name_that_is_no_profile_s_name_is_refused(folder: Path, bad: str) -> None:
    assert main(["profile", "new", "--from", "captured.http", "--", bad]) == Code.USAGE
    assert not (folder / "profiles").exists()


def test_bytes_that_hold_nothing_leave_nothing_behind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "captured.http").write_bytes(b"POST / HTTP/1.1\r\n\r\n")
    assert begun() == Code.USAGE
    assert not (folder / "profiles" / "box.yaml").exists()
    assert not list((folder / "profiles" / "box").glob("captured*"))
