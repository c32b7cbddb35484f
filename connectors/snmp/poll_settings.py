"""What is set for a device that is asked."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from bridge.secret import SecretRef
from bridge.units import Duration
from connectors.base import Address, ConnectorSettings
from connectors.snmp.settings import Charset
from connectors.snmp.users import SnmpUser


def _version(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Version = Annotated[Literal["1", "2c", "3"], BeforeValidator(_version, json_schema_input_type=str | int)]


class SnmpPollSettings(ConnectorSettings):
    """One device that is asked at a fixed interval."""

    type: Literal["snmp-poll"] = "snmp-poll"
    host: str = Field(description="Its address or name.", examples=["10.0.0.50"])
    port: int = Field(default=161, ge=1, le=65535, description="Its UDP port.")
    version: Version = Field(default="2c", description="1, 2c or 3.")
    community: SecretRef | None = Field(default=None, description="For version 1 and 2c.")
    user: SnmpUser | None = Field(default=None, description="For version 3.")
    get: tuple[str, ...] = Field(
        default=(), description="Object identifiers of single values, with their instance.",
        examples=[["1.3.6.1.2.1.33.1.4.1.0"]],
    )  # fmt: skip
    walk: tuple[str, ...] = Field(
        default=(), description="Object identifiers of tables' entries, read row by row.",
        examples=[["1.3.6.1.2.1.33.1.6.2.1"]],
    )  # fmt: skip
    every: Duration = Field(default=30.0, description="How often to ask.")
    timeout: Duration = Field(default=2.0, description="How long to wait for one answer.")
    retries: int = Field(default=2, ge=0, le=10, description="How often one question is asked again.")
    unchanged: Duration = Field(
        default=300.0,
        description="An answer that says the same as the last is told again after so long, so that silence is noticed.",
    )
    most_rows: int = Field(default=500, ge=1, le=900, description="Rows of all tables that are read.")
    mibs: str = Field(default="", description="A folder with MIB files, for names in the detail.")
    charset: Charset = Field(default="", description="Of texts that are no UTF-8; left out, they are told in hex.")

    @field_validator("host")
    @classmethod
    def _host(cls, text: str) -> str:
        try:
            return str(ipaddress.ip_address(text.strip("[]")))
        except ValueError:
            pass
        if re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", text) is None:
            raise ValueError("write an address like 10.0.0.50 or a name, without port")
        return text

    @field_validator("get", "walk")
    @classmethod
    def _oids(cls, oids: tuple[str, ...]) -> tuple[str, ...]:
        plain = tuple(oid.strip().lstrip(".") for oid in oids)
        for oid in plain:
            if re.fullmatch(r"[012](\.\d{1,10}){1,127}", oid) is None:
                raise ValueError(f"{oid} is no object identifier; write for example 1.3.6.1.2.1.33.1.4.1.0")
        return plain

    @field_validator("every", "timeout", "unchanged")
    @classmethod
    def _some(cls, seconds: float) -> float:
        if seconds <= 0:
            raise ValueError("write how long, for example 30 s")
        return seconds

    @model_validator(mode="after")
    def _whole(self) -> SnmpPollSettings:
        if not self.get and not self.walk:
            raise ValueError("say what to ask: get: [OID] or walk: [OID]")
        if self.version == "3":
            if self.user is None or self.community is not None:
                raise ValueError("version 3 has a user and no community")
        elif self.community is None or self.user is not None:
            raise ValueError(f"version {self.version} has a community: write community: secret:NAME")
        return self

    def secrets(self) -> tuple[SecretRef, ...]:
        if self.user is not None:
            return self.user.secrets()
        return () if self.community is None else (self.community,)


class SnmpPollAddress(Address):
    """Only ``identity``: everything comes from the one who was asked."""
