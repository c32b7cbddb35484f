"""Asking VXG for what it has recorded: one answer, or all pages of a list [3, 6, 7]."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Generic, TypeVar

import msgspec

from bridge.vms.http import Answer, SendingError
from bridge.vms.recorded import Away, CannotTell, Refused
from bridge.vms.vxg.account import Account, Grant, Unusable
from bridge.vms.vxg.answers import why
from bridge.vms.vxg.exchange import Exchange

Shape = TypeVar("Shape")

PAGE = 100
MOST_PAGES = 100


class NotThere(Refused):
    """VXG has nothing of this number (404)."""


class _About(msgspec.Struct):
    total_count: int | None = None


class _Page(msgspec.Struct, Generic[Shape]):
    objects: list[Shape]
    meta: _About | None = None


class Reading:
    """Every method raises CannotTell, with the camera in the sentence and never a word of its token."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def ask(self, account: Account, method: str, path: str, body: bytes, shape: type[Shape]) -> Shape:
        """The answer, read. Raises NotThere for a 404, Refused for what would be refused again."""
        camera = account.camera
        try:
            answer, grant = await self._exchange(account, method, path, body)
        except Unusable as error:
            raise CannotTell(str(error)) from None
        except SendingError as error:
            raise Away(f"camera {camera}: {error.why}") from None
        if not 200 <= answer.status < 300:
            raise _refusal(answer, grant, f"camera {camera}")
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            told = "more than is taken" if answer.cut else "something else than VXG's API does"
            raise CannotTell(f"camera {camera}: {grant.origin} answers with {told}; see whether url is right") from None

    async def one(self, account: Account, path: str, shape: type[Shape]) -> Shape:
        return await self.ask(account, "GET", path, b"", shape)

    async def listed(
        self, account: Account, path: str, shape: type[Shape], most: int | None = None
    ) -> AsyncIterator[Shape]:
        """The objects of a list, page after page, at most ``most``. ``path`` has a query without limit and offset.

        ``next`` is not followed: which parts of the query it keeps is not sure [3].
        """
        seen = 0
        size = PAGE if most is None else min(PAGE, most)
        for _ in range(MOST_PAGES):
            page = await self.one(account, f"{path}&limit={size}&offset={seen}", _Page[shape])  # type: ignore[valid-type]
            for each in page.objects:
                yield each
            seen += len(page.objects)
            total = page.meta.total_count if page.meta is not None else None
            ended = seen >= total if total is not None else len(page.objects) < size
            if not page.objects or ended or (most is not None and seen >= most):
                return
        raise CannotTell(f"camera {account.camera}: more than {seen} are there; ask for a shorter time")


def _refusal(answer: Answer, grant: Grant, whose: str) -> CannotTell:
    told = why(answer, grant)
    if answer.status in (401, 403):
        return CannotTell(f"{whose}: the token is refused ({told}); put a valid one into its secret")
    if answer.status == 404:
        return NotThere(f"{whose}: {grant.origin} has no such thing ({told})")
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return Away(f"{whose}: VXG does not answer now ({told})")
    if 400 <= answer.status < 500:
        return Refused(f"{whose}: VXG refused it ({told})")
    return CannotTell(f"{whose}: {grant.origin} answers {answer.status}; see whether url is right")


def moment(text: str | None) -> datetime | None:
    """A time of this API, UTC without a zone [5.1], sometimes with a Z; None when it is none."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
