"""One writer at a time, the right site, the right version; what a crash left behind is put in order."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bridge.clock import SystemClock
from bridge.journal.contract import DeliveryRecord, EventRecord, Fenced, JournalError, Query
from bridge.journal.sqlite import OfflineJournal, SqliteJournal, schema
from bridge.journal.sqlite.facts import Facts
from bridge.model import DeliveryState, Rejected, SiteId, Urgency
from tests.journal.conftest import Bench, claim
from tests.journal.making import VMS, decision, now

HOLDER = """
import asyncio, sys
from pathlib import Path
from bridge.clock import SystemClock
from bridge.journal.sqlite import SqliteJournal

async def main():
    journal = await SqliteJournal.open(Path(sys.argv[1]), site="harbour", node="there", clock=SystemClock())
    print("held", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await journal.close()

asyncio.run(main())
"""


async def test_a_second_process_is_fenced_with_the_name_of_the_holder(bench: Bench) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(bench.folder / "journal"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert await asyncio.wait_for(holder.stdout.readline(), 20) == b"held\n"
        with pytest.raises(Fenced, match=f"process {holder.pid} on there"):
            await bench.open()
        with pytest.raises(Fenced, match=str(holder.pid)):
            await OfflineJournal.open(bench.folder / "journal")
    finally:
        holder.stdin.close()
        await asyncio.wait_for(holder.wait(), 20)
    await bench.open()


async def test_a_writer_whose_epoch_has_passed_stops_at_once(bench: Bench, journal: SqliteJournal) -> None:
    await journal.commit(decision())
    [head] = await claim(journal)
    waiting = asyncio.create_task(journal.claim(journal.lease, VMS, Urgency.NOTICE, now(), 1))
    await asyncio.sleep(0)
    thief = schema.connect(bench.folder / "journal", cache=256)
    schema.next_epoch(thief, journal.lease.name, "there")
    thief.close()
    with pytest.raises(Fenced, match="took this journal over"):
        await journal.commit(decision())
    with pytest.raises(Fenced):
        await waiting
    with pytest.raises(Fenced):
        journal.commit(decision())
    with pytest.raises(Fenced):
        await journal.settle(head, Rejected("late"), now(), False)


async def test_every_opening_is_a_new_epoch_and_an_old_lease_is_fenced(bench: Bench, journal: SqliteJournal) -> None:
    await bench.close(journal)
    again = await bench.open()
    assert again.lease.epoch == journal.lease.epoch + 1
    with pytest.raises(Fenced, match="epoch"):
        await again.claim(journal.lease, VMS, Urgency.NOTICE, now(), 1)


async def test_another_sites_journal_is_refused(bench: Bench, journal: SqliteJournal) -> None:
    await bench.close(journal)
    with pytest.raises(JournalError, match="belongs to site 'harbour', not 'depot'"):
        await SqliteJournal.open(bench.folder / "journal", site=SiteId("depot"), node="here", clock=SystemClock())
    await bench.open()  # the lock was let go


async def test_another_sites_journal_of_an_older_program_stays_as_it_is(tmp_path: Path) -> None:
    connection = schema.connect(tmp_path, cache=256)
    schema.migrate(connection, schema.MIGRATIONS[:1])
    schema.check_site(connection, "harbour")
    with pytest.raises(JournalError, match="belongs to site"):
        await SqliteJournal.open(tmp_path, site=SiteId("depot"), node="here", clock=SystemClock())
    assert schema.version_of(connection) == 1  # its own program goes on with it
    connection.close()


async def test_a_newer_journal_is_refused_with_what_to_do(bench: Bench, journal: SqliteJournal) -> None:
    await bench.close(journal)
    connection = sqlite3.connect(bench.folder / "journal" / schema.DATABASE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalError, match=r"version 99.*install the newer program"):
        await bench.open()


def test_a_migration_that_fails_leaves_the_old_version(tmp_path: Path) -> None:
    connection = schema.connect(tmp_path, cache=256)
    schema.migrate(connection)
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection, (*schema.MIGRATIONS, "CREATE TABLE extra (x); CREATE TABLE extra (x)"))
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(schema.MIGRATIONS)
    schema.migrate(connection, (*schema.MIGRATIONS, "CREATE TABLE extra (x)"))
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(schema.MIGRATIONS) + 1
    connection.close()


async def test_a_file_that_is_no_journal_is_named(bench: Bench) -> None:
    (bench.folder / "journal").mkdir()
    (bench.folder / "journal" / schema.DATABASE).write_bytes(b"something else entirely" * 100)
    with pytest.raises(JournalError, match="cannot be opened"):
        await bench.open()


async def test_pictures_without_their_message_are_swept_at_opening(bench: Bench, journal: SqliteJournal) -> None:
    await journal.commit(made := decision(pictures=(b"plate",)))
    assert made.message is not None
    [kept] = (bench.folder / "journal" / "media").glob("*/*")
    orphan = kept.with_name(f"{made.message.id[:-1]}x.0.jpg")
    shutil.copy(kept, orphan)
    after = await bench.crash()
    assert [path.name for path in (bench.folder / "after" / "media").glob("*/*")] == [kept.name]
    assert await after.media(made.message.media[0].media.id) == b"plate"


async def test_what_a_file_server_puts_among_the_pictures_stops_nothing(bench: Bench, journal: SqliteJournal) -> None:
    await journal.commit(made := decision(pictures=(b"plate",), at=now(-40 * 86400.0)))
    [picture] = (bench.folder / "journal" / "media").glob("*/*")
    for place in (picture.parent, picture.parent.parent):
        (place / "@eaDir").mkdir()
    await bench.close(journal)
    again = await bench.open()
    assert await again.media(made.events[0].media[0].id) == b"plate"
    [head] = await claim(again)
    await again.settle(head, Rejected("no"), now(), False)
    await again.commit(decision())
    assert await again.purge(now(-30 * 86400.0).utc.timestamp()) == 2
    assert not picture.exists()


async def test_closing_writes_what_is_queued(bench: Bench, journal: SqliteJournal) -> None:
    futures = [journal.commit(decision()) for _ in range(600)]
    await bench.close(journal)
    assert all(future.done() and future.exception() is None for future in futures)
    assert (await (await bench.open()).totals()).messages == 600
    with pytest.raises(JournalError, match="closed"):
        journal.commit(decision())


async def test_a_journal_that_cannot_be_closed_in_order_lets_its_folder_go_and_tells_those_who_wait(
    bench: Bench, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = asyncio.create_task(journal.claim(journal.lease, VMS, Urgency.NOTICE, now(), 1))
    await asyncio.sleep(0)

    def damaged(*_: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(Facts, "merge_all", damaged)
    with pytest.raises(sqlite3.DatabaseError):
        await bench.close(journal)
    with pytest.raises(JournalError, match="closed"):
        await asyncio.wait_for(waiting, 30)
    monkeypatch.undo()
    await bench.open()


async def test_a_closed_journal_tells_those_who_wait(bench: Bench, journal: SqliteJournal) -> None:
    waiting = asyncio.create_task(journal.claim(journal.lease, VMS, Urgency.NOTICE, now(), 1))
    await asyncio.sleep(0)
    await bench.close(journal)
    with pytest.raises(JournalError, match="closed"):
        await waiting


async def test_a_command_reads_a_journal_that_no_service_holds(bench: Bench, journal: SqliteJournal) -> None:
    await journal.commit(made := decision(pictures=(b"plate",)))
    [head] = await claim(journal)
    await journal.settle(head, Rejected("too long"), now(), False)
    with pytest.raises(Fenced):
        await OfflineJournal.open(bench.folder / "journal")
    shutil.copytree(bench.folder / "journal", bench.folder / "killed")
    await bench.close(journal)
    for folder in ("journal", "killed"):
        offline = await OfflineJournal.open(bench.folder / folder)
        assert [each async for each in offline.read(Query(what="events"))] == [EventRecord(event=made.events[0])]
        dead = [each async for each in offline.read(Query(what="deliveries", states=(DeliveryState.DEAD,)))]
        assert [each.why for each in dead if isinstance(each, DeliveryRecord)] == ["too long"]
        assert await offline.media(made.events[0].media[0].id) == b"plate"
        await offline.close()
    with pytest.raises(JournalError, match="no journal"):
        await OfflineJournal.open(bench.folder / "nowhere")


async def test_sums_survive_a_crash(bench: Bench, journal: SqliteJournal) -> None:
    await asyncio.gather(*(journal.commit(decision(cameras=("a", "b"), pictures=(b"x" * 100,))) for _ in range(10)))
    heads = await claim(journal, 3)
    await journal.settle(heads[0], Rejected("no"), now(), False)
    before, after = await journal.totals(), await (await bench.crash()).totals()
    assert before.deliveries == {"pending": 18, "begun": 1, "delivered": 0, "expired": 0, "dead": 1}
    assert msgspec.structs.replace(before, size=0) == msgspec.structs.replace(after, size=0)
