"""Whom a site connects to, and what each has to be: from its settings, and where a token says it, from the target."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping

import msgspec

from bridge.config.places import Places
from bridge.config.site import Site
from bridge.model import Reach, VmsId
from bridge.ports import reaches_of
from bridge.proving.lines import Line, Topic, unknown
from bridge.tls import TlsSettings
from bridge.vms.base import VmsTarget
from bridge.vms.http import Origin, OutboundSettings, split_url
from bridge.vms.places import HasClock, KnowsOrigins

_PLACES = ("url", "host", "event_server", "gateway", "generic", "ai_bridge")
_PART = re.compile(r"(?P<section>[a-z_]+)(?:\.(?P<name>.+)|\[(?P<number>\d+)\])?")


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """``part``: what of the site asks for it ("vms.cloud"); ``where``: that, for people. ``tls``: who it has to be,
    None where TLS is not spoken from the first byte (``starttls``: but later). ``proxied``: it is the proxy that is
    connected to. ``origin``: of a VMS that speaks HTTP and can be asked for its time."""

    part: str
    where: str
    host: str
    port: int
    udp: bool = False
    tls: TlsSettings | None = None
    starttls: bool = False
    proxied: bool = False
    origin: Origin | None = None

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def named(self) -> bool:
        """Whether its host is a name, not an address."""
        return not is_address(self.host)


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def place_of(places: Places, part: str, *below: str) -> str:
    """``vms.cloud`` → ``site.yaml:4: vms.cloud.url``."""
    found = _PART.fullmatch(part)
    if found is None:
        return part
    number = () if found["number"] is None else (int(found["number"]),)
    return places.of(found["section"], found["name"] or "", *number, *below)


def settings_of(site: Site, part: str) -> object:
    """What the site says of a part that ``reaches_of`` named; None where there is no one such thing."""
    found = _PART.fullmatch(part)
    if found is None:
        return None
    section, name, number = found["section"], found["name"], found["number"]
    if number is not None:
        return site.trouble[int(number)] if section == "trouble" else None
    if section == "observe":
        return site.observe
    named: Mapping[str, object] = getattr(site, section, {}) or {}
    return getattr(named.get(name), "settings", None) if isinstance(named, Mapping) else None


def destinations(
    site: Site, places: Places, targets: Mapping[VmsId, VmsTarget]
) -> tuple[tuple[Destination, ...], list[Line]]:
    """Each end that the site connects to, once; and a line for each that cannot be known beforehand."""
    found: dict[tuple[object, ...], Destination] = {}
    lines: list[Line] = []
    for each in _all(site, places, targets, lines):
        vms = each.part if each.part.startswith("vms.") else ""  # each VMS's cameras hang on its own line
        found.setdefault((vms, each.host, each.port, each.udp, each.tls, each.origin), each)
    timed = {each.part for each in found.values() if each.origin is not None}
    for name in targets:
        if (part := f"vms.{name}") not in timed and any(each.part == part for each in found.values()):
            what = f"the clock of VMS {name} is not asked: what it takes events by tells no time"
            lines.append(unknown(Topic.CLOCKS, what, place_of(places, part), "compare it with this machine's by hand"))
    return tuple(found.values()), lines


def _all(site: Site, places: Places, targets: Mapping[VmsId, VmsTarget], lines: list[Line]) -> Iterator[Destination]:
    for part, reach in reaches_of(site):
        if reach.inbound:
            continue
        settings = settings_of(site, part)
        where = place_of(places, part, *_key(settings, reach))
        vms = VmsId(part.removeprefix("vms.")) if part.startswith("vms.") else None
        target = targets.get(vms) if vms is not None else None
        if reach.peer == "?" and isinstance(target, KnowsOrigins) and not isinstance(target, HasClock):
            yield from _by_tokens(part, target, settings, places, lines)
        elif reach.peer == "?" or reach.port is None or "/" in reach.peer or "*" in reach.peer:
            said = f"{part} connects to {'where its files do not say' if reach.peer == '?' else reach.peer}"
            lines.append(unknown(Topic.ROUTES, f"{said}: not tried", where, "see its first connection in status"))
        else:
            proxied = reach.speaks == "HTTP CONNECT"
            secure = not proxied and _secure(reach.speaks, settings)
            yield Destination(
                part=part,
                where=where,
                host=reach.peer,
                port=reach.port,
                udp=reach.protocol == "udp",
                tls=_tls(settings) if secure else None,
                starttls=getattr(settings, "security", "") == "starttls",
                proxied=proxied,
                origin=_clock(target, settings, reach, proxied) if target is not None else None,
            )


def _by_tokens(
    part: str, target: KnowsOrigins, settings: object, places: Places, lines: list[Line]
) -> Iterator[Destination]:
    """Where each camera's token says that its VMS is. With a proxy it is the proxy that is connected to."""
    seen: set[Origin] = set()
    for camera in getattr(target, "cameras", {}):
        try:
            origin = target.origin(camera)
        except ValueError:
            continue  # said where the token is tried
        if origin in seen:
            continue
        seen.add(origin)
        where = places.of("cameras", camera, "token")
        tls = _tls(settings) if origin.secure else None
        yield Destination(part=part, where=where, host=origin.host, port=origin.port, tls=tls, origin=origin)
    if not seen:
        said = f"{part}: no camera's token says where the VMS is"
        lines.append(unknown(Topic.ROUTES, said, place_of(places, part), "put the tokens into their secrets"))


def _key(settings: object, reach: Reach) -> tuple[str, ...]:
    """The setting that says where it is: of ``_PLACES`` the one that names this end, or else the first there is."""
    said = {key: text for key in _PLACES if isinstance(text := getattr(settings, key, None), str) and text}
    ports = [key for key, text in said.items() if f"{reach.peer}:{reach.port}" in text]
    hosts = [key for key, text in said.items() if reach.peer in text]
    return tuple([*ports, *hosts, *said][:1])


def _secure(speaks: str, settings: object) -> bool:
    if getattr(settings, "security", "") == "starttls":
        return False
    return "TLS" in speaks or speaks.startswith("HTTPS")


def _tls(settings: object) -> TlsSettings:
    tls = getattr(settings, "tls", None)
    return tls if isinstance(tls, TlsSettings) else TlsSettings()


def _clock(target: VmsTarget, settings: object, reach: Reach, proxied: bool) -> Origin | None:
    """Of the VMS at this end; None where it is another end that tells its time, or none."""
    if isinstance(target, HasClock):
        origin = target.clock()
        here = origin is not None and (origin.host, origin.port) == (reach.peer, reach.port)
        return origin if here or proxied else None
    url = getattr(settings, "url", "") if target.can.search else ""
    return split_url(url)[0] if isinstance(settings, OutboundSettings) and url and "{" not in url else None
