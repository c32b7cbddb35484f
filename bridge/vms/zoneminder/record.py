"""ZoneMinder's own record, as ``bridge.vms.recorded`` wants it [3, 6]: what is asked, and for which time."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bridge.model import CameraId, Delivery, SensorEvent, VmsId
from bridge.secret import Secrets
from bridge.vms.http import Answer, NotSent, Sender, SendingError
from bridge.vms.http.settings import proxy_of
from bridge.vms.http.tls import Trust
from bridge.vms.lines import tags_of
from bridge.vms.recorded import Away, CannotTell, Held, Query, Recorded
from bridge.vms.zoneminder.answers import Event, events
from bridge.vms.zoneminder.api import Api, Refused, with_token
from bridge.vms.zoneminder.reading import matches, pictures, told, video
from bridge.vms.zoneminder.settings import ZoneMinderSettings
from bridge.vms.zoneminder.steps import Steps
from bridge.vms.zoneminder.times import since, until

PAGE = 50
LARGEST_ANSWER = 16 * 2**20
"""Bytes of a page of events with all their notes, at most: of 64 KiB each, and three times that in its JSON."""
MOST_PAGES = 1000
LONGEST_EVENT = timedelta(hours=1)
"""How long before one of ours the event of ZoneMinder that it joined may have begun (its section length, 10 min)."""
CONNECTIONS = 2
_DETAIL = "detail"
_NUMBER = re.compile(r"\d+")


class _Zone(msgspec.Struct):
    tz: str


class ZoneMinderRecord:
    """Has connections of its own: nothing that is looked up here takes one from an event."""

    def __init__(self, vms: VmsId, settings: ZoneMinderSettings, steps: Steps, secrets: Secrets) -> None:
        self._vms = vms
        self._settings = settings
        self._steps = steps
        tls = settings.tls
        self._sender = Sender(
            connections=CONNECTIONS,
            reserved=0,
            keep_alive=settings.keep_alive,
            trust=Trust(tls.ca_file, tls.fingerprint, tls.verify),
            proxy=proxy_of(settings.proxy, secrets),
            largest_answer=LARGEST_ANSWER,
        )
        self._api = Api(self._sender, settings, secrets)
        self._known_zone: ZoneInfo | None = None

    async def recorded(self, query: Query) -> AsyncIterator[Recorded]:
        zone = await self._zone()
        late = timedelta(seconds=self._settings.late_after)
        left = query.most
        for camera in query.cameras:
            async for each in self._between(camera, query.since - LONGEST_EVENT, query.until + late, zone):
                for one in told(each, camera, zone, query.since, query.until):
                    if left <= 0:
                        return
                    if matches(one, query):
                        left -= 1
                        yield one

    async def recorded_as(self, camera: CameraId, remote_id: str) -> Recorded | None:
        """Of an event that holds several of ours the one written last."""
        found = await self._one(camera, remote_id)
        if found is None:
            return None
        return next(told(found, camera, await self._zone()))

    async def held(self, event: Recorded, before: float, after: float) -> Sequence[Held]:
        zone = await self._zone()
        found: list[Held] = []
        of_it = await self._one(event.camera, event.remote_id) if event.remote_id else None
        if of_it is not None:
            found += pictures(of_it, zone)
        if event.at is not None:
            first, last = event.at - timedelta(seconds=before), event.at + timedelta(seconds=after)
            async for each in self._between(event.camera, first - LONGEST_EVENT, last, zone):
                piece = video(each, zone, first, last, of_it is not None and str(each.Id) == str(of_it.Id))
                found += [piece] if piece is not None else []
        return found

    async def fetch(self, camera: CameraId, held: Held) -> AsyncIterator[bytes]:
        if not held.reference:
            raise CannotTell(held.without or "ZoneMinder does not hold it")
        try:
            token = await self._api.token()
            path = with_token(f"{self._api.base}/index.php?{held.reference}", token)
            async with self._sender.download(
                self._api.origin, path, (("Accept", "*/*"),), self._settings.timeout
            ) as got:
                kind = (got.header(b"content-type") or b"").lower()
                if got.status != 200 or not kind.startswith((b"image/", b"video/")):
                    raise CannotTell(
                        f"ZoneMinder answers {got.status} with a page instead of the picture or video; log in to its "
                        "pages once as user, for it may ask something there first (privacy)"
                    )
                async for piece in got.pieces(self._settings.timeout):
                    yield piece
        except Refused as error:
            raise CannotTell(str(error)) from None
        except SendingError as error:
            raise CannotTell(f"{self._api.origin}: {error.why}") from None

    def told(self, camera: CameraId, revisions: Sequence[SensorEvent]) -> Mapping[str, str]:
        """Read out of the very notes that are written; the whole message is left out, which may be cut there."""
        self._monitor(camera)
        last = self._steps.of(Delivery(event=revisions[-1], camera=camera, vms=self._vms))[-1]
        tags = tags_of(last.block)
        tags.pop(_DETAIL, None)
        return tags

    async def close(self) -> None:
        await self._sender.close()

    # ----------------------------------------------------------------------------------------------------------- asking

    async def _between(self, camera: CameraId, first: datetime, last: datetime, zone: ZoneInfo) -> AsyncIterator[Event]:
        """The newest first; more of them than those that began in this time."""
        monitor = self._monitor(camera)
        try:
            bounds = f"StartDateTime%20%3E=:{quote(since(first, zone))}/StartDateTime%20%3C=:{quote(until(last, zone))}"
        except OverflowError:
            raise CannotTell("the time asked for is at the end of the calendar") from None
        path = f"/events/index/MonitorId:{monitor}/{bounds}.json?sort=Id&direction=desc&limit={PAGE}"
        seen: set[str] = set()
        for page in range(1, MOST_PAGES + 1):
            found = await self._events(f"{path}&page={page}")
            new = [each for each in found if str(each.Id) not in seen]
            seen.update(str(each.Id) for each in new)
            for each in new:
                yield each
            if not new or len(found) < PAGE:
                return
        raise CannotTell(f"more than {MOST_PAGES * PAGE} events in this time: ask for less of it")

    async def _one(self, camera: CameraId, remote_id: str) -> Event | None:
        monitor = self._monitor(camera)
        if _NUMBER.fullmatch(remote_id) is None:
            return None
        found = await self._events(f"/events/index/Id:{remote_id}/MonitorId:{monitor}.json")
        return found[0] if found else None

    async def _events(self, path: str) -> list[Event]:
        answer = await self._get(path)
        if answer.status == 404:  # a page after the last
            return []
        if answer.cut:
            raise CannotTell("ZoneMinder answers with more than is taken: ask for less time")
        found = events(answer) if 200 <= answer.status < 300 else None
        if found is None:
            raise CannotTell(f"ZoneMinder does not tell its events ({answer.status}); its user needs to view them")
        return found

    async def _zone(self) -> ZoneInfo:
        if self._known_zone is None:
            self._known_zone = await self._asked_zone()
        return self._known_zone

    async def _asked_zone(self) -> ZoneInfo:
        name = self._settings.timezone
        if not name:
            answer = await self._get("/host/getTimeZone.json")
            try:
                name = msgspec.json.decode(answer.body, type=_Zone).tz
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise CannotTell("ZoneMinder does not tell its time zone: write timezone under the VMS") from None
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise CannotTell(f"its time zone {name[:80]} is not known here: write timezone under the VMS") from None

    async def _get(self, path: str) -> Answer:
        try:
            return await self._api.get(path)
        except Refused as error:
            raise CannotTell(str(error)) from None
        except NotSent as error:
            raise Away(f"{self._api.origin}: {error.why}") from None
        except SendingError as error:
            raise CannotTell(f"{self._api.origin}: {error.why}") from None

    def _monitor(self, camera: CameraId) -> int:
        try:
            return self._steps.monitor(camera)
        except KeyError:
            raise CannotTell(f"camera {camera} is not of this VMS") from None
