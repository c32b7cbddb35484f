"""A webhook endpoint: each event in order, one at a time, until its receiver has taken it.

What the receiver has taken is written down as a position in the journal, so that a restart goes on there; what was
taken since the last writing is sent again (at least once). A receiver that is away costs one waiting task: its events
stay in the journal, and what retention removes meanwhile is told with a gap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bridge.clock import Clock
from bridge.delivery.backoff import full_jitter, half_jitter
from bridge.endpoints.document import gap_document
from bridge.endpoints.filter import Filter
from bridge.endpoints.settings import WebhookEndpoint
from bridge.endpoints.status import EndpointStatus
from bridge.endpoints.stream import Piece, Stream, Told
from bridge.journal.contract import JournalError
from bridge.model import Ambiguous, Blocked, Delivered, Outcome, Position, Rejected, Retry
from bridge.secret import Secrets
from bridge.supervision import Conditions
from bridge.vms.base import Request
from bridge.vms.http import Sender
from bridge.vms.http.headers import plain_headers
from bridge.vms.http.settings import proxy_of
from bridge.vms.http.tls import Trust
from bridge.vms.webhook.sending import send

log = logging.getLogger("bridge.endpoints")
T = TypeVar("T")

LONGEST_PAUSE = 60.0
LONGEST_PROBE = 300.0
LONGEST_ASKED_FOR = 600.0
"""Seconds between two tries: of one that is away, of one that refuses us, and when it asks for patience itself."""

REFUSED_TRIES = 3
"""A document refused for what it is gets so many tries."""
REFUSED_IN_A_ROW = 5
"""So many refused documents with none taken between them: it is not the documents. Nothing more is passed over."""

SAVED_EVERY = 0.25
PASSED_EVERY = 5.0
"""Seconds between two writings of the position: after something was taken, and when events were only filtered out."""
LONGEST_SAVE = 5.0


class Webhook:
    """One endpoint; ``run`` until cancelled."""

    def __init__(
        self,
        name: str,
        settings: WebhookEndpoint,
        wanted: Filter,
        stream: Stream,
        secrets: Secrets,
        clock: Clock,
        conditions: Conditions,
    ) -> None:
        self._name = name
        self._settings = settings
        self._wanted = wanted
        self._stream = stream
        self._secrets = secrets
        self._clock = clock
        self._conditions = conditions
        self._key = f"endpoint {name}"
        self._headers = (("Content-Type", "application/json"), *plain_headers(settings.headers))
        self._credentials = settings.credentials()
        self._sender = self._new_sender()
        self._position = ""
        self._saved = ""
        self._unsaved = asyncio.Event()
        self._save_in = PASSED_EVERY
        self._row: list[str] = []  # where the refused ones began, since anything was taken
        self._distrusted = False
        self.status = EndpointStatus(name, "webhook")

    async def run(self) -> None:
        """Tell events until cancelled; what the receiver has is written down at the end."""
        self._sender = self._new_sender()
        try:
            async with asyncio.TaskGroup() as group:
                await self._begin()
                group.create_task(self._write_down(), name=f"{self._key} position")
                await self._follow()
        finally:
            await self._sender.close()
            await self._save()

    def _new_sender(self) -> Sender:
        tls = self._settings.tls
        trust = Trust(tls.ca_file, tls.fingerprint, tls.verify)
        return Sender(connections=1, reserved=0, trust=trust, proxy=proxy_of(self._settings.proxy, self._secrets))

    def down(self, why: str) -> None:
        """It failed."""
        self.status.up, self.status.why = False, why

    async def current(self) -> EndpointStatus:
        """How it is now. Raises JournalError."""
        position = self._position
        if position:
            self.status.behind = await self._stream.journal.behind(position)
            self.status.position = position
        return self.status

    # ------------------------------------------------------------------------------------------------------ in order

    async def _begin(self) -> None:
        journal = self._stream.journal
        kept = await self._patiently(lambda: journal.position(self._key))
        if kept is not None:
            self._position = self._saved = kept.value
        elif self._settings.begin == "now":
            # Written down before anything else, so that a stop right now misses nothing that comes after it.
            self._position = await self._patiently(self._stream.head)
            await self._patiently(lambda: journal.keep(Position(self._key, self._position)))
            self._saved = self._position
        self.status.up, self.status.why = True, ""

    async def _follow(self) -> None:
        at: str | None = self._position or None
        while True:
            news = self._stream.news
            piece = await self._patiently(lambda after=at: self._stream.after(after))  # type: ignore[misc]
            back = await self._tell(piece, at or "")
            if back is not None:
                at = back or None
                continue
            moved = piece.position != at
            at = piece.position
            if not moved:
                await self._stream.wait(news)

    async def _tell(self, piece: Piece, before: str) -> str | None:
        """Tell a piece; where to go back to when it turns out that nothing is taken any more, else None."""
        if piece.gap is not None:
            log.warning("%s: events may be missing from %s to %s", self._key, piece.gap.after, piece.gap.until)
            if not await self._give(gap_document(piece.gap)):
                return self._passed_over(before)
            before = piece.gap.until
            self._taken(before, None)
        for told in piece.events:
            if self._wanted.passes(told.fed):
                if not await self._give(told.document):
                    back = self._passed_over(before)
                    if back is not None:
                        return back
                else:
                    self._taken(told.fed.position, told)
            else:
                self._moved(told.fed.position)
            before = told.fed.position
        self._moved(piece.position)
        return None

    async def _give(self, body: bytes) -> bool:
        """Try until it is taken (True), or refused for what it is too often (False)."""
        tries = refused = 0
        while True:
            outcome = await self._send(body)
            if isinstance(outcome, Delivered):
                self._conditions.end(self._key)
                self.status.up, self.status.why = True, ""
                return True
            why = outcome.why
            tries += 1
            pause = full_jitter(tries, LONGEST_PAUSE)
            if isinstance(outcome, Rejected) and not self._distrusted:
                refused += 1
                if refused >= REFUSED_TRIES:
                    return False
            else:
                self.status.up, self.status.why = False, why
                self._conditions.begin(self._key, why)
                if isinstance(outcome, Blocked | Rejected):
                    pause = half_jitter(min(LONGEST_PROBE, 10.0 * 2.0 ** min(tries - 1, 10)))
                elif isinstance(outcome, Retry | Ambiguous):
                    pause = max(pause, min(outcome.after, LONGEST_ASKED_FOR))
            await self._clock.sleep(pause)

    async def _send(self, body: bytes) -> Outcome:
        request = Request(
            method=self._settings.method,
            url=self._settings.url,
            headers=self._headers,
            body=body,
            credentials=self._credentials,
            purpose="tell an event",
            raises=True,
        )
        return await send(self._sender, self._secrets, request, self._settings.timeout)

    # ----------------------------------------------------------------------------------------- what the receiver has

    def _taken(self, position: str, told: Told | None) -> None:
        self._row.clear()
        self._distrusted = False
        self._save_in = SAVED_EVERY
        if told is not None:
            self.status.told += 1
            self.status.last = told.fed.event.arrived_at
        self._moved(position)

    def _passed_over(self, before: str) -> str | None:
        """A document was refused. After too many in a row: where the row began, to stay there until one is taken."""
        self._row.append(before)
        self.status.refused += 1
        if len(self._row) == 1:
            log.warning("%s refused an event again and again; it is passed over, as are further ones", self._key)
        if len(self._row) < REFUSED_IN_A_ROW:
            return None
        back, self._distrusted = self._row[0], True
        self.status.refused -= len(self._row)
        self._row.clear()
        return back

    def _moved(self, position: str) -> None:
        """Written down soon, but not while it is open whether the refused ones were at fault."""
        if not self._row and position != self._position:
            self._position = position
            self._unsaved.set()

    async def _write_down(self) -> None:
        while True:
            await self._unsaved.wait()
            await self._clock.sleep(self._save_in)
            await self._save()

    async def _save(self) -> None:
        self._unsaved.clear()
        self._save_in = PASSED_EVERY
        position = self._position
        if position == self._saved:
            return
        try:
            async with asyncio.timeout(LONGEST_SAVE):
                await self._stream.journal.keep(Position(self._key, position))
            self._saved = position
        except (JournalError, TimeoutError) as error:
            self._unsaved.set()  # tried again; a restart now would send again what was taken since
            log.debug("%s: its position could not be written: %s", self._key, error)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The journal's answer, however long it cannot give one."""
        tries = 0
        while True:
            try:
                return await ask()
            except JournalError as error:
                tries += 1
                self.status.why = str(error)
                log.debug("%s: %s", self._key, error)
            await self._clock.sleep(full_jitter(tries, LONGEST_PAUSE))
