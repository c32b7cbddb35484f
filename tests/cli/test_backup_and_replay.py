"""Backup, restore and replay from the command line, where no service runs."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.metrics.health import Health
from tests.control.conftest import running
from tests.journal.conftest import Bench
from tests.journal.making import decision


@pytest.fixture
async def resting(tmp_path: Path) -> Path:
    """The folder of a journal with one event and its picture."""
    bench = Bench(tmp_path)
    journal = await bench.open()
    await journal.commit(decision(pictures=(b"x" * 3_000,)))
    await bench.end()
    return tmp_path / "journal"


def command(*words: str | Path) -> int:
    return main([str(word) for word in words])


def test_a_journal_at_rest_is_backed_up_and_restored(
    resting: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "backups"
    into.mkdir()
    assert command("backup", "--journal", resting, "--into", into) == Code.DONE
    (made,) = into.iterdir()
    assert made.name.startswith("vms-bridge-2")
    assert made.name.endswith("Z.tar")
    assert "1 events, 1 deliveries open, 1 pictures" in capsys.readouterr().out
    assert command("restore", made, "--journal", tmp_path / "again") == Code.DONE
    assert "1 open deliveries are looked for" in capsys.readouterr().out
    assert (tmp_path / "again/journal.db").is_file()
    assert command("restore", made, "--journal", resting) == Code.REFUSED
    assert "is not empty" in capsys.readouterr().err
    assert command("restore", made, "--journal", resting, "--replace") == Code.DONE
    assert "what was there before is in" in capsys.readouterr().out


def test_a_file_that_is_there_is_not_written_over_and_a_damaged_one_changes_nothing(
    resting: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = tmp_path / "depot.tar"
    assert command("backup", "--journal", resting, "--into", tape) == Code.DONE
    assert command("backup", "--journal", resting, "--into", tape) == Code.USAGE
    tape.write_bytes(tape.read_bytes()[:-2000])
    assert command("restore", tape, "--journal", tmp_path / "again") == Code.USAGE
    assert "nothing was changed" in capsys.readouterr().err
    assert not (tmp_path / "again/journal.db").exists()
    assert sorted(each.name for each in tmp_path.iterdir() if each.suffix == ".part") == []


def test_a_folder_that_is_not_there_yet_is_made_so_that_the_next_night_has_a_place_too(
    resting: Path, tmp_path: Path
) -> None:
    into = tmp_path / "var" / "backups"
    assert command("backup", "--journal", resting, "--into", f"{into}/") == Code.DONE
    assert [made.suffix for made in into.iterdir()] == [".tar"]
    assert into.stat().st_mode & 0o077 == 0


def test_without_a_journal_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    assert command("backup", "--journal", tmp_path, "--into", tmp_path / "x.tar") == Code.NO_SERVICE
    assert list(tmp_path.iterdir()) == []


async def test_a_health_check_ends_with_what_the_service_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path / "control.sock") as control:
        control.service.ready = lambda: Health(False, ("journal: full",))  # type: ignore[attr-defined]
        control.service.live = lambda: Health(True)  # type: ignore[attr-defined]
        words = ("status", "--journal", tmp_path, "--health")
        assert await asyncio.to_thread(command, *words, "live") == Code.DONE
        assert await asyncio.to_thread(command, *words, "ready") == Code.FOUND
        assert capsys.readouterr().out == "live\njournal: full\n"


SITE = """\
version: 1
site: {name: Door yard}
vms: {hook: {type: webhook, url: "http://127.0.0.1:9/in"}}
cameras: {gate: {vms: hook}}
connectors: {doors: {type: http, bind: "127.0.0.1:0"}}
sensors:
  door: {profile: door, connector: doors, address: {path: /door}, cameras: [gate], rules: [{debounce: 5 s}]}
"""
DOOR = """\
profile: door
name: A door that says open and closed
kind: access
decode: [json]
messages:
  door:
    type: door.held
    title: "door {state}"
    state: [{when: item.state == "open", is: active}, restored]
    condition: [item.door]
    fields: {state: item.state}
"""


def recorded(folder: Path, *said: tuple[str, str]) -> Path:
    (folder / "profiles").mkdir()
    (folder / "profiles/door.yaml").write_text(DOOR)
    (folder / "site.yaml").write_text(SITE)
    tape = folder / "tape.jsonl"
    head = {"vms_bridge_recording": 1, "site": "Door yard", "connector": "doors", "at": "2026-11-21T08:00:00Z"}
    lines = [head]
    for second, state in said:
        body = base64.b64encode(json.dumps({"door": "1", "state": state}).encode()).decode()
        at = f"2026-11-21T08:00:{second}Z"
        lines.append(
            {"what": "message", "at": at, "connector": "doors", "peer": "10.0.0.9", "place": "/door", "body": body}
        )
    tape.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tape


def test_a_replay_lets_time_pass_between_messages_as_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A door that stayed open for 20 s is raised by a debounce of 5 s; one that closed after 2 s is not."""
    tape = recorded(tmp_path, ("00", "open"), ("20", "closed"), ("30", "open"), ("32", "closed"))
    assert command("replay", tape, "--site", tmp_path / "site.yaml", "--json") == Code.DONE
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    events = [event for each in told if each["what"] == "decided" for event in each["events"]]
    assert [(event["state"], event["withheld"]) for event in events] == [
        ("active", ""), ("restored", ""), ("active", "rule 1: debounce"),
    ]  # fmt: skip
