"""``quarantine`` and ``explain`` of a resting journal; of a running service see end_to_end/test_adoption."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.clock import SystemClock
from bridge.config.load import load
from bridge.intake import Intake
from bridge.journal.sqlite import SqliteJournal
from bridge.model import ConnectorId, Message, Origin
from bridge.supervision import Conditions
from tests.adoption.conftest import HEAD, PROFILE

BODIES = (
    ("/gate", "gate", '{"door": "north", "who": "guest"}'),
    ("/hub", None, '{"door": "D8"}'),
    ("/hub", None, '{"door": "D9"}'),
    ("/nowhere", None, "{}"),
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site that has run: one event, and three messages nobody listened for."""
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "doors.yaml").write_text(PROFILE)
    (tmp_path / "doors.csv").write_text("id;cameras;identity.serial\nfront;lobby;S1\n")
    (tmp_path / "cameras.csv").write_text("key;camera\nD1;lobby\n")
    (tmp_path / "site.yaml").write_text(HEAD)

    async def run() -> None:
        clock, site = SystemClock(), load(tmp_path / "site.yaml")
        journal = await SqliteJournal.open(tmp_path / "journal", site=site.id, node="here", clock=clock)
        intake = Intake(site, journal, clock, Conditions(clock))
        for place, shows, body in BODIES:
            origin = Origin("10.0.0.21", place, shows)
            await intake.submit(
                Message(connector=ConnectorId("ways"), origin=origin, body=body.encode(), arrived=clock.now())
            )
        await journal.close()

    asyncio.run(run())
    return tmp_path / "site.yaml"


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_quarantine_is_listed_with_what_would_have_to_be_known(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quarantine", "list", "--site", str(site)]) == Code.DONE
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "ways 10.0.0.21 /hub" in lines[0]
    assert "no camera for D8 in cameras.csv; add a row with this key" in lines[0]
    assert main(["quarantine", "list", "--site", str(site), "--key", "D*", "--json"]) == Code.DONE
    assert [item["key"] for item in printed(capsys)] == ["D8", "D9"]
    assert main(["quarantine", "list", "--site", str(site), "--origin", "ways * /nowhere", "--json"]) == Code.DONE
    assert [item["unknown"] for item in printed(capsys)] == [True]
    assert main(["quarantine", "list", "--site", str(site), "--key", "none"]) == Code.DONE
    assert capsys.readouterr().out == "none\n"


def test_a_choice_is_dropped_for_good_and_the_rest_stays(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quarantine", "drop", "--site", str(site), "--key", "D8"]) == Code.DONE
    assert capsys.readouterr().out == "dropped 1\n"
    assert main(["quarantine", "drop", "--site", str(site)]) == Code.USAGE
    assert "say which to drop" in capsys.readouterr().err
    assert main(["quarantine", "drop", "--site", str(site), "--all", "--key", "D9"]) == Code.USAGE
    capsys.readouterr()
    assert main(["quarantine", "list", "--site", str(site), "--json"]) == Code.DONE
    assert [item["key"] for item in printed(capsys)] == ["D9", ""]


def test_nothing_is_replayed_without_a_service_and_that_is_said(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quarantine", "replay", "--site", str(site), "--all"]) == Code.NO_SERVICE
    assert "when it starts" in capsys.readouterr().err


def test_an_event_of_a_resting_journal_is_explained(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "--site", str(site), "--json"]) == Code.DONE
    (event,) = printed(capsys)
    assert main(["explain", str(event["id"]), "--site", str(site)]) == Code.DONE
    shown = capsys.readouterr().out
    assert "sensor gate (gate) by connector ways; path /gate; from 10.0.0.21; basic secret:gate" in shown
    assert "rule guests are urgent: let it through" in shown
    assert "gate  alarms  raise  pending" in shown
    assert main(["explain", str(event["message"]), "--journal", str(site.parent / "journal"), "--json"]) == Code.DONE
    (found,) = printed(capsys)
    assert (found["about"], found["site_known"]) == ("message", False)


def test_what_is_not_there_is_said(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "nonsense", "--site", str(site)]) == Code.USAGE
    assert "nothing in the journal has the id nonsense" in capsys.readouterr().err


def test_check_says_how_many_sensors_came_from_which_table(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(site)]) == Code.DONE
    shown = capsys.readouterr().out
    assert f"{site.parent / 'doors.csv'}: 1 sensors" in shown
    assert f"{site.parent / 'cameras.csv'}: 1 rows of cameras" in shown
    assert main(["check", str(site), "--json"]) == Code.DONE
    (found,) = printed(capsys)
    assert [(table["what"], table["rows"]) for table in found["tables"]] == [("sensors", 1), ("cameras", 1)]  # type: ignore[attr-defined]
