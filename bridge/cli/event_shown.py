"""``vms-bridge events show``: what the journal knows of one event, and what the VMS has under its id."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.event_compared import Compared, compared, differences
from bridge.cli.one_event import Place, Told, delivered_to, of_the_journal, places, their_place, time_of, title_of
from bridge.cli.options import wants_json
from bridge.cli.showing import local, table
from bridge.cli.vms_side import opened, recalled, record_of, site_and_secrets
from bridge.vms.recorded import CannotTell, Recorded, SaysWhatItTold

if TYPE_CHECKING:
    from bridge.config.site import Site
    from bridge.model import SensorEvent
    from bridge.secret import Secrets
    from bridge.vms.base import VmsTarget

LONGEST_SHOWN = 60
"""Characters of a value in the table; --json shows all."""
SAME_TIME = 1.0
"""Seconds: a VMS may keep whole ones."""


class There(msgspec.Struct, kw_only=True):
    """What one VMS has of it on one camera. ``cannot``: why it could not be asked. ``wrong``: in words, each thing in
    which it is not as the journal says."""

    vms: str
    camera: str
    remote_id: str = ""
    found: Recorded | None = None
    cannot: str = ""
    wrong: list[str] = []
    compared: list[Compared] = []


def show(arguments: argparse.Namespace) -> int:
    if arguments.theirs:
        site, secrets = site_and_secrets(arguments)
        there = asyncio.run(_ask(site, secrets, [their_place(arguments, site)], None))
        return _told(arguments, None, there)
    where = asking.place(arguments)
    told = of_the_journal(where, arguments.event)
    there = []
    if arguments.ask_vms is not False:
        there = _of_the_vms(arguments, where, told)
    return _told(arguments, told, there)


def _of_the_vms(arguments: argparse.Namespace, where: asking.Place, told: Told) -> list[There]:
    got = [each for each in places(told, arguments.camera) if each.remote_id or each.state == "delivered"]
    wanted = places(told, arguments.camera) if arguments.ask_vms else got
    if not wanted:
        return []
    if where.site is None and not arguments.ask_vms:
        why = "name the site with --site to ask its VMS"
        return [There(vms=each.vms, camera=each.camera, remote_id=each.remote_id, cannot=why) for each in wanted]
    site, secrets = site_and_secrets(arguments)
    return asyncio.run(_ask(site, secrets, wanted, told))


async def _ask(site: Site, secrets: Secrets, wanted: Sequence[Place], told: Told | None) -> list[There]:
    known = [place for place in wanted if place.camera in site.cameras and place.vms in site.vms]
    async with opened(site, secrets, [place.vms for place in known]) as targets:
        return [
            await _one(site, targets[place.vms], place, told)
            if place in known
            else There(
                vms=place.vms, camera=place.camera, remote_id=place.remote_id, cannot="it is no longer in the site"
            )
            for place in wanted
        ]


async def _one(site: Site, target: VmsTarget, place: Place, told: Told | None) -> There:
    there = There(vms=place.vms, camera=place.camera, remote_id=place.remote_id)
    at = time_of(told) if told is not None else None
    event = told["event"]["id"] if told is not None else ""
    try:
        record = record_of(place.vms, target, site)
        there.found = found = await recalled(record, place.camera, place.remote_id, event, at)
    except CannotTell as error:
        there.cannot = str(error)
        return there
    if found is None:
        if place.remote_id:
            there.wrong = [f"it has no event {place.remote_id}"]
        return there
    if told is not None:
        there.compared = compared(_ours(target, place, delivered_to(told, place.camera)), found.tags)
        there.wrong = _wrong(there, found, event, at)
    return there


def _ours(target: VmsTarget, place: Place, all_of_it: Sequence[SensorEvent]) -> Mapping[str, object]:
    """What should be there: as the target tells it, or else the fields."""
    if isinstance(target, SaysWhatItTold):
        return target.told(place.camera, all_of_it)
    return all_of_it[-1].fields


def _wrong(there: There, found: Recorded, event: str, at: datetime | None) -> list[str]:
    wrong = []
    if found.event and found.event != event:
        wrong.append(f"under this id it has another event, {found.event}")
    if at is not None and found.at is not None and abs((found.at - at).total_seconds()) >= SAME_TIME:
        wrong.append(f"it stands at {local(found.at)}")
    count = differences(there.compared)
    if count:
        wrong.append(f"{count} tag{'' if count == 1 else 's'} not as in the journal")
    return wrong


# ----------------------------------------------------------------------------------------------------------- for people


def _told(arguments: argparse.Namespace, told: Told | None, there: Sequence[There]) -> int:
    if wants_json(arguments):
        print(json.dumps({**(told or {}), "vms": msgspec.to_builtins(there)}, ensure_ascii=False))
    else:
        lines = _journal(told) if told is not None else []
        for each in there:
            lines += ["", *_there(each)]
        print("\n".join(lines).strip("\n"))
    cannot = [each.cannot for each in there if each.cannot]
    if cannot and (arguments.ask_vms or told is None):
        raise Failure(Code.REFUSED, f"not asked: {cannot[0]}")
    missing = told is None and any(each.found is None for each in there)
    return Code.FOUND if missing or any(each.wrong for each in there) else Code.DONE


def _journal(told: Told) -> list[str]:
    event = told["event"]
    lines = [
        f"event {event['id']}: {title_of(told)}",
        f"  of {event['sensor']} ({event['sensor_name']}, {event['kind']})",
        f"  occurred {local(event['occurred_at'])} (clock: {event['clock']}), arrived {local(event['arrived_at'])}",
    ]
    if event["withheld"]:
        lines.append(f"  kept from the cameras by {event['withheld']}")
    lines += [f"  {mark}" for mark in event["marks"]]
    lines += [
        f"  revision {each['revision']}: {', '.join(each['changes']) or 'nothing'} changed"
        for each in told["revisions"]
        if each["revision"]
    ]
    pictures = [(each["id"], each["role"], each["content_type"], f"{each['size']} bytes") for each in event["media"]]
    lines += ["  pictures:", *table(pictures, 4)] if pictures else []
    rows = [_delivery(each) for each in told["deliveries"]]
    lines += ["  deliveries:", *table(rows, 4)] if rows else ["  no deliveries"]
    clips = [_clip(each) for each in told["clips"]]
    lines += ["  clips:", *table(clips, 4)] if clips else []
    return lines


def _delivery(each: dict[str, Any]) -> tuple[str, ...]:
    remote = f"there as {each['remote_id']}" if each["remote_id"] else ""
    attempts = f"{each['attempts']} attempt{'' if each['attempts'] == 1 else 's'}"
    facts = "; ".join(filter(None, (attempts, each["why"], remote)))
    return each["camera"], each["vms"], each["action"], each["state"], local(each["settled_at"]), facts


def _clip(each: dict[str, Any]) -> tuple[str, ...]:
    state = each["state"]
    if state == "made":
        told = f"asked for, there as {each['remote_id']}"
    elif state == "waiting":
        told = f"not before {local(each['due'])}" + (f" ({each['why']})" if each["why"] else "")
    else:
        told = each["why"]
    return each["camera"], state, f"{local(each['since'])} to {local(each['until'])}", told


def _there(each: There) -> list[str]:
    where = f"{each.camera} ({each.vms})"
    if each.cannot:
        return [f"{where}: not asked: {each.cannot}"]
    found = each.found
    if found is None:
        return [f"{where}: not there" + "".join(f"; {why}" for why in each.wrong)]
    known = f", known as {found.known_as}" if found.known_as else ""
    head = f"{where} has it as {found.remote_id}: {found.name}{known}, at {local(found.at)}"
    if not each.compared:
        return [head, *table([(tag, _short(str(value))) for tag, value in found.tags.items()], 2)]
    rows = [
        ("tag", "journal", "VMS"),
        *((row.tag, _short(row.journal), _short(row.vms), row.verdict.upper()) for row in each.compared),
    ]
    verdict = "; ".join(each.wrong) or "as in the journal"
    return [f"{head}: {verdict}", *table(rows, 2)]


def _short(text: str | None) -> str:
    if text is None:
        return "-"
    line = " ".join(text.split()) if text else '""'
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"
