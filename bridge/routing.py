"""Which sensor a message, and each item in it, is of: from the origin, and behind a shared address from the identity.

Pure: built from a site, asks nobody. Ten thousand sensors behind one address cost no more than a few: they are found
by their identity in a table, not one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bridge.config.site import Sensor, Site
from bridge.decide.cameras import NoCamera, with_its_cameras
from bridge.model import Draft, Item, Malformed, Message, Origin, ProfileId, State
from bridge.profiles.profile import Profile

NOTHING: Mapping[str, str] = {}
STANDING = "standing"
"""The attribute of an origin whose message tells no event but how things stand: ``first``, how they stood when we came
(it is quiet); ``again``, what may have begun or ended while we were away (it is told, and says so)."""

STOOD = "how it stood when the bridge came"
TOLD_BEFORE = "told before the bridge was back"
FOUND = "found when the bridge was back"
_MANY = 8
"""Addresses that are asked one after the other, from which on it is remembered what they said: hundreds of sensors
behind a broker may each have a wildcard in their topic."""
_MOST_FOUND = 8192
_SAID = 500
"""Characters shown of what an unknown item says of itself."""


class RoutedItem(msgspec.Struct, frozen=True):
    """An item and the sensor it is of; ``sensor`` None: nobody listens for it, ``why`` says so.

    ``key``: by what it was not known, its identity or what its cameras are looked up by; for the quarantine.
    """

    item: Item | Malformed
    sensor: Sensor | None = None
    draft: Draft | Malformed | None = None
    why: str = ""
    identity: Mapping[str, str] = NOTHING
    key: str = ""


class Routed(msgspec.Struct, frozen=True):
    """``message`` as it may be stored: redacted by its profile. ``masked``: whether there was one to redact it."""

    message: Message
    items: tuple[RoutedItem, ...]
    masked: bool = True


class _Identities:
    """The sensors of one profile behind one address, by what each wants an item to say. The first of equals counts."""

    def __init__(self) -> None:
        self.count = 0
        self.first: Sensor | None = None
        self._tables: dict[tuple[str, ...], dict[tuple[str | None, ...], tuple[int, Sensor]]] = {}

    def add(self, sensor: Sensor) -> None:
        wanted = sensor.address.identity
        names = tuple(sorted(wanted))
        values = tuple([wanted[name] for name in names])
        self._tables.setdefault(names, {}).setdefault(values, (self.count, sensor))
        self.first = self.first or sensor
        self.count += 1

    def find(self, identity: Mapping[str, str]) -> tuple[int, Sensor] | None:
        """The sensor that wants most of what the item says, and how much that is."""
        best: tuple[int, int, Sensor] | None = None
        for names, table in self._tables.items():
            found = table.get(tuple([identity.get(name) for name in names]))
            if found is not None and (best is None or (-len(names), found[0]) < best[:2]):
                best = (-len(names), *found)
        return None if best is None else (-best[0], best[2])


class _Way:
    """The sensors that have one address but for their identity. ``alone``: the one, where there is but one."""

    def __init__(self, like: Sensor) -> None:
        self.address = like.address
        self.alone: Sensor | None = like
        self.of_alone: tuple[_Identities, ...] = ()
        self.profiles: dict[ProfileId, _Identities] = {}

    def add(self, sensor: Sensor) -> None:
        self.profiles.setdefault(sensor.profile, _Identities()).add(sensor)
        self.of_alone = tuple(self.profiles.values())
        if sensor is not self.alone:
            self.alone = None


class _Door:
    """The addresses of one connector, by the exact place and the exact peer they name (None: any)."""

    def __init__(self) -> None:
        self._ways: dict[tuple[str | None, str | None], list[_Way]] = {}
        self._alike: dict[tuple[str | None, str | None, str], _Way] = {}
        self._wide = 0
        self._found: dict[tuple[str, str, str | None], list[_Way]] = {}

    def add(self, sensor: Sensor) -> None:
        address = sensor.address
        alike = f"{type(address).__name__} {address.model_dump_json(exclude={'identity'})}"
        for peer in address.peers() or (None,):
            there = (address.place(), peer)
            way = self._alike.get((*there, alike))
            if way is None:
                way = self._alike[*there, alike] = _Way(sensor)
                self._ways.setdefault(there, []).append(way)
                self._wide = max(self._wide, len(self._ways[there]))
            way.add(sensor)

    def ways(self, origin: Origin) -> list[_Way]:
        """Those a message may have come by: of its very place if there are any, else those that listen everywhere."""
        if self._wide < _MANY or origin.attributes:
            return self._matching(origin)
        key = (origin.place, origin.peer, origin.authenticated)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            found = self._found[key] = self._matching(origin)
        return found

    def _matching(self, origin: Origin) -> list[_Way]:
        ways, peer = self._ways, origin.peer
        for place in (origin.place, None):
            near, wide = ways.get((place, peer)), ways.get((place, None))
            if near is not None and wide is not None:
                near = near + wide
            found = [way for way in near or wide or () if way.address.matches(origin)]
            if found:
                return found
        return []


class Router:
    def __init__(self, site: Site) -> None:
        self._profiles = site.profiles
        self._doors: dict[str, _Door] = {}
        for sensor in site.sensors.values():
            self._doors.setdefault(sensor.connector, _Door()).add(sensor)
            for connector, address in sensor.also.items():
                heard = msgspec.structs.replace(sensor, connector=connector, address=address)
                self._doors.setdefault(connector, _Door()).add(heard)

    def route(self, message: Message) -> Routed:
        """Find the sensor of every item; what no sensor listens for comes back with ``sensor`` None. Never raises."""
        door = self._doors.get(message.connector)
        ways = door.ways(message.origin) if door is not None else []
        if not ways:
            origin = message.origin
            why = f"no sensor of connector {message.connector} listens for {origin.place or 'this'} from {origin.peer}"
            return Routed(message, (RoutedItem(Item(0, {}), why=why),), masked=False)
        if len(ways) == 1 and ways[0].alone is not None:
            sensor = ways[0].alone
            return _route(message, ways[0].of_alone, self._profiles[sensor.profile], sensor)
        readable = None
        for profile in dict.fromkeys([profile for way in ways for profile in way.profiles]):
            near = [way.profiles[profile] for way in ways if profile in way.profiles]
            alone = near[0].first if len(near) == 1 and near[0].count == 1 else None
            routed = _route(message, near, self._profiles[profile], alone)
            if any(item.sensor is not None and not isinstance(item.draft, Malformed) for item in routed.items):
                return routed
            if readable is None and any(isinstance(item.item, Item) and item.draft is None for item in routed.items):
                readable = routed  # nobody's, but it could be read: that says more than that it could not
        return readable or routed


def _route(message: Message, near: Sequence[_Identities], profile: Profile, alone: Sensor | None) -> Routed:
    """``alone``: the only sensor its items may be of, where there is but one."""
    message = profile.redact(message)
    items = [_route_item(item, alone, near, profile) for item in profile.items(message)]
    attributes = message.origin.attributes
    if attributes and STANDING in attributes:
        items = [_as_it_stands(item, attributes[STANDING]) for item in items]
    return Routed(message, tuple(items))


def _as_it_stands(routed: RoutedItem, standing: str) -> RoutedItem:
    """What is told as a state: nothing happened just now, but what is over may be closed."""
    draft = routed.draft
    if not isinstance(draft, Draft) or draft.quiet is not None:
        return routed
    if standing == "first":
        draft = msgspec.structs.replace(draft, quiet=STOOD)
    elif draft.state is State.MOMENTARY:
        draft = msgspec.structs.replace(draft, quiet=TOLD_BEFORE)
    else:
        draft = msgspec.structs.replace(draft, marks=(*draft.marks, FOUND))
    return msgspec.structs.replace(routed, draft=draft)


def _route_item(
    item: Item | Malformed, alone: Sensor | None, near: Iterable[_Identities], profile: Profile
) -> RoutedItem:
    if isinstance(item, Malformed):
        return RoutedItem(item, alone, item, item.why)
    identity = NOTHING
    sensor = alone
    if alone is None or alone.address.identity:
        identity = profile.identity(item)
        sensor = _most_specific(near, identity)
    if sensor is None:
        said = ", ".join(f"{name}={value}" for name, value in identity.items())[:_SAID]
        why = f"no sensor with this identity: the item says {said or 'nothing'}"
        return RoutedItem(item, why=why, identity=identity, key=said)
    draft = profile.draft(item, sensor.timezone)
    if sensor.cameras_by is None or isinstance(draft, Malformed):
        return RoutedItem(item, sensor, draft, identity=identity)
    return shown_somewhere(item, sensor, draft, identity or profile.identity(item))


def shown_somewhere(item: Item, sensor: Sensor, draft: Draft, identity: Mapping[str, str]) -> RoutedItem:
    """The item with its sensor's cameras as they are for it; nobody's, when the sensor's table has none for it."""
    try:
        return RoutedItem(item, *with_its_cameras(sensor, draft, identity), identity=identity)
    except NoCamera as unknown:
        why = f"sensor {sensor.id}: {unknown}"
        return RoutedItem(item, why=why, identity=identity, key=unknown.key)


def _most_specific(near: Iterable[_Identities], identity: Mapping[str, str]) -> Sensor | None:
    best: tuple[int, Sensor] | None = None
    for identities in near:
        found = identities.find(identity)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
    return None if best is None else best[1]
