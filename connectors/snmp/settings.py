"""What is set for a port that hears traps, and how a sensor on it is told from others."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from bridge.model import Origin
from bridge.secret import SecretRef
from bridge.units import Size
from connectors.base import Address, ConnectorSettings
from connectors.listening import Bind
from connectors.snmp.users import SnmpUser
from connectors.sources import Sources


def _charset(name: str) -> str:
    try:
        return codecs.lookup(name).name if name else ""
    except LookupError:
        raise ValueError(f"there is no charset {name}; write for example windows-1251") from None


Charset = Annotated[str, AfterValidator(_charset)]


class SnmpSettings(ConnectorSettings):
    """One UDP port; many devices may send to it."""

    type: Literal["snmp"] = "snmp"
    bind: Bind = Field(description="Address and port to hear on; traps come to port 162.", examples=["0.0.0.0:162"])
    communities: tuple[SecretRef, ...] = Field(
        default=(), description="Versions 1 and 2c are heard when they show one of these.", examples=[["secret:snmp"]]
    )
    users: tuple[SnmpUser, ...] = Field(default=(), description="Who is heard in version 3.")
    engine: str = Field(
        default="",
        description="Our engine id for informs of version 3, in hex; one of this machine and connector when left out.",
        examples=["80001f8804766d73"],
    )
    mibs: str = Field(
        default="", description="A folder with MIB files, for names in the detail. Nothing needs it.",
        examples=["/etc/vms-bridge/mibs"],
    )  # fmt: skip
    charset: Charset = Field(
        default="", description="Of texts that are no UTF-8; left out, they are told in hex.", examples=["windows-1251"]
    )
    buffer: Size = Field(
        default=16 * 2**20,
        description="What the kernel shall keep until it is read: a storm of thousands needs a MiB or more.",
    )
    waiting: Size = Field(default=64 * 2**20, description="What may wait to be decided; one sender has three quarters.")

    @field_validator("engine")
    @classmethod
    def _engine(cls, text: str) -> str:
        plain = re.sub(r"[\s:]|^0x", "", text.lower())
        if text and (re.fullmatch(r"(?:[0-9a-f]{2}){5,32}", plain) is None or not set(plain) - {"0"}):
            raise ValueError("an engine id is 5 to 32 bytes in hex, for example 80001f8804766d73 (RFC 3411 5)")
        return plain

    @model_validator(mode="after")
    def _somebody(self) -> SnmpSettings:
        if not self.communities and not self.users:
            raise ValueError("say who is heard: communities: [secret:NAME], or users of version 3")
        names = [user.name for user in self.users]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the user {twice[0]} stands there twice")
        return self

    def secrets(self) -> tuple[SecretRef, ...]:
        """Every secret these settings name, once."""
        return tuple(dict.fromkeys([*self.communities, *(key for user in self.users for key in user.secrets())]))


class SnmpAddress(Address):
    """A sensor that names nothing hears every device of the port; ``identity`` then tells sensors apart."""

    from_: Sources | None = Field(default=None, alias="from", description="Addresses or networks it sends from.")
    agent: str | None = Field(
        default=None,
        description="The address the device gives itself in its traps, where something relays or translates them.",
        examples=["192.168.7.5"],
    )
    community: SecretRef | None = Field(default=None, description="Only what shows this one of the communities.")
    user: str | None = Field(default=None, description="Only what this user of version 3 says.")

    @field_validator("agent")
    @classmethod
    def _agent(cls, text: str | None) -> str | None:
        if text is None:
            return None
        sources = Sources((text,))
        if sources.networks:
            raise ValueError("write one address, like 192.168.7.5")
        return next(iter(sources.hosts))

    @model_validator(mode="after")
    def _one(self) -> SnmpAddress:
        if self.community is not None and self.user is not None:
            raise ValueError("a message has a community or a user: give one of them")
        return self

    def place(self) -> str | None:
        return self.agent

    def peers(self) -> frozenset[str]:
        return self.from_.named() if self.from_ is not None else frozenset()

    def matches(self, origin: Origin) -> bool:
        return (
            (self.from_ is None or self.from_.cover(origin.peer))
            and (self.community is None or origin.authenticated == self.community)
            and (self.user is None or origin.attributes.get("user") == self.user)
        )
