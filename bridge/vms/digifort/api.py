"""One question to Digifort, signed in [3]. Clients do not agree on the case of the user's name in a safe session: upper
case is tried first, then as it is written."""

from __future__ import annotations

import asyncio
import base64

from bridge.model import Ambiguous, Blocked, Retry
from bridge.secret import Secret, SecretMissing, Secrets
from bridge.vms.digifort.answers import refusal, said
from bridge.vms.digifort.session import CREATE, IDLE, Session, opened, signed
from bridge.vms.digifort.settings import DigifortSettings
from bridge.vms.digifort.steps import FORMAT
from bridge.vms.http import Answer, AnswerLost, NotSent, Sender, split_url

EVENTS = f"/Interface/GlobalEvents/GetGlobalEvents?{FORMAT}"


class NotSignedIn(Exception):
    """Nothing was asked, for there is no session or no secret. ``outcome``: what that means for a delivery."""

    def __init__(self, outcome: Blocked | Retry) -> None:
        super().__init__(outcome.why)
        self.outcome = outcome


class Asked:
    """An answer, and what it says."""

    __slots__ = ("answer", "said")

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.said = said(answer)


class Api:
    def __init__(self, sender: Sender, settings: DigifortSettings, secrets: Secrets) -> None:
        self._sender = sender
        self._settings = settings
        self._secrets = secrets
        self.origin, path = split_url(settings.url)
        self.base = path.rstrip("/")
        upper = settings.user.upper()
        self._users = [upper] if upper == settings.user or settings.sign_in == "basic" else [upper, settings.user]
        self._session: Session | None = None
        self._opening = asyncio.Lock()

    async def ask(self, path: str, urgent: bool = False) -> Asked:
        """``path`` is below the API's address. A session may have run out, which is said like anything else that is
        refused; so one that was not made just now is made anew, once. Sending twice is safe: the first was refused.

        Raises SendingError (AnswerLost of this question alone), NotSignedIn."""
        if self._settings.sign_in == "basic":
            return Asked(await self._get(path, self._secret(), urgent))
        session, new = await self._signed_in(urgent)
        asked = Asked(await self._get(path + session.query(), None, urgent))
        if asked.said.refused and not new:
            self._drop(session)
            session, _ = await self._signed_in(urgent)
            asked = Asked(await self._get(path + session.query(), None, urgent))
        session.proven |= asked.said.ok
        return asked

    async def signed_in_otherwise(self, urgent: bool = False) -> bool:
        """After a refusal: whether it is let in as another user's name or with a secret read anew. Asks for the global
        events, which changes nothing. Raises SendingError, NotSignedIn."""
        before = self._secret().version
        if len(self._users) > 1 and await self._let_in(self._users[::-1], urgent):
            return True
        if self._secret(fresh=True).version == before:
            return False
        orders = [self._users, self._users[::-1]] if len(self._users) > 1 else [self._users]
        for users in orders:
            if await self._let_in(users, urgent):
                return True
        return False

    def written(self, path: str) -> bytes:
        """The bytes of it, with what stands in the place of what signs it in. Raises Unsendable."""
        password = self._settings.password
        if self._settings.sign_in == "basic":
            header = ("Authorization", f"Basic {{base64 of {self._settings.user}:{{secret:{password}}}}}")
            return self._sender.written("GET", self.origin, self.base + path, (header,))
        signature = signed("{session}", f"{{md5-of-secret:{password}}}")
        return self._sender.written("GET", self.origin, self.base + path + signature)

    async def _let_in(self, users: list[str], urgent: bool) -> bool:
        kept, self._users = self._users, list(users)
        self._session = None
        if (await self.ask(EVENTS, urgent)).said.ok:
            return True
        self._users = kept
        self._session = None
        return False

    async def _signed_in(self, urgent: bool) -> tuple[Session, bool]:
        """(a session, whether it is new)."""
        loop = asyncio.get_running_loop()
        async with self._opening:
            secret, held = self._secret(), self._session
            if held is not None and held.version == secret.version and loop.time() < held.used + IDLE:
                held.used = loop.time()
                return held, not held.proven
            self._session = None
            asked = await self._create(urgent)
            made = opened(asked.said, self._users[0], secret.reveal(), secret.version, loop.time())
            if made is None:
                raise NotSignedIn(_no_session(asked))
            self._session = made
            return made, True

    async def _create(self, urgent: bool) -> Asked:
        """Nothing is triggered by it, whatever becomes of it."""
        try:
            return Asked(await self._get(CREATE, None, urgent))
        except AnswerLost as error:
            raise NotSent(error.why, busy=not error.silent) from None

    async def _get(self, path: str, basic: Secret | None, urgent: bool) -> Answer:
        headers: tuple[tuple[str, str], ...] = ()
        if basic is not None:
            told = f"{self._settings.user}:{basic.reveal()}".encode("utf-8", "replace")
            headers = (("Authorization", f"Basic {base64.b64encode(told).decode()}"),)
        return await self._sender.send(
            "GET", self.origin, self.base + path, headers, b"", self._settings.timeout, urgent
        )

    def _secret(self, fresh: bool = False) -> Secret:
        try:
            return self._secrets.get(self._settings.password, fresh)
        except SecretMissing as missing:
            raise NotSignedIn(Blocked(str(missing), whole_vms=True)) from None

    def _drop(self, session: Session) -> None:
        if self._session is session:
            self._session = None


def _no_session(asked: Asked) -> Blocked | Retry:
    """Nothing was triggered, so nothing is in doubt."""
    if not 200 <= asked.answer.status < 300:
        outcome = refusal(asked.answer)
        if isinstance(outcome, Ambiguous):
            return Retry(outcome.why, outcome.after, outcome.away)
        if isinstance(outcome, Blocked):
            return Blocked(outcome.why, whole_vms=True)
        if isinstance(outcome, Retry):
            return outcome
    why = f" ({asked.said.why})" if asked.said.why else ""
    return Retry(f"Digifort gives no session{why}; see whether url is right, or write sign_in: basic")
