"""From a datagram to what it says, and who may say it: versions 1 and 2c by their community, 3 by its user."""

from __future__ import annotations

import errno
import hashlib
import logging
import socket
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from bridge.model import Origin
from bridge.secret import Secrets
from connectors.datagrams.waiting import Datagram
from connectors.outbound import get, without_library
from connectors.snmp import notification
from connectors.snmp.communities import READ_AGAIN_AFTER, Communities
from connectors.snmp.document import Writer
from connectors.snmp.header import header_of
from connectors.snmp.keys import Keys, keys_of
from connectors.snmp.settings import SnmpSettings
from connectors.snmp.users import SnmpUser
from connectors.sources import plain

if TYPE_CHECKING:
    from connectors.snmp.engine import Version3

log = logging.getLogger("connectors.snmp")

_ENTERPRISE = bytes.fromhex("80004fb805")
"""RFC 3411 5: the library's registered number (20408), then bytes of our own choice."""


class Taken(msgspec.Struct, frozen=True):
    """``body``: the document. ``answer``: what its sender is told when it is kept, b"" for a trap."""

    origin: Origin
    body: bytes
    answer: bytes = b""


class Told(msgspec.Struct, frozen=True):
    """Nothing happened: a sender of informs asks who we are, and this says so."""

    answer: bytes


class Turned(Exception):
    """A message that is not taken; says why, for the log."""


def own_engine(settings: SnmpSettings, name: str) -> bytes:
    """Our engine id: the one that is set, or one that stays the same for this machine and connector."""
    if settings.engine:
        return bytes.fromhex(settings.engine)
    return _ENTERPRISE + hashlib.blake2b(f"{socket.gethostname()} {name}".encode(), digest_size=12).digest()


class Ears:
    """``counts``: ``refused`` messages, ``malformed`` ones among what came, ``replayed`` of version 3."""

    def __init__(
        self, name: str, settings: SnmpSettings, secrets: Secrets, writer: Writer, boots: int, counts: Counter[str]
    ) -> None:
        """Slow: a tenth of a second where there are users of version 3. Raises OSError when a secret of theirs is
        missing or too short, or the library is not installed."""
        self._settings = settings
        self._secrets = secrets
        self._writer = writer
        self._counts = counts
        self._communities = Communities(settings.communities, secrets)
        self._versions: tuple[str, ...] = ()
        self._read = time.monotonic()
        self._version_3 = self._make_version_3(own_engine(settings, name), boots) if settings.users else None

    def read(self, datagram: Datagram) -> Taken | Told:
        """Raises Turned for what may not be said by its sender; NotBer for what nobody can read."""
        data = datagram.data
        peer = plain(datagram.source[0])
        version = notification.version_of(data)
        if version == 3:
            return self._read_version_3(data, datagram.source, peer)
        told = notification.read(data)
        ref = self._communities.shown(told.community)
        if ref is None:
            raise Turned("it shows another community")
        body = self._writer.notification(told, peer)
        answer = notification.answer_to(data) if told.asked else b""
        return Taken(Origin(peer, told.agent or peer, str(ref)), body, answer)

    def unread(self, data: bytes, peer: str) -> Taken:
        """What nobody can read, to be kept for people: without the communities, wherever they stand."""
        return Taken(Origin(peer, peer), self._communities.without(data))

    def _read_version_3(self, data: bytes, source: tuple[str, int], peer: str) -> Taken | Told:
        if self._version_3 is None:
            raise Turned("it is of version 3, and no users are set")
        from connectors.snmp.engine import Refused

        header = header_of(data)
        try:
            heard = self._version_3.hear(data, header, source)
        except Refused as refused:
            if not self._renewed():
                raise Turned(str(refused)) from None
            try:
                heard = self._version_3.hear(data, header, source)
            except Refused as again:
                raise Turned(str(again)) from None
        finally:
            self._counts["replayed"] = self._version_3.replayed
        if heard.told is None:
            return Told(heard.answer)
        body = self._writer.notification(heard.told, peer, heard.user, heard.level, heard.engine)
        origin = Origin(peer, heard.told.agent or peer, attributes={"user": heard.user})
        return Taken(origin, body, heard.answer)

    def _make_version_3(self, own: bytes, boots: int) -> Version3:
        try:
            from connectors.snmp.engine import Version3
        except ModuleNotFoundError as missing:
            if missing.name is None or missing.name.partition(".")[0] not in ("pysnmp", "pyasn1", "cryptography"):
                raise
            raise without_library(missing.name.partition(".")[0], "snmp", "snmp") from None
        keys, self._versions = self._keys(fresh=False)
        return Version3(own, boots, keys)

    def _keys(self, fresh: bool) -> tuple[Mapping[str, Keys], tuple[str, ...]]:
        """The keys of all users, and the versions of the secrets they are made of. Raises OSError."""
        found = {user.name: self._key(user, fresh) for user in self._settings.users}
        versions = [self._secrets.get(ref).version for user in self._settings.users for ref in user.secrets()]
        return found, tuple(versions)

    def _key(self, user: SnmpUser, fresh: bool) -> Keys:
        auth = "" if user.auth_key is None else get(user.auth_key, self._secrets, fresh)
        priv = "" if user.priv_key is None else get(user.priv_key, self._secrets, fresh)
        try:
            return keys_of(user, auth, priv)
        except ValueError as wrong:
            raise OSError(errno.EINVAL, str(wrong)) from None

    def _renewed(self) -> bool:
        """Whether the users' secrets were others than known, read anew since somebody was refused."""
        if self._version_3 is None or time.monotonic() - self._read < READ_AGAIN_AFTER:
            return False
        self._read = time.monotonic()
        try:
            keys, versions = self._keys(fresh=True)
        except OSError as error:
            log.warning("the users' keys stay as they are: %s", error.strerror)
            return False
        if versions == self._versions:
            return False
        self._versions = versions
        self._version_3.renew(keys)
        return True
