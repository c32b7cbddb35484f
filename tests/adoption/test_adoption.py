"""What was nobody's is decided once somebody listens: in order, once, with the commit or not at all."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.config.load import load
from bridge.config.site import Sensor, Site
from bridge.decide.draft import event_of
from bridge.journal.contract import JournalError
from bridge.journal.sqlite import SqliteJournal
from bridge.model import Clock, Draft, Fate, ReceiptKind, SensorEvent
from tests.adoption.conftest import JPEG, Depot, picture


async def test_a_row_more_and_what_was_waiting_becomes_events_in_the_order_of_arrival(depot: Depot) -> None:
    for number in (1, 2, 3):
        receipt = await depot.says("/doors", f'{{"serial": "S3", "door": "side", "who": "w{number}"}}')
        assert receipt.kind is ReceiptKind.UNKNOWN
    assert [item.key for item in await depot.quarantined()] == ["serial=S3"] * 3
    assert await depot.adopts() == (0, 3)
    depot.table("doors", "id;cameras;identity.serial\nside;gate;S3\n")
    assert await depot.adopts() == (3, 0)
    events = await depot.events()
    assert [event.fields["who"] for event in events] == ["w1", "w2", "w3"]
    assert all(event.marks == ("replayed from quarantine",) and event.sensor == "side" for event in events)
    assert await depot.cameras() == ["gate"] * 3
    assert await depot.quarantined() == []
    assert await depot.adopts() == (0, 0)
    assert len(await depot.events()) == 3


async def test_the_ledger_still_has_one_fate_for_each_item(depot: Depot) -> None:
    body = '[{"serial": "S1", "door": "front"}, {"serial": "S3", "door": "side"}, {"serial": "S4", "door": "x"}, 7]'
    receipt = await depot.says("/doors", body)
    assert receipt.kind is ReceiptKind.ACCEPTED
    depot.table("doors", "id;cameras;identity.serial\nfront;gate;S1\nside;gate;S3\n")
    assert await depot.adopts() == (1, 1)
    record = await depot.message(receipt.message)
    assert [(verdict.index, verdict.fate) for verdict in record.verdicts] == [
        (0, Fate.RAISED), (1, Fate.RAISED), (2, Fate.QUARANTINED), (3, Fate.QUARANTINED),
    ]  # fmt: skip
    assert [event.id for event in await depot.events()] == [f"{receipt.message}.0", f"{receipt.message}.1"]
    totals = await depot.journal.totals()
    assert (totals.messages, totals.items["raised"], totals.items["quarantined"]) == (1, 2, 2)
    assert [item.index for item in await depot.quarantined()] == [2, 3]


async def test_its_pictures_come_with_it(depot: Depot) -> None:
    receipt = await depot.says("/doors", f'{{"serial": "S3", "door": "side", "face": "{picture()}"}}')
    depot.table("doors", "id;cameras;identity.serial\nside;gate;S3\n")
    assert await depot.adopts() == (1, 0)
    (event,) = await depot.events()
    assert [await depot.journal.media(each.id) for each in event.media] == [JPEG]
    assert (await depot.message(receipt.message)).media == (event.media[0].id,)


async def test_it_stands_in_time_where_it_came_and_not_where_it_was_adopted(depot: Depot) -> None:
    from tests.intake.conftest import HandClock

    past = HandClock()  # a morning long ago
    depot.intake._clock, now = past, depot.clock  # type: ignore[assignment]
    depot.clock = past  # type: ignore[assignment]
    await depot.says("/doors", '{"serial": "S3", "door": "side"}')
    came = past.now().utc
    depot.intake._clock = depot.clock = now
    depot.table("doors", "id;cameras;identity.serial\nside;gate;S3\n")
    await depot.adopts()
    (event,) = await depot.events()
    assert (event.occurred_at, event.clock) == (came, Clock.LATE)
    assert event.arrived_at > datetime.now(UTC) - timedelta(minutes=1)


async def test_a_camera_key_that_nobody_knows_waits_for_its_row(depot: Depot) -> None:
    receipts = [await depot.says("/hub", f'{{"door": "{door}"}}') for door in ("D1", "D9", "D2", "D9")]
    assert [each.kind for each in receipts] == [
        ReceiptKind.ACCEPTED, ReceiptKind.UNKNOWN, ReceiptKind.ACCEPTED, ReceiptKind.UNKNOWN,
    ]  # fmt: skip
    assert await depot.cameras() == ["lobby", "gate", "lobby"]
    assert [(item.key, item.unknown) for item in await depot.quarantined()] == [("D9", True)] * 2
    depot.table("cameras", "key;camera\nD9;gate\n")
    assert await depot.adopts() == (2, 0)
    assert (await depot.cameras())[3:] == ["gate", "gate"]


async def test_a_heartbeat_needs_no_camera(depot: Depot) -> None:
    receipt = await depot.says("/hub", '{"what": "beat"}')
    assert receipt.kind is ReceiptKind.FILTERED
    assert await depot.quarantined() == []


async def test_an_unknown_key_goes_to_other_cameras_where_the_site_says_so(depot: Depot) -> None:
    site = depot.folder / "site.yaml"
    site.write_text(site.read_text().replace("table: cameras.csv}", "table: cameras.csv, otherwise: [gate]}"))
    depot.intake.replace(load(site))
    assert (await depot.says("/hub", '{"door": "D9"}')).kind is ReceiptKind.ACCEPTED
    (event,) = await depot.events()
    assert event.marks == ("no camera for D9 in cameras.csv; add a row with this key",)
    assert await depot.cameras() == ["gate"]


async def test_what_is_held_after_its_adoption_goes_to_the_cameras_of_its_own_key(depot: Depot) -> None:
    await depot.says("/hub", '{"door": "D9", "who": "held", "thing": "t1"}')
    depot.table("cameras", "key;camera\nD1;lobby\nD9;gate\n")
    assert await depot.adopts() == (1, 0)
    assert await depot.events() == []  # held for a better message, which comes now
    await depot.says("/hub", '{"door": "D9", "who": "w", "thing": "t1"}')
    (event,) = await depot.events()
    assert (event.fields["who"], await depot.cameras()) == ("w", ["gate"])


async def test_two_who_ask_at_once_do_not_get_it_twice(depot: Depot) -> None:
    for number in range(80):
        await depot.says("/doors", f'{{"serial": "S3", "door": "side", "id": {number}}}')
    depot.table("doors", "id;cameras;identity.serial\nside;gate;S3\n")
    assert sorted(await asyncio.gather(depot.adopts(), depot.adopts())) in ([(0, 0), (80, 0)], [(0, 80), (80, 0)])
    assert len({event.id for event in await depot.events()}) == len(await depot.events()) == 80


async def test_when_the_disk_refuses_it_is_in_quarantine_as_before_and_comes_with_the_next_try(depot: Depot) -> None:
    journal = depot.journal
    await depot.says("/doors", '{"serial": "S3", "door": "side", "id": 1}')
    depot.table("doors", "id;cameras;identity.serial\nside;gate;S3\n")
    fails = [OSError(5, "input/output error")]

    def broken() -> None:
        if fails:
            raise fails.pop()

    journal._writer._committer._before_commit = broken
    with pytest.raises(JournalError):
        await depot.adopts()
    assert (await depot.events(), len(await depot.quarantined())) == ([], 1)
    assert (await journal.totals()).items["quarantined"] == 1
    assert await depot.adopts() == (1, 0)
    assert len(await depot.events()) == 1


async def test_a_kill_after_the_commit_leaves_the_event_and_no_item_to_adopt_again(depot: Depot) -> None:
    import shutil

    await depot.says("/doors", '{"serial": "S3", "door": "side"}')
    depot.table("doors", "id;cameras;identity.serial\nside;gate;S3\n")
    await depot.adopts()
    shutil.copytree(depot.folder / "journal", depot.folder / "after", ignore=shutil.ignore_patterns("*-shm"))
    after = await SqliteJournal.open(depot.folder / "after", site=depot.site.id, node="here", clock=depot.clock)
    try:
        other = Depot(depot.folder, after)
        assert await other.adopts() == (0, 0)
        assert len(await other.events()) == 1
    finally:
        await after.close()


async def test_what_could_not_be_read_is_replayed_by_hand_once_its_profile_can(depot: Depot) -> None:
    receipt = await depot.says("/gate", '{"gate": "north"}', shows="gate")
    assert receipt.kind is ReceiptKind.MALFORMED
    profile = depot.folder / "profiles" / "doors.yaml"
    text = profile.read_text().replace("when: has(item.door)", "").replace("item.door,", "[item.door, item.gate],")
    profile.write_text(text)
    depot.intake.replace(load(depot.folder / "site.yaml"))
    assert await depot.adopts() == (0, 0)  # not by itself: it was not nobody's
    from bridge.journal.contract import Query

    counts = await depot.adoption.replay(depot.journal.read(Query(what="quarantine")))
    assert (counts.replayed, counts.left) == (1, 0)
    assert [event.fields["door"] for event in await depot.events()] == ["north"]


async def test_an_older_journal_learns_which_of_its_quarantine_was_nobodys(depot: Depot) -> None:
    """Its items say so in words alone; the migration goes by these."""
    import sqlite3

    from bridge.journal.sqlite import schema

    old = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(old, schema.MIGRATIONS[:1])
    for why, sensor in (("no sensor of connector lpr listens for /x from 10.0.0.9", None), ("cut off", None)):
        old.execute(
            "INSERT INTO quarantine (message, item, origin, why, sensor, arrived) VALUES ('m', 0, 'o', ?, ?, 0)",
            (why, sensor),
        )
    schema.migrate(old)
    assert [row[0] for row in old.execute("SELECT unknown FROM quarantine ORDER BY seq")] == [1, 0]


async def test_the_cap_of_a_sender_has_room_again_when_its_items_are_adopted(depot: Depot) -> None:
    await depot.says("/doors", '{"serial": "S3", "door": "side"}')
    ((_, kept, _),) = depot.journal._opened.writer.execute("SELECT * FROM quarantine_origin").fetchall()
    assert kept == 1
    depot.table("doors", "id;cameras;identity.serial\nside;gate;S3\n")
    await depot.adopts()
    ((_, kept, _),) = depot.journal._opened.writer.execute("SELECT * FROM quarantine_origin").fetchall()
    assert kept == 0


def knows_the_shed(depot: Depot, address: str = "path: /shed") -> None:
    """Until now messages to /shed were nobody's, and nobody could say what is in them."""
    shed = f"  shed: {{profile: doors, connector: ways, address: {{{address}}}, cameras: [gate]}}\n"
    site = depot.folder / "site.yaml"
    site.write_text("".join([line for line in site.open() if "shed" not in line]) + shed)
    depot.intake.replace(load(site))


def said(*who: str) -> str:
    return json.dumps([{"door": "side", "who": each} for each in who])


async def test_of_a_message_that_was_nobodys_as_a_whole_every_item_is_adopted(depot: Depot) -> None:
    receipt = await depot.says("/shed", said("w0", "w1", "w2"))
    assert receipt.kind is ReceiptKind.UNKNOWN
    knows_the_shed(depot)
    await depot.adopts()
    assert [event.fields["who"] for event in await depot.events()] == ["w0", "w1", "w2"]
    record = await depot.message(receipt.message)
    assert [(each.index, each.fate) for each in record.verdicts] == [(index, Fate.RAISED) for index in range(3)]
    totals = await depot.journal.totals()
    assert (totals.items["raised"], totals.items["quarantined"]) == (3, 0)
    assert await depot.quarantined() == []
    assert await depot.adopts() == (0, 0)


async def test_those_of_its_items_that_nobody_knows_either_stay_in_quarantine_each_for_itself(depot: Depot) -> None:
    body = [{"serial": "S1", "door": "a"}, {"serial": "S9", "door": "b"}, 7, {"serial": "S9", "door": "c"}]
    receipt = await depot.says("/shed", json.dumps(body))
    knows_the_shed(depot, "path: /shed, identity: {serial: S1}")
    await depot.adopts()
    assert [event.fields["door"] for event in await depot.events()] == ["a"]
    assert [(each.message, each.index, each.key, each.unknown) for each in await depot.quarantined()] == [
        (receipt.message, 1, "serial=S9", True),
        (receipt.message, 2, "", False),
        (receipt.message, 3, "serial=S9", True),
    ]
    knows_the_shed(depot, "path: /shed, identity: {serial: S9}")
    assert await depot.adopts() == (2, 0)
    assert [event.fields["door"] for event in await depot.events()] == ["a", "b", "c"]
    assert [each.index for each in await depot.quarantined()] == [2]


async def test_when_the_disk_refuses_a_later_piece_of_it_the_rest_is_found_again(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.intake.adopting.PIECE", 2)
    names = [f"w{number}" for number in range(7)]
    await depot.says("/shed", said(*names))
    knows_the_shed(depot)
    commits = [None, OSError(5, "input/output error")]

    def broken() -> None:
        if commits and (failure := commits.pop(0)) is not None:
            raise failure

    depot.journal._writer._committer._before_commit = broken
    with pytest.raises(JournalError):
        await depot.adopts()
    assert [event.fields["who"] for event in await depot.events()] == ["w0", "w1"]
    await depot.adopts()
    assert [event.fields["who"] for event in await depot.events()] == names
    assert await depot.quarantined() == []
    assert (await depot.journal.totals()).items["quarantined"] == 0


async def test_one_that_cannot_be_decided_stays_and_the_others_are_replayed(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours. Adoption is a room of the service: if it ended, everything would, at every start again."""
    for door in ("one", "two", "three"):
        await depot.says("/shed", json.dumps({"door": door}))
    knows_the_shed(depot)

    def faulty(site: Site, sensor: Sensor, draft: Draft, *more: Any) -> SensorEvent:
        if draft.fields["door"] == "two":
            raise ZeroDivisionError
        return event_of(site, sensor, draft, *more)

    with monkeypatch.context() as broken:
        broken.setattr("bridge.decide.decide.event_of", faulty)
        assert await depot.adopts() == (2, 1)
    assert [event.fields["door"] for event in await depot.events()] == ["one", "three"]
    assert await depot.adopts() == (1, 0)
