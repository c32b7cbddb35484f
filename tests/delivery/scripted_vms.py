"""A VMS that does what its script says, and keeps its own record of what it took."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import msgspec

from bridge.clock import Clock
from bridge.model import (
    Absent,
    Action,
    Ambiguous,
    Blocked,
    CameraId,
    Delivered,
    Delivery,
    EventId,
    Findings,
    Found,
    Outcome,
    Rejected,
    Retry,
    Search,
    Unanswered,
)
from bridge.secret import Secret, SecretMissing, SecretRef
from bridge.vms.base import CameraSettings, Capabilities, HeaderSecret, Request, VmsSettings

LATER = "/notes"
"""The URL of the first step after the one that raises."""
SEARCHABLE = Capabilities(search=True, backdate=True, amend=True, picture=False, settle_after=5.0)


class TokenCamera(CameraSettings):
    token: SecretRef


class Taken(msgspec.Struct, frozen=True):
    """One event in the VMS's record."""

    event: EventId
    revision: int
    camera: CameraId
    title: str
    marked: bool
    at: float
    action: str = "raise"


class Parcel(msgspec.Struct, frozen=True):
    event: str
    revision: int
    title: str
    marked: bool
    action: str


Step = Callable[["ScriptedVms", Request], "Outcome | asyncio.Future[Outcome] | Exception"]


def takes(vms: ScriptedVms, request: Request) -> Outcome:
    return vms.take(request)


def cut_before(vms: ScriptedVms, request: Request) -> Outcome:
    return Ambiguous("cut", away=True)


def cut_after(vms: ScriptedVms, request: Request) -> Outcome:
    vms.take(request)
    return Ambiguous("cut", away=True)


def timed_out_after(vms: ScriptedVms, request: Request) -> Outcome:
    vms.take(request)
    return Ambiguous("time-out", away=False)


def refuses(vms: ScriptedVms, request: Request) -> Outcome:
    return Retry("connection refused", away=True)


def errs(vms: ScriptedVms, request: Request) -> Outcome:
    return Retry("500")


def rejects(vms: ScriptedVms, request: Request) -> Outcome:
    return Rejected("400 bad tag")


def hangs(vms: ScriptedVms, request: Request) -> asyncio.Future[Outcome]:
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    vms.hanging.append((request, future))
    return future


def raises(vms: ScriptedVms, request: Request) -> Exception:
    return ValueError("a bug")


def throttles(seconds: float) -> Step:
    return lambda vms, request: Retry("429", after=seconds)


class Keys:
    """Secrets that a test can turn."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, ref: SecretRef, fresh: bool = False) -> Secret:
        if ref not in self.values:
            raise SecretMissing(ref)
        return Secret(self.values[ref], f"v:{self.values[ref]}")


class ScriptedVms:
    """A target and the VMS behind it in one. ``script`` is done first, request by request; then ``always``.

    ``lag``: seconds until its search finds what it took. ``valid``: per camera the token it accepts; others are 401.
    """

    Settings: ClassVar[type[VmsSettings]] = VmsSettings
    Camera: ClassVar[type[CameraSettings]] = TokenCamera

    def __init__(self, clock: Clock, keys: Keys, cameras: Sequence[str] = ("gate", "yard")) -> None:
        self.clock = clock
        self.keys = keys
        self.cameras: Mapping[CameraId, CameraSettings] = {
            CameraId(name): TokenCamera(vms="cloud", token=SecretRef(name)) for name in cameras
        }
        self.can = SEARCHABLE
        self.script: deque[Step] = deque()
        self.always: Step = takes
        self.lag = 0.0
        self.search: Callable[[Delivery], Search] = self._search
        self.searches: list[tuple[EventId, float]] = []
        self.valid: dict[CameraId, str] = {}
        self.record: list[Taken] = []
        self.asked: list[tuple[str, float]] = []
        """(event, when) of every request, taken or not."""
        self.hanging: list[tuple[Request, asyncio.Future[Outcome]]] = []
        self.under_way: dict[tuple[str, CameraId | None], int] = defaultdict(int)
        self.most_under_way = 0
        self.closed = False
        self.before_answer: Callable[[], None] = lambda: None

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        event = delivery.event
        parcel = Parcel(event.id, event.revision, event.title, delivery.possible_duplicate, delivery.action.value)
        credentials = (HeaderSecret("Authorization", "Acc {secret}", SecretRef(delivery.camera)),)
        declare = Request(method="PUT", url="/types", camera=delivery.camera, credentials=credentials, body=b"")
        body = msgspec.json.encode(parcel)
        raising = Request(
            method="POST", url="/events", camera=delivery.camera, credentials=credentials, body=body, raises=True
        )
        return (declare, raising) if delivery.action is Action.RAISE else (raising,)

    async def send(self, request: Request, urgent: bool = False) -> Outcome:
        assert not self.closed, "used after it was closed"
        camera = request.camera
        assert camera is not None
        if camera in self.valid and self.keys.values.get(camera) != self.valid[camera]:
            self.asked.append((f"401 {camera}", self.clock.now().monotonic))
            return Blocked("token refused (401)")
        if not request.raises:
            return Delivered()
        parcel = msgspec.json.decode(request.body, type=Parcel)
        self.asked.append((parcel.event, self.clock.now().monotonic))
        key = (camera, None)
        self.under_way[key] += 1
        self.most_under_way = max(self.most_under_way, sum(self.under_way.values()))
        try:
            step = self.script.popleft() if self.script else self.always
            answer = step(self, request)
            await asyncio.sleep(0)
            if isinstance(answer, asyncio.Future):
                answer = await answer
            self.before_answer()
        finally:
            self.under_way[key] -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def take(self, request: Request) -> Outcome:
        parcel = msgspec.json.decode(request.body, type=Parcel)
        assert request.camera is not None
        taken = Taken(
            EventId(parcel.event),
            parcel.revision,
            request.camera,
            parcel.title,
            parcel.marked,
            self.clock.now().monotonic,
            parcel.action,
        )
        self.record.append(taken)
        return Delivered(f"r{len(self.record)}")

    async def find(self, delivery: Delivery) -> Search:
        self.searches.append((delivery.event.id, self.clock.now().monotonic))
        await asyncio.sleep(0)
        return self.search(delivery)

    def _search(self, delivery: Delivery) -> Search:
        now = self.clock.now().monotonic
        for number, taken in enumerate(self.record, 1):
            found = taken.event == delivery.event.id and taken.camera == delivery.camera
            if found and taken.at + self.lag <= now:
                return Found(f"r{number}")
        return Absent()

    def unsearchable(self, delivery: Delivery) -> Search:
        return Unanswered("search is down")

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        return ()

    async def close(self) -> None:
        self.closed = True

    def events(self, camera: str = "gate") -> list[str]:
        """What it took for a camera, in order."""
        return [taken.event for taken in self.record if taken.camera == camera]


class InSteps:
    """The scripted VMS, with steps after the one that raises. ``says``: what the first of them meets, one each time.
    As a target that remembers what it has made, and nothing of what it is in doubt about, where ``remembers``."""

    def __init__(self, vms: ScriptedVms, *says: Outcome, remembers: bool = False) -> None:
        self.vms = vms
        self.says = list(says)
        self.remembers = remembers
        self.made: set[bytes] = set()
        self._render, self._send = vms.render, vms.send
        vms.render = self.render  # type: ignore[method-assign]
        vms.send = self.send  # type: ignore[method-assign]

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        steps = self._render(delivery)
        if delivery.action is Action.AMEND:
            return steps
        later = Request(method="PUT", url=LATER, camera=delivery.camera, body=steps[-1].body)
        return (*steps, later, Request(method="PUT", url="/more", camera=delivery.camera))

    async def send(self, request: Request, urgent: bool = False) -> Outcome:
        if request.url == LATER and self.says:
            said = self.says.pop(0)
            if isinstance(said, Ambiguous):
                self.made.discard(request.body)
            return said
        if request.raises and self.remembers and request.body in self.made:
            return Delivered(note="it stands there already")
        outcome = await self._send(request, urgent)
        if request.raises and isinstance(outcome, Delivered):
            self.made.add(request.body)
        return outcome
