"""Which event types a camera has, and declaring one [4]."""

from __future__ import annotations

import msgspec

from bridge.model import Blocked, CameraId, Delivered, Outcome, Rejected, Retry
from bridge.vms.http import SendingError
from bridge.vms.vxg.account import Account, Grant
from bridge.vms.vxg.answers import failure, refusal, why
from bridge.vms.vxg.exchange import Exchange
from bridge.vms.vxg.steps import Step, types_path

PAGE = 1000
_MOST_PAGES = 20
_MOST_KNOWN = 100_000
_KNOWN = Delivered(note="known already, not asked")


class _Type(msgspec.Struct):
    name: str


class _Meta(msgspec.Struct):
    total_count: int | None = None


class _List(msgspec.Struct):
    objects: list[_Type]
    meta: _Meta | None = None


_decode = msgspec.json.Decoder(_List).decode


def listed(body: bytes) -> _List | None:
    """A page of a camera's types; None where it is none."""
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


class EventTypes:
    """Remembers, while the process lives, what was seen to be declared."""

    def __init__(self, exchange: Exchange, declare: bool) -> None:
        self._exchange = exchange
        self._declare = declare
        self._known: set[tuple[CameraId, str]] = set()

    def knows(self, account: Account, name: str) -> bool:
        return (account.camera, name) in self._known

    def forget(self, account: Account, name: str) -> None:
        """The VMS acts as if it had not this type: look again before the next event of it."""
        self._known.discard((account.camera, name))

    async def look_up(self, account: Account, step: Step, urgent: bool) -> Outcome:
        """Delivered whether the camera has the type or not: then it is declared next. Raises Unusable."""
        if self.knows(account, step.name):
            return _KNOWN
        found = await self.read(account, urgent)
        if not isinstance(found, frozenset):
            return found
        if step.name in found:
            return Delivered(note="declared already")
        if self._declare:
            return Delivered(note="not declared yet")
        return Blocked(f"this camera has no event type {step.name}; declare it, or write declare_types: true")

    async def declare(self, account: Account, step: Step, urgent: bool) -> Outcome:
        """Declare, unless the type is known. The code for a type that exists is not documented: look again. Raises
        Unusable."""
        if self.knows(account, step.name):
            return _KNOWN
        try:
            answer, grant = await self._exchange(account, "POST", step.path, step.body, urgent)
        except SendingError as error:
            return failure(error, raising=False)
        if 200 <= answer.status < 300:
            self._remember(account, step.name)
            return Delivered(note="declared now")
        refused = refusal(answer, grant, raising=False)
        if not isinstance(refused, Rejected):
            return refused
        found = await self.read(account, urgent)
        if not isinstance(found, frozenset):
            return found
        if step.name in found:
            return Delivered(note="declared already")
        return Blocked(f"the event type {step.name} could not be declared ({why(answer, grant)}); declare it by hand")

    async def read(self, account: Account, urgent: bool = False) -> Outcome | frozenset[str]:
        """Every type the camera has now, each remembered; or why that failed. Raises Unusable."""
        names: set[str] = set()
        seen = 0
        for _ in range(_MOST_PAGES):
            path = f"{types_path(account.id)}?limit={PAGE}" + (f"&offset={seen}" if seen else "")
            try:
                answer, grant = await self._exchange(account, "GET", path, urgent=urgent)
            except SendingError as error:
                return failure(error, raising=False)
            if not 200 <= answer.status < 300:
                return self._refused(answer.status, refusal(answer, grant, raising=False), account, grant)
            found = listed(answer.body)
            if found is None:
                return Retry(f"{grant.origin} answers {answer.status} with something that is no list of event types")
            for each in found.objects:
                self._remember(account, each.name)
                names.add(each.name)
            seen += len(found.objects)
            total = found.meta.total_count if found.meta is not None else None
            if not found.objects or total is None or seen >= total:
                break
        return frozenset(names)

    @staticmethod
    def _refused(status: int, refused: Outcome, account: Account, grant: Grant) -> Outcome:
        if status == 404:
            return Blocked(f"{grant.origin} has no camera {account.id} (404): is it gone, or is url not VXG's address?")
        if isinstance(refused, Rejected):  # which says nothing of the event that waits for it
            return Blocked(f"this camera's event types cannot be read: {refused.why}")
        return refused

    def _remember(self, account: Account, name: str) -> None:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known.add((account.camera, name))
