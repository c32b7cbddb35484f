"""Who the bridge is to Nx: a header for each request, renewed when it is turned away [2]."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from bridge.secret import SecretRef, Secrets
from bridge.vms.http import Answer
from bridge.vms.tokens import Refused, Tokens

GOODBYE = 2.0
"""Seconds that logging out may take."""
JSON = (("Content-Type", "application/json"),)


class Login(Protocol):
    async def header(self, method: str, path: str) -> str:
        """What Authorization says, "" for nothing yet. Raises NotSent, Refused."""

    def again(self, used: str, answer: Answer, method: str, path: str) -> AbstractAsyncContextManager[str]:
        """The same, after ``used`` was turned away with ``answer``; asked with inside. Raises NotSent, Refused."""

    def turned_away(self, status: int) -> Refused:
        """What was asked with inside ``again`` was turned away, too."""

    async def close(self) -> None:
        """Log out; never raises."""


class Bearer(Tokens):
    """Logs in for a token."""

    def __init__(self, user: str, ref: SecretRef, secrets: Secrets) -> None:
        super().__init__(ref, secrets)
        self._user = user

    @abstractmethod
    async def _revoke(self, token: str) -> None:
        """Never raises."""

    async def close(self) -> None:
        token = self.forget()
        if token:
            await self._revoke(token)

    async def header(self, method: str, path: str) -> str:
        return f"Bearer {await self.current()}"

    @asynccontextmanager
    async def again(self, used: str, answer: Answer, method: str, path: str) -> AsyncIterator[str]:
        yield f"Bearer {await self.current(refused=used.removeprefix('Bearer '))}"

    def turned_away(self, status: int) -> Refused:
        return Refused(f"Nx refuses the token that {self._user} was just given ({status})")
