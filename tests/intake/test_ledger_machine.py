"""Whatever happens, in whatever order, the ledger closes: intake and decide over the real journal, no network.

A kill copies the journal's folder as it stands and opens the copy: what was not committed is gone. The same machine
runs in tests/faults on a disk that drops every write not yet synced.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.adoption import Adoption
from bridge.decide import decide
from bridge.decide.rules import Debounce, Suppress
from bridge.intake import Intake
from bridge.journal.contract import JournalError, Query, Record
from bridge.journal.sqlite import SqliteJournal
from bridge.model import CameraId, Delivered, Fate, MessageId, Receipt, ReceiptKind, SensorId, SiteId, Urgency, VmsId
from bridge.profiles.expression import compile_expression
from bridge.supervision import Conditions
from tests.intake.conftest import HandClock, message, message_of, site_with_words
from tests.ledger import books_of, problems

CAMERAS = ("gate-in", "gate-wide")
RULES = (
    Debounce("debounce", 1.5, when=compile_expression('event.fields.how == "slow"', {"event"})),
    Suppress("suppress", 10.0, when=compile_expression('event.fields.how == "often"', {"event"})),
)
SENSOR = SensorId("gate-lpr")
MANY = 9


class LedgerMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.clock = HandClock()
        self.folder = self.new_folder()
        self.site = site_with_words(CAMERAS, RULES)
        self.acknowledged: list[MessageId] = []
        self.said: list[dict[str, object]] = []
        self.acknowledged_of_many: list[MessageId] = []
        self.failing = self.failing_after = self.commits = 0
        self.delivered: list[tuple[str, int, str]] = []
        self.runner.run(self._open())

    def new_folder(self) -> Path:
        return Path(tempfile.mkdtemp())

    def left_by_a_kill(self) -> Path:
        """A new folder with what a kill just now leaves of the journal."""
        folder = self.new_folder()
        shutil.copytree(self.folder / "journal", folder / "journal")
        return folder

    async def _open(self) -> None:
        self.journal = await SqliteJournal.open(
            self.folder / "journal",
            site=SiteId("depot"),
            node="test",
            settings=self.site.journal,
            clock=self.clock,
            budgets={},
            before_commit=self._before_commit,
            unmerged=6,
        )
        self.intake = Intake(self.site, self.journal, self.clock, Conditions(self.clock))

    def _before_commit(self) -> None:
        """In the journal's commit thread, before COMMIT."""
        self.commits += 1
        if self.failing and self.failing_after:
            self.failing_after -= 1
        elif self.failing:
            number, self.failing = self.failing, 0
            raise OSError(number, os.strerror(number))

    def run(self, work: Any) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(20):
                return await work

        return self.runner.run(bounded())

    @rule(
        said=st.lists(
            st.fixed_dictionaries(
                {
                    "id": st.integers(0, 30),
                    "thing": st.sampled_from(["car 1", "car 2", "car 3", None]),
                    "hold": st.sampled_from([0.0, 0.0, 1.5]),
                    "plate": st.sampled_from(["A", "B"]),
                    "alarm": st.booleans(),
                }
            ),
            min_size=1,
            max_size=4,
        )
    )
    def submit_at_once(self, said: list[dict[str, object]]) -> None:
        self.said += said
        assert self.run(self._submit(said)) == len(said), "nothing was wrong, and a sender was told later"

    @rule(
        said=st.lists(
            st.fixed_dictionaries(
                {
                    "door": st.sampled_from(["1", "2"]),
                    "state": st.sampled_from(["active", "active", "restored"]),
                    "how": st.sampled_from(["slow", "often", "plain"]),
                    "alarm": st.sampled_from([False, False, True]),
                },
                optional={"ends": st.sampled_from([0.5, 2.0, 700.0])},
            ),
            min_size=1,
            max_size=4,
        )
    )
    def doors_open_and_close(self, said: list[dict[str, object]]) -> None:
        assert self.run(self._submit(said)) == len(said), "nothing was wrong, and a sender was told later"

    @rule(
        said=st.lists(
            st.one_of(
                st.fixed_dictionaries({"id": st.integers(0, 30), "plate": st.sampled_from(["A", "B"])}),
                st.fixed_dictionaries(
                    {
                        "door": st.sampled_from(["1", "2", "3", "4"]),
                        "state": st.sampled_from(["active", "active", "restored"]),
                        "alarm": st.booleans(),
                    }
                ),
                st.fixed_dictionaries({"open": st.just([])}),
            ),
            min_size=MANY,
            max_size=MANY,
        ),
        meanwhile=st.sampled_from(["nothing", "a kill", "a commit that fails", "a reload"]),
        after=st.integers(0, 3),
    )
    def one_message_says_very_much(self, said: list[dict[str, object]], meanwhile: str, after: int) -> None:
        """More than one decision takes; ``meanwhile`` comes after so many of them."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(decide, "PIECE", 2)
            self.run(self._say_much(said, meanwhile, after))
            self.run(self._all_is_decided())
        books = self.run(books_of(self.journal, [SENSOR]))
        for each in self.acknowledged_of_many:
            assert each in books.messages, f"message {each} was acknowledged and is not there"
            verdicts = books.messages[each].verdicts
            assert [verdict.index for verdict in verdicts] == list(range(MANY)), "each item has its fate, in order"

    async def _say_much(self, said: list[dict[str, object]], meanwhile: str, after: int) -> None:
        running = asyncio.ensure_future(self.intake.run())
        if meanwhile == "a commit that fails":
            self.failing, self.failing_after = errno.EIO, after
        sending = asyncio.ensure_future(self.intake.submit(message_of(self.clock, said)))
        commits = self.commits
        while meanwhile != "nothing" and self.commits < commits + after and not sending.done():
            await asyncio.sleep(0)
        if meanwhile == "a kill":
            await self._reopen_copy()
        elif meanwhile == "a reload":
            self.reload()
        receipt: Receipt | None = None
        if meanwhile != "a kill":
            receipt = await sending
            await self._nothing_is_left()
        sending.cancel()
        running.cancel()
        await asyncio.gather(running, sending, return_exceptions=True)
        self.failing = self.failing_after = 0
        if receipt is not None and receipt.kept:
            assert receipt.message is not None
            self.acknowledged.append(receipt.message)
            self.acknowledged_of_many.append(receipt.message)

    async def _all_is_decided(self) -> None:
        """What a kill left of messages is gone on with at the next start."""
        await self.intake.restore()
        running = asyncio.ensure_future(self.intake.run())
        await self._nothing_is_left()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def _nothing_is_left(self) -> None:
        while self.intake.decided_in_part or await self._something_is_due():
            await asyncio.sleep(0.001)
        assert await self.journal.undecided(None) is None

    @rule(
        said=st.lists(
            st.one_of(
                st.fixed_dictionaries({"id": st.integers(0, 30), "plate": st.sampled_from(["A", "B"])}),
                st.fixed_dictionaries({"thing": st.sampled_from(["car 1", "car 2"]), "hold": st.just(1.5)}),
                st.fixed_dictionaries(
                    {
                        "door": st.sampled_from(["1", "2"]),
                        "state": st.sampled_from(["active", "active", "restored"]),
                        "how": st.sampled_from(["slow", "often", "plain"]),
                        "alarm": st.booleans(),
                    }
                ),
            ),
            min_size=1,
            max_size=3,
        ),
        meanwhile=st.sampled_from(["nothing", "a kill", "a commit that fails"]),
        after=st.integers(0, 3),
    )
    def nobody_listens_and_then_somebody_does(self, said: list[dict[str, object]], meanwhile: str, after: int) -> None:
        """The first message is of several items, the others of one."""
        self.run(self._say_to_nobody([said, *said]))
        self.run(self._adopt(meanwhile, after))
        books = self.run(books_of(self.journal, [SENSOR]))
        assert not self.run(self._unknown()), "it was adopted, and is in quarantine too"
        assert not books.fates()[Fate.QUARANTINED], "each item has the fate that its adoption gave it"

    async def _say_to_nobody(self, said: list[object]) -> None:
        self.intake.replace(msgspec.structs.replace(self.site, sensors={}))
        for each in said:
            receipt = await self.intake.submit(message_of(self.clock, each))
            assert (receipt.kind, receipt.kept) == (ReceiptKind.UNKNOWN, True)
            assert receipt.message is not None
            self.acknowledged.append(receipt.message)
        self.reload()

    async def _adopt(self, meanwhile: str, after: int) -> None:
        if meanwhile == "a commit that fails":
            self.failing = errno.EIO
            with pytest.raises(JournalError):
                await self._replay()
        elif meanwhile == "a kill":
            replaying = asyncio.ensure_future(self._replay())
            commits = self.commits
            while self.commits == commits and not replaying.done():
                await asyncio.sleep(0)
            for _ in range(after):
                await asyncio.sleep(0)
            await self._reopen_copy()
            await asyncio.gather(replaying, return_exceptions=True)
        await self._replay()

    async def _replay(self) -> None:
        adoption = Adoption(self.journal, self.intake, self.clock)
        await adoption.replay(self.journal.read(Query(what="quarantine", unknown=True)))

    async def _unknown(self) -> list[Record]:
        return [each async for each in self.journal.read(Query(what="quarantine", unknown=True))]

    @rule(doors=st.sets(st.sampled_from(["1", "2"])))
    def all_that_is_open_is_told(self, doors: set[str]) -> None:
        assert self.run(self._submit([{"open": sorted(doors)}])) == 1

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def submit_again(self, data: st.DataObject) -> None:
        self.run(self._submit([data.draw(st.sampled_from(self.said))]))

    async def _submit(self, said: list[dict[str, object]]) -> int:
        """How many were kept."""
        receipts: list[Receipt] = await asyncio.gather(
            *(self.intake.submit(message(self.clock, **each)) for each in said)
        )
        for receipt in receipts:
            if receipt.kept:
                assert receipt.message is not None
                self.acknowledged.append(receipt.message)
            else:
                assert receipt.kind is ReceiptKind.LATER
        return sum(receipt.kept for receipt in receipts)

    @rule(seconds=st.sampled_from([0.5, 1.5, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.seconds += seconds
        self.run(self._timers_fire())

    async def _timers_fire(self) -> None:
        """All that is due is decided, by an intake that may just have begun after a kill."""
        running = asyncio.ensure_future(self.intake.run())
        try:
            async with asyncio.timeout(10):
                while await self._something_is_due():
                    await asyncio.sleep(0.001)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _something_is_due(self) -> bool:
        return any(row.remaining == 0.0 for row in (await self.journal.state([SENSOR])).values())

    @rule(number=st.sampled_from([errno.EIO, errno.ENOSPC]))
    def a_commit_fails(self, number: int) -> None:
        self.failing = number
        self.run(self._submit([{"id": 99, "thing": "car 1", "hold": 0.0, "plate": "C"}, {"id": 98, "plate": "D"}]))

    @rule()
    def some_are_delivered(self) -> None:
        self.run(self._deliver())

    async def _deliver(self) -> None:
        try:
            async with asyncio.timeout(0.01):
                heads = await self.journal.claim(
                    self.journal.lease, VmsId("cloud"), Urgency.NOTICE, self.clock.now(), 2
                )
        except TimeoutError:
            return
        for head in heads:
            if not head.ambiguous:  # else a real dispatcher would look first
                self.delivered.append((head.delivery.event.id, head.delivery.event.revision, head.delivery.camera))
            await self.journal.settle(head, Delivered("remote"), self.clock.now(), False)

    @rule()
    def killed_while_submitting(self) -> None:
        """The process ends with decisions under way: nobody was told they are kept."""

        async def die() -> None:
            tasks = [
                asyncio.ensure_future(self.intake.submit(message(self.clock, id=1000 + number, plate="E")))
                for number in range(3)
            ]
            await asyncio.sleep(0)
            await self._reopen_copy()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.run(die())

    @rule()
    def killed_at_rest(self) -> None:
        self.run(self._reopen_copy())

    async def _reopen_copy(self) -> None:
        old, old_folder = self.journal, self.folder
        self.folder = self.left_by_a_kill()
        await self._open()
        await old.close()
        shutil.rmtree(old_folder)

    @rule()
    def reload(self) -> None:
        self.intake.replace(site_with_words(CAMERAS, RULES))

    @invariant()
    def the_ledger_closes(self) -> None:
        if not hasattr(self, "journal"):
            return
        books = self.run(books_of(self.journal, [SENSOR]))
        found = problems(books, self.acknowledged, [CameraId(camera) for camera in CAMERAS])
        assert not found, found
        assert len(set(self.delivered)) == len(self.delivered), "a delivery was claimed twice"

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.run(self.journal.close())
            self.runner.close()
            shutil.rmtree(self.folder)


LedgerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
test_the_ledger_closes_whatever_happens = LedgerMachine.TestCase
