"""One request to the Web SDK, with user, application id and password as HTTP Basic [2]."""

from __future__ import annotations

import base64

from bridge.secret import SecretMissing, Secrets
from bridge.vms.genetec.settings import GenetecSettings
from bridge.vms.genetec.steps import ACCEPT
from bridge.vms.http import Answer, Sender, split_url


class NothingToShow(Exception):
    """A secret is missing, or cannot be part of a log-in; says which."""


class Api:
    def __init__(self, sender: Sender, settings: GenetecSettings, secrets: Secrets) -> None:
        self._sender = sender
        self._settings = settings
        self._secrets = secrets
        self.origin, path = split_url(settings.url)
        self.base = path.rstrip("/")

    async def ask(self, method: str, path: str, urgent: bool = False) -> Answer:
        """``path`` is below the base URI. A log-in that is refused is made anew, once, if its secrets have changed;
        sending twice is safe: the first was refused with 401. Raises SendingError, NothingToShow."""
        shown, versions = self._log_in(fresh=False)
        answer = await self._send(method, path, shown, urgent)
        if answer.status == 401:
            shown, fresh = self._log_in(fresh=True)
            if fresh != versions:
                answer = await self._send(method, path, shown, urgent)
        return answer

    def written(self, method: str, path: str) -> bytes:
        """The bytes of it, with ``{base64 of …}`` in the place of the log-in. Raises Unsendable."""
        settings = self._settings
        log_in = f"{settings.user};{{secret:{settings.application}}}:{{secret:{settings.password}}}"
        headers = (("Authorization", f"Basic {{base64 of {log_in}}}"), *ACCEPT)
        return self._sender.written(method, self.origin, self.base + path, headers)

    async def _send(self, method: str, path: str, shown: str, urgent: bool) -> Answer:
        # An empty body, told by Content-Length: 0; without that a POST is answered 411 [1].
        headers = (("Authorization", shown), *ACCEPT)
        return await self._sender.send(
            method, self.origin, self.base + path, headers, b"", self._settings.timeout, urgent
        )

    def _log_in(self, fresh: bool) -> tuple[str, tuple[str, str]]:
        settings = self._settings
        try:
            password = self._secrets.get(settings.password, fresh)
            application = self._secrets.get(settings.application, fresh)
        except SecretMissing as missing:
            raise NothingToShow(str(missing)) from None
        app = application.reveal().strip()
        if not app or any(char in app for char in ":;"):
            raise NothingToShow(
                f"the secret {settings.application} is no application id: it is empty, or has a : or ; in it; put the "
                "application id of the SDK certificate there, and nothing else"
            )
        told = f"{settings.user};{app}:{password.reveal()}".encode("utf-8", "replace")
        return f"Basic {base64.b64encode(told).decode()}", (password.version, application.version)
