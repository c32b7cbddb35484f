"""What is set for a TCP port, and how a sensor on it is told from others."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.model import Origin
from bridge.units import Duration
from connectors.base import Address
from connectors.framing.framings import FramedSettings
from connectors.listening import Bind
from connectors.sources import Sources


class TcpSettings(FramedSettings):
    """One listening port; many sensors may connect to it."""

    type: Literal["tcp"] = "tcp"
    bind: Bind = Field(description="Address and port to listen on; [::]:9000 is IPv6 and IPv4.")
    idle_timeout: Duration = Field(
        default=7200.0,
        description="A connection that says nothing for so long is closed. Readers may be silent for hours.",
    )
    max_connections: int = Field(default=1000, ge=1, description="Connections open at once; one more is closed.")


class TcpAddress(Address):
    """A sensor without ``from`` hears everyone on the port; ``identity`` then tells sensors apart."""

    from_: Sources | None = Field(default=None, alias="from", description="Addresses or networks it connects from.")

    def peers(self) -> frozenset[str]:
        return self.from_.named() if self.from_ is not None else frozenset()

    def matches(self, origin: Origin) -> bool:
        return self.from_ is None or self.from_.cover(origin.peer)
