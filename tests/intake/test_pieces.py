"""A message that says very much holds nobody else up, and its sensor's order is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
import pytest

from bridge.decide.decide import PIECE
from bridge.intake import Intake
from bridge.intake.remainders import AT_ONCE
from bridge.journal.contract import MessageRecord, StateRow, Undecided, Undone
from bridge.model import (
    Decision,
    Fate,
    Message,
    MessageId,
    Piece,
    Receipt,
    ReceiptKind,
    SensorId,
    StateKey,
    Verdict,
)
from bridge.supervision import Conditions
from tests.intake.conftest import message, message_of, site_with_words
from tests.intake.test_intake import Door

MANY = 2 * PIECE + 10


class Gate(Door):
    """As a service has it: what is left is gone on with."""

    def __init__(self) -> None:
        super().__init__()
        self.intake = Intake(site_with_words(), self.journal, self.clock, Conditions(self.clock))  # type: ignore[arg-type]

    def much(self, first: int = 0, many: int = MANY) -> Message:
        return message_of(self.clock, [{"id": first + number} for number in range(many)])

    def deciding(self, sent: Message) -> asyncio.Task[Receipt]:
        return asyncio.create_task(self.intake.submit(sent))

    def waiting(self) -> list[list[object]]:
        """What the decisions that wait for their commits are about."""
        return [[verdict.index for verdict in decision.verdicts] for decision, _ in self.journal.committing]

    async def kept_one_by_one(self, receipt: asyncio.Task[Receipt]) -> list[Decision]:
        """Every commit succeeds, until there is an answer."""
        kept: list[Decision] = []
        while not receipt.done():
            await self.settled([receipt])
            kept += [decision for decision, _ in self.journal.committing]
            self.journal.keep()
        return kept


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    gate = Gate()
    running = asyncio.create_task(gate.intake.run())
    yield gate
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_few_of_its_pieces_are_on_their_way_to_the_disk_at_a_time_and_then_it_is_answered(gate: Gate) -> None:
    receipt = gate.deciding(gate.much(many=10 * PIECE))
    sizes = []
    while not receipt.done():
        await gate.settled([receipt])
        sizes.append([len(indexes) for indexes in gate.waiting()])
        gate.journal.keep()
    assert len(sizes) > 2
    assert all(len(each) <= AT_ONCE for each in sizes)
    assert sum(map(sum, sizes)) == 10 * PIECE
    assert receipt.result().kind is ReceiptKind.ACCEPTED


async def test_another_sensors_message_is_decided_between_and_one_of_the_same_sensor_after_it(gate: Gate) -> None:
    much = gate.deciding(gate.much())
    await gate.settled([much])
    elsewhere = msgspec.structs.replace(message(gate.clock, id=7), connector="elsewhere")
    other, same = gate.deciding(elsewhere), gate.deciding(message(gate.clock, id=9999))
    await gate.settled([other, same])
    assert len(gate.journal.committing) == 2, "the first piece, and the other's message"
    gate.journal.keep()
    assert (await other).kind is ReceiptKind.UNKNOWN
    assert not much.done()
    assert not same.done()
    kept = await gate.kept_one_by_one(same)
    about = [decision.piece is not None for decision in kept]
    assert about[-1] is False
    assert about[:-1] == [True] * (len(kept) - 1), "the later message is decided last"
    assert (await much).kind is ReceiptKind.ACCEPTED


async def test_whenever_messages_of_its_sensor_come_they_are_decided_in_their_order(gate: Gate) -> None:
    """One in each turn of the loop, so that some come just when it ends, before those who wait have been woken."""
    sent = [gate.deciding(gate.much())]
    kept: list[Decision] = []
    for number in range(60):
        sent.append(gate.deciding(message(gate.clock, id=9000 + number)))
        await asyncio.sleep(0)
        kept += [decision for decision, _ in gate.journal.committing]
        gate.journal.keep()
    for each in sent:
        kept += await gate.kept_one_by_one(each)
    bodies = [decision.message.message.body for decision in kept if decision.message and decision.piece is None]
    assert [msgspec.json.decode(body)["id"] for body in bodies] == [9000 + number for number in range(60)]
    assert kept.index(next(each for each in kept if each.message and not each.piece)) > kept.index(
        next(each for each in kept if each.piece and each.piece.last)
    )


async def test_what_is_said_again_later_is_a_duplicate_of_what_a_piece_said(gate: Gate) -> None:
    first, again = gate.deciding(gate.much()), gate.deciding(message(gate.clock, id=MANY - 1))
    await gate.kept_one_by_one(again)
    assert (first.result().kind, again.result().kind) == (ReceiptKind.ACCEPTED, ReceiptKind.DUPLICATE)
    twice = gate.deciding(gate.much())
    await gate.kept_one_by_one(twice)
    assert twice.result().kind is ReceiptKind.DUPLICATE


async def test_when_its_first_commit_fails_nothing_of_it_is_kept_and_nobody_waits_for_it(gate: Gate) -> None:
    much = gate.deciding(gate.much())
    await gate.settled([much])
    gate.journal.fail(Undone("disk"))
    assert (await much).kind is ReceiptKind.LATER
    again = gate.deciding(gate.much())
    kept = await gate.kept_one_by_one(again)
    assert again.result().kind is ReceiptKind.ACCEPTED
    fates = [verdict.fate for decision in kept for verdict in decision.verdicts]
    assert fates == [Fate.RAISED] * MANY


async def test_when_a_later_commit_fails_it_is_kept_all_the_same_and_the_rest_is_decided_when_that_goes(
    gate: Gate,
) -> None:
    much = gate.deciding(gate.much())
    await gate.settled([much])
    first = [decision for decision, _ in gate.journal.committing]
    gate.journal.keep()
    await gate.settled([much])
    gate.journal.fail(Undone("disk"))
    receipt = await much
    assert (receipt.kind, receipt.kept) == (ReceiptKind.ACCEPTED, True)
    assert "decided later" in receipt.why
    behind = gate.deciding(message(gate.clock, id=9999))
    kept = first + await gate.kept_one_by_one(behind)
    assert [v.index for decision in kept[:-1] for v in decision.verdicts] == [*range(MANY)]
    assert {verdict.fate for decision in kept for verdict in decision.verdicts} == {Fate.RAISED}


async def test_a_sender_that_goes_away_changes_nothing(gate: Gate) -> None:
    much = gate.deciding(gate.much())
    await gate.settled([much])
    much.cancel()
    behind = gate.deciding(message(gate.clock, id=9999))
    kept = await gate.kept_one_by_one(behind)
    assert sum(len(decision.verdicts) for decision in kept) == MANY + 1


async def test_a_reload_on_the_way_decides_the_rest_by_the_new_site(gate: Gate) -> None:
    much = gate.deciding(gate.much())
    await gate.settled([much])
    gate.intake.replace(site_with_words(cameras=("gate-in", "yard")))
    async with asyncio.timeout(10):  # the rest is read again, in a thread
        kept = await gate.kept_one_by_one(much)
    cameras = [{new.camera for new in decision.deliveries} for decision in kept if decision.deliveries]
    assert cameras[0] == {"gate-in", "gate-wide"}
    assert cameras[1:] == [{"gate-in", "yard"}] * (len(cameras) - 1)
    assert [verdict.index for decision in kept for verdict in decision.verdicts] == [*range(MANY)]


async def test_a_rest_that_cannot_be_decided_is_quarantined_and_holds_nobody(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    much = gate.deciding(gate.much())
    await gate.settled([much])
    with monkeypatch.context() as broken:
        broken.setattr("bridge.decide.decide._item", lambda *_: 1 / 0)
        kept = await gate.kept_one_by_one(much)
    (rest,) = kept[1:]
    assert {verdict.fate for verdict in rest.verdicts} == {Fate.QUARANTINED}
    assert len(kept[0].verdicts) + len(rest.quarantined) == MANY
    after = gate.deciding(message(gate.clock, id=9999))
    await gate.kept_one_by_one(after)
    assert after.result().kind is ReceiptKind.ACCEPTED


async def test_what_a_crash_left_is_decided_at_the_next_start_as_of_when_it_came() -> None:
    gate = Gate()
    sent = gate.much(many=4)
    sent = msgspec.structs.replace(
        sent, body=msgspec.json.encode([{"id": n, "thing": n, "hold": 60} for n in range(4)])
    )
    record = MessageRecord(
        id=MessageId("m1"), message=sent, verdicts=(Verdict(0, Fate.RAISED), Verdict(1, Fate.RAISED))
    )
    gate.journal.left[record.id] = Undecided(record, Piece(record.id, 3, last=False))
    gate.clock.seconds += 50.0
    await gate.intake.restore()
    running = asyncio.create_task(gate.intake.run())
    later = gate.deciding(message(gate.clock, id=9))
    rest, after = await gate.kept_one_by_one(later)
    running.cancel()
    assert [verdict.index for verdict in rest.verdicts] == [2, 3]
    assert (rest.piece, rest.message, after.piece) == (Piece(MessageId("m1"), 4, last=True), None, None)
    assert rest.at.utc == sent.arrived.utc
    assert gate.clock.now().monotonic - rest.at.monotonic == 50.0, "a hold of 60 s has 10 s left"


async def test_facts_of_a_thousand_sensors_are_loaded_in_one_pass_over_them() -> None:
    """Counted by what is looked at: a thousand sensors times a thousand facts would be a stall."""
    gate = Gate()
    compared = 0

    class Counted(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    names = [SensorId(Counted(f"sensor-{number}")) for number in range(300)]
    gate.journal.rows = {key: StateRow(key, b"x", 2e9) for key in (StateKey(name, "dedup", "x") for name in names)}
    await gate.intake._facts.load(names)
    assert compared < 20 * len(names)


async def test_when_a_reload_leaves_nobody_who_listens_the_rest_is_quarantined_and_not_forgotten(gate: Gate) -> None:
    much = gate.deciding(gate.much())
    await gate.settled([much])
    gate.intake.replace(msgspec.structs.replace(site_with_words(), sensors={}))
    async with asyncio.timeout(10):  # the rest is read again, in a thread
        first, rest = await gate.kept_one_by_one(much)
    (left,) = rest.quarantined
    assert (left.index, left.unknown) == (len(first.verdicts), True)
    assert "no sensor of connector lpr listens" in left.why
    assert [(verdict.index, verdict.fate) for verdict in rest.verdicts] == [(left.index, Fate.QUARANTINED)]


async def test_what_is_adopted_of_it_later_is_all_that_was_left(gate: Gate) -> None:
    decided = [Verdict(index, Fate.RAISED) for index in range(3)] + [Verdict(3, Fate.QUARANTINED, why="nobody")]
    record = MessageRecord(id=MessageId("m1"), message=gate.much(many=6), verdicts=tuple(decided))
    assert await gate.now(gate.intake.adopt(record, [3])) == 3


async def test_what_is_adopted_while_others_of_its_items_are_to_be_decided_is_only_what_was_asked_for() -> None:
    gate = Gate()
    decided = [Verdict(0, Fate.QUARANTINED, why="nobody"), Verdict(1, Fate.RAISED)]
    record = MessageRecord(id=MessageId("m1"), message=gate.much(many=6), verdicts=tuple(decided))
    gate.journal.left[record.id] = Undecided(record, Piece(record.id, 1, last=False))
    await gate.intake.restore()
    assert gate.intake.is_decided_in_part(record.id)
    assert await gate.now(gate.intake.adopt(record, [0], in_part=True)) == 1


async def test_a_reload_while_a_sensor_of_the_rest_is_read_from_the_journal_decides_it_by_the_new_site(
    gate: Gate,
) -> None:
    much = gate.deciding(gate.much(many=PIECE))
    await gate.settled([much])
    gate.intake._facts.memory.clear()  # as when decisions were undone
    read = gate.journal.state

    async def meanwhile(sensors: Sequence[SensorId]) -> Mapping[StateKey, StateRow]:
        gate.intake.replace(site_with_words(cameras=("yard",)))
        monkeypatched.undo()
        return await read(sensors)

    with pytest.MonkeyPatch.context() as monkeypatched:
        monkeypatched.setattr(gate.journal, "state", meanwhile)
        async with asyncio.timeout(10):  # the rest is read again, in a thread
            kept = await gate.kept_one_by_one(much)
    cameras = [{new.camera for new in decision.deliveries} for decision in kept]
    assert cameras == [{"gate-in", "gate-wide"}, {"yard"}]
