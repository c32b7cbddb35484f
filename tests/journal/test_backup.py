"""A backup is of one moment and whole, or it is none; put back, it never sends blindly what may have been delivered."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.journal.contract import EventRecord, Fenced, Full, JournalError, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.journal.sqlite.backup import Restored, restore, tape_of
from bridge.journal.sqlite.tape import Damaged, Entries
from tests.journal.conftest import PLENTY, Bench, claim
from tests.journal.making import DONE, decision, now

PICTURE = os.urandom(3_000)


async def taken(journal: SqliteJournal) -> bytes:
    return b"".join([piece async for piece in journal.backup("0.1.0")])


async def put_back(tape: bytes, folder: Path, replace: bool = False) -> Restored:
    return await asyncio.to_thread(restore, io.BytesIO(tape), folder, replace)


async def ids(journal: SqliteJournal) -> list[str]:
    found = [record async for record in journal.read(Query(what="events"))]
    return [record.event.id for record in found if isinstance(record, EventRecord)]


async def test_a_journal_put_back_has_every_event_and_picture_of_that_moment(
    bench: Bench, journal: SqliteJournal
) -> None:
    made = decision(pictures=(PICTURE, b"small"))
    await journal.commit(made)
    tape = await taken(journal)
    await journal.commit(decision())
    done = await put_back(tape, bench.folder / "again")
    assert (done.pictures, done.missing, done.manifest.events) == (2, 0, 1)
    again = await bench.open("again")
    assert await ids(again) == [made.events[0].id], "what came later is not in it"
    assert await again.media(made.events[0].media[0].id) == PICTURE


async def test_a_backup_under_load_is_of_one_moment(bench: Bench, journal: SqliteJournal) -> None:
    async def load() -> None:
        while True:
            await journal.commit(decision(pictures=(PICTURE,)))

    for _ in range(20):
        await journal.commit(decision(pictures=(PICTURE,)))
    loading = asyncio.create_task(load())
    try:
        before = await ids(journal)
        tape = await taken(journal)
        after = await ids(journal)
    finally:
        loading.cancel()
        await asyncio.wait([loading])
    assert len(after) > len(before), "it went on meanwhile"
    done = await put_back(tape, bench.folder / "again")
    again = await bench.open("again")
    kept = await ids(again)
    assert kept == after[: len(kept)], "a beginning of what was committed, without a hole"
    assert len(kept) >= len(before)
    assert (done.pictures, done.missing) == (len(kept), 0)
    totals = await again.totals()
    assert totals.events == totals.messages == len(kept), "the sums are of the same moment"


async def test_nothing_is_purged_while_a_backup_reads_and_its_copy_is_gone_afterwards(
    bench: Bench, journal: SqliteJournal
) -> None:
    made = decision(pictures=(PICTURE,))
    await journal.commit(made)
    (head,) = await claim(journal)
    await journal.settle(head, DONE, now(), False)
    await journal.commit(decision())
    pieces = journal.backup("0.1.0")
    first = await anext(pieces)
    assert await journal.purge(now(60).utc.timestamp()) == 0
    rest = b"".join([piece async for piece in pieces])
    assert await journal.purge(now(60).utc.timestamp()) > 0
    assert (await put_back(first + rest, bench.folder / "again")).missing == 0
    async with asyncio.timeout(30):
        while list((bench.folder / "journal").glob("backup-*")):
            await asyncio.sleep(0.01)


async def test_a_backup_begun_while_something_is_being_removed_has_every_picture_of_its_tables(
    bench: Bench, journal: SqliteJournal
) -> None:
    await journal.commit(decision(pictures=(PICTURE,), at=now(-40 * 86400.0)))
    (head,) = await claim(journal)
    await journal.settle(head, DONE, now(), False)
    await journal.commit(decision(pictures=(PICTURE,)))
    bench.disk.hold()
    purging = asyncio.create_task(journal.purge(now(-86400.0).utc.timestamp()))
    await asyncio.sleep(0)
    pieces = journal.backup("0.1.0")
    beginning = asyncio.ensure_future(anext(pieces))
    await asyncio.wait([beginning], timeout=0.3)  # the tables would be copied by now, with what is just being removed
    bench.disk.release()
    assert await purging == 2
    tape = await beginning + b"".join([piece async for piece in pieces])
    done = await put_back(tape, bench.folder / "again")
    assert (done.pictures, done.missing) == (1, 0)


async def test_a_copy_that_a_killed_process_left_is_removed_at_the_next_opening(bench: Bench) -> None:
    journal = await bench.open()
    await bench.close(journal)
    left = bench.folder / "journal" / "backup-0badcafe.db"
    left.write_bytes(b"x")
    await bench.open()
    assert not left.exists()


async def test_without_room_for_the_copy_there_is_no_backup_and_the_journal_goes_on(bench: Bench) -> None:
    journal = await bench.open()
    await journal.commit(decision())
    bench.disk.free = 64 * 2**20
    with pytest.raises(Full, match="a backup needs"):
        await taken(journal)
    bench.disk.free = PLENTY
    await journal.commit(decision())


async def test_what_was_open_comes_back_as_perhaps_delivered_so_that_it_is_looked_for_first(
    bench: Bench, journal: SqliteJournal
) -> None:
    for _ in range(3):
        await journal.commit(decision())
    tape = await taken(journal)
    for _ in range(3):  # after the backup, all of them are delivered
        (head,) = await claim(journal)
        assert not head.ambiguous
        await journal.settle(head, DONE, now(), False)
    done = await put_back(tape, bench.folder / "again")
    assert done.searched == 3
    again = await bench.open("again")
    totals = await again.totals()
    assert (totals.deliveries["pending"], totals.deliveries["begun"]) == (0, 3)
    for _ in range(3):
        (head,) = await claim(again)
        assert head.ambiguous, "look before sending"
        await again.settle(head, DONE, now(), False)
    assert (await again.totals()).deliveries["delivered"] == 3


async def test_who_follows_the_events_of_a_journal_put_back_is_told_that_it_begins_anew(
    bench: Bench, journal: SqliteJournal
) -> None:
    await journal.commit(decision())
    position = await journal.head()
    tape = await taken(journal)
    await put_back(tape, bench.folder / "again")
    again = await bench.open("again")
    page = await again.feed(position, 10)
    assert page.gap is not None
    assert "not of this journal" in page.gap.why


# ------------------------------------------------------------------------------------------------------- what is none


@pytest.fixture
async def tape(journal: SqliteJournal) -> bytes:
    await journal.commit(decision(pictures=(PICTURE,)))
    return await taken(journal)


def cut(tape: bytes) -> Iterator[bytes]:
    yield b""
    yield b"not a backup at all, but long enough to be looked at" * 20
    for at in (600, len(tape) // 2, len(tape) - 1024 - 512, len(tape) - 1024 - 1):
        yield tape[:at]
    for at in (100, 1500, len(tape) // 2, len(tape) - 1024 - 500):
        yield tape[:at] + bytes([tape[at] ^ 1]) + tape[at + 1 :]


async def test_what_is_cut_short_or_changed_is_refused_before_anything_is_touched(tape: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / "mine").write_text("as it was")
    for number, wrong in enumerate(cut(tape)):
        with pytest.raises(Damaged):
            await put_back(wrong, folder, replace=True)
        assert sorted(each.name for each in folder.iterdir()) == ["journal.lock", "mine"], number


async def test_a_file_that_no_journal_has_is_refused(tape: bytes, tmp_path: Path) -> None:
    from bridge.journal.sqlite.tape import write

    (tmp_path / "evil").write_text("x")
    manifest = Entries(io.BytesIO(tape)).manifest
    for name in ("../evil", "/etc/evil", "media/../../evil", "site.yaml", "media/2026-01-01/../x"):
        made = b"".join(write(manifest, [(name, tmp_path / "evil")]))
        with pytest.raises(Damaged, match="no journal has"):
            await put_back(made, tmp_path / "again")


async def test_a_journal_that_is_there_is_moved_aside_only_when_that_is_said(
    bench: Bench, journal: SqliteJournal, tape: bytes
) -> None:
    with pytest.raises(Fenced):
        await put_back(tape, bench.folder / "journal", replace=True)
    await bench.close(journal)
    with pytest.raises(JournalError, match="is not empty"):
        await put_back(tape, bench.folder / "journal")
    done = await put_back(tape, bench.folder / "journal", replace=True)
    assert (Path(done.before) / "journal.db").is_file()
    assert len(await ids(await bench.open())) == 1


async def test_a_journal_at_rest_gives_the_same_backup(bench: Bench) -> None:
    journal = await bench.open()
    await journal.commit(decision(pictures=(PICTURE,)))
    await bench.close(journal)
    made = b"".join(tape_of(bench.folder / "journal", "0.1.0"))
    assert (await put_back(made, bench.folder / "again")).pictures == 1


async def test_a_journal_of_a_newer_program_is_refused(tape: bytes, tmp_path: Path) -> None:
    from bridge.journal.sqlite.tape import write

    manifest = Entries(io.BytesIO(tape)).manifest
    manifest.journal += 99
    (tmp_path / "journal.db").write_bytes(b"x")
    made = b"".join(write(manifest, [("journal.db", tmp_path / "journal.db")]))
    with pytest.raises(JournalError, match="reads up to"):
        await put_back(made, tmp_path / "again")


def test_the_file_is_a_tar_that_any_program_lists(tmp_path: Path) -> None:
    import tarfile

    from bridge.journal.sqlite.tape import Manifest, write

    (tmp_path / "x").write_bytes(b"12345")
    manifest = Manifest(
        site="s", journal=1, program="p", at="2026-01-01T00:00:00+00:00", messages=0, events=0, undelivered=0
    )
    made = b"".join(write(manifest, [("journal.db", tmp_path / "x"), ("media/2026-01-01/gone.jpg", tmp_path / "gone")]))
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        assert tar.getnames() == ["backup.json", "journal.db", "end.json"]
    entries = Entries(io.BytesIO(made))
    for _, _, content in entries:
        assert b"".join(content) == b"12345"
    assert entries.end is not None
    assert entries.end.missing == 1
