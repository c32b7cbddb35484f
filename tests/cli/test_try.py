"""One payload through a whole site, on paper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mappings
from bridge.cli.ending import Code
from bridge.cli.main import main
from tests.cli.conftest import READER, Folder

EXAMPLES = mappings.PROFILES / "cammra"
READ = EXAMPLES / "s1-new-multipart.http"


def tried(folder: Folder, *words: str | Path) -> int:
    return main(["try", str(folder.site), "--secrets", str(folder.secrets), *map(str, words)])


def lines_of(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_as_a_sensor_it_shows_the_decision_and_every_request(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    assert tried(folder, "--sensor", "gate-lpr", "--json", READ) == Code.DONE
    decided, *requests = lines_of(capfd)
    assert decided["verdicts"][0]["fate"] == "raised"  # type: ignore[index]
    assert [each["camera"] for each in decided["deliveries"]] == ["gate-in", "gate-wide"]  # type: ignore[attr-defined]
    raises = [each for each in requests if each["purpose"] == "raise the event"]
    assert [each["camera"] for each in raises] == ["gate-in", "gate-wide"]
    assert all(str(each["request"]).startswith("POST /api/v2/storage/events/ HTTP/1.1\r\nHost: ") for each in raises)
    assert "Authorization: Acc {secret:gate-in}\r\n" in str(raises[0]["request"])


def test_people_see_the_requests_as_they_are(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    assert tried(folder, "--sensor", "gate-lpr", READ) == Code.DONE
    shown = capfd.readouterr().out
    assert "item 0: raised (gate-lpr)" in shown
    assert "--- cloud gate-in: raise the event (" in shown
    assert "Authorization: Acc {secret:gate-wide}" in shown


@pytest.mark.parametrize("how", [["--sensor", "gate-lpr"], ["--connector", "lpr", "--path", "/gate", "--as", "reader"]])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_secret_is_shown_in_any_form(
    folder: Folder, how: list[str], form: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert tried(folder, *how, *form, READ) == Code.DONE
    captured = capfd.readouterr()
    for secret in folder.planted():
        assert secret not in captured.out + captured.err


def test_in_its_way_in_the_sensor_is_found_as_in_real_life(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    request = READ.read_bytes().replace(b"/in/lpr/gate1", b"/gate").replace(b"Y2FtOnNlY3JldA==", _basic())
    recorded = folder.path / "recorded.http"
    recorded.write_bytes(request)
    assert tried(folder, "--connector", "lpr", "--json", recorded) == Code.DONE
    assert lines_of(capfd)[0]["verdicts"][0]["sensor"] == "gate-lpr"  # type: ignore[index]


def test_credentials_that_do_not_fit_are_refused_as_in_real_life(
    folder: Folder, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tried(folder, "--connector", "lpr", "--path", "/gate", READ) == Code.FOUND
    assert "connector lpr would answer 401" in capfd.readouterr().err


def test_a_payload_nobody_listens_for_is_said(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    assert tried(folder, "--connector", "lpr", "--path", "/elsewhere", READ) == Code.FOUND
    assert "no sensor of connector lpr listens for /elsewhere" in capfd.readouterr().out


def test_a_body_alone_is_enough(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    body = folder.path / "body.json"
    body.write_bytes((EXAMPLES / "datetime-with-offset.http").read_bytes().partition(b"\r\n\r\n")[2])
    assert tried(folder, "--sensor", "gate-lpr", "--json", body) == Code.DONE
    assert lines_of(capfd)[0]["verdicts"][0]["fate"] == "raised"  # type: ignore[index]


def test_line_ends_of_an_editor_are_taken(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    edited = folder.path / "edited.http"
    edited.write_bytes((EXAMPLES / "datetime-with-offset.http").read_bytes().replace(b"\r\n", b"\n"))
    assert tried(folder, "--sensor", "gate-lpr", edited) == Code.DONE
    assert "raised" in capfd.readouterr().out


def test_what_cannot_be_read_is_said_and_found(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    body = folder.path / "body.json"
    body.write_text("{not json")
    assert tried(folder, "--sensor", "gate-lpr", body) == Code.FOUND
    assert "quarantined" in capfd.readouterr().out


def test_a_secret_that_is_missing_is_said_beside_the_request(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    (folder.secrets / "gate-wide").unlink()
    assert tried(folder, "--sensor", "gate-lpr", READ) == Code.DONE
    shown = capfd.readouterr().out
    assert "!!! cloud gate-wide: could not be sent now: " in shown
    assert "Acc {secret:gate-wide}" in shown


def test_nothing_is_kept(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    before = set(folder.path.rglob("*"))
    assert tried(folder, "--sensor", "gate-lpr", READ) == Code.DONE
    assert set(folder.path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sensor", "gate-lrp"], "did you mean gate-lpr?"),
        (["--connector", "lrp"], "the site has no connector lrp"),
    ],
)
def test_a_name_that_is_not_there_is_a_usage_error(
    folder: Folder, words: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tried(folder, *words, READ) == Code.USAGE
    assert said in capfd.readouterr().err


def _basic() -> bytes:
    import base64

    return base64.b64encode(READER.encode())
