"""One connection to a broker, from its CONNECT to its end, in a thread of its own. Imports the library; the connector
imports this when it runs.

The thread alone touches the library's client. What it hears goes to the event loop in bursts, what it is to acknowledge
comes back in bursts. It never connects again: whoever opened it does.

Protocol: MQTT 5.0 and 3.1.1 (OASIS).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from paho.mqtt.client import (
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
    error_string,
)
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.model import Instant
from connectors.mqtt import reasons
from connectors.mqtt.acks import Entry
from connectors.mqtt.arrived import Arrived
from connectors.mqtt.client import AheadClient
from connectors.mqtt.connecting import Broker, NotConnected, client_of, connect
from connectors.mqtt.known import Plan
from connectors.mqtt.watching import Watch

log = logging.getLogger("connectors.mqtt")

MOST_WAITING = 5_000
"""Messages that were read and not fetched; beyond it nothing more is read for a while. A broker may send more at once
than it was told to: mosquitto 2.0.11 does when much is acknowledged at once, and all of it again on the next
connection."""

MOST_BYTES = 64 * 2**20
"""Of these."""

HELD = 4
"""Times as much is held when reading had to go on; then messages of QoS 0 are lost, and of QoS 1 left to the broker."""

LONGEST_PAUSE = 60.0
"""Seconds in which nothing is read, at most; a third of the keep-alive time if that is less."""

_MOST_TOPICS = 10_000
_FILTERS_AT_ONCE = 8
"""In one SUBSCRIBE: some brokers take no more."""

_PACKETS_AT_ONCE = 256
_TICK = 0.5
_CLOSING = 2.0


class Session:
    """Made by ``open``; ``next`` until it gives None, then ``why`` says what ended it; then always ``leave``.

    ``present``: the broker still had our session. ``refused``: topics it does not let us have, and why. ``lost``:
    messages without acknowledgement (QoS 0) that were not kept because too many waited. ``taken_over``: another client
    has our id.
    """

    def __init__(self, broker: Broker, plan: Plan, qos: int) -> None:
        self.present = False
        self.refused: dict[str, str] = {}
        self.without: list[str] = []
        self.why = ""
        self.taken_over = False
        self.lost = 0
        self._broker = broker
        self._plan = plan
        self._qos = qos
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._news = asyncio.Event()
        self._over = asyncio.Event()
        self._arrived: deque[Arrived] = deque()
        self._arrived_bytes = self._fetched_bytes = 0
        self._told = False
        self._topics: dict[bytes, str] = {}
        self._acks: deque[Entry] = deque()
        self._waiting_subscriptions: dict[int, Sequence[str]] = {}
        self._stop = False
        self._connected = False
        self._is_opened = False
        self._waking = False
        self._watch = Watch()
        self._thread = threading.Thread(target=self._run, name=f"mqtt {broker.host}", daemon=True)

    @classmethod
    async def open(cls, broker: Broker, plan: Plan, qos: int) -> Session:
        """Connect and subscribe. ``plan``: which topics to leave and which to subscribe to, asked (in the thread) once
        it is known whether the broker still has our session. Raises NotConnected."""
        session = cls(broker, plan, qos)
        session._thread.start()
        try:
            async with asyncio.timeout(broker.connect_timeout * 2 + 1):
                await session._opened
        except TimeoutError:
            session._wake(stop=True)
            raise NotConnected(f"{broker.host} does not answer within {broker.connect_timeout:g} s") from None
        except BaseException:
            session._wake(stop=True)
            raise
        return session

    async def next(self) -> list[Arrived] | None:
        """What has arrived since, in order; None when nothing will any more."""
        while not self._arrived:
            if self._over.is_set():
                return None
            self._news.clear()
            self._told = False
            if self._arrived:
                break
            await self._news.wait()
        found: list[Arrived] = []
        while self._arrived and len(found) < _PACKETS_AT_ONCE:
            arrived = self._arrived.popleft()
            self._fetched_bytes += len(arrived.payload)
            found.append(arrived)
        return found

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def ack(self, entry: Entry) -> None:
        """PUBACK, when the thread comes to it; call in the order the messages came."""
        self._acks.append(entry)
        if not self._waking:
            self._waking = True
            self._loop.call_soon(self._wake_to_acknowledge)  # a commit keeps many: the thread is woken once for them

    @property
    def unsent(self) -> Sequence[Entry]:
        """What was to be acknowledged, and was not before it was over."""
        return tuple(self._acks) if self.over else ()

    async def leave(self) -> None:
        """Say goodbye, after what is to be acknowledged; a broker that does not listen is left after a while."""
        self._wake(stop=True)
        try:
            async with asyncio.timeout(_CLOSING + 1):
                await self._over.wait()
        except TimeoutError:
            log.warning("the connection to %s does not end", self._broker.host)

    def _wake_to_acknowledge(self) -> None:
        self._waking = False
        self._wake()

    def _wake(self, stop: bool = False) -> None:
        self._stop = self._stop or stop
        self._watch.wake()

    # ----------------------------------------------------------------------------------------------------- the thread

    def _run(self) -> None:
        why = NotConnected("the session ended")
        try:
            self._serve()
        except NotConnected as error:
            why = error
        except Exception as error:
            log.exception("the session with %s failed", self._broker.host)
            why = NotConnected(f"failed: {type(error).__name__}")
        finally:
            self._watch.close()
        with contextlib.suppress(RuntimeError):  # the loop has gone before us
            self._loop.call_soon_threadsafe(self._ended, why)

    def _serve(self) -> None:
        """Until it ends: returns when we left, else raises NotConnected."""
        client = client_of(self._broker)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        try:
            connect(client, self._broker)
            if self._stop:
                return  # nobody waits any more, and another may have our session by now
            until = time.monotonic() + self._broker.connect_timeout
            if client.socket() is None:
                raise NotConnected(self.why or "the broker closed the connection")
            self._watch.begin(client.socket())
            paused = 0.0
            while True:
                full = self._is_full()
                paused = (paused or time.monotonic()) if full else 0.0
                # Not reading pushes back through TCP; for too long, the broker would take us for dead.
                reads = not full or time.monotonic() - paused > min(self._broker.keepalive / 3, LONGEST_PAUSE)
                readable = self._watch.wait(reads, client.want_write(), 0 if client.ahead and reads else _TICK)
                self._acknowledge(client)
                code = MQTTErrorCode.MQTT_ERR_SUCCESS
                if reads and (readable or client.ahead):
                    code = self._read(client)
                if not code and client.want_write():
                    code = client.loop_write()
                if not code:
                    code = client.loop_misc()
                if code or client.socket() is None:
                    raise NotConnected(self.why or f"the connection was lost: {error_string(code)}")
                if self._stop and not self._acks and not client.want_write():
                    return
                if not self._connected and time.monotonic() > until:
                    what = f"{self._broker.host} does not answer within {self._broker.connect_timeout:g} s"
                    raise NotConnected(what)
        finally:
            self._tell()
            self._goodbye(client)

    def _read(self, client: AheadClient) -> MQTTErrorCode:
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        for _ in range(_PACKETS_AT_ONCE):
            if not client.within:
                if not client.ahead:
                    try:
                        client.fill()
                    except BlockingIOError:
                        break
                    except OSError as error:
                        raise NotConnected(f"the connection was lost: {error.strerror or error}") from None
                for each in client.published():
                    self._take(*each)
                if not client.ahead and not client.ended:
                    break
            code = client.loop_read()
            if code or not client.ahead:
                break
        self._tell()
        return code

    def _tell(self) -> None:
        """Let the event loop know, once until it has fetched all."""
        if self._arrived and not self._told:
            self._told = True
            try:
                self._loop.call_soon_threadsafe(self._news.set)
            except RuntimeError:
                self._stop = True  # the loop has gone

    def _acknowledge(self, client: AheadClient) -> None:
        if self._acks:
            client.acknowledge([self._acks.popleft().mid for _ in range(len(self._acks))])

    def _is_full(self) -> bool:
        """Not before it is open: until then nobody fetches, and the answer to our subscriptions comes behind all that
        the broker sends again."""
        if not self._is_opened:
            return False
        return len(self._arrived) >= MOST_WAITING or self._arrived_bytes - self._fetched_bytes >= MOST_BYTES

    def _goodbye(self, client: AheadClient) -> None:
        """DISCONNECT, if there is anybody to say it to; the session stays with the broker."""
        self._stop = True
        if self._connected and client.socket() is not None:
            client.disconnect()
            client.loop_write()
        wire = client.socket()
        if wire is not None:
            wire.close()

    # -------------------------------------------------------------------------------- what the library calls back with

    def _on_connect(
        self, client: Client, userdata: object, flags: ConnectFlags, reason: ReasonCode, properties: object
    ) -> None:
        if reason.is_failure:
            self.why = reasons.of_connect(reason.value, str(reason))
            raise NotConnected(self.why, refused=reason.value in reasons.REFUSED)
        self._connected = True
        self.present = flags.session_present
        leave, subscribe = self._plan(flags.session_present)
        for start in range(0, len(leave), _FILTERS_AT_ONCE):
            client.unsubscribe(list(leave[start : start + _FILTERS_AT_ONCE]))
        for start in range(0, len(subscribe), _FILTERS_AT_ONCE):
            some = subscribe[start : start + _FILTERS_AT_ONCE]
            _, mid = client.subscribe([(each, self._wanted(each)) for each in some])
            if mid is not None:
                self._waiting_subscriptions[mid] = some
        if not self._waiting_subscriptions:
            self._is_open()

    def _wanted(self, filter: str) -> Any:
        """How to subscribe; with MQTT 5 the retained messages come only for what is new."""
        if not self._broker.five:
            return self._qos
        handling = (
            SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if self._broker.clean else SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
        )
        return SubscribeOptions(qos=self._qos, retainHandling=handling)

    def _on_subscribe(
        self, client: object, userdata: object, mid: int, codes: Sequence[ReasonCode], properties: object
    ) -> None:
        for filter, code in zip(self._waiting_subscriptions.pop(mid, ()), codes, strict=False):
            if code.is_failure:
                self.refused[filter] = reasons.of_subscribe(code.value)
            elif code.value < self._qos:
                self.without.append(filter)
        if not self._waiting_subscriptions:
            self._is_open()

    def _is_open(self) -> None:
        self._is_opened = True
        self._loop.call_soon_threadsafe(self._succeeded)

    def _on_message(self, client: object, userdata: object, message: MQTTMessage) -> None:
        """What came in more than one piece."""
        topic = message._topic  # its property raises for what is no UTF-8
        self._take(topic, bytes(message.payload), message.mid, message.qos, bool(message.retain), bool(message.dup))

    def _take(self, topic: bytes, payload: bytes, mid: int, qos: int, retained: bool, again: bool) -> None:
        held = self._arrived_bytes - self._fetched_bytes
        if held >= HELD * MOST_BYTES and qos:
            raise NotConnected("too many messages wait to be kept; the broker keeps the rest")
        if not qos and (held >= HELD * MOST_BYTES or len(self._arrived) >= HELD * MOST_WAITING):
            self.lost += 1
            return
        self._arrived_bytes += len(payload)
        name = self._topics.get(topic)
        if name is None:
            if len(self._topics) >= _MOST_TOPICS:
                self._topics.clear()
            name = self._topics[topic] = topic.decode("utf-8", "replace")
        at = Instant(datetime.now(UTC), time.monotonic())
        self._arrived.append(Arrived(name, payload, mid, qos, retained, again, at))

    def _on_disconnect(
        self, client: object, userdata: object, flags: DisconnectFlags, reason: ReasonCode, properties: object
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self.taken_over = reason.value == reasons.TAKEN_OVER
            self.why = reasons.of_disconnect(reason.value, str(reason), self._broker.client_id)
        elif not self._stop and not self.why:
            self.why = "the broker ended the connection" if self._connected else "the broker let us not in"

    # -------------------------------------------------------------------------------------------- on the event loop

    def _succeeded(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    def _ended(self, why: NotConnected) -> None:
        self.why = self.why or str(why)
        if not self._opened.done():
            self._opened.set_exception(why)
            self._opened.exception()  # whoever waited may have given up
        self._over.set()
        self._news.set()
