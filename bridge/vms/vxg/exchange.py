"""One request of one camera, with its credential."""

from __future__ import annotations

from bridge.vms.http import Answer, Sender
from bridge.vms.vxg.account import Account, Grant
from bridge.vms.vxg.answers import as_meant
from bridge.vms.vxg.steps import READ, WRITE


class Exchange:
    """Sends with a camera's token; one that is refused is read anew from its store, once, and used if it changed."""

    def __init__(self, sender: Sender, timeout: float) -> None:
        self._sender = sender
        self._timeout = timeout

    async def __call__(
        self, account: Account, method: str, path: str, body: bytes = b"", urgent: bool = False
    ) -> tuple[Answer, Grant]:
        """The answer, and the credential it was given to. Raises SendingError, Unusable.

        Sending twice is safe: the first was refused with 401 or 403.
        """
        grant = account.grant()
        answer = await self._once(grant, method, path, body, urgent)
        if answer.status == 401 or answer.status == 403:
            fresh = account.grant(fresh=True)
            if fresh.version != grant.version:
                return await self._once(fresh, method, path, body, urgent), fresh
        return answer, grant

    async def _once(self, grant: Grant, method: str, path: str, body: bytes, urgent: bool) -> Answer:
        answer = await self._sender.send(
            method,
            grant.origin,
            grant.prefix + path,
            (grant.authorization, *(WRITE if body else READ)),
            body,
            self._timeout,
            urgent,
        )
        return as_meant(answer)
