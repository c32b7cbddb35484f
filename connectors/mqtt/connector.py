"""The MQTT connector as the service sees it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from asyncio import FIRST_COMPLETED
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from bridge.model import ConnectorId, Finding, Findings, Reach
from bridge.secret import Secrets
from bridge.units import said_seconds, said_size
from connectors.backoff import Backoff
from connectors.base import Address, Addresses, ConnectorSettings, Intake, Link, Mode
from connectors.mqtt import topics
from connectors.mqtt.known import Known, Plan
from connectors.mqtt.settings import MqttAddress, MqttSettings
from connectors.mqtt.taking import Taking
from connectors.outbound import find_secrets, without_library
from connectors.reaching import connects

if TYPE_CHECKING:
    from connectors.mqtt.connecting import NotConnected
    from connectors.mqtt.session import Session

log = logging.getLogger("connectors.mqtt")

FINISH_WITHIN = 5.0
"""Seconds that what was received gets to be kept when the connector is stopped."""

STEADY = 10.0
"""Seconds a connection has to last for the next one to be tried at once."""

SHORT_LIVED = 3
"""Connections in a row that the broker ended as soon as they were there: then somebody else has our id."""

REFUSED_PAUSE = 30.0
"""Seconds, at least, until a broker that lets us not in is asked again: it may count tries and lock us out."""


class MqttConnector:
    """Implements ``connectors.base.Connector``.

    ``counts``: see ``Taking``; also ``connections``, ``gaps`` between them, ``failed`` tries, ``lost`` messages of QoS
    0, ``taken over``.
    """

    Settings: ClassVar[type[ConnectorSettings]] = MqttSettings
    Address: ClassVar[type[Address]] = MqttAddress

    def __init__(self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets) -> None:
        if not isinstance(settings, MqttSettings):
            raise TypeError(f"an mqtt connector has settings of its own kind, not {type(settings).__name__}")
        self._counts: Counter[str] = Counter()
        self._lost = 0  # by the sessions that have ended
        self.backoff = Backoff()
        self.steady = STEADY
        self.finish_within = FINISH_WITHIN
        self.refused_pause = REFUSED_PAUSE
        self._name = name
        self._settings = settings
        self._secrets = secrets
        self._filters = settings.filters(addresses)
        self._gateways_alone = settings.gateways_alone(addresses)
        self._changed = asyncio.Event()
        self._refused = False
        self._short_lived = 0
        self._waited = False
        self._contested = False
        self._session: Session | None = None
        self._said = ""
        """Why the way in is down, as it was said; "" while it is up."""

    @property
    def counts(self) -> Counter[str]:
        self._counts["lost"] = self._lost + (self._session.lost if self._session is not None else 0)
        return self._counts

    @property
    def lost(self) -> int:
        """Messages without acknowledgement (QoS 0) that were not kept because too many waited."""
        return self.counts["lost"]

    def readdress(self, addresses: Addresses) -> None:
        """Another session's worth of topics: the connection is made anew, the broker keeps what comes meanwhile."""
        self._gateways_alone = self._settings.gateways_alone(addresses)
        filters = self._settings.filters(addresses)
        if filters != self._filters:
            self._filters = filters
            self._changed.set()

    def _is_gateway_alone(self, topic: str) -> bool:
        return topic in self._gateways_alone

    # ------------------------------------------------------------------------------------------------------- probing

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """For the firewall's table."""
        assert isinstance(settings, MqttSettings)
        found = connects(
            settings.url,
            speaks="MQTT with TLS" if settings.secure else "MQTT",
            how_often=f"always connected; a ping every {said_seconds(settings.keepalive)} of silence",
            how_large=f"{said_size(settings.max_message)} a message at most",
            why="the broker tells what sensors publish",
        )
        return (found,)

    async def probe(self) -> Findings:
        """Whether the broker lets us in, as a client of another id that subscribes to nothing."""
        where = f"connectors.{self._name}"
        found = find_secrets(self._settings.secrets(), self._secrets, where)
        if found:
            return tuple(found)
        try:
            session = await self._open(_Nothing(), clean=True)
        except _not_connected() as error:
            return (Finding(False, str(error), where, "mend what it says, or the connector's url"),)
        except OSError as error:
            return (Finding(False, error.strerror or str(error), where, "mend what it says"),)
        await session.leave()
        return (Finding(True, f"{self._settings.url} lets us in", where),)

    # ------------------------------------------------------------------------------------------------------- running

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Raises OSError when the library is not installed."""
        self._waited, self._said = False, ""
        _not_connected()  # the library is missed now, not on the first connect
        if mode is Mode.OBSERVE and self._settings.observe == "wait":
            link.down("a dry run does not connect: observe is wait")
            await _until_cancelled()
            return
        known = Known(self._name, await intake.position(f"mqtt {self._name}"))
        async with asyncio.TaskGroup() as group:
            taking = Taking(self._name, self._settings, intake, link, self.counts, known, self._is_gateway_alone)
            try:
                await self._stay_connected(group, taking, known, link, observing=mode is Mode.OBSERVE)
            except asyncio.CancelledError:
                pass  # to stop is to finish what is in flight, and then to return
            finally:
                await taking.finish(0.0 if self._waited else self.finish_within)

    async def _stay_connected(
        self, group: asyncio.TaskGroup, taking: Taking, known: Known, link: Link, observing: bool
    ) -> None:
        self.backoff.reset()
        lost_at: float | None = None
        lost_by = ""
        while True:
            self._changed.clear()
            # A dry run would take from a shared subscription what is another's.
            filters = [topics.plain(each) for each in self._filters] if observing else self._filters
            known.want(filters, self._settings.qos)
            try:
                session = await self._open(known, clean=observing)
            except (_not_connected(), OSError) as error:
                self.counts["failed"] += 1
                self._away(link, str(error.strerror or error) if isinstance(error, OSError) else str(error), lost_by)
                pause = self.backoff.next()
                await asyncio.sleep(max(pause, self.refused_pause) if self._refused else pause)
                continue
            began, self._waited = time.monotonic(), False
            self.counts["connections"] += 1
            self._session = session
            taking.connected(session)
            what = self._connected(session, lost_at, began)
            if lost_by and not self._said:  # a gap too short for the link to tell
                level = logging.INFO if session.present else logging.WARNING
                log.log(level, "connector %s: %s; %s", self._name, lost_by, what)
            lost_by = ""
            try:
                await self._converse(session, group, taking, what)
            finally:
                await self._leave(session, taking)
            lost_at = time.monotonic()
            if self._changed.is_set():
                continue
            lost_by = session.why
            why = self._ended(session, lost_at - began)
            if why:
                self._away(link, why)
                await asyncio.sleep(self.backoff.next())

    async def _converse(self, session: Session, group: asyncio.TaskGroup, taking: Taking, what: str) -> None:
        """Take what arrives until the connection ends, or other topics are wanted. Where somebody else takes our
        session each time, it is not said that we are there before we have been for a while."""
        if not self._contested:
            self._there(taking, what)
        changed = asyncio.ensure_future(self._changed.wait())
        listening = asyncio.ensure_future(taking.listen(session, group))
        try:
            if self._contested:
                done, _ = await asyncio.wait({changed, listening}, timeout=self.steady, return_when=FIRST_COMPLETED)
                if not done:
                    self._contested = False
                    self._there(taking, what)
            await asyncio.wait({changed, listening}, return_when=FIRST_COMPLETED)
            if listening.done():
                listening.result()
        finally:
            for each in (changed, listening):
                each.cancel()
            await asyncio.gather(changed, listening, return_exceptions=True)

    def _there(self, taking: Taking, what: str) -> None:
        self._said = ""
        taking.up(what)

    def _away(self, link: Link, why: str, lost_by: str = "") -> None:
        """``lost_by``: how the connection ended before that; told where nobody was told yet."""
        if why != self._said:
            told = f"{lost_by}; then {why}" if lost_by and not self._said else why
            self._said = why
            link.down(told)

    async def _leave(self, session: Session, taking: Taking) -> None:
        """What is in flight may still be acknowledged on this connection."""
        if not session.over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.finish_within):
                    await taking.settled()
            self._waited = True
        taking.lost()
        await session.leave()
        taking.left(session)
        self._session = None
        self._lost += session.lost
        if session.lost:
            log.error("connector %s: %d messages of QoS 0 were lost, too many waited", self._name, session.lost)

    def _ended(self, session: Session, lasted: float) -> str:
        """Why the way in is down, or "" when the next try may come at once."""
        if session.taken_over:
            self.counts["taken over"] += 1
            self._contested = True
            return session.why
        if lasted >= self.steady:
            self._short_lived = 0
            self.backoff.reset()  # and try again at once
            return ""
        self._short_lived += 1
        if self._short_lived >= SHORT_LIVED:
            self._contested = True
            return (
                f"{session.why}, again and again as soon as we are there: another client may have the "
                f"client id {self._client_id}; give this bridge a client_id of its own"
            )
        return session.why

    def _connected(self, session: Session, lost_at: float | None, now: float) -> str:
        sentence = f"connected to {self._settings.url} as {self._client_id}"
        if lost_at is not None:
            self.counts["gaps"] += 1
            kept = "the broker kept what came meanwhile" if session.present else "the broker had forgotten our session"
            sentence = f"back after {now - lost_at:.1f} s; {kept}"
        if session.without:
            sentence += f"; without acknowledgement (QoS 0): {', '.join(session.without[:5])}"
        return sentence

    @property
    def _client_id(self) -> str:
        return self._settings.client_id or f"vms-bridge-{self._name}"

    async def _open(self, known: Known | _Nothing, clean: bool) -> Session:
        """Raises NotConnected, or OSError for a secret or a certificate that cannot be read."""
        from connectors.mqtt.connecting import broker_of
        from connectors.mqtt.session import Session

        refused, self._refused = self._refused, False
        client_id = f"{self._client_id}-{os.urandom(4).hex()}" if clean else self._client_id
        broker = await asyncio.to_thread(broker_of, self._settings, self._secrets, client_id, clean, refused)
        try:
            return await Session.open(broker, known.plan(broker.five), self._settings.qos)
        except _not_connected() as error:
            self._refused = error.refused
            raise


class _Nothing:
    """A probe subscribes to nothing."""

    def plan(self, five: bool) -> Plan:
        return lambda present: ((), ())


def _not_connected() -> type[NotConnected]:
    """The error of a connection that could not be made. Raises OSError when the library is not installed."""
    try:
        from connectors.mqtt.connecting import NotConnected
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != "paho":
            raise
        raise without_library("paho-mqtt", "mqtt", "mqtt") from None
    return NotConnected


async def _until_cancelled() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.get_running_loop().create_future()
