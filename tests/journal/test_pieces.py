"""A message that is decided in pieces: each is whole after a kill, and at the end it is as if it were one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from bridge.config.site import JournalSettings
from bridge.journal.contract import MessageRecord, QuarantineRecord, Query, Undecided
from bridge.journal.sqlite import SqliteJournal
from bridge.model import (
    Decision,
    EventId,
    Fate,
    KeptMedia,
    Media,
    MediaId,
    MessageId,
    Piece,
    Quarantined,
    Verdict,
)
from tests.journal.conftest import Bench
from tests.journal.making import SENSOR, decision, now, unknown

PICTURE = b"\xff\xd8picture"


def raised(*indexes: int) -> tuple[Verdict, ...]:
    return tuple(Verdict(index, Fate.FILTERED, SENSOR, None, "select") for index in indexes)


def first(closed: str | None = None) -> Decision:
    """The message and the first piece of it, two items."""
    made = decision(pictures=(PICTURE,))
    assert made.message is not None
    piece = Piece(made.message.id, 0, last=False, closed=None if closed is None else EventId(closed))
    return msgspec.structs.replace(made, piece=piece, verdicts=raised(0, 1))


def piece(message: MessageId, place: int, *indexes: int, last: bool = False, closed: str | None = None) -> Decision:
    kept = KeptMedia(Media(MediaId(f"{message}.{indexes[0]}-0"), "image/jpeg", len(PICTURE), ""), PICTURE)
    made = Piece(message, place, last, None if closed is None else EventId(closed), (kept,))
    return Decision(at=now(), piece=made, verdicts=raised(*indexes))


def message_of(made: Decision) -> MessageId:
    assert made.message is not None
    return made.message.id


async def record_of(journal: SqliteJournal, message: MessageId) -> MessageRecord:
    (found,) = [each async for each in journal.read(Query(what="messages", message=message))]
    assert isinstance(found, MessageRecord)
    return found


async def undecided(journal: SqliteJournal) -> list[Undecided]:
    found: list[Undecided] = []
    while (each := await journal.undecided(found[-1].record.id if found else None)) is not None:
        found.append(each)
    return found


async def test_after_a_kill_what_is_decided_and_where_to_go_on_is_known(bench: Bench, journal: SqliteJournal) -> None:
    one, other = first("m.7-r0"), first()
    for each in (one, other, piece(message_of(one), 1, 2, 3), piece(message_of(one), 2, 4, closed="m.5-r0")):
        await journal.commit(each)
    again = await bench.crash()
    found = await undecided(again)
    assert [each.record.id for each in found] == [message_of(one), message_of(other)]
    assert found[0].piece == Piece(message_of(one), 2, last=False, closed=EventId("m.5-r0"))
    assert [verdict.index for verdict in found[0].record.verdicts] == [0, 1, 2, 3, 4]
    assert found[0].record.message == one.message.message if one.message else False
    assert found[1].piece == Piece(message_of(other), 0, last=False)


async def test_the_last_piece_puts_the_verdicts_and_the_pictures_together(journal: SqliteJournal) -> None:
    made = first()
    message = message_of(made)
    assert made.message is not None
    for each in (made, piece(message, 1, 2), piece(message, 2, 3, last=True)):
        await journal.commit(each)
    record = await record_of(journal, message)
    assert [verdict.index for verdict in record.verdicts] == [0, 1, 2, 3]
    assert record.media == (made.message.media[0].media.id, f"{message}.2-0", f"{message}.3-0")
    assert [await journal.media(each) for each in record.media] == [PICTURE] * 3
    assert await undecided(journal) == []
    totals = await journal.totals()
    assert (totals.messages, totals.items["filtered"]) == (1, 4)


async def test_a_message_that_is_not_decided_to_the_end_is_never_removed(journal: SqliteJournal) -> None:
    made = first()
    made = msgspec.structs.replace(made, events=(), deliveries=())
    await journal.commit(made)
    await journal.purge(now(3600).utc.timestamp())
    assert len(await undecided(journal)) == 1
    await journal.commit(piece(message_of(made), 1, 2, last=True))
    await journal.purge(now(3600).utc.timestamp())
    assert [each async for each in journal.read(Query(what="messages"))] == []


async def test_a_sender_over_its_cap_of_the_quarantine_does_not_lose_the_rest_of_its_message(
    bench: Bench,
) -> None:
    journal = await bench.open(settings=JournalSettings(path=Path(), quarantine_per_origin=1))
    await journal.commit(unknown("lpr 10.0.0.21 /gate"))
    made = first()
    origin = "lpr 10.0.0.21 /gate"
    only = (Verdict(0, Fate.QUARANTINED, why="nobody"),)
    nothing_but = msgspec.structs.replace(
        made, verdicts=only, events=(), deliveries=(), quarantined=(Quarantined(0, origin, "nobody"),)
    )
    await journal.commit(nothing_but)
    await journal.commit(piece(message_of(made), 1, 1, last=True))
    assert len((await record_of(journal, message_of(made))).verdicts) == 2


async def test_what_a_later_piece_quarantines_is_of_its_message(journal: SqliteJournal) -> None:
    made = first()
    later = piece(message_of(made), 1, 2, last=True)
    later = msgspec.structs.replace(later, quarantined=(Quarantined(2, "lpr 10.0.0.21 /gate", "nobody"),))
    await journal.commit(made)
    await journal.commit(later)
    (found,) = [each async for each in journal.read(Query(what="quarantine"))]
    assert isinstance(found, QuarantineRecord)
    assert (found.message, found.index) == (message_of(made), 2)


async def test_what_is_handed_in_while_the_journal_closes_is_told_so_and_not_written(
    bench: Bench, journal: SqliteJournal
) -> None:
    """The connection is another thread's by then: a batch written beside it was seen to crash the process."""
    loop = asyncio.get_running_loop()
    late: list[asyncio.Future[None]] = []
    stop = journal._stop

    def stopping() -> None:
        asyncio.run_coroutine_threadsafe(handed_in(), loop).result(10)
        stop()

    async def handed_in() -> None:
        late.append(journal.commit(decision()))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not journal._writer._connection.in_transaction
        assert not late[0].done()

    journal._stop = stopping  # type: ignore[method-assign]
    await bench.close(journal)
    assert isinstance(late[0].exception(), Exception)
