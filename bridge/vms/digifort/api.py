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
    """An answer, and what it says. ``signed``: as whom it was asked, and with which version of the password."""

    __slots__ = ("answer", "said", "signed")

    def __init__(self, answer: Answer, signed: tuple[str, str] = ("", "")) -> None:
        self.answer = answer
        self.said = said(answer)
        self.signed = signed


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
        self._trying = asyncio.Lock()

    async def ask(self, path: str, urgent: bool = False) -> Asked:
        """``path`` is below the API's address. A session may have run out, which is said like anything else that is
        refused; so one that was not made just now is made anew, once. Sending twice is safe: the first was refused.

        Raises SendingError (AnswerLost of this question alone), NotSignedIn."""
        if self._settings.sign_in == "basic":
            secret = self._secret()
            return Asked(await self._get(path, secret, urgent), (self._users[0], secret.version))
        session, new = await self._signed_in()
        asked = Asked(await self._get(path + session.query(), None, urgent), session.signed)
        if asked.said.refused and not new:
            self._drop(session)
            session, _ = await self._signed_in()
            asked = Asked(await self._get(path + session.query(), None, urgent), session.signed)
        session.proven |= asked.said.ok
        return asked

    async def signed_in_otherwise(self, refused: Asked) -> bool:
        """After a refusal: whether it is let in as another user's name or with a secret read anew. Asks for the global
        events, which changes nothing; one finds it out for all, and asks as an alarm does. Raises SendingError,
        NotSignedIn."""
        async with self._trying:
            before = self._secret().version
            if refused.signed != (self._users[0], before):
                return True  # found out meanwhile, for another event
            if len(self._users) > 1 and await self._let_in(self._users[::-1]):
                return True
            self._session = None  # refused like any other
            if self._secret(fresh=True).version == before:
                return False
            orders = [self._users, self._users[::-1]] if len(self._users) > 1 else [self._users]
            for users in orders:
                if await self._let_in(users):
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

    async def _let_in(self, users: list[str]) -> bool:
        """Others are signed in as before until it is known."""
        secret = self._secret()
        if self._settings.sign_in == "basic":
            return Asked(await self._get(EVENTS, secret, urgent=True)).said.ok
        session = await self._opened(users[0], secret)
        asked = Asked(await self._get(EVENTS + session.query(), None, urgent=True))
        if asked.said.ok:
            session.proven = True
            self._users, self._session = list(users), session
        return asked.said.ok

    async def _signed_in(self) -> tuple[Session, bool]:
        """(a session, whether it is new)."""
        loop = asyncio.get_running_loop()
        async with self._opening:
            secret, held, user = self._secret(), self._session, self._users[0]
            if held is not None and held.signed == (user, secret.version) and loop.time() < held.used + IDLE:
                held.used = loop.time()
                return held, not held.proven
            self._session = None
            made = await self._opened(user, secret)
            if user == self._users[0]:  # else another name was let in meanwhile, and has its own
                self._session = made
            return made, True

    async def _opened(self, user: str, secret: Secret) -> Session:
        asked = await self._create()
        made = opened(asked.said, user, secret.reveal(), secret.version, asyncio.get_running_loop().time())
        if made is None:
            raise NotSignedIn(_no_session(asked))
        return made

    async def _create(self) -> Asked:
        """Nothing is triggered by it, whatever becomes of it. Asked as an alarm is, for one may wait for it."""
        try:
            return Asked(await self._get(CREATE, None, urgent=True))
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
