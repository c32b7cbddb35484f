"""What these settings mean for a firewall."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.model import Reach
from bridge.vms.http.reaching import reaches
from bridge.vms.milestone.settings import MilestoneSettings
from bridge.vms.plain import address


def reached(settings: MilestoneSettings, cameras: int) -> Sequence[Reach]:
    """Where events go, and the gateway that is asked besides."""
    why = f"events of {cameras} cameras"
    often = f"for each event; {settings.connections} connections at most"
    large = "some KiB an event"
    if settings.way in ("analytics", "ai-bridge") and settings.pictures:
        large = "some KiB an event, and its pictures"
    found: list[Reach] = []
    if settings.way == "generic":
        host, port = address(settings.generic)
        found.append(
            Reach(
                inbound=False,
                peer=host,
                port=port,
                protocol=settings.generic[:3],
                speaks="generic events, plain text without log-in: open to this bridge alone",
                how_often="a connection for each event",
                how_large="some hundred bytes",
                why=why,
            )
        )
    else:
        found += reaches(settings.place, settings.proxy, how_often=often, how_large=large, why=why)
    if settings.gateway and settings.place != settings.gateway:
        asked = "when it is checked, and when an answer was lost" if settings.searches else "when it is checked"
        why = "XProtect is asked for its cameras"
        found += reaches(settings.gateway, settings.proxy, how_often=asked, how_large="some KiB", why=why)
    return found
