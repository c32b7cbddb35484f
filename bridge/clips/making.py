"""A clip that is due: asked of its VMS, and what became of it written down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from bridge.clock import Clock
from bridge.config.site import Site
from bridge.delivery.backoff import half_jitter
from bridge.journal.clips import ClipRecord, Clips, ClipState
from bridge.journal.contract import DeliveryRecord, Journal, JournalError, Query
from bridge.model import Action, DeliveryState, VmsId
from bridge.vms.base import VmsTarget
from bridge.vms.recorded import Away, CannotTell, MakesClips, Refused

log = logging.getLogger("bridge.clips")

MOST_TRIES = 8
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 3600.0
"""Seconds between two tries: with these, about an hour until it is given up."""
LOOK_AGAIN = 15.0
"""Seconds until it is looked again whether the event was delivered meanwhile; later and later, by how long it waits."""
MOST_AT_ONCE = 20


class Making:
    def __init__(self, journal: Journal, clips: Clips, clock: Clock) -> None:
        self._journal = journal
        self._clips = clips
        self._clock = clock

    async def round(self, site: Site, targets: Mapping[VmsId, VmsTarget]) -> bool:
        """Ask for those that are due now; whether there were any. One VMS that does not answer holds up no other.
        Raises JournalError."""
        due = await self._clips.waiting(self._clock.now().utc, MOST_AT_ONCE)
        by_vms: dict[VmsId, list[ClipRecord]] = {}
        for clip in due:
            by_vms.setdefault(clip.vms, []).append(clip)
        async with asyncio.TaskGroup() as group:
            rounds = [
                group.create_task(self._of_one(clips, site, targets.get(vms)), name=f"clips of {vms}")
                for vms, clips in by_vms.items()
            ]
        for each in rounds:
            if (failed := each.result()) is not None:
                raise failed
        return bool(due)

    async def _of_one(self, clips: Sequence[ClipRecord], site: Site, target: VmsTarget | None) -> JournalError | None:
        away = ""
        for clip in clips:
            if away:  # what did not answer for the last one is not asked for all of them
                noted = self._failed(clip, away)
            else:
                noted, away = await self._one(clip, site, target)
            try:
                await self._clips.note(noted)
            except JournalError as error:
                return error
            if noted.state is ClipState.GAVE_UP:
                log.warning("clip of %s on %s: given up: %s", clip.event, clip.camera, noted.why)
        return None

    async def _one(self, clip: ClipRecord, site: Site, target: VmsTarget | None) -> tuple[ClipRecord, str]:
        """What is to be noted; and, when the VMS did not answer, why."""
        camera = site.cameras.get(clip.camera)
        if camera is None or camera.vms != clip.vms or target is None:
            return self._ended(clip, "the camera is no longer in the site"), ""
        if not isinstance(target, MakesClips):
            return self._ended(clip, f"VMS {clip.vms} cannot make clips"), ""
        waits = await self._not_delivered(clip)
        if waits is not None:
            return waits, ""
        try:
            remote_id = await target.clip(clip.camera, clip.since, clip.until, clip.title, clip.at)
        except Refused as refused:
            return self._ended(msgspec.structs.replace(clip, tries=clip.tries + 1), str(refused)), ""
        except CannotTell as failed:
            return self._failed(clip, str(failed)), str(failed) if isinstance(failed, Away) else ""
        except Exception as error:  # a fault of the target's: this clip is given up in the end, the others are made
            log.exception("clip of %s on %s could not be asked for", clip.event, clip.camera)
            return self._failed(clip, f"asking for it failed: {type(error).__name__}"), ""
        now = self._clock.now().utc
        made = msgspec.structs.replace(
            clip, state=ClipState.MADE, remote_id=remote_id, tries=clip.tries + 1, why="", settled_at=now
        )
        return made, ""

    async def _not_delivered(self, clip: ClipRecord) -> ClipRecord | None:
        """What to note as long as the event is not on its camera; None when it is."""
        state, why = DeliveryState.EXPIRED, "it is no longer in the journal"
        query = Query(what="deliveries", event=clip.event, camera=clip.camera)
        async for record in self._journal.read(query):
            if isinstance(record, DeliveryRecord) and record.action is Action.RAISE:
                state, why = record.state, record.why
                if state is DeliveryState.DELIVERED:
                    return None
        if state in (DeliveryState.PENDING, DeliveryState.BEGUN):
            return self._later(clip)
        return self._ended(clip, f"the event was not delivered ({state.value}{f': {why}' if why else ''})")

    def _later(self, clip: ClipRecord) -> ClipRecord:
        now = self._clock.now().utc
        waited = max(0.0, (now - clip.until).total_seconds())
        pause = min(max(LOOK_AGAIN, waited / 4), LONGEST_PAUSE)
        return msgspec.structs.replace(clip, due=_after(now, pause), why="the event is not delivered yet")

    def _failed(self, clip: ClipRecord, why: str) -> ClipRecord:
        tries = clip.tries + 1
        if tries >= MOST_TRIES:
            return self._ended(msgspec.structs.replace(clip, tries=tries), f"after {tries} tries: {why}")
        pause = half_jitter(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (tries - 1)))
        return msgspec.structs.replace(clip, due=_after(self._clock.now().utc, pause), tries=tries, why=why)

    def _ended(self, clip: ClipRecord, why: str) -> ClipRecord:
        now = self._clock.now().utc
        return msgspec.structs.replace(clip, state=ClipState.GAVE_UP, why=why, settled_at=now)


def _after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)
