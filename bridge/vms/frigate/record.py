"""Frigate's own record, as ``bridge.vms.recorded`` wants it [5, 6]: what is asked, and for which time."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from bridge.clock import SystemClock
from bridge.model import CameraId, Delivery, SensorEvent, VmsId
from bridge.secret import Secrets
from bridge.vms.frigate.answers import Event, event, events
from bridge.vms.frigate.api import LARGEST_ANSWER, Api
from bridge.vms.frigate.reading import clip, pictures, told, video
from bridge.vms.frigate.search import next_bound
from bridge.vms.frigate.settings import FrigateSettings
from bridge.vms.frigate.steps import EARLY, PAGE, Steps, of_event, older
from bridge.vms.http import Answer, NotSent, SendingError, sender_for
from bridge.vms.lines import tags_of
from bridge.vms.recorded import Away, CannotTell, Held, Query, Recorded
from bridge.vms.tokens import Refused

MOST_PAGES = 1000
CONNECTIONS = 2
_DETAIL = "detail"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class FrigateRecord:
    """Has connections and a log-in of its own: nothing that is looked up here takes one from an event."""

    def __init__(self, vms: VmsId, settings: FrigateSettings, steps: Steps, secrets: Secrets) -> None:
        self._vms = vms
        self._settings = settings
        self._steps = steps
        few = settings.model_copy(update={"connections": CONNECTIONS, "alarm_connections": 1})
        self._sender = sender_for(few, secrets, LARGEST_ANSWER)
        self._api = Api(self._sender, few, secrets)

    async def recorded(self, query: Query) -> AsyncIterator[Recorded]:
        late = timedelta(seconds=self._settings.late_after)
        left = query.most
        for camera in query.cameras:
            async for each in self._between(camera, query.since - EARLY, query.until + late):
                one = told(each, camera)
                if not query.fits(one):
                    continue
                if left <= 0:
                    return
                left -= 1
                yield one

    async def recorded_as(self, camera: CameraId, remote_id: str) -> Recorded | None:
        found = await self._one(camera, remote_id)
        return None if found is None else told(found, camera)

    async def held(self, event: Recorded, before: float, after: float) -> Sequence[Held]:
        now, place = SystemClock().now().utc, self._place(event.camera)
        found: list[Held] = []
        of_it = await self._one(event.camera, event.remote_id) if event.remote_id else None
        if of_it is not None:
            found += [*pictures(of_it), clip(of_it, now)]
        if event.at is not None:
            try:
                since, until = event.at - timedelta(seconds=before), event.at + timedelta(seconds=after)
            except OverflowError:
                return found
            found.append(video(place, since, until, now))
        return found

    async def fetch(self, camera: CameraId, held: Held) -> AsyncIterator[bytes]:
        if not held.reference:
            raise CannotTell(held.without or "Frigate does not hold it")
        seconds = self._settings.timeout
        try:
            head = (*await self._api.credentials(), ("Accept", "*/*"))
            async with self._sender.download(self._api.origin, self._api.base + held.reference, head, seconds) as got:
                kind = (got.header(b"content-type") or b"").lower()
                if got.status in (400, 404):
                    raise CannotTell(
                        f"Frigate has none of that time ({got.status}): the camera did not record, it is deleted, or "
                        "not stored yet"
                    )
                if got.status != 200 or not kind.startswith((b"image/", b"video/", b"application/octet-stream")):
                    raise CannotTell(f"Frigate answers {got.status}, and not with a picture or video")
                async for piece in got.pieces(seconds):
                    yield piece
        except Refused as error:
            raise CannotTell(str(error)) from None
        except SendingError as error:
            raise CannotTell(f"{self._api.origin}: {error.why}") from None

    def told(self, camera: CameraId, revisions: Sequence[SensorEvent]) -> Mapping[str, str]:
        """Read out of the very description that is written; the whole message is left out, which may be cut there."""
        self._place(camera)
        delivery = Delivery(event=revisions[-1], camera=camera, vms=self._vms)
        tags = tags_of(self._steps.description(delivery))
        tags.pop(_DETAIL, None)
        return {**tags, "label": self._steps.label(revisions[0])}

    async def close(self) -> None:
        await self._sender.close()

    # ----------------------------------------------------------------------------------------------------------- asking

    async def _between(self, camera: CameraId, first: datetime, last: datetime) -> AsyncIterator[Event]:
        """The newest first."""
        place = self._place(camera)
        try:
            after, before = first.timestamp(), last.timestamp()
        except (OverflowError, ValueError):
            raise CannotTell("the time asked for is at the end of the calendar") from None
        seen: set[str] = set()
        bound: float | None = before
        for _ in range(MOST_PAGES):
            found = await self._events(f"/api/events?cameras={quote(place, safe='')}&after={after:.3f}{older(bound)}")
            new = [each for each in found if each.id not in seen and each.camera == place]
            seen.update(each.id for each in new)
            for each in new:
                yield each
            if len(found) < PAGE:
                return
            bound = next_bound(found, bool(new))
        raise CannotTell(f"more than {MOST_PAGES * PAGE} events in this time: ask for less of it")

    async def _one(self, camera: CameraId, remote_id: str) -> Event | None:
        place = self._place(camera)
        if _ID.fullmatch(remote_id) is None:
            return None
        answer = await self._get(of_event(remote_id))
        if answer.status == 404:
            return None
        found = event(answer)
        if found is None:
            raise CannotTell(f"Frigate does not tell its event ({answer.status})")
        return found if found.camera == place else None

    async def _events(self, path: str) -> list[Event]:
        answer = await self._get(path)
        found = events(answer)
        if found is None:
            raise CannotTell(f"Frigate does not tell its events ({answer.status}); see user and its cameras")
        return found

    async def _get(self, path: str) -> Answer:
        try:
            return await self._api.get(path)
        except Refused as error:
            raise CannotTell(str(error)) from None
        except NotSent as error:
            raise Away(f"{self._api.origin}: {error.why}") from None
        except SendingError as error:
            raise CannotTell(f"{self._api.origin}: {error.why}") from None

    def _place(self, camera: CameraId) -> str:
        try:
            return self._steps.place(camera)
        except KeyError:
            raise CannotTell(f"camera {camera} is not of this VMS") from None
