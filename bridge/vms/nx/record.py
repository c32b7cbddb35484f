"""Nx's own record, as ``bridge.vms.recorded`` wants it: its bookmarks, and a picture of the camera at their time
[5, 8]."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta

from bridge.model import CameraId, Delivery, SensorEvent, VmsId
from bridge.secret import Secrets
from bridge.vms.http import Answer, NotSent, SendingError, sender_for
from bridge.vms.lines import moment_of, tags_of
from bridge.vms.nx.answers import why
from bridge.vms.nx.api import Api
from bridge.vms.nx.bookmarks import Bookmark, Untold, between, bookmark
from bridge.vms.nx.login import Login
from bridge.vms.nx.settings import NxSettings
from bridge.vms.nx.steps import Steps
from bridge.vms.nx.words import milliseconds, moment
from bridge.vms.recorded import Away, CannotTell, Held, MediaKind, Query, Recorded
from bridge.vms.tokens import Refused

CONNECTIONS = 2
PICTURE = "size=640x0&format=jpg"
_DETAIL = "detail"
_NO_VIDEO = "its address for recorded video is not known to the bridge; see it in Nx at this time"
_SHORTEST = 2
"""Milliseconds of the shortest time that is asked for by itself."""


class NxRecord:
    """Has connections of its own: nothing that is looked up here takes one from an event."""

    def __init__(self, vms: VmsId, settings: NxSettings, steps: Steps, login: Login, secrets: Secrets) -> None:
        self._vms = vms
        self._steps = steps
        self._bookmarks = settings.way != "event"
        self._reach = timedelta(seconds=settings.before + 1)
        few = settings.model_copy(update={"connections": CONNECTIONS, "alarm_connections": 1})
        self._sender = sender_for(few, secrets)
        self._api = Api(few, self._sender, login)

    async def recorded(self, query: Query) -> AsyncIterator[Recorded]:
        self._can()
        left = query.most
        for camera in query.cameras:
            path = self._steps.bookmarks(self._device(camera))
            try:
                first, last = milliseconds(query.since - self._reach), milliseconds(query.until)
            except OverflowError:
                raise CannotTell("the time asked for is at the end of the calendar") from None
            async for each in self._newest_first(path, first, last):
                if left <= 0:
                    return
                told = _told(each, camera)
                if query.fits(told):
                    left -= 1
                    yield told

    async def recorded_as(self, camera: CameraId, remote_id: str) -> Recorded | None:
        self._can()
        answer = await self._get(self._steps.bookmarks(self._device(camera), remote_id))
        if answer.status == 404:
            return None
        found = bookmark(answer) if 200 <= answer.status < 300 else None
        if found is None:
            raise CannotTell(f"Nx does not tell this bookmark ({why(answer)})")
        return _told(found, camera)

    async def held(self, event: Recorded, before: float, after: float) -> Sequence[Held]:
        device = self._device(event.camera)
        if event.at is None:
            return ()
        at = milliseconds(event.at)
        picture = Held(
            kind=MediaKind.PICTURE,
            name=f"{at}.jpg",
            reference=f"{self._steps.rest}/devices/{device}/image?timestampMs={at}&{PICTURE}",
            at=event.at,
            media_type="image/jpeg",
        )
        video = Held(
            kind=MediaKind.VIDEO,
            name="recorded",
            at=event.at - timedelta(seconds=before),
            until=event.at + timedelta(seconds=after),
            without=_NO_VIDEO,
        )
        return picture, video

    async def fetch(self, camera: CameraId, held: Held) -> AsyncIterator[bytes]:
        if not held.reference:
            raise CannotTell(held.without or "Nx does not hold it")
        answer = await self._get(held.reference)
        if answer.cut:
            raise CannotTell("the picture is larger than the bridge takes")
        kind = (answer.header(b"content-type") or b"").lower()
        if answer.status != 200 or not kind.startswith(b"image/"):
            raise CannotTell(f"Nx has no picture of this time ({why(answer)}); was it recorded?")
        yield answer.body

    def told(self, camera: CameraId, revisions: Sequence[SensorEvent]) -> Mapping[str, str]:
        """Read out of the very description that is written; the whole message is left out, which may be cut there."""
        self._can()
        self._device(camera)
        last = Delivery(event=revisions[-1], camera=camera, vms=self._vms)
        tags = tags_of(self._steps.words.description(last))
        tags.pop(_DETAIL, None)
        return tags

    async def close(self) -> None:
        await self._sender.close()

    # ----------------------------------------------------------------------------------------------------------- asking

    async def _newest_first(self, path: str, first: int, last: int) -> AsyncIterator[Bookmark]:
        """Those that begin in this time. In which order Nx tells them is not known, so that a time with more than are
        told at once is parted."""
        seen: set[str] = set()
        open_ = [(first, last)]
        while open_:
            since, until = open_.pop()
            found, more = await self._between(path, since, until)
            if more:
                if until - since < _SHORTEST:
                    raise CannotTell("more bookmarks at one moment than Nx tells at once: see them in Nx")
                middle = (since + until) // 2
                open_ += [(since, middle), (middle + 1, until)]  # the newer half is asked for first
                continue
            new = [each for each in found if each.id not in seen and each.start is not None]
            new = [each for each in new if since <= (each.start or 0) <= until]
            seen.update(each.id for each in new)
            for each in sorted(new, key=lambda one: one.start or 0, reverse=True):
                yield each

    async def _between(self, path: str, first: int, last: int) -> tuple[list[Bookmark], bool]:
        try:
            return await between(self._api, path, first, last)
        except Untold as error:
            raise CannotTell(f"{error}; see the camera's id, and what the user may see") from None
        except (Refused, SendingError) as error:
            raise self._untold(error) from None

    async def _get(self, path: str) -> Answer:
        try:
            return await self._api.get(path)
        except (Refused, SendingError) as error:
            raise self._untold(error) from None

    def _untold(self, error: Refused | SendingError) -> CannotTell:
        if isinstance(error, NotSent):
            return Away(f"{self._api.origin}: {error.why}")
        return CannotTell(str(error) if isinstance(error, Refused) else f"{self._api.origin}: {error}")

    def _can(self) -> None:
        if not self._bookmarks:
            raise CannotTell("generic events (way: event) leave nothing that could be looked up: write way: bookmark")

    def _device(self, camera: CameraId) -> str:
        try:
            return self._steps.device(camera)
        except KeyError:
            raise CannotTell(f"camera {camera} is not of this VMS") from None


def _told(each: Bookmark, camera: CameraId) -> Recorded:
    ours = each.event
    labels = ", ".join(each.labels)
    if not ours:
        name = each.name or ""
        about: dict[str, object] = {"title": name, "description": each.description or "", "tags": labels}
        return Recorded(remote_id=each.id, camera=camera, name=name, at=moment(each.start or 0), tags=about)
    tags: dict[str, object] = {"title": each.name or "", **each.told, "tags": labels}
    return Recorded(
        remote_id=each.id,
        camera=camera,
        name=str(tags.get("type", each.name or "")),
        at=moment_of(str(tags.get("occurred", ""))) or moment(each.start or 0),
        event=ours,
        sensor=str(tags.get("sensor", "")),
        tags=tags,
    )
