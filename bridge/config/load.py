"""A site file, or a folder of them, → the site; or everything that is wrong with it at once."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from bridge.config import parts
from bridge.config.camera_tables import CameraTables
from bridge.config.document import locate, plain
from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.config.gather import Sections, gather, twice
from bridge.config.groups import with_rows
from bridge.config.models import JournalSection, SiteSection
from bridge.config.profiles import Profiles
from bridge.config.sensors import Sensors, camera_references
from bridge.config.site import Endpoint, FaultLimits, JournalSettings, Site
from bridge.config.zones import zone
from bridge.model import BRIDGE, CameraId, ConnectorId, ProfileId, SiteId, VmsId

if TYPE_CHECKING:
    from bridge.config.pictures import FetchSettings
    from bridge.metrics.settings import ObserveSettings
    from bridge.trouble.settings import TroubleSettings

Model = TypeVar("Model", bound=BaseModel)


def load(path: Path, *, profiles_dir: Path | None = None) -> Site:
    """The site under ``path``, a YAML file or a folder of ``*.yaml`` files that are one site.

    Profiles of one's own are in ``profiles_dir``, by default the folder ``profiles`` beside the site file. Reads
    nothing but these files: no secret, no network. Raises SiteErrors with every fault found.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    faults = Faults()
    sections = gather(path, faults)
    named = sections.named
    head, timezone = _head(sections, faults)
    journal = _journal(sections, folder, faults)
    vms, vms_classes = parts.vms(named["vms"], faults)
    cameras = parts.cameras(named["cameras"], vms_classes, faults)
    connectors, connector_classes = parts.connectors(named["connectors"], timezone.key, faults)
    profiles = Profiles(profiles_dir or folder / "profiles", faults)
    named["sensors"], tables = with_rows(named["sensors"], sections.tables, twice, faults)
    by_table = CameraTables(named["cameras"], faults)
    supervised = {
        name: each.settings.supervise for name, each in connectors.items() if each.settings.supervise is not None
    }
    sensors = Sensors(connector_classes, named["cameras"], profiles, timezone, faults, by_table, supervised).make(
        named["sensors"]
    )
    _reserved(named, faults)
    fault_cameras = _fault_cameras(sections, faults)
    ways_out = _endpoints(named, faults)
    fetch = _pictures(sections, faults)
    observe = _observe(sections, faults)
    trouble = _trouble(sections, faults)
    site_id = _site_id(head, sections, faults)
    if faults or head is None:
        raise faults.errors()
    return Site(
        id=SiteId(site_id),
        name=head.name,
        timezone=timezone,
        digest=_digest(sections, profiles, by_table),
        vms={VmsId(name): each for name, each in vms.items()},
        cameras={CameraId(name): each for name, each in cameras.items()},
        connectors={ConnectorId(name): each for name, each in connectors.items()},
        sensors=sensors,
        profiles={ProfileId(name): each for name, each in profiles.used.items()},
        journal=journal,
        fault_cameras=fault_cameras,
        faults=_fault_limits(head),
        trouble=trouble,
        endpoints=ways_out,
        pictures=fetch,
        observe=observe,
        tables=(*tables, *by_table.read),
    )


def _one(model: type[Model], name: str, sections: Sections, faults: Faults) -> Model | None:
    entry = sections.one.get(name)
    return None if entry is None else validated(model, entry, faults)


def _head(sections: Sections, faults: Faults) -> tuple[SiteSection | None, ZoneInfo]:
    head = _one(SiteSection, "site", sections, faults)
    if head is None:
        return None, ZoneInfo("UTC")
    entry = sections.one["site"]
    return head, zone(head.timezone, entry, locate(entry.node, ("timezone",)), "site.timezone", faults)


def _endpoints(named: Mapping[str, Mapping[str, Entry]], faults: Faults) -> dict[str, Endpoint]:
    if not named["endpoints"]:
        return {}
    from bridge.config.endpoints import endpoints  # what it needs is loaded only for sites that have some

    return endpoints(named["endpoints"], named["cameras"], named["sensors"], faults)


def _pictures(sections: Sections, faults: Faults) -> FetchSettings | None:
    entry = sections.one.get("pictures")
    if entry is None:
        return None
    from bridge.config.pictures import pictures

    return pictures(entry, faults)


def _observe(sections: Sections, faults: Faults) -> ObserveSettings | None:
    if "observe" not in sections.one:
        return None
    from bridge.metrics.settings import ObserveSettings

    return _one(ObserveSettings, "observe", sections, faults)


def _site_id(head: SiteSection | None, sections: Sections, faults: Faults) -> str:
    if head is None:
        return ""
    if head.id is not None:
        return head.id
    slug = slug_of(head.name)
    if not slug:
        entry = sections.one["site"]
        faults.add(entry.source, entry.place, "site.id", "no id can be made of this name; write id: my-site under site")
    return slug


def slug_of(name: str) -> str:
    """``"Harbour depot"`` → ``"harbour-depot"``; "" when nothing of a name can be kept."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:64].rstrip("-")


def _fault_cameras(sections: Sections, faults: Faults) -> tuple[CameraId, ...]:
    entry = sections.one.get("site")
    if entry is None:
        return ()
    node = locate(entry.node, ("faults", "cameras"))
    return camera_references(entry, node, "site.faults.cameras", sections.named["cameras"], faults)


def _fault_limits(head: SiteSection) -> FaultLimits:
    said = head.faults
    return FaultLimits(
        disk_low=said.disk_low,
        buffer_short=said.buffer_short,
        backlog_old=said.backlog_old,
        alarm_within=said.alarm_within,
    )


def _trouble(sections: Sections, faults: Faults) -> tuple[TroubleSettings, ...]:
    entry = sections.one.get("trouble")
    if entry is None:
        return ()
    from bridge.config.trouble import ways  # what it needs is loaded only for sites that have some

    return ways(entry, faults)


def _reserved(named: Mapping[str, Mapping[str, Entry]], faults: Faults) -> None:
    """The bridge tells of its own faults as a sensor of this id, on a connector of this id."""
    for section in ("sensors", "connectors"):
        entry = named[section].get(BRIDGE)
        if entry is not None:
            faults.add(entry.source, entry.place, entry.path, f"{BRIDGE} is the bridge itself; give it another name")


def _journal(sections: Sections, folder: Path, faults: Faults) -> JournalSettings:
    section = _one(JournalSection, "journal", sections, faults) or JournalSection()
    return JournalSettings(
        path=folder / section.path,
        limit=section.limit,
        reserve=section.reserve,
        retention=section.retention,
        quarantine_per_origin=section.quarantine_per_origin,
    )


def _digest(sections: Sections, profiles: Profiles, tables: CameraTables) -> str:
    """Of what the files say, not of how they say it: comments, order and layout do not change it."""
    said = {
        **{name: plain(entry.node) for name, entry in sections.one.items()},
        **{name: {key: plain(entry.node) for key, entry in of.items()} for name, of in sections.named.items()},
        "profiles": {name: profile.digest for name, profile in profiles.used.items()},
        "tables": tables.digests,
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
