"""Which sensor's address fits an origin and which does not, and what it is that differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.config.site import Sensor
from bridge.explanation.told import Compared
from bridge.model import Origin, SensorId
from connectors.base import Address

NOBODY = Origin("")
MOST = 10
"""Sensors shown beside the one that matched: those nearest to matching."""


def compare(sensor: Sensor, origin: Origin) -> tuple[list[str], str]:
    """What of the sensor's address fits this origin, and the first thing that does not ("" when all of it fits)."""
    address = sensor.address
    fits, differs = [], ""
    for name, words in _said(address).items():
        alone = _alone(address, name)
        if _covers(alone, NOBODY):
            continue  # it says something else than whose messages these are
        if _covers(alone, origin):
            fits.append(words)
        elif not differs:
            differs = f"it wants {words}; {_came(alone, origin)}"
    if not differs and not _covers(address, origin):
        differs = "its address does not fit"
    return fits, differs


def identified(sensor: Sensor) -> str:
    return ", ".join(f"{name}={value}" for name, value in sensor.address.identity.items())


def others(
    sensors: Iterable[Sensor], origin: Origin, chosen: SensorId | None, profile: str, identity: Mapping[str, str]
) -> tuple[list[Compared], int]:
    """The sensors of the connector that were not taken, the nearest first, and how many more there are."""
    found: list[tuple[int, Compared]] = []
    taken = None
    everyone = list(sensors)
    for sensor in everyone:
        if sensor.id == chosen:
            taken = sensor
    for sensor in everyone:
        if sensor.id == chosen:
            continue
        fits, differs = compare(sensor, origin)
        rank = 1 if differs else 0
        if not differs:
            differs = _why_not(sensor, taken, origin, profile, identity)
        found.append((rank * 100 - len(fits), Compared(sensor=sensor.id, matched=fits, differs=differs)))
    found.sort(key=lambda each: each[0])
    return [each for _, each in found[:MOST]], max(0, len(found) - MOST)


def _why_not(sensor: Sensor, taken: Sensor | None, origin: Origin, profile: str, identity: Mapping[str, str]) -> str:
    """Why a sensor whose address fits was not taken."""
    here = taken is not None and taken.address.place() is not None and taken.address.place() == origin.place
    if here and sensor.address.place() is None:
        return f"it listens everywhere, and {taken.id if taken else ''} on this very {origin.place}"
    if profile and sensor.profile != profile:
        return f"its profile is {sensor.profile}, and {profile} could read the message"
    for name, value in sensor.address.identity.items():
        said = identity.get(name)
        if said != value:
            return f"it wants {name}={value}; the item says {f'{name}={said}' if said is not None else f'no {name}'}"
    if taken is not None and len(taken.address.identity) > len(sensor.address.identity):
        return f"{taken.id} names more of what the item says: {identified(taken)}"
    return "another sensor stands before it in the site"


def _said(address: Address) -> dict[str, str]:
    """Each thing the address asks for in words. Of what may be secret only the name."""
    written = address.model_dump(mode="json", by_alias=True)
    found = {}
    for name, field in type(address).model_fields.items():
        if name == "identity" or name not in address.model_fields_set:
            continue
        label = field.alias or name
        value = written.get(label)
        if isinstance(value, dict):
            text = ", ".join(value)
        elif isinstance(value, list):
            text = ", ".join(map(str, value))
        else:
            text = str(value)
        found[name] = f"{label} {text}"
    return found


def _alone(address: Address, name: str) -> Address:
    """The address as if this, and what it cannot do without, were all it asked for."""
    fields = type(address).model_fields
    kept = {
        field.alias or each: getattr(address, each)
        for each, field in fields.items()
        if each == name or (field.is_required() and each != "identity")
    }
    # Made anew and not copied: what an address has worked out from its other keys must not come with it.
    return type(address).model_construct(**kept)


def _covers(address: Address, origin: Origin) -> bool:
    place, peers = address.place(), address.peers()
    return (place is None or place == origin.place) and (not peers or origin.peer in peers) and address.matches(origin)


def _came(address: Address, origin: Origin) -> str:
    """What this message has in the place of what an address wants; of credentials the name alone."""
    if address.place() is not None:
        return f"this came to {origin.place or 'no place'}"
    return f"this came from {origin.peer}, showing {origin.authenticated or 'no credential'}"
