"""A device that can be asked, in this process, by the library's own agent: a table, values, versions 1, 2c and 3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.proto.api import v2c

OUTPUT_SOURCE = "1.3.6.1.2.1.33.1.4.1.0"
ALARMS = "1.3.6.1.2.1.33.1.6.2.1"


class Agent:
    """``values``: what it tells, by object identifier. ``circles``: it tells the first of a table again and again."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.port = 0
        self.circles = False

    def tell(self, oid: str, value: Any) -> None:
        self.values[oid] = value


def number(value: int) -> Any:
    return v2c.Integer(value)


def ticks(value: int) -> Any:
    return v2c.TimeTicks(value)


def oid(value: str) -> Any:
    return v2c.ObjectIdentifier(value)


def _key(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


class _Tells:
    """What the library asks for values."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def read_variables(self, *asked: Any, **more: Any) -> list[Any]:
        found = []
        for name, _ in asked:
            value = self._agent.values.get(".".join(map(str, tuple(name))))
            found.append((name, v2c.NoSuchObject("") if value is None else value))
        return found

    def read_next_variables(self, *asked: Any, **more: Any) -> list[Any]:
        known = sorted(map(_key, self._agent.values))
        found = []
        for name, _ in asked:
            after = next((each for each in known if each > tuple(name) or self._agent.circles), None)
            if after is None:
                found.append((name, v2c.EndOfMibView("")))
            else:
                found.append((v2c.ObjectIdentifier(after), self._agent.values[".".join(map(str, after))]))
        return found


@asynccontextmanager
async def answering(values: dict[str, Any]) -> AsyncIterator[Agent]:
    agent = Agent(values)
    made = engine.SnmpEngine()
    transport = udp.UdpAsyncioTransport().open_server_mode(("127.0.0.1", 0))
    config.add_transport(made, udp.DOMAIN_NAME, transport)
    config.add_v1_system(made, "area", "public-not")
    config.add_v3_user(
        made, "bridge", config.USM_AUTH_HMAC192_SHA256, "authenticates", config.USM_PRIV_CFB128_AES, "encrypts it"
    )
    for model, user, level in ((1, "area", "noAuthNoPriv"), (2, "area", "noAuthNoPriv"), (3, "bridge", "authPriv")):
        config.add_vacm_user(made, model, user, level, (1, 3, 6))
    told = context.SnmpContext(made)
    told.unregister_context_name(b"")
    told.register_context_name(b"", _Tells(agent))
    for kind in (cmdrsp.GetCommandResponder, cmdrsp.NextCommandResponder, cmdrsp.BulkCommandResponder):
        kind(made, told)
    async with asyncio.timeout(30):
        while transport.transport is None:
            await asyncio.sleep(0)
    agent.port = transport.transport.get_extra_info("sockname")[1]
    try:
        yield agent
    finally:
        made.close_dispatcher()
