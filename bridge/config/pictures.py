"""What stands under ``pictures``: from where the bridge may fetch pictures that devices keep and give the link of."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from bridge.config.document import locate
from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.units import Duration, Size
from bridge.vms.base import HeaderSecret
from bridge.vms.http import ProxySettings, TlsSettings
from bridge.vms.http.headers import checked_headers, plain_headers, secret_headers

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*")


class Host(msgspec.Struct, frozen=True):
    """A host by name or address, lower case, IPv6 without brackets. ``port`` None: any."""

    name: str
    port: int | None = None


def host_of(text: str) -> Host:
    """``omni.local``, ``omni.local:8080``, ``10.0.0.9``, ``[fd00::9]:80``. Raises ValueError with what to write."""
    wrong = ValueError("write a host, omni.local or omni.local:8080, or a network, 10.20.0.0/16")
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    name, found, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not found:
        name, port = text, ""
    if found and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise wrong
    name = name.lower()
    try:
        name = str(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        if _NAME.fullmatch(name) is None or name.rpartition(".")[2].isdecimal():
            raise wrong from None
    return Host(name, int(port) if port else None)


def _place(text: str) -> str:
    if "/" in text:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            raise ValueError(f"this is no network: {error}; write for example 10.20.0.0/16") from None
    else:
        host_of(text)
    return text


def _host(text: str) -> str:
    host_of(text)
    return text


class FetchSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    from_: tuple[Annotated[str, AfterValidator(_place)], ...] = Field(
        alias="from",
        min_length=1,
        description="The hosts, as links name them, and networks that pictures may be fetched from; no other is asked.",
        examples=[["omni.local", "10.20.0.0/16"]],
    )
    most: Size = Field(default=4 * 2**20, ge=1024, le=32 * 2**20, description="The largest picture that is taken.")
    timeout: Duration = Field(
        default=3.0, gt=0, le=30, description="How long one may take; its event waits so long at most."
    )
    at_once: int = Field(default=8, ge=1, le=64, description="How many are fetched at once.")
    headers: dict[str, str] = Field(
        default={},
        description="Headers sent to the hosts that are named, not to those that only a network allows; secret:NAME in "
        "a value is replaced by that secret.",
        examples=[{"Authorization": "secret:omni"}],
    )
    rewrite: dict[str, Annotated[str, AfterValidator(_host)]] = Field(
        default={},
        description="Where a host of a link really is, when its name means nothing here.",
        examples=[{"omni.local": "10.0.0.9:80"}],
    )
    tls: TlsSettings = Field(default=TlsSettings(), description="Who the host has to be, where a link is https.")
    proxy: ProxySettings | None = Field(default=None, description="The HTTP proxy on the way, if there is one.")

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        return checked_headers(headers)

    @field_validator("rewrite")
    @classmethod
    def _names(cls, rewrite: dict[str, str]) -> dict[str, str]:
        return {_lower(name): to for name, to in rewrite.items()}

    def networks(self) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(each) for each in self.from_ if "/" in each)

    def hosts(self) -> tuple[Host, ...]:
        return tuple(host_of(each) for each in self.from_ if "/" not in each)

    def plain_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers without a secret in them."""
        return plain_headers(self.headers)

    def secret_headers(self) -> tuple[HeaderSecret, ...]:
        return secret_headers(self.headers)


def _lower(name: str) -> str:
    host_of(name)
    return name.lower()


class PicturesSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    fetch: dict[str, object] = Field(
        description="Fetch pictures that devices keep and give the link of; without it none is fetched.",
        examples=[{"from": ["omni.local"]}],
    )


def pictures(entry: Entry, faults: Faults) -> FetchSettings | None:
    """What may be fetched; None when something is wrong, which has been said."""
    if validated(PicturesSection, entry, faults) is None:
        return None
    node = locate(entry.node, ("fetch",))
    within = Entry(entry.source, f"{entry.path}.fetch", (node.line, node.column), node)
    return validated(FetchSettings, within, faults)
