"""One message, item by item: what is on record of it, and how the site as it is now reads it. Pure."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence

from bridge.config.site import Sensor, Site
from bridge.decide.cameras import NoCamera
from bridge.decide.draft import event_of
from bridge.explanation.asking import says
from bridge.explanation.matching import compare, identified, others
from bridge.explanation.told import ItemTold, MessageTold, RuleTold
from bridge.journal.contract import MessageRecord, QuarantineRecord
from bridge.model import BRIDGE, Draft, Fate, Instant, Item, Malformed, MessageId, SensorEvent, Verdict
from bridge.profiles.profile import Profile
from bridge.routing import Routed, RoutedItem, Router

_SAID_IN = re.compile(r"the same was said in (\S+)$")
_FAILED = re.compile(r"rule (.+?) failed: ")


def message_told(
    record: MessageRecord,
    site: Site | None,
    quarantined: Sequence[QuarantineRecord],
    raised: Mapping[str, SensorEvent],
    only: int | None = None,
) -> MessageTold:
    """``raised``: the events its items went into, by id, as far as they exist. ``only``: this item alone."""
    message = record.message
    held = {item.index: item for item in quarantined}
    if message.connector == BRIDGE:
        site = None  # its own word about a fault: no address or profile led to it
    router = Router(site) if site is not None else None
    routed = router.route(message) if router is not None else None
    items = []
    for verdict in record.verdicts:
        if only is not None and verdict.index != only:
            continue
        told = _on_record(verdict, held.get(verdict.index))
        if site is not None and routed is not None:
            _read_again(told, record, site, routed, raised.get(verdict.event or ""))
        items.append(told)
    return MessageTold(
        id=record.id, connector=message.connector, peer=message.origin.peer, place=message.origin.place,
        authenticated=message.origin.authenticated, arrived=message.arrived.utc, content_type=message.content_type,
        size=len(message.body) + sum(len(part.data) for part in message.parts), items=items,
    )  # fmt: skip


def _on_record(verdict: Verdict, held: QuarantineRecord | None) -> ItemTold:
    same = _SAID_IN.search(verdict.why)
    return ItemTold(
        index=verdict.index, fate=verdict.fate.value, sensor=verdict.sensor, event=verdict.event, rule=verdict.rule,
        why=verdict.why, duplicate_of=same[1] if same else None, in_quarantine=held is not None,
        key=held.key if held is not None else "",
    )  # fmt: skip


def _read_again(told: ItemTold, record: MessageRecord, site: Site, routed: Routed, raised: SensorEvent | None) -> None:
    origin = record.message.origin
    of_connector = [sensor for sensor in site.sensors.values() if sensor.connector == record.message.connector]
    found = next((each for each in routed.items if each.item.index == told.index), None)
    sensor = found.sensor if found is not None else None
    if found is None:
        told.problem = "the message cannot be read again: its pictures are kept apart from it"
        sensor = site.sensors.get(told.sensor) if told.sensor is not None else None
    else:
        told.read_again = True
        told.identity = dict(found.identity)
        if sensor is None:
            told.problem = found.why
    if sensor is not None:
        told.sensor_now, told.sensor_name, told.profile = sensor.id, sensor.name, sensor.profile
        fits, _ = compare(sensor, origin)
        told.matched_by = [f"connector {sensor.connector}", *fits]
        if sensor.address.identity:
            told.matched_by.append(f"identity {identified(sensor)}")
    if found is not None and sensor is not None:
        _as_draft(told, record, site, sensor, found, raised)
    told.others, told.others_left_out = others(
        of_connector, origin, sensor.id if sensor is not None else None, told.profile, told.identity
    )


def _as_draft(
    told: ItemTold,
    record: MessageRecord,
    site: Site,
    sensor: Sensor,
    found: RoutedItem,
    raised: SensorEvent | None,
) -> None:
    draft = found.draft
    if isinstance(draft, Malformed):
        told.problem = draft.why
    if not isinstance(draft, Draft) or not isinstance(found.item, Item):
        return
    told.kind = kind_of(site.profiles[sensor.profile], found.item)
    told.type, told.title, told.condition = draft.type, draft.title, draft.condition
    told.state, told.urgency = draft.state.value, draft.urgency.name.lower()
    told.fields, told.quiet = dict(draft.fields), draft.quiet
    at = Instant(record.message.arrived.utc, 0.0)
    event = event_of(site, sensor, draft, found.item, MessageId(record.id), at)
    told.cameras = list(sensor.cameras)
    if sensor.cameras_by is not None:
        with contextlib.suppress(NoCamera):
            told.camera_key = sensor.cameras_by.key(draft.fields, found.identity)
    failed = {name[1] for mark in (raised.marks if raised is not None else ()) if (name := _FAILED.match(mark))}
    for rule in sensor.rules:
        did = ""
        if told.rule == rule.name or (raised is not None and raised.withheld == rule.name):
            did = "filtered it"
        elif rule.name in failed:
            did = "failed"
        elif told.fate == Fate.RAISED.value and told.rule is None:
            did = "let it through"
        told.rules.append(RuleTold(rule=rule.name, would=says(rule, event, sensor.timezone), did=did))


def kind_of(profile: Profile, item: Item) -> str:
    """The kind of message an item is by its profile; "" where the profile does not tell."""
    tell = getattr(profile, "kind_of", None)
    return str(tell(item)) if callable(tell) else ""
