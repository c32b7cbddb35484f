"""The firewall table of a site, from its files alone: who connects to whom, and whether anybody outside is among them.

Reads no secret, asks no network. What a name means is not looked up either: a name that does not look like one of the
site's own counts as outside, so that "air-gapped" is never said of a site that is not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

import msgspec

from bridge.config.registry import connector_class, vms_class
from bridge.config.site import Site
from bridge.model import CameraId, Reach
from bridge.units import said_size
from bridge.vms.http.reaching import reaches
from connectors.base import Address
from connectors.listening import parse_bind

RESOLVER = "the machine's resolver"
_OWN = (".local", ".lan", ".internal", ".intranet", ".home.arpa", ".localdomain", ".localhost")
_UNSAID = "not known: this type does not say"


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. ``part``: what of the site asks for it ("connectors.lpr"). ``outside``: the other end is
    not in a private network, as far as its address or name says."""

    part: str
    source: str
    destination: str
    protocol: str
    port: int | None
    speaks: str
    how_often: str
    how_large: str
    why: str
    inbound: bool
    outside: bool


class Ports(msgspec.Struct, frozen=True):
    """``outside``: the other ends of connections that leave the site's own networks; none is an air-gapped site."""

    site: str
    lines: tuple[Port, ...]
    outside: tuple[str, ...]

    @property
    def air_gapped(self) -> bool:
        return not self.outside


def ports_of(site: Site) -> Ports:
    """What has to be open, in the order of the site's file."""
    lines = [_port(part, reach) for part, reach in reaches_of(site)]
    named = sorted({line.destination for line in lines if not line.inbound and _is_name(line.destination)})
    if named:
        lookup = Reach(
            inbound=False, peer=RESOLVER, port=53, protocol="udp, tcp", speaks="DNS", how_large="some hundred bytes",
            how_often="when a connection is opened", why=f"addresses of {', '.join(named)}",
        )  # fmt: skip
        lines.append(_port("names", lookup))
    outside = dict.fromkeys(line.destination for line in lines if line.outside and not line.inbound)
    return Ports(site.name, tuple(lines), tuple(outside))


def reaches_of(site: Site) -> Iterator[tuple[str, Reach]]:
    """(what of the site asks for it, the connection) of each, as its class says it."""
    for name, connector in site.connectors.items():
        kind = connector_class(connector.settings.type)
        addresses: list[Address] = [
            address
            for sensor in site.sensors.values()
            for way, address in ((sensor.connector, sensor.address), *sensor.also.items())
            if way == name
        ]
        declared = getattr(kind, "reaches", None)
        found = (_silent(),) if declared is None else declared(connector.settings, addresses)
        yield from ((f"connectors.{name}", reach) for reach in found)
    for vms_name, vms in site.vms.items():
        cameras: Mapping[CameraId, object] = {
            camera.id: camera.settings for camera in site.cameras.values() if camera.vms == vms_name
        }
        declared = getattr(vms_class(vms.settings.type), "reaches", None)
        found = (_silent(),) if declared is None else declared(vms.settings, cameras)
        yield from ((f"vms.{vms_name}", reach) for reach in found)
    yield from _endpoints(site)
    yield from _pictures(site)
    yield from _trouble(site)
    if site.observe is not None:
        yield (
            "observe",
            _listening(
                site.observe.bind, "HTTP", "at each scrape, every 15 s say", "some 10 KiB", "metrics and health"
            ),
        )


def _endpoints(site: Site) -> Iterator[tuple[str, Reach]]:
    from bridge.endpoints.settings import WebhookEndpoint, WebSocketEndpoint

    for name, endpoint in site.endpoints.items():
        settings = endpoint.settings
        part = f"endpoints.{name}"
        if isinstance(settings, WebSocketEndpoint):
            speaks = "WebSocket" if settings.tls is None else "WebSocket with TLS"
            often = f"always connected; {settings.subscribers} subscribers at most"
            yield part, _listening(settings.bind, speaks, often, "some KiB an event", "subscribers follow the events")
        elif isinstance(settings, WebhookEndpoint):
            said = {"how_often": "for each event", "how_large": "some KiB an event", "why": "it is told the events"}
            yield from ((part, reach) for reach in reaches(settings.url, settings.proxy, **said))


def _pictures(site: Site) -> Iterator[tuple[str, Reach]]:
    fetch = site.pictures
    if fetch is None:
        return
    from bridge.config.pictures import host_of

    most = f"{said_size(fetch.most)} a picture at most"
    for place in fetch.from_:
        host = None if "/" in place else host_of(place)
        peer, port = (place, None) if host is None else (host.name, host.port)
        often = "for each picture a device only gives the link of"
        yield (
            "pictures",
            Reach(
                inbound=False, peer=peer, port=port, speaks="HTTP or HTTPS, as the link says", how_often=often,
                how_large=most, why="pictures that devices keep",
            ),
        )  # fmt: skip


def _trouble(site: Site) -> Iterator[tuple[str, Reach]]:
    from bridge.trouble.settings import TroubleMail, TroubleMqtt, TroubleSyslog, TroubleWebhook

    for number, way in enumerate(site.trouble):
        part = f"trouble[{number}]"
        often = "when an alarm is not taken" + (", and for each fault" if way.faults else "")
        why = "people are told when the VMS does not take alarms"
        if isinstance(way, TroubleWebhook):
            found = reaches(way.url, way.proxy, how_often=often, how_large="some KiB", why=why)
            yield from ((part, reach) for reach in found)
        elif isinstance(way, TroubleSyslog):
            yield part, _connecting(way.host, way.port, way.transport, "syslog", often, "some hundred bytes", why)
        elif isinstance(way, TroubleMqtt):
            speaks = "MQTT with TLS" if way.secure else "MQTT"
            yield part, _connecting(way.host, way.port, "tcp", speaks, often, "some KiB", why)
        elif isinstance(way, TroubleMail):
            speaks = "SMTP" if way.security == "none" else "SMTP with TLS"
            yield part, _connecting(way.host, way.port, "tcp", speaks, often, "some KiB", why)


def _connecting(peer: str, port: int, protocol: str, speaks: str, how_often: str, how_large: str, why: str) -> Reach:
    return Reach(
        inbound=False, peer=peer, port=port, protocol=protocol, speaks=speaks, how_often=how_often,
        how_large=how_large, why=why,
    )  # fmt: skip


def _listening(bind: str, speaks: str, how_often: str, how_large: str, why: str) -> Reach:
    return Reach(
        inbound=True, peer="", port=parse_bind(bind)[1], bind=bind, speaks=speaks, how_often=how_often,
        how_large=how_large, why=why,
    )  # fmt: skip


def _silent() -> Reach:
    return Reach(
        inbound=False, peer="?", port=None, speaks="?", how_often="?", how_large="?", why=_UNSAID, protocol="?"
    )  # fmt: skip


def _port(part: str, reach: Reach) -> Port:
    here = "this machine"
    if reach.inbound:
        host = parse_bind(reach.bind)[0] if reach.bind else ""
        local = host in ("127.0.0.1", "::1")
        here = here if host in ("", "0.0.0.0", "::") else f"{here} ({host})"  # noqa: S104 - read, not bound
        source, destination = (here if local else reach.peer or "anybody"), here
    else:
        source, destination = here, reach.peer
    return Port(
        part=part, source=source, destination=destination, protocol=reach.protocol, port=reach.port,
        speaks=reach.speaks, how_often=reach.how_often, how_large=reach.how_large, why=reach.why,
        inbound=reach.inbound, outside=not reach.inbound and is_outside(reach.peer),
    )  # fmt: skip


def is_outside(peer: str) -> bool:
    """Whether an address, a network or a name may be beyond the site's own networks."""
    if peer == RESOLVER:
        return False
    try:
        network = ipaddress.ip_network(peer, strict=False)
    except ValueError:
        name = peer.lower().rstrip(".")
        return not (name.endswith(_OWN) or ("." not in name and name != "?"))
    return not (network.is_private or network.is_loopback or network.is_link_local)


def _is_name(peer: str) -> bool:
    if peer in ("?", RESOLVER, "localhost"):
        return False
    try:
        ipaddress.ip_network(peer, strict=False)
    except ValueError:
        return True
    return False
