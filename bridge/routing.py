"""Which sensor a message, and each item in it, is of: from the origin, and behind a shared address from the identity.

Pure: built from a site, asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bridge.config.site import Sensor, Site
from bridge.model import Draft, Item, Malformed, Message
from bridge.profiles.profile import Profile

NOTHING: Mapping[str, str] = {}


class RoutedItem(msgspec.Struct, frozen=True):
    """An item and the sensor it is of; ``sensor`` None: nobody listens for it, ``why`` says so."""

    item: Item | Malformed
    sensor: Sensor | None = None
    draft: Draft | Malformed | None = None
    why: str = ""
    identity: Mapping[str, str] = NOTHING


class Routed(msgspec.Struct, frozen=True):
    """``message`` as it may be stored: redacted by its profile."""

    message: Message
    items: tuple[RoutedItem, ...]


class _Door:
    """The sensors of one connector, by the exact place and the exact peer their addresses name (None: any)."""

    def __init__(self) -> None:
        self._sensors: dict[tuple[str | None, str | None], list[Sensor]] = {}

    def add(self, sensor: Sensor) -> None:
        for peer in sensor.address.peers() or (None,):
            self._sensors.setdefault((sensor.address.place(), peer), []).append(sensor)

    def sensors(self, message: Message) -> list[Sensor]:
        """Those a message may be of: of its very place if there are any, else those that listen everywhere."""
        origin = message.origin
        for place in (origin.place, None):
            near = [*self._sensors.get((place, origin.peer), ()), *self._sensors.get((place, None), ())]
            found = [sensor for sensor in near if sensor.address.matches(origin)]
            if found:
                return found
        return []


class Router:
    def __init__(self, site: Site) -> None:
        self._profiles = site.profiles
        self._doors: dict[str, _Door] = {}
        for sensor in site.sensors.values():
            self._doors.setdefault(sensor.connector, _Door()).add(sensor)

    def route(self, message: Message) -> Routed:
        """Find the sensor of every item; what no sensor listens for comes back with ``sensor`` None. Never raises."""
        door = self._doors.get(message.connector)
        sensors = door.sensors(message) if door is not None else []
        if not sensors:
            origin = message.origin
            why = f"no sensor of connector {message.connector} listens for {origin.place or 'this'} from {origin.peer}"
            return Routed(message, (RoutedItem(Item(0, {}), why=why),))
        if len(sensors) == 1:
            return self._route(message, sensors, self._profiles[sensors[0].profile])
        routed = None
        for profile in dict.fromkeys(sensor.profile for sensor in sensors):
            of_profile = [sensor for sensor in sensors if sensor.profile == profile]
            routed = self._route(message, of_profile, self._profiles[profile])
            if any(item.sensor is not None and not isinstance(item.draft, Malformed) for item in routed.items):
                break
        assert routed is not None
        return routed

    def _route(self, message: Message, sensors: Sequence[Sensor], profile: Profile) -> Routed:
        message = profile.redact(message)
        return Routed(message, tuple([self._route_item(item, sensors, profile) for item in profile.items(message)]))

    def _route_item(self, item: Item | Malformed, sensors: Sequence[Sensor], profile: Profile) -> RoutedItem:
        if isinstance(item, Malformed):
            return RoutedItem(item, sensors[0] if len(sensors) == 1 else None, item, item.why)
        identity = NOTHING
        sensor: Sensor | None = sensors[0]
        if len(sensors) > 1 or sensors[0].address.identity:
            identity = profile.identity(item)
            sensor = _most_specific(sensors, identity)
        if sensor is None:
            said = ", ".join(f"{name}={value}" for name, value in identity.items()) or "nothing"
            return RoutedItem(item, why=f"no sensor with this identity: the item says {said}", identity=identity)
        return RoutedItem(item, sensor, profile.draft(item, sensor.timezone), identity=identity)


def _most_specific(sensors: Sequence[Sensor], identity: Mapping[str, str]) -> Sensor | None:
    best: Sensor | None = None
    for sensor in sensors:
        wanted = sensor.address.identity
        if all(identity.get(name) == value for name, value in wanted.items()) and (
            best is None or len(wanted) > len(best.address.identity)
        ):
            best = sensor
    return best
