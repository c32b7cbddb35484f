"""The event that ``events show`` and ``events media`` are about: of a service, a resting journal, or the VMS."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.cli import asking
from bridge.cli.ending import Code, Failure

if TYPE_CHECKING:
    from bridge.config.site import Site
    from bridge.model import CameraId, SensorEvent, VmsId

Told = dict[str, Any]  # what ``bridge.control.one_event`` makes, as JSON


class Place(msgspec.Struct, frozen=True):
    """Where an event should be: a camera, and the VMS's id when the journal knows it. ``state``: of the delivery."""

    vms: VmsId
    camera: CameraId
    remote_id: str = ""
    state: str = ""


def of_the_journal(where: asking.Place, text: str) -> Told:
    """Everything the journal has of the event. Raises Failure."""
    if asking.running(where):
        with asking.service(where) as client:
            return client.get("/event", id=text)
    from bridge.cli.resting import read_only
    from bridge.control.one_event import NoSuchEvent, ReadableWhole, one_event
    from bridge.control.records import line

    async def ask(journal: ReadableWhole) -> bytes:
        return line(await one_event(journal, text))

    try:
        found: Told = json.loads(read_only(where, ask))
    except NoSuchEvent as wrong:
        raise Failure(Code.USAGE, str(wrong)) from wrong
    return found


def places(told: Told, camera: str | None) -> list[Place]:
    """One for each camera that got it, or is to get it. Raises Failure for a camera that does not."""
    from bridge.model import CameraId, VmsId

    found: dict[str, Place] = {}
    for each in told["deliveries"]:
        before = found.get(each["camera"])
        if each["action"] == "raise" and (before is None or not before.remote_id):
            found[each["camera"]] = Place(
                VmsId(each["vms"]), CameraId(each["camera"]), each["remote_id"] or "", each["state"]
            )
    if camera is not None and camera not in found:
        raise Failure(Code.USAGE, f"this event does not go to camera {camera}; it goes to {', '.join(found) or 'none'}")
    return [place for place in found.values() if camera in (None, place.camera)]


def revisions(told: Told) -> Sequence[SensorEvent]:
    """As the VMS's target takes them."""
    from bridge.model import SensorEvent, Urgency

    made = []
    for each in told["revisions"]:
        detail = json.dumps(each["detail"], ensure_ascii=False, separators=(",", ":")).encode()
        values = {**each, "urgency": Urgency[each["urgency"].upper()].value, "detail": b""}
        made.append(msgspec.structs.replace(msgspec.convert(values, SensorEvent), detail=detail))
    return made


def delivered_to(told: Told, camera: str) -> Sequence[SensorEvent]:
    """The revisions that this camera has got; of one of which nothing is known, the first."""
    there = {
        each["revision"] for each in told["deliveries"] if each["camera"] == camera and each["state"] == "delivered"
    }
    known = revisions(told)
    return [each for each in known if each.revision in there] or known[:1]


def title_of(told: Told) -> str:
    event = told["event"]
    return f"{event['urgency']} {event['type']} {event['state']}: {event['title']}"


def time_of(told: Told) -> datetime:
    return datetime.fromisoformat(told["event"]["occurred_at"])


def their_place(arguments: argparse.Namespace, site: Site) -> Place:
    """With ``--theirs``. Raises Failure."""
    from bridge.cli.event_search import camera_named

    if arguments.camera is None:
        raise Failure(Code.USAGE, "with --theirs, say which --camera has the event")
    camera = site.cameras[camera_named(site, arguments.camera)]
    return Place(camera.vms, camera.id, arguments.event)
