"""What a reload would do, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bridge.config.difference import Change, Difference
from bridge.config.places import Places

_CHANGED = {
    "vms": "connects anew; what is being sent ends first, and its lanes go on where they stand",
    "cameras": "its VMS connects anew; its lanes go on where they stand",
    "sensors": "from its next message on",
    "endpoints": "begins anew where it stands in the stream; who listens there connects again",
}
_ADDED = {
    "vms": "connects",
    "cameras": "takes events",
    "sensors": "is heard",
    "endpoints": "begins",
}
_REMOVED = {
    "vms": "nothing more is sent there; what waits for it stays in the journal",
    "cameras": "nothing more is sent there; what waits for it stays in the journal",
    "sensors": "what it sends is nobody's, and goes into quarantine; what it raised is delivered",
    "connectors": "ends, once what it is taking is kept",
    "endpoints": "ends",
}


def changes(found: Difference, places: Places) -> Iterator[Sequence[str]]:
    """Lines, those alike together: ``+`` is new, ``~`` changes, ``-`` goes."""
    for section in ("vms", "cameras"):
        yield from _section(section, getattr(found, section), places)
    rebuilt = [vms for vms in found.vms_to_rebuild if vms not in (*found.vms.added, *found.vms.changed)]
    yield [f"~ {places.of('vms', vms)}: {_CHANGED['vms']} (its cameras differ)" for vms in rebuilt]
    yield [f"+ {places.of('connectors', name)}: begins" for name in found.connectors_to_start]
    yield [
        f"~ {places.of('connectors', name)}: restarts: its connections end once what came over them is kept, and are "
        "made again"
        for name in found.connectors_to_restart
    ]
    yield [f"- connectors.{name}: {_REMOVED['connectors']}" for name in found.connectors_to_stop]
    yield [
        f"~ {places.of('connectors', name)}: is told other addresses; its connections stay"
        for name in found.connectors_to_readdress
    ]
    for section in ("sensors", "endpoints"):
        yield from _section(section, getattr(found, section), places)
    yield [
        f"~ {places.of(section)}: {what}"
        for section, what, differs in (
            ("site", "name, time zone, faults, where they are told, or journal", found.site_changed),
            ("pictures", "from where pictures may be fetched", found.pictures_changed),
            ("observe", "where a monitoring system asks", found.observe_changed),
        )
        if differs
    ]


def _section(section: str, change: Change[str], places: Places) -> Iterator[Sequence[str]]:
    yield [f"+ {places.of(section, name)}: {_ADDED[section]}" for name in change.added]
    yield [f"~ {places.of(section, name)}: {_CHANGED[section]}" for name in change.changed]
    yield [f"- {section}.{name}: {_REMOVED[section]}" for name in change.removed]
