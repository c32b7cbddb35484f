"""``events`` and ``dead``: of a running service over its socket, of a resting journal from its files."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.cli.asking import Place
from bridge.cli.ending import Code, Failure
from bridge.cli.main import main
from bridge.cli.resting import read_only, writing
from bridge.clock import SystemClock
from bridge.config.site import JournalSettings
from bridge.control import search
from bridge.journal.contract import Journal
from bridge.journal.sqlite import SqliteJournal
from bridge.model import (
    Action,
    CameraId,
    ConnectorId,
    Decision,
    DeliveryState,
    Instant,
    KeptMessage,
    Message,
    MessageId,
    NewDelivery,
    Origin,
    Rejected,
    SensorId,
    SiteId,
    Urgency,
    VmsId,
)
from tests.control.conftest import dead, event, running

SITE = SiteId("depot")


async def opened(folder: Path) -> SqliteJournal:
    return await SqliteJournal.open(folder, site=SITE, node="here", clock=SystemClock())


async def fill(journal: SqliteJournal, number: int, type: str = "vehicle.identified") -> None:
    """One event, and its delivery refused by the VMS."""
    now = SystemClock().now()
    one = event(number, type)
    arrived = Message(connector=ConnectorId("lpr"), origin=Origin("10.0.0.21"), body=b"{}", arrived=now)
    new = NewDelivery(one.id, 0, CameraId("gate-in"), VmsId("cloud"), SensorId("gate-lpr"), Action.RAISE, Urgency.ALARM)
    kept = KeptMessage(id=MessageId(f"m{number}"), message=arrived)
    await journal.commit(Decision(at=now, message=kept, events=(one,), deliveries=(new,)))
    (head,) = await journal.claim(journal.lease, VmsId("cloud"), Urgency.NOTICE, now, 1)
    await journal.settle(head, Rejected("400: title too long"), now, False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    async def make() -> None:
        journal = await opened(tmp_path / "journal")
        await fill(journal, 1)
        await fill(journal, 2, "door.forced")
        await journal.close()

    asyncio.run(make())
    return tmp_path / "journal"


def test_the_events_of_a_resting_journal_are_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "--journal", str(folder), "--json"]) == Code.DONE
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["id"] for one in shown] == ["e2", "e1"]
    assert shown[0]["detail"] == {"plate": "ABC123", "raw": {"x": 1}}
    assert main(["events", "--journal", str(folder), "--type", "door.*"]) == Code.DONE
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("alarm  gate-lpr  door.forced  Vehicle 2  e2")


def test_no_event_is_no_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "--journal", str(folder), "--sensor", "other"]) == Code.DONE
    assert capsys.readouterr().out == "no events\n"


def test_dead_deliveries_of_a_resting_journal_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead", "list", "--journal", str(folder), "--event", "e2"]) == Code.DONE
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("gate-lpr  gate-in  e2  Vehicle 2  400: title too long")


def test_reading_leaves_the_files_as_they_are(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main(["events", "--journal", str(folder)]) == Code.DONE
    assert main(["dead", "list", "--journal", str(folder)]) == Code.DONE
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path for path in before if after.get(path) != before[path]} == set()


def place_of(folder: Path) -> Place:
    from types import SimpleNamespace

    site = SimpleNamespace(id=SITE, journal=JournalSettings(path=folder))
    return Place(folder / "control.sock", folder, site)  # type: ignore[arg-type]


def test_a_resting_journal_is_changed_by_its_only_holder(folder: Path) -> None:
    async def replay(journal: Journal) -> int:
        return await journal.replay(event(1).id, CameraId("gate-in"), Instant(datetime.now(UTC), 0.0))

    assert writing(place_of(folder), replay) == 1

    async def left(journal: search.Readable) -> list[str]:
        wanted = search.Deliveries(state=DeliveryState.DEAD)
        return [each.event async for each in search.deliveries(journal, wanted)]

    assert read_only(place_of(folder), left) == ["e2"]


def test_a_journal_without_its_site_is_read_and_not_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead", "replay", "--journal", str(folder), "--all"]) == Code.USAGE
    assert "--site" in capsys.readouterr().err


async def test_a_journal_that_a_service_holds_is_left_to_it(tmp_path: Path) -> None:
    journal = await opened(tmp_path)

    async def look(journal: search.Readable) -> None:
        raise AssertionError("nobody may look")

    with pytest.raises(Failure, match="--control") as failed:
        await asyncio.to_thread(read_only, place_of(tmp_path), look)
    assert failed.value.code is Code.REFUSED
    await journal.close()


def test_a_folder_without_a_journal_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "--journal", str(tmp_path)]) == Code.REFUSED
    assert "no journal" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["replay", "drop"])
def test_nothing_is_replayed_or_dropped_without_a_choice(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead", what, "--journal", str(tmp_path)]) == Code.USAGE
    assert "say which" in capsys.readouterr().err


def test_a_choice_is_not_widened_by_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead", "drop", "--journal", str(tmp_path), "--all", "--camera", "gate-in"]) == Code.USAGE
    assert "--all" in capsys.readouterr().err


async def test_of_a_running_service_they_ask_the_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path / "control.sock") as control:
        journal = control.service.journal
        journal.events, journal.dead = [event(1)], [dead(1), dead(2, "gate-wide")]
        where = ["--journal", str(tmp_path)]
        assert await asyncio.to_thread(main, ["events", *where, "--since", "2 h"]) == Code.DONE
        assert "Vehicle 1" in capsys.readouterr().out
        assert await asyncio.to_thread(main, ["dead", "list", *where, "--json"]) == Code.DONE
        assert [json.loads(line)["camera"] for line in capsys.readouterr().out.splitlines()] == ["gate-in", "gate-wide"]
        assert await asyncio.to_thread(main, ["dead", "replay", *where, "--event", "e2"]) == Code.DONE
        assert capsys.readouterr().out == "replayed 1\n"
        assert journal.replayed == [("e2", "gate-wide")]
        assert await asyncio.to_thread(main, ["dead", "drop", *where, "--all", "--json"]) == Code.DONE
        assert json.loads(capsys.readouterr().out) == {"dropped": 2}
        assert await asyncio.to_thread(main, ["events", *where, "--since", "yesterday"]) == Code.USAGE
