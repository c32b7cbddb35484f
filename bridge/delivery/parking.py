"""Parked cameras and VMS: nothing of theirs is sent until a changed secret or a slow probe says that it may go on."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from bridge.clock import Clock
from bridge.delivery.backoff import half_jitter
from bridge.delivery.credentials import version
from bridge.journal.contract import Journal, Parked
from bridge.model import Blocked, CameraId, VmsId
from bridge.secret import SecretRef, Secrets
from bridge.supervision import Conditions

TICK = 1.0
"""Seconds between looks at the secrets."""
SECRETS_PER_TICK = 200
PROBES_AT_ONCE = 2
FIRST_PROBE = 30.0
LONGEST_PROBE = 600.0


class Trial(enum.Enum):
    """What a slow probe showed."""

    WORKS = "works"
    REFUSED = "refused"
    NOTHING_TO_SEND = "nothing to send"
    UNKNOWN = "unknown"


Probe = Callable[[CameraId | None], Awaitable[Trial]]


class Entry(msgspec.Struct):
    """``blocked``: what a delivery of it meets. ``refused``: the secrets it depends on, in the version refused."""

    blocked: Blocked
    refused: dict[SecretRef, str]
    interval: float
    longest: float
    due: float = 0.0
    probing: bool = False


class Parking:
    """Of one VMS. ``epoch`` changes when something is unparked: a refusal of a request sent before is old news."""

    def __init__(
        self, vms: VmsId, journal: Journal, secrets: Secrets, clock: Clock, conditions: Conditions, probe: Probe
    ) -> None:
        self._vms = vms
        self._journal = journal
        self._secrets = secrets
        self._clock = clock
        self._conditions = conditions
        self._probe = probe
        self._cursor = 0
        self._filled = asyncio.Event()
        self._closed = False
        self.entries: dict[CameraId | None, Entry] = {}
        self.epoch = 0

    @property
    def whole_vms(self) -> bool:
        return None in self.entries

    def blocks(self, camera: CameraId) -> Blocked | None:
        """Why nothing may be sent to this camera."""
        entry = self.entries.get(None) or self.entries.get(camera)
        return entry.blocked if entry is not None else None

    async def park(
        self,
        camera: CameraId | None,
        why: str,
        refs: Iterable[SecretRef],
        first: float = FIRST_PROBE,
        longest: float = LONGEST_PROBE,
    ) -> None:
        """Stop everything for a camera, or with None for the VMS. Parking again only brings ``refs`` up to date.

        ``first`` and ``longest``: seconds between slow probes."""
        refused = {ref: version(self._secrets, ref, fresh=False) for ref in refs}
        entry = self.entries.get(camera)
        if entry is not None:
            entry.refused.update(refused)
            return
        now = self._clock.now()
        self._enter(camera, Entry(Blocked(why, camera is None), refused, first, longest), soon=False)
        await self._journal.park(Parked(self._vms, camera, why, now.utc))

    async def unpark(self, camera: CameraId | None, what: str) -> None:
        if self.entries.pop(camera, None) is None:
            return
        self.epoch += 1
        if not self.entries:
            self._filled.clear()
        self._conditions.end(self._key(camera), what)
        await self._journal.unpark(self._vms, camera)

    def soon(self) -> None:
        """Something was changed that may help: probe now."""
        now = self._clock.now().monotonic
        for entry in self.entries.values():
            entry.due = now

    def close(self) -> None:
        """Nothing more is said to be wrong."""
        self._closed = True

    def _enter(self, camera: CameraId | None, entry: Entry, soon: bool) -> None:
        entry.due = self._clock.now().monotonic + (0.0 if soon else half_jitter(entry.interval))
        self.entries[camera] = entry
        self._filled.set()
        if not self._closed:  # else it may be of this site no more
            self._conditions.begin(self._key(camera), entry.blocked.why)

    def _key(self, camera: CameraId | None) -> str:
        return f"vms {self._vms}" if camera is None else f"camera {camera}"

    # -------------------------------------------------------------------------------------------------------- watching

    async def load(self, refs: Callable[[CameraId | None], Iterable[SecretRef]]) -> None:
        """What was parked when the journal was last closed; probed at once, since somebody may have acted."""
        for parked in await self._journal.parked():
            if parked.vms == self._vms and parked.camera not in self.entries:
                refused = {ref: version(self._secrets, ref, fresh=True) for ref in refs(parked.camera)}
                blocked = Blocked(parked.why, parked.camera is None)
                self._enter(parked.camera, Entry(blocked, refused, FIRST_PROBE, LONGEST_PROBE), soon=True)

    async def run(self) -> None:
        """Watch secrets and probe, for as long as anything is parked."""
        async with asyncio.TaskGroup() as probes:
            while True:
                await self._filled.wait()
                await self._look_at_secrets()
                self._start_probes(probes)
                await self._clock.sleep(TICK)

    async def _look_at_secrets(self) -> None:
        refs = sorted({ref for entry in self.entries.values() for ref in entry.refused})
        looked_at = [refs[(self._cursor + step) % len(refs)] for step in range(min(len(refs), SECRETS_PER_TICK))]
        self._cursor = (self._cursor + len(looked_at)) % len(refs) if refs else 0
        found = {ref: version(self._secrets, ref, fresh=True) for ref in looked_at}
        for camera, entry in list(self.entries.items()):
            if any(found.get(ref, refused) != refused for ref, refused in entry.refused.items()):
                await self.unpark(camera, "its secret was changed")

    def _start_probes(self, probes: asyncio.TaskGroup) -> None:
        now = self._clock.now().monotonic
        under_way = sum(entry.probing for entry in self.entries.values())
        for camera, entry in sorted(self.entries.items(), key=lambda each: each[1].due):
            if entry.due > now or under_way >= PROBES_AT_ONCE:
                return
            if entry.probing or (self.whole_vms and camera is not None):
                continue
            under_way += 1
            entry.probing = True
            probes.create_task(self._try(camera, entry), name=f"probe {self._key(camera)}")

    async def _try(self, camera: CameraId | None, entry: Entry) -> None:
        try:
            trial = await self._probe(camera)
        finally:
            entry.probing = False
        if trial is Trial.WORKS:
            if self.entries.get(camera) is entry:
                await self.unpark(camera, "is accepted again")
            return
        if trial is Trial.REFUSED:
            entry.interval = min(entry.interval * 2, entry.longest)
        entry.due = self._clock.now().monotonic + half_jitter(entry.interval)
