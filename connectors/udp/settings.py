"""What is set for a UDP port, and how a sensor on it is told from others."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.model import Origin
from bridge.units import Size
from connectors.base import Address, ConnectorSettings
from connectors.listening import Bind
from connectors.sources import Sources


class UdpSettings(ConnectorSettings):
    """One port; many sensors may send to it."""

    type: Literal["udp"] = "udp"
    bind: Bind = Field(description="Address and port to hear on; [::]:5140 is IPv6 and IPv4.")
    from_: Sources | None = Field(
        default=None,
        alias="from",
        description="Addresses or networks that are heard; what others send is left out and counted. Everybody is when "
        "left out, and whose no sensor is goes to quarantine.",
        examples=["10.0.0.0/24"],
    )
    max_message: Size = Field(
        default=65_507, description="Longest datagram taken; a longer one is left out and counted."
    )
    buffer: Size = Field(default=16 * 2**20, description="How much the kernel shall keep until it is read.")
    waiting: Size = Field(
        default=64 * 2**20, description="How much may wait here to be kept; of one sender three quarters of it at most."
    )


class UdpAddress(Address):
    """A sensor without ``from`` hears everyone on the port; ``identity`` then tells sensors apart."""

    from_: Sources | None = Field(default=None, alias="from", description="Addresses or networks it sends from.")

    def peers(self) -> frozenset[str]:
        return self.from_.named() if self.from_ is not None else frozenset()

    def matches(self, origin: Origin) -> bool:
        return self.from_ is None or self.from_.cover(origin.peer)
