"""Questions to a device, by the library: single values and tables, versions 1, 2c and 3. All bounded."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from typing import Any

from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    ContextData,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UsmUserData,
    bulk_cmd,
    get_cmd,
    next_cmd,
)

from bridge.secret import Secrets
from connectors.outbound import get
from connectors.snmp.answers import Answer, Row, Unanswered
from connectors.snmp.guarded import Target, Target6
from connectors.snmp.library import AUTHENTICATION, PRIVACY, varbind_of
from connectors.snmp.notification import Varbind
from connectors.snmp.poll_settings import SnmpPollSettings

AT_ONCE = 20
"""Values asked for in one datagram; devices with little memory refuse more."""

REPEATS = 20
"""Rows asked for in one datagram (GETBULK)."""

FORGET_EVERY = 60.0
"""Seconds between two times that we forget what a device told that we do not understand: to begin anew costs 70 ms."""

NO_SUCH_NAME = 2
"""RFC 1157 4.1.2: version 1's answer when the device has one of the values not."""


class Asker:
    """One device. Not for several questions at once."""

    def __init__(self, settings: SnmpPollSettings, secrets: Secrets) -> None:
        self._settings = settings
        self._secrets = secrets
        self._engine = SnmpEngine()
        self._target: Any = None
        self._shown: tuple[str, ...] = ()
        self._credentials: Any = None
        self._understood = False  # since the engine was made
        self._forget_again = time.monotonic() + FORGET_EVERY

    async def ask(self) -> Answer:
        """All that the settings want to know; value None for what the device has not. Raises Unanswered, OSError."""
        try:
            answer = await self._all()
        except Unanswered:
            if self._told_us and (self._understood or time.monotonic() >= self._forget_again):
                await self._forget()
            raise
        self._understood = True
        return answer

    async def _all(self) -> Answer:
        oids = self._settings.get
        values: list[Varbind] = []
        for start in range(0, len(oids), AT_ONCE):
            values += await self._some(list(oids[start : start + AT_ONCE]))
        rows: list[Row] = []
        for table in self._settings.walk:
            rows += await self._rows(table, self._settings.most_rows - len(rows))
        return Answer(tuple(values), tuple(rows))

    async def _rows(self, entry: str, most: int) -> list[Row]:
        """A table's rows in the order of the device. Raises Unanswered, also for one that goes round in circles."""

        def made(rows: dict[str, dict[str, Varbind]]) -> list[Row]:
            return [Row(entry, index, columns) for index, columns in rows.items()]

        rows: dict[str, dict[str, Varbind]] = {}
        at, below = entry, f"{entry}."
        while True:
            page = await self._after(at)
            for varbind in page:
                if not varbind.oid.startswith(below) or varbind.value is None:
                    return made(rows)
                if _numbers(varbind.oid) <= _numbers(at):
                    raise Unanswered(f"its table {entry} goes round in circles")
                at = varbind.oid
                column, _, index = varbind.oid[len(below) :].partition(".")
                row = rows.get(index)
                if row is None:
                    if len(rows) == most:
                        raise Unanswered(f"its table {entry} has more than {most} rows: see most_rows")
                    row = rows[index] = {}
                row[column] = varbind
            if not page:
                return made(rows)

    async def close(self) -> None:
        self._engine.close_dispatcher()

    @property
    def _told_us(self) -> bool:
        """Whether the library may know anything of the device: of one that is mute there is nothing to forget."""
        transport = None if self._target is None else self._target.transport
        return self._settings.user is not None and transport is not None and bool(transport.heard)

    async def _forget(self) -> None:
        """The library holds on to the keys it has derived, and to the engine it has met under this address (its id,
        its starts, its clock: RFC 3414 2.2, 3.2): one that was replaced, or that lost its count of starts, would never
        be understood again. So its next question begins with discovery (RFC 3414 4)."""
        self._engine.close_dispatcher()
        self._engine = await asyncio.to_thread(SnmpEngine)  # it takes a while
        self._target = self._credentials = None
        self._understood, self._forget_again = False, time.monotonic() + FORGET_EVERY

    async def _some(self, oids: list[str]) -> list[Varbind]:
        missing: set[str] = set()
        for _ in range(len(oids) + 1):
            asked = [oid for oid in oids if oid not in missing]
            if not asked:
                break
            status, index, found = await self._ask(get_cmd, asked)
            if status == NO_SUCH_NAME and 0 < index <= len(asked):
                missing.add(asked[index - 1])  # version 1 names one that it has not, and tells none of the others
                continue
            if status:
                raise Unanswered(f"the device answers with error {status}")
            told = {varbind.oid: varbind for varbind in found}
            return [told.get(oid, Varbind(oid, 0x81, None)) for oid in oids]
        return [Varbind(oid, 0x81, None) for oid in oids]

    async def _after(self, oid: str) -> list[Varbind]:
        if self._settings.version == "1":
            status, _, found = await self._ask(next_cmd, [oid])
            if status == NO_SUCH_NAME:
                return []
        else:
            status, _, found = await self._ask(bulk_cmd, [oid], 0, REPEATS)
        if status:
            raise Unanswered(f"the device answers with error {status}")
        return found

    async def _ask(self, command: Any, oids: list[str], *numbers: int) -> tuple[int, int, list[Varbind]]:
        asked = [ObjectType(ObjectIdentity(oid)) for oid in oids]
        try:
            credentials, target = await self._shows(), await self._where()
            trouble, status, index, found = await command(
                self._engine, credentials, target, ContextData(), *numbers, *asked, lookupMib=False
            )
        except (PySnmpError, ValueError) as error:
            raise Unanswered(f"it cannot be asked: {type(error).__name__}") from error
        strange, target.transport.strange = target.transport.strange, False
        if trouble:
            raise Unanswered("what it answers is no SNMP" if strange else str(trouble))
        return int(status), int(index), [varbind_of(oid, value) for oid, value in found]

    async def _where(self) -> Any:
        if self._target is None:
            try:
                six = ipaddress.ip_address(self._settings.host).version == 6
            except ValueError:
                six = False
            kind = Target6 if six else Target
            self._target = await kind.create(
                (self._settings.host, self._settings.port), self._settings.timeout, self._settings.retries
            )
        return self._target

    async def _shows(self) -> Any:
        """What the device is shown; made anew when a secret has changed."""
        texts = tuple(get(ref, self._secrets) for ref in self._settings.secrets())
        if self._credentials is None or texts != self._shown:
            changed, self._shown = self._credentials is not None, texts
            user = self._settings.user
            if user is None:
                model = 0 if self._settings.version == "1" else 1
                self._credentials = CommunityData(f"c{abs(hash(texts))}", texts[0], mpModel=model)
            else:
                keys: dict[str, Any] = {}
                if user.auth_key is not None:
                    keys |= {"authKey": texts[0], "authProtocol": AUTHENTICATION[user.auth]}
                if user.priv_key is not None:
                    keys |= {"privKey": texts[1], "privProtocol": PRIVACY[user.priv]}
                if changed:
                    await self._forget()
                self._credentials = UsmUserData(user.name, **keys)  # noqa: S509 - keys are there when they are set
        return self._credentials


def _numbers(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))
