"""Version 3: the library decrypts and answers, this decides what it may take.

What the library does not do by itself, seen with pysnmp 7.1: it drops traps of engines it does not know, so each that
has proven itself is made known to it first; it delivers a plain message of a user who has keys, so the level is
compared; it answers an inform before anybody kept it, so what it wants to send is held until the commit; and its check
of the time window never refuses a trap, so that is made here too (RFC 3414 3.2, 7b).
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec
from pyasn1.codec.ber import encoder
from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.carrier.base import AbstractTransportDispatcher
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import ntfrcv
from pysnmp.proto.rfc1902 import OctetString

from connectors.snmp.header import Header
from connectors.snmp.keys import LEVELS, Keys
from connectors.snmp.library import add_user, varbind_of
from connectors.snmp.notification import Notification, Varbind, told

MOST_ENGINES = 1024
"""Known to the library at once, some 30 kB each; the one that was silent longest is forgotten, and learned again when
it speaks."""

MOST_UNPROVEN = 10
"""New engines of users without keys that are learned in a second."""

WINDOW = 150
"""Seconds a message may be older than the newest of its engine."""

LAST_BOOT = 2**31 - 1
"""An engine that has started so often has to be set up anew (RFC 3414 2.2.2)."""


class Refused(Exception):
    """The message is not taken; says why, without anything secret."""


class Heard(msgspec.Struct, frozen=True):
    """``told`` None: no notification, but a question about us. ``answer``: what to send when the notification is kept,
    or at once when there is none; b"" for nothing."""

    told: Notification | None
    answer: bytes = b""
    user: str = ""
    level: str = ""
    engine: str = ""


class _Outbox(AbstractTransportDispatcher):  # type: ignore[misc]
    """Stands in the place of sockets: what the library would send lies here."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def send_message(self, outgoingMessage: bytes, transportDomain: object, transportAddress: object) -> None:
        self.sent.append(bytes(outgoingMessage))


class _Clock(msgspec.Struct):
    """The newest an engine has shown: how often it had started, its seconds since, and ours then."""

    boots: int
    time: int
    seen: float


class Version3:
    """Not safe for threads. ``replayed`` messages are counted besides being refused."""

    def __init__(self, own: bytes, boots: int, users: Mapping[str, Keys]) -> None:
        """``own``: our engine id. ``boots``: greater at every start, or senders of informs take us for a recording."""
        self.replayed = 0
        self._own = own
        self._unproven, self._unproven_since = 0, time.monotonic()
        self._users: dict[bytes, Keys] = {}
        self._learned: OrderedDict[tuple[bytes, bytes], None] = OrderedDict()
        self._clocks: OrderedDict[bytes, _Clock] = OrderedDict()
        self._callback: tuple[str, str, int, Any, list[Varbind]] | None = None
        self._outbox = _Outbox()
        self._engine = SnmpEngine()  # without an id, or it would keep its boots in a file that everybody may write
        symbols = self._engine.get_mib_builder().import_symbols(
            "__SNMP-FRAMEWORK-MIB", "snmpEngineID", "snmpEngineBoots"
        )
        symbols[0].syntax = symbols[0].syntax.clone(own)
        symbols[1].syntax = symbols[1].syntax.clone(boots)
        self._engine.snmpEngineID = symbols[0].syntax
        self._engine.register_transport_dispatcher(self._outbox)
        ntfrcv.NotificationReceiver(self._engine, self._called)
        self.renew(users)

    def renew(self, users: Mapping[str, Keys]) -> None:
        """Take these users' keys in the place of those there were."""
        for engine, user in [*self._learned, *((self._own, user) for user in self._users)]:
            config.delete_v3_user(self._engine, user.decode("utf-8"), OctetString(engine))
        self._learned.clear()
        self._users = {name.encode("utf-8"): keys for name, keys in users.items()}
        for keys in self._users.values():
            self._add(keys, self._own)

    def hear(self, data: bytes, header: Header, source: tuple[str, int]) -> Heard:
        """Raises Refused, or NotBer for a notification without a trap in it."""
        keys = self._users.get(header.user)
        ours = header.engine == self._own
        if keys is not None and header.engine:
            self._judge(data, header, keys, ours)
            if not ours:
                self._learn(header, keys)
        elif not ours and header.engine:
            raise Refused("nobody has told of its user")
        self._outbox.sent.clear()
        self._callback = None
        try:
            self._outbox.handle_timer_tick(time.time())
            self._engine.message_dispatcher.receive_message(
                self._engine, udp.DOMAIN_NAME, udp.UdpTransportAddress(source), data
            )
        except Exception as error:
            raise Refused(f"the library cannot read it: {type(error).__name__}") from error
        answer = self._outbox.sent[-1] if self._outbox.sent else b""
        if self._callback is None:
            if not answer:
                raise Refused("it cannot be decrypted, or is no notification")
            return Heard(None, answer)
        user, level, _, pdu, varbinds = self._callback
        if keys is None or level != keys.user.level:
            raise Refused(f"its level is {level}")
        if not ours and header.level & 1:
            self._advance(header)
        asked = hashlib.blake2b(encoder.encode(pdu), digest_size=12).hexdigest() if answer else ""
        return Heard(told(varbinds, "v3", asked), answer, user, level, header.engine.hex())

    # ------------------------------------------------------------------------------------------------------- who it is

    def _judge(self, data: bytes, header: Header, keys: Keys, ours: bool) -> None:
        level = LEVELS.get(header.level, "privacy without authentication")
        if level != keys.user.level and not (ours and not header.boots and not header.time):
            raise Refused(f"its level is {level}, and that of its user {keys.user.level}")
        if header.level & 1 and not keys.proven(data, header):
            raise Refused("its authentication is wrong: another pass phrase, or another algorithm")
        clock = None if ours else self._clocks.get(header.engine)
        if clock is None or keys.user.level == "noAuthNoPriv":
            return
        passed = int(time.monotonic() - clock.seen)
        if (
            header.boots == LAST_BOOT
            or header.boots < clock.boots
            or (header.boots == clock.boots and header.time < clock.time + passed - WINDOW)
        ):
            self.replayed += 1
            raise Refused(
                f"it is a recording, or its device lost count: start {header.boots} at {header.time} s, and start "
                f"{clock.boots} at {clock.time + passed} s was heard of this engine"
            )

    def _advance(self, header: Header) -> None:
        clock = self._clocks.get(header.engine)
        if clock is None or (header.boots, header.time) > (clock.boots, clock.time):
            self._clocks[header.engine] = _Clock(header.boots, header.time, time.monotonic())
        self._clocks.move_to_end(header.engine)
        while len(self._clocks) > MOST_ENGINES:
            self._clocks.popitem(last=False)

    def _learn(self, header: Header, keys: Keys) -> None:
        known = (header.engine, header.user)
        if known in self._learned:
            self._learned.move_to_end(known)
            return
        if not 5 <= len(header.engine) <= 32:
            raise Refused(f"its engine id has {len(header.engine)} bytes")
        while len(self._learned) >= MOST_ENGINES:
            engine, user = self._learned.popitem(last=False)[0]
            config.delete_v3_user(self._engine, user.decode("utf-8"), OctetString(engine))
        if keys.user.auth_key is None:
            self._allow()
        self._add(keys, header.engine)
        self._learned[known] = None

    def _allow(self) -> None:
        """To learn an engine takes milliseconds, and of a user without keys anybody may send any number of them."""
        now = time.monotonic()
        if now - self._unproven_since >= 1.0:
            self._unproven, self._unproven_since = 0, now
        self._unproven += 1
        if self._unproven > MOST_UNPROVEN:
            raise Refused("too many new engines at once, of a user without keys")

    def _add(self, keys: Keys, engine: bytes) -> None:
        add_user(self._engine, keys, engine)

    # -------------------------------------------------------------------------------------------------- what it says

    def _called(self, engine: Any, reference: Any, context: Any, name: Any, varbinds: Any, more: Any) -> None:
        shown = engine.observer.get_execution_context("rfc3412.receiveMessage:request")
        level = {1: "noAuthNoPriv", 2: "authNoPriv", 3: "authPriv"}.get(int(shown["securityLevel"]), "?")
        told = [varbind_of(oid, value) for oid, value in varbinds]
        self._callback = (str(shown["securityName"]), level, int(shown["securityModel"]), shown["pdu"], told)
