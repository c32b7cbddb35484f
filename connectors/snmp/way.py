"""One run of the connector that hears traps: an open port, what waits behind it, and what becomes of it."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Container

from bridge.model import ConnectorId, Message, Position
from connectors.base import Intake, Link
from connectors.datagrams import way as datagrams
from connectors.datagrams.waiting import Datagram
from connectors.snmp.ber import NotBer
from connectors.snmp.document import CONTENT_TYPE
from connectors.snmp.hearing import Ears, Taken, Told, Turned
from connectors.snmp.settings import SnmpSettings
from connectors.sources import plain


class Way(datagrams.Way):
    """``named``: senders that a sensor's address names one by one; that one of them is refused is a fault."""

    def __init__(
        self,
        name: ConnectorId,
        settings: SnmpSettings,
        port: socket.socket,
        ears: Ears,
        boots: Position | None,
        intake: Intake,
        counts: Counter[str],
        answers: bool,
        named: Container[str],
    ) -> None:
        super().__init__(name, port, settings.waiting, intake, counts, "traps")
        self._name = name
        self._ears = ears
        self._answers = answers
        self._boots = boots
        self._named = named
        self._refused: dict[str, Link] = {}

    @property
    def _more(self) -> str:
        return "" if self._answers else ", answering no inform"

    def _understand(self, group: asyncio.TaskGroup, datagram: Datagram) -> None:
        peer = plain(datagram.source[0])
        try:
            said = self._ears.read(datagram)
        except Turned as turned:
            self._counts["refused"] += 1
            self._trouble.say(peer, str(turned))
            if peer in self._named and peer not in self._refused:
                part = self._refused[peer] = self._link.part(peer)
                part.down(f"what {peer} sends is not taken: {turned}")
            return
        except NotBer as wrong:
            self._counts["malformed"] += 1
            self._trouble.say(peer, f"what it sends is no notification: {wrong}")
            if self._trouble.worth_keeping(peer):
                self._keep(group, datagram, self._ears.unread(datagram.data, peer), "application/octet-stream")
            return
        if isinstance(said, Told):
            self._send(said.answer, datagram.source)
            return
        if peer in self._refused:
            self._refused.pop(peer).up()
        self._keep(group, datagram, said)

    def _keep(
        self, group: asyncio.TaskGroup, datagram: Datagram, said: Taken, content_type: str = CONTENT_TYPE
    ) -> None:
        position = None
        answer = None
        if said.answer:
            if said.origin.authenticated is None:
                position = self._boots

            def answer() -> None:
                self._counts["informs"] += 1
                if position is not None:
                    self._boots = None  # it is on disk
                if self._answers:
                    self._send(said.answer, datagram.source)
                    self._counts["answered"] += 1

        message = Message(
            connector=self._name,
            origin=said.origin,
            body=said.body,
            content_type=content_type,
            arrived=datagram.arrived,
            position=position,
        )
        self._submissions.submit(group, message, answer)

    def _send(self, answer: bytes, to: tuple[str, int]) -> None:
        try:
            self._port.sendto(answer, to)
        except OSError as error:  # its sender asks again
            self._counts["answers that could not be sent"] += 1
            self._trouble.say(to[0], f"it cannot be answered: {error.strerror or error}")
