"""What a broker's messages become: submitted in the order they came, acknowledged in that order once kept."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from bridge.model import ConnectorId, Message, Origin, Position
from connectors.base import Intake, Link
from connectors.in_order import InOrder
from connectors.mqtt.acks import Acks, Entry
from connectors.mqtt.arrived import Arrived
from connectors.mqtt.availability import Gateways
from connectors.mqtt.births import PREFIX, Births
from connectors.mqtt.known import Known
from connectors.mqtt.settings import MqttSettings

if TYPE_CHECKING:
    from connectors.mqtt.session import Session

log = logging.getLogger("connectors.mqtt")

STANDING = "standing"
"""The attribute of an origin whose message is no event but how things stand; ``first``: how they stood when we came,
``again``: what may have changed while we were away."""

TOPICS = "topics"
"""The part of the link that is down while the broker does not let us have all of them."""

MOST_BYTES = 64 * 2**20
"""Of bodies that wait for their commit."""


class Taking:
    """``counts``: ``messages`` kept, ``again``: times the intake said later and was waited for, ``abandoned`` at the
    end, ``gateway`` ones that are of the link alone, ``empty`` ones (a retained message was taken away), ``oversize``
    ones, ``retained`` ones that were left out, ``known`` ones: sent again by the broker, and kept already."""

    def __init__(
        self,
        name: ConnectorId,
        settings: MqttSettings,
        intake: Intake,
        link: Link,
        counts: Counter[str],
        known: Known,
        of_a_gateway_alone: Callable[[str], bool],
    ) -> None:
        self._name = name
        self._settings = settings
        self._link = link
        self._counts = counts
        self._known = known
        self._of_a_gateway_alone = of_a_gateway_alone
        self._gateways = Gateways(settings.availability)
        self._acks = Acks()
        self._births = Births(name, intake)
        self._in_order = InOrder(intake, counts, MOST_BYTES, settings.in_flight)
        self._peer = settings.host
        self._refused = ""
        self._some_refused = False
        self._begun = 0
        self._settled = asyncio.Event()
        self._oversize_said = False

    # ----------------------------------------------------------------------------------------------- one connection

    def connected(self, session: Session) -> None:
        self._acks.connected(session.ack, session.present)
        self._refused = _refused(session)

    def up(self, what: str) -> None:
        """Say that we are there, and how we came to be."""
        self._link.up(what)
        if self._refused:
            self._link.part(TOPICS).down(self._refused)
        elif self._some_refused:
            self._link.part(TOPICS).up()
        self._some_refused = bool(self._refused)

    def lost(self) -> None:
        self._acks.lost()

    def left(self, session: Session) -> None:
        self._acks.unsent(session.unsent)

    async def listen(self, session: Session, group: asyncio.TaskGroup) -> None:
        """Take all that arrives until the connection ends."""
        said = False
        while True:
            burst = await session.next()
            if burst is None:
                return
            if session.lost and not said:  # a session may last for weeks; how many is said at its end, and counted
                said = True
                log.error("connector %s: messages of QoS 0 are lost, too many wait; said once", self._name)
            for arrived in burst:
                await self._take(arrived, group)

    async def settled(self) -> None:
        """Until all that was begun is kept."""
        while self._begun:
            self._settled.clear()
            await self._settled.wait()

    async def finish(self, within: float) -> None:
        await self._in_order.finish(within)

    # --------------------------------------------------------------------------------------------------- one message

    async def _take(self, arrived: Arrived, group: asyncio.TaskGroup) -> None:
        entry = None
        if arrived.qos:
            entry = self._acks.received(arrived)
            if entry is None:
                self._counts["known"] += 1
                return
        if arrived.topic in self._gateways:
            away = self._gateways.said(arrived.topic, arrived.payload)
            if away is not None:
                gateway = self._link.part(arrived.topic)
                gateway.down(f"{arrived.topic} says {away}") if away else gateway.up()
        if self._is_left_out(arrived):
            if entry is not None:
                self._acks.kept(entry)
            return
        body, position = arrived.payload, None
        if arrived.topic.startswith(PREFIX):
            body, position = await self._births.read(arrived.topic, body)
        message = Message(
            connector=self._name,
            origin=Origin(self._peer, arrived.topic, None, self._standing(arrived)),
            body=body,
            arrived=arrived.at,
            redelivered=arrived.again,
            position=position or self._known.position(),
        )
        await self._in_order.submit(group, message, partial(self._kept, entry, message.position))
        self._begun += 1
        if entry is not None:
            self._acks.begun(entry)

    def _is_left_out(self, arrived: Arrived) -> bool:
        if not arrived.payload:
            self._counts["empty"] += 1
            return True
        if self._of_a_gateway_alone(arrived.topic):
            self._counts["gateway"] += 1
            return True
        if len(arrived.payload) > self._settings.max_message:
            self._counts["oversize"] += 1
            if not self._oversize_said:
                self._oversize_said = True
                log.warning(
                    "connector %s: a message of %d bytes under %s is longer than max_message and left out; said once",
                    self._name, len(arrived.payload), arrived.topic,
                )  # fmt: skip
            return True
        if arrived.retained and self._settings.retained == "ignore":
            self._counts["retained"] += 1
            return True
        return False

    def _standing(self, arrived: Arrived) -> dict[str, str]:
        if not arrived.retained or self._settings.retained == "events":
            return _NOTHING
        return _AGAIN if self._known.asked_before(arrived.topic) else _FIRST

    def _kept(self, entry: Entry | None, position: Position | None) -> None:
        if position is not None and position.name == self._known.name:
            self._known.kept(position)
        if entry is not None:
            self._acks.kept(entry)
        self._begun -= 1
        if not self._begun:
            self._settled.set()


_NOTHING: dict[str, str] = {}
_FIRST = {STANDING: "first"}
_AGAIN = {STANDING: "again"}


def _refused(session: Session) -> str:
    if not session.refused:
        return ""
    topic, why = next(iter(session.refused.items()))
    more = f" and {len(session.refused) - 1} more topics" if len(session.refused) > 1 else ""
    return f"the broker does not give us {topic}{more}: {why}"
