"""A site file, or a folder of them, → the site; or everything that is wrong with it at once."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from bridge.config import parts
from bridge.config.document import locate, plain
from bridge.config.explain import validated
from bridge.config.faults import Faults
from bridge.config.gather import Sections, gather
from bridge.config.models import JournalSection, SiteSection
from bridge.config.profiles import Profiles
from bridge.config.sensors import Sensors, camera_references
from bridge.config.site import JournalSettings, Site
from bridge.config.zones import zone
from bridge.model import CameraId, ConnectorId, ProfileId, SiteId, VmsId

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
    connectors, connector_classes = parts.connectors(named["connectors"], faults)
    profiles = Profiles(profiles_dir or folder / "profiles", faults)
    sensors = Sensors(connector_classes, named["cameras"], profiles, timezone, faults).make(named["sensors"])
    fault_cameras = _fault_cameras(sections, faults)
    site_id = _site_id(head, sections, faults)
    if faults or head is None:
        raise faults.errors()
    return Site(
        id=SiteId(site_id),
        name=head.name,
        timezone=timezone,
        digest=_digest(sections, profiles),
        vms={VmsId(name): each for name, each in vms.items()},
        cameras={CameraId(name): each for name, each in cameras.items()},
        connectors={ConnectorId(name): each for name, each in connectors.items()},
        sensors=sensors,
        profiles={ProfileId(name): each for name, each in profiles.used.items()},
        journal=journal,
        fault_cameras=fault_cameras,
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


def _journal(sections: Sections, folder: Path, faults: Faults) -> JournalSettings:
    section = _one(JournalSection, "journal", sections, faults) or JournalSection()
    return JournalSettings(
        path=folder / section.path,
        limit=section.limit,
        reserve=section.reserve,
        retention=section.retention,
        quarantine_per_origin=section.quarantine_per_origin,
    )


def _digest(sections: Sections, profiles: Profiles) -> str:
    """Of what the files say, not of how they say it: comments, order and layout do not change it."""
    said = {
        **{name: plain(entry.node) for name, entry in sections.one.items()},
        **{name: {key: plain(entry.node) for key, entry in of.items()} for name, of in sections.named.items()},
        "profiles": {name: profile.digest for name, profile in profiles.used.items()},
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
