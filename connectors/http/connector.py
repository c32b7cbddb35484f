"""The HTTP connector as the service sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from bridge.model import ConnectorId, Finding, Findings, Reach
from bridge.secret import SecretMissing, Secrets
from bridge.units import said_size
from connectors.base import Address, Addresses, ConnectorSettings, Intake, Link, Mode
from connectors.http.address import HttpAddress
from connectors.http.app import App
from connectors.http.credentials import Credentials
from connectors.http.refusals import Refusals
from connectors.http.settings import HttpSettings
from connectors.http.table import Table
from connectors.listening import bound_to, find_port, open_listener
from connectors.reaching import listens

FINISH_WITHIN = 5.0
"""Seconds requests in flight get to be answered when the connector is stopped."""


class HttpConnector:
    """Implements ``connectors.base.Connector``.

    ``bound``: the address it really listens on ("127.0.0.1:8080"), "" before. ``accept_in_observe``: whether a dry
    run takes messages from their senders; set before ``run``. ``counts``: requests without a message, by reason.
    """

    Settings: ClassVar[type[ConnectorSettings]] = HttpSettings
    Address: ClassVar[type[Address]] = HttpAddress

    def __init__(self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets) -> None:
        if not isinstance(settings, HttpSettings):
            raise TypeError(f"an http connector has settings of its own kind, not {type(settings).__name__}")
        self.bound = ""
        self.accept_in_observe = False
        self._name = name
        self._settings = settings
        self._secrets = secrets
        self._addresses = addresses
        self._refusals = Refusals(name, addresses)
        self._app = App(name, settings, Table(addresses), Credentials(secrets, settings.digest), self._refusals)
        self.counts = self._app.counts

    @property
    def taken(self) -> int:
        """Messages a dry run acknowledged, so that their senders will not send them again."""
        return self._app.taken

    def readdress(self, addresses: Addresses) -> None:
        self._app.table = Table(addresses)
        self._refusals.readdress(addresses)
        self._addresses = addresses

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """For the firewall's table."""
        assert isinstance(settings, HttpSettings)
        return listens(
            settings.bind,
            addresses,
            speaks="HTTP" if settings.tls is None else "HTTPS",
            how_often=f"when a device speaks; {settings.max_connections} connections at once at most",
            how_large=f"{said_size(settings.max_body)} a message at most",
            why="devices send their messages",
        )

    async def probe(self) -> Findings:
        where = f"connectors.{self._name}"
        found = [find_port(self._settings.bind, where)]
        tls = self._settings.tls
        if tls is not None:
            from connectors.http.server import read_certificate

            try:
                read_certificate(tls.certificate, tls.key)
                found.append(Finding(True, f"{tls.certificate} and its key can be read", where))
            except OSError as error:
                remedy = "give PEM files this user can read, that belong together, the key without a password"
                found.append(Finding(False, error.strerror or str(error), where, remedy))
        asked = {address.secret: None for address in self._addresses if isinstance(address, HttpAddress)}
        for secret in asked:
            if secret is not None:
                try:
                    self._secrets.get(secret)
                except SecretMissing as missing:
                    found.append(Finding(False, str(missing), where, f"set the secret {secret}"))
        return tuple(found)

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Raises OSError when the port or the certificate cannot be had."""
        from connectors.http.server import Listener  # httptools and ssl are imported where they are used

        self._app.begin(intake, mode, self.accept_in_observe)
        self._refusals.begin(link)
        socket = open_listener(self._settings.bind)
        try:
            listener = Listener(self._app, self._settings)
            await listener.start(socket)
            try:
                self.bound = bound_to(socket)
                link.up(f"listening on {self.bound}")
                await asyncio.get_running_loop().create_future()  # until cancelled
            except asyncio.CancelledError:
                pass  # to stop is to finish what is in flight, and then to return
            finally:
                await listener.finish(FINISH_WITHIN)
        finally:
            self.bound = ""
            socket.close()
