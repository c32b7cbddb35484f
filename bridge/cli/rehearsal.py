"""``vms-bridge run --dry-run``: the real service, but for the last socket and with a journal of its own."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from bridge.cli.ending import Code
from bridge.cli.hosting import Hosted, started
from bridge.cli.options import wants_json
from bridge.cli.paper import Paper
from bridge.cli.telling import Teller
from bridge.cli.wire import REMOTE_ID
from bridge.config.site import Site
from bridge.journal.contract import LaneHead
from bridge.model import (
    Absent,
    Ambiguous,
    CameraId,
    Decision,
    Delivered,
    Delivery,
    EventId,
    Finding,
    Findings,
    MessageId,
    Outcome,
    Retry,
    Search,
    StateKey,
    VmsId,
)
from bridge.secret import Secrets
from bridge.service import Service
from bridge.vms.base import CameraSettings, Capabilities, Request, VmsSettings, VmsTarget
from connectors.base import Mode


class PaperTarget:
    """A target that shows each request instead of sending it. Makes no connection, whatever is asked of it."""

    Settings: ClassVar[type[VmsSettings]] = VmsSettings
    Camera: ClassVar[type[CameraSettings]] = CameraSettings

    def __init__(self, inner: VmsTarget, paper: Paper) -> None:
        self._inner = inner
        self._paper = paper

    @property
    def can(self) -> Capabilities:
        return self._inner.can

    @property
    def cameras(self) -> Mapping[CameraId, CameraSettings]:
        return self._inner.cameras

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        return self._inner.render(delivery)

    def shown(self, request: Request) -> bytes:
        return self._inner.shown(request)

    async def send(self, request: Request, urgent: bool = False) -> Outcome:
        self._paper.show(request)
        return Delivered(REMOTE_ID if request.raises else "", note="shown, not sent")

    async def find(self, delivery: Delivery) -> Search:
        return Absent()

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        return (Finding(True, "not asked: this is a dry run"),)

    async def close(self) -> None:
        await self._inner.close()


class Rehearsal:
    """Watches the service: shows decisions, and knows when all that follows from the first N messages was shown."""

    def __init__(self, teller: Teller, enough: int | None) -> None:
        self._teller = teller
        self._enough = enough
        self._held: set[StateKey] = set()
        self._in_part: set[MessageId] = set()
        self._open: set[tuple[EventId, int, CameraId]] = set()
        self._early: set[tuple[EventId, int, CameraId]] = set()
        self._awaited: set[StateKey] | None = None
        self.messages = 0
        self.events = 0
        self.done = asyncio.Event()

    @property
    def held(self) -> int:
        """Events that still wait for a better message."""
        return len(self._held)

    async def settled_down(self) -> None:
        """Wait until all that follows from what was decided so far was shown, what is held too."""
        self._awaited = {*self._held}
        self._look()
        await self.done.wait()

    def decided(self, decision: Decision) -> None:
        self._teller.decision(decision)
        self.messages += decision.message is not None
        if decision.piece is not None:
            (self._in_part.discard if decision.piece.last else self._in_part.add)(decision.piece.message)
        self.events += len(decision.events)
        for change in decision.changes:
            if change.value is not None and change.due_in is not None:
                self._held.add(change.key)
            else:
                self._held.discard(change.key)
        # Both follow from one commit, so a delivery may be settled before its decision is told.
        new = {(each.event, each.revision, each.camera) for each in decision.deliveries}
        self._open |= new - self._early
        self._early -= new
        if self._awaited is None and self._enough is not None and self.messages >= self._enough and not self._in_part:
            self._awaited = {*self._held}
        self._look()

    def settled(self, head: LaneHead, outcome: Outcome) -> None:
        if not isinstance(outcome, Retry | Ambiguous):
            delivery = head.delivery
            ended = (delivery.event.id, delivery.event.revision, delivery.camera)
            (self._open.remove if ended in self._open else self._early.add)(ended)
        self._look()

    def _look(self) -> None:
        """What came after the first N messages is shown too, but not waited for if it is held."""
        waits = self._awaited is None or self._in_part or self._awaited & self._held or self._open
        if self._teller.gone or not waits:
            self.done.set()


async def rehearse(arguments: argparse.Namespace, site: Site, secrets: Secrets) -> int:
    """Run the site as if, until told to stop or ``--exit-after`` messages."""
    teller = Teller(wants_json(arguments))
    rehearsal = Rehearsal(teller, arguments.exit_after)
    papers: list[Paper] = []

    def on_paper(name: VmsId, target: VmsTarget) -> VmsTarget:
        papers.append(Paper(name, target, secrets, teller))
        return PaperTarget(target, papers[-1])

    with tempfile.TemporaryDirectory(prefix="vms-bridge-dry-run-") as folder:
        service = await started(
            Service.start(
                site,
                secrets,
                journal_path=Path(folder),
                mode=Mode.OBSERVE,
                accept=arguments.accept,
                wrap_target=on_paper,
                observer=rehearsal,
            )
        )
        hosted = Hosted(service, arguments.site, arguments.stop_within)
        async with asyncio.TaskGroup() as group:
            following = group.create_task(hosted.follow_signals(), name="signals")
            running = group.create_task(service.run(), name="service")
            ending = group.create_task(_end(rehearsal, service, arguments.stop_within), name="enough")
            telling = group.create_task(hosted.tell_ready(None, wants_json(arguments)), name="ready")
            await running
            for task in (following, ending, telling):
                task.cancel()
    if teller.gone:
        raise BrokenPipeError
    shown = sum(paper.shown for paper in papers)
    taken = service.taken
    kept = "their senders will not send them again" if taken else "their senders keep them"
    held = f"; {rehearsal.held} events still held were not shown" if rehearsal.held else ""
    teller.end(
        f"dry run: {rehearsal.messages} messages, {rehearsal.events} events, {shown} requests shown, none sent{held}; "
        f"took {taken} messages ({kept})",
        {
            "messages": rehearsal.messages,
            "events": rehearsal.events,
            "requests": shown,
            "held": rehearsal.held,
            "taken": taken,
        },
    )
    return Code.DONE


async def _end(rehearsal: Rehearsal, service: Service, bound: float) -> None:
    await rehearsal.done.wait()
    await service.stop(bound)
