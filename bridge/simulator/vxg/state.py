"""The simulated cloud as its endpoints see it: what it holds, whom it knows, how strict it is."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from bridge.simulator.http_server import Asked
from bridge.simulator.vxg.answers import forbidden, not_found
from bridge.simulator.vxg.store import Raised, Store
from bridge.simulator.vxg.tokens import Grant, Tokens

if TYPE_CHECKING:
    from bridge.simulator.vxg.groups import Group
    from bridge.simulator.vxg.media import Clip


class Cloud:
    """``search_lag``: seconds until the list shows what was raised. ``clock_skew``: seconds its clock is ahead.

    ``strict``: meta values must be strings of at most 255 characters, and unknown body fields are refused; otherwise
    numbers are made strings and anything goes. ``origin``: scheme, host and port, for links to pictures. ``gaps``:
    when nothing was recorded. ``video_bytes``: of each piece of video. ``event_images``: whether events have a picture;
    those of declared types have none by themselves (reference 4).
    """

    def __init__(self, store: Store, tokens: Tokens, origin: str, strict: bool = True) -> None:
        self.store = store
        self.tokens = tokens
        self.origin = origin
        self.strict = strict
        self.search_lag = 0.0
        self.trigger_delay = 0.2
        self.clip_takes = 1.0
        self.clock_skew = 0.0
        self.clips: dict[int, Clip] = {}
        self.groups: dict[int, Group] = {}
        self.last_group = 0
        self.gaps: list[tuple[datetime, datetime]] = []
        self.video_bytes = 4096
        self.event_images = False

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.clock_skew, UTC)

    def in_gap(self, start: datetime, end: datetime) -> bool:
        """Whether nothing was recorded in some of this time."""
        return any(first <= end and start <= last for first, last in self.gaps)

    def add_event(
        self, camera: int, name: str, at: datetime, posted: bytes, head: bytes = b"", delay: float = 0.0
    ) -> Raised:
        lag = self.search_lag + delay
        visible_at = time.monotonic() + lag if lag else 0.0
        return self.store.add(camera, name, at, posted, time.time(), visible_at, head)

    def cameras_of(self, grant: Grant) -> Collection[int]:
        """Those that a credential opens."""
        if grant.camera is not None:
            return (grant.camera,)
        if grant.group is None:
            return self.store.cameras
        return [number for number in self.groups[grant.group].channels if number in self.store.cameras]

    def query_of(self, asked: Asked) -> dict[str, str]:
        return dict(parse_qsl(asked.query, keep_blank_values=True))

    def camera_of(self, text: str, grant: Grant) -> int:
        """The camera a path names, if the credential is good for it. Raises Refused."""
        number = int(text) if text.isdecimal() else -1
        if grant.camera is not None and number != grant.camera:
            raise forbidden("Not the camera of this token")
        if number not in self.store.cameras:
            raise not_found("Camera")
        return number
