"""Claims that wait, and who gets which head."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge.journal.contract import LaneHead
from bridge.journal.sqlite.lanes import Entry, LaneQueue, Lanes
from bridge.model import CameraId, Urgency, VmsId


def _urgency(entry: Entry) -> Urgency:
    return entry.lane.lane.urgency


class Claim:
    """Room for ``limit`` heads of one VMS, of urgency ``least`` or higher. ``writing``: its batch is under way."""

    __slots__ = ("cancelled", "future", "heads", "least", "limit", "vms", "writing")

    def __init__(self, vms: VmsId, least: Urgency, limit: int, future: asyncio.Future[list[LaneHead]]) -> None:
        self.vms = vms
        self.least = least
        self.limit = limit
        self.future = future
        self.heads: list[Entry] = []
        self.writing = False
        self.cancelled = False


class Claims:
    """``wake`` is called when there is something to write."""

    def __init__(self, lanes: Lanes, wake: Callable[[], None]) -> None:
        self._lanes = lanes
        self._wake = wake
        self._open: dict[VmsId, list[Claim]] = {}
        self.beginning: list[Claim] = []
        """Claims with heads whose begun marks the next batch writes."""
        self.claimed: dict[int, Entry] = {}
        """By ``LaneHead.ref``: what has been handed out and is not settled yet."""

    def add(self, claim: Claim) -> None:
        """Serve a claim from what is ready; it stays open for more until its heads are being written."""
        claim.heads = self._lanes.take(claim.vms, claim.least, claim.limit)
        if claim.heads:
            self.beginning.append(claim)
            self._wake()
        if len(claim.heads) < claim.limit:
            self._open.setdefault(claim.vms, []).append(claim)

    def credit(self, vms: VmsId, urgency: Urgency) -> Claim | None:
        """An open claim with room for this urgency: one for everything first, so that what is kept for alarms
        stays free for the next ones."""
        best = None
        for claim in self._open.get(vms, ()):
            if claim.least >= urgency and len(claim.heads) < claim.limit and (best is None or claim.least > best.least):
                best = claim
        return best

    def offer(self, lane: LaneQueue) -> None:
        """A lane may have become ready: give its head to an open claim, or let it rest where claims look."""
        if not self._lanes.ready(lane):
            return
        claim = self.credit(lane.vms, lane.lane.urgency)
        entry = self._lanes.head(lane) if claim is not None else None
        if claim is not None and entry is not None:
            self.give(claim, entry)
            self._wake()
        else:
            self._lanes.rest(lane)

    def give(self, claim: Claim, entry: Entry) -> None:
        if not claim.heads:
            self.beginning.append(claim)
        claim.heads.append(entry)

    def start_writing(self) -> list[Claim]:
        """The claims whose heads go into the batch being built; they take no more."""
        claims, self.beginning = self.beginning, []
        for claim in claims:
            claim.writing = True
            self._close(claim)
        return claims

    def _close(self, claim: Claim) -> None:
        waiting = self._open.get(claim.vms)
        if waiting is not None and claim in waiting:
            waiting.remove(claim)

    def written(self, claim: Claim) -> None:
        """Its begun marks are durable: hand the heads over."""
        claim.writing = False
        if claim.cancelled or claim.future.done():
            heads, claim.heads = claim.heads, []
            self.give_back(heads)
            return
        if len(claim.heads) > 1:  # some may have come while it waited for the others' begun marks
            claim.heads.sort(key=_urgency)
        for entry in claim.heads:
            self.claimed[entry.seq] = entry
        claim.future.set_result([self._lanes.seen(entry) for entry in claim.heads])

    def undo(self, written: list[Claim], undone: set[Entry]) -> None:
        """Their batch failed: heads that were new in it are gone, the others are marked again with the next one."""
        claims = [*written, *self.beginning]
        self.beginning = []
        for claim in claims:
            claim.heads = [entry for entry in claim.heads if entry not in undone]
        for claim in claims:
            if claim.writing:
                claim.writing = False
                self._open.setdefault(claim.vms, []).append(claim)
            if claim.cancelled:
                self.cancel(claim)
                continue
            claim.heads += self._lanes.take(claim.vms, claim.least, claim.limit - len(claim.heads))
            if claim.heads:
                self.beginning.append(claim)

    def cancel(self, claim: Claim) -> None:
        """Nobody waits for it any more: its heads are for others."""
        if claim.writing:
            claim.cancelled = True
            return
        self._close(claim)
        if claim in self.beginning:
            self.beginning.remove(claim)
        heads, claim.heads = claim.heads, []
        self.give_back(heads)

    def give_back(self, entries: list[Entry]) -> None:
        """Claimed and surely not sent: the first of their lanes again. Their rows stay marked begun, which costs a
        search after a crash and nothing otherwise."""
        for entry in entries:
            self.claimed.pop(entry.seq, None)
            self._lanes.put_back(entry)
        for entry in entries:
            self.offer(entry.lane)

    def probe(self, claim: Claim, camera: CameraId | None) -> bool:
        """Give a claim the most urgent head of a parked camera or VMS, whether its lane is ready or not; False when
        none waits there. A camera parked by itself is asked only when the VMS has no other."""
        lanes = [lane for lane in self._lanes.of(claim.vms, camera) if lane.current is None]
        by_itself = self._lanes.parked if camera is None else {}
        for lane in sorted(
            lanes, key=lambda lane: ((lane.vms, lane.lane.camera) in by_itself, lane.lane.urgency, lane.id)
        ):
            entry = self._lanes.pop(lane)
            if entry is not None:
                lane.current = entry
                claim.heads.append(entry)
                self.beginning.append(claim)
                self._wake()
                return True
        return False

    def unpark(self, vms: VmsId, camera: CameraId | None) -> None:
        """Lanes whose camera or VMS works again go on at once, whatever they were told to wait."""
        for lane in self._lanes.of(vms, camera):
            lane.ready_at = 0.0
            self.offer(lane)

    def replayed(self, lanes: list[int]) -> None:
        """Deliveries were put at the end of these lanes, in the table."""
        for id in lanes:
            lane = self._lanes.by_id(id)
            lane.more = True
            self.offer(lane)

    def fail(self, error: BaseException) -> None:
        """Tell everybody who waits."""
        waiting = {id(claim): claim for claims in self._open.values() for claim in claims}
        waiting.update((id(claim), claim) for claim in self.beginning)  # a probe is in no other list
        for claim in waiting.values():
            if not claim.future.done():
                claim.future.set_exception(error)
        self._open.clear()
        self.beginning.clear()
