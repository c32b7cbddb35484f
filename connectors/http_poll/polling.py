"""One poll: every page of what is new is asked for and kept, and how far that was is kept with it.

The cursor moves only in the commit of the messages it stands for: a stop or a kill anywhere leaves it where everything
before is kept. What is read twice (by the overlap, or after a kill) is known again by what was kept before, and behind
that by the keys of the sensor's profile.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec

from bridge.model import ConnectorId, Instant, Message, Origin, Position
from connectors.http_poll import template
from connectors.http_poll.answer import Path, Unreadable, document
from connectors.http_poll.asking import Answer, Asker
from connectors.http_poll.cursor import Cursor
from connectors.http_poll.settings import HttpPollSettings
from connectors.staying import Away

Keep: TypeAlias = Callable[[Message], Awaitable[None]]
"""Returns once the message is durable, however often the intake says later."""

READ_AT_ONCE = 64 * 1024
"""Bytes of an answer that cost the loop a millisecond or two."""

MOST_REMEMBERED = 20_000
"""Things known again; beyond it the oldest are forgotten, and their profile has to know them."""


class Page(msgspec.Struct, frozen=True):
    """``things``: the digest of each thing on it. ``count``: how many, ``None`` where things cannot be told apart."""

    answer: Answer
    things: tuple[bytes, ...]
    count: int | None
    next: str


class Poller:
    """Remembers from poll to poll. ``counts``: ``polls``, ``pages``, ``known`` pages that were not kept again."""

    def __init__(
        self, name: ConnectorId, settings: HttpPollSettings, asker: Asker, keep: Keep, counts: Counter[str]
    ) -> None:
        self._name = name
        self._settings = settings
        self._asker = asker
        self._keep = keep
        self._counts = counts
        self._cursor = None if settings.cursor is None else Cursor(settings.cursor)
        self._items = None if settings.items is None else Path(settings.items)
        self._next = Path(settings.pages.next) if settings.pages is not None and settings.pages.next else None
        self._host = urlsplit(settings.url).hostname or ""
        self._place = urlsplit(settings.url).path
        self._tokens = "next" in template.used([*map(str, settings.query.values()), settings.json_, settings.body])
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._at: str | None = None
        self._anchored = True

    @property
    def position(self) -> str:
        """The name the journal keeps the cursor under."""
        cursor = self._settings.cursor
        return f"poll {cursor.name if cursor is not None and cursor.name else self._name}"

    def begin(self, position: Position | None) -> None:
        """Go on from where the journal says. Raises Unusable."""
        if self._cursor is not None:
            self._at = None if position is None else self._cursor.kept_as(position.value)
            # Where "now" was is kept with the first answer, or a stop before anything new would skip what comes then.
            self._anchored = position is not None or not self._cursor.starts_now

    async def look(self) -> str:
        """Ask for the first page a first poll would ask for, and keep nothing; what was on it, in words.

        Raises Away, or OSError for a secret that is missing.
        """
        now = datetime.now(UTC)
        at = None if self._cursor is None else self._cursor.start(now)
        page, content = await self._page(await self._asker.ask(self._given(at, now, 0, 0, "")))
        words = "" if page.count is None else f", {page.count} things on the first page"
        if self._cursor is not None and at is not None and page.count and self._cursor.after(at, content, now) == at:
            words += f"; none of them moves the cursor from {at}"
        return f"{self._settings.url} answers{words}"

    async def poll(self) -> bool:
        """Ask once for all there is; whether there is more, because this was the most that one poll takes.

        Raises Away, or OSError for a secret that is missing.
        """
        self._counts["polls"] += 1
        now = datetime.now(UTC)
        if self._cursor is not None and self._at is None:
            self._at = self._cursor.start(now)
        pages = self._settings.pages
        each = pages is not None and pages.order == "oldest"
        asked, reached = self._at, self._at
        number, seen, url, token = 0, 0, "", ""
        waiting: Page | None = None
        while True:
            answer = await self._asker.ask(self._given(asked, now, number, seen, token), url)
            if answer.unchanged:
                return False
            page, content = await self._page(answer)
            self._counts["pages"] += 1
            if self._cursor is not None and reached is not None and (number == 0 or not self._cursor.first_page_only):
                reached = self._cursor.after(reached, content, datetime.now(UTC))
            number += 1
            seen += page.count or 0
            more = self._is_more(page)
            full = pages is not None and number >= pages.most
            if each:
                await self._keep_page(page, reached)
            else:
                if waiting is not None and page.things:
                    await self._keep_page(waiting, self._at)
                waiting = page if page.things or waiting is None else waiting
                if not more:
                    await self._keep_page(waiting, reached)
            if not more:
                self._asker.kept()
                return False
            if full and each and reached != asked:
                return True
            if full:
                remedy = "make the overlap shorter" if each else "if the oldest comes first, say order: oldest"
                raise Away(
                    f"{self._settings.url} has more than {number} pages of what is asked for: raise pages.limit or "
                    f"pages.most, or {remedy}"
                )
            url, token = page.next if not self._tokens else "", page.next

    def _given(self, at: str | None, now: datetime, number: int, seen: int, token: str) -> dict[str, str | int]:
        pages, cursor = self._settings.pages, self._cursor
        first = pages.first if pages is not None else None
        return {
            "cursor": "" if cursor is None or at is None else cursor.question(at),
            "now": now.isoformat() if cursor is None else cursor.moment(now),
            "offset": (first or 0) + seen,
            "page": (1 if first is None else first) + number,
            "limit": pages.limit if pages is not None else 0,
            "next": token,
        }

    async def _page(self, answer: Answer) -> tuple[Page, object]:
        """The page and its document; long ones are read beside the loop, which has other sensors to listen to."""
        if len(answer.body) < READ_AT_ONCE:
            return self._read(answer)
        return await asyncio.to_thread(self._read, answer)

    def _read(self, answer: Answer) -> tuple[Page, object]:
        """The page and its document. Raises Away for what is no answer to the question."""
        if self._items is None and self._cursor is None and self._next is None:
            digest = hashlib.blake2b(answer.body, digest_size=16).digest()
            return Page(answer, (digest,) if answer.body.strip() else (), None, answer.link), None
        try:
            content = document(answer.body)
        except Unreadable as error:
            raise Away(f"{self._settings.url}: {error}") from None
        if self._items is None:
            things: list[object] | None = [content]
        else:
            things = self._items.elements(content)
        if things is None:
            if not answer.body.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
                begins = answer.body[:200].decode("utf-8", "replace")
                raise Away(f"{self._settings.url}: no {self._settings.items} in the answer, it begins {begins!r}")
            things = []  # XML has no empty lists
        following = self._next.values(content) if self._next is not None else []
        token = str(following[0]) if following and following[0] not in ("", False) else answer.link
        count = None if self._items is None else len(things)
        return Page(answer, tuple(map(_digest, things)), count, token), content

    def _is_more(self, page: Page) -> bool:
        pages = self._settings.pages
        if pages is None:
            return False
        if pages.by in ("offset", "page"):
            return (page.count or 0) >= pages.limit
        return bool(page.next)

    async def _keep_page(self, page: Page, reached: str | None) -> None:
        """Submit a page with something new on it, and the cursor with it when that moved."""
        new = [thing for thing in page.things if thing not in self._known]
        moves = reached is not None and (reached != self._at or not self._anchored)
        if not new and self._anchored:
            self._counts["known"] += bool(page.things)
            return
        answer = page.answer
        position = Position(self.position, reached) if moves and reached is not None else None
        await self._keep(
            Message(
                connector=self._name,
                origin=Origin(answer.peer or self._host, self._place),
                body=answer.body,
                content_type=answer.content_type,
                arrived=Instant(datetime.now(UTC), time.monotonic()),
                position=position,
            )
        )
        if position is not None:
            self._at, self._anchored = reached, True
        self._known.update(dict.fromkeys(new))
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)


def _digest(thing: object) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(thing, order="sorted"), digest_size=16).digest()
