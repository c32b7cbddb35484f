"""A delivery as requests: look up the event type, declare it, write the document, raise; or amend tag by tag."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping

import msgspec

from bridge.model import Action, CameraId, Delivery, EventId, SensorEvent
from bridge.vms.base import Request
from bridge.vms.text import as_text, shorten
from bridge.vms.vxg.account import Account
from bridge.vms.vxg.meta import Sheets, encoded, head_tags, naive
from bridge.vms.vxg.naming import event_name, field_tag, value_tag
from bridge.vms.vxg.settings import VxgSettings

EVENTS = "/api/v2/storage/events/"
DOCUMENTS = "/api/v4/meta/"

READ = (("Accept", "application/json"),)
WRITE = (("Accept", "application/json"), ("Content-Type", "application/json"))

_UNFIT_ID = re.compile("[^A-Za-z0-9_.-]")
_KEPT_BODIES = 64


class Kind(enum.Enum):
    LOOK_UP = "look up"
    DECLARE = "declare"
    DOCUMENT = "document"
    RAISE = "raise"
    TAG = "tag"


class Step(Request, frozen=True, kw_only=True):
    """A request that knows what it is for. ``path`` is the url without the VMS's address; ``name`` the event type in
    VXG; ``subject`` the tag that is written, or the id of the document; ``remote_id`` the event it is written to."""

    kind: Kind
    path: str
    name: str = ""
    subject: str = ""
    remote_id: str = ""


class _Body(msgspec.Struct):
    """What is the same on every camera: ``meta`` is the JSON object without its closing brace."""

    event: SensorEvent
    name: str
    time: bytes
    meta: bytes
    document: bool
    long: dict[str, str]


def types_path(camera: int) -> str:
    return f"/api/v2/cameras/{camera}/event_processing/events/"


class Steps:
    """Makes the requests of deliveries. Pure: what it remembers only saves making the same bytes again."""

    def __init__(self, settings: VxgSettings, accounts: Mapping[CameraId, Account]) -> None:
        self._base = settings.url
        self._declare = settings.declare_types
        self._names = settings.event_names
        self._digits = settings.time_digits
        self._limit = settings.meta_value_limit
        self._never_document = settings.meta_document == "never"
        self._search = settings.search_tags
        self._accounts = accounts
        self._sheets = Sheets(settings)
        self._types: dict[tuple[CameraId, str], tuple[Step, ...]] = {}
        self._bodies: dict[tuple[EventId, int], _Body] = {}

    def of(self, delivery: Delivery) -> tuple[Step, ...]:
        """The requests of this delivery, in order."""
        account = self._accounts[delivery.camera]
        if delivery.action is Action.AMEND and delivery.remote_id:
            return self._amend(delivery, account, delivery.remote_id)
        return self._raise(delivery, account)

    def name(self, event: SensorEvent) -> str:
        """The event's type in VXG."""
        return self.name_of(event.type)

    def name_of(self, event_type: str) -> str:
        """What a type of ours is called in VXG."""
        return self._names.get(event_type) or event_name(event_type)

    # ------------------------------------------------------------------------------------------------------------ raise

    def _raise(self, delivery: Delivery, account: Account) -> tuple[Step, ...]:
        event = delivery.event
        body = self._body(event)
        steps = self._types.get((account.camera, body.name)) or self._type_steps(account, body.name)
        meta = body.meta
        if body.document:
            known_by = document_id(event, account.id)
            written = self._sheets.document(event, body.name, body.long, account.id, known_by)
            steps = (*steps, self._document(account, known_by, written))
            meta += b',"detail_document":' + encoded(known_by)
        if delivery.possible_duplicate:
            meta += b',"possible_duplicate":"true"'
        return (
            *steps,
            Step(
                method="POST",
                url=self._base + EVENTS,
                headers=WRITE,
                body=b'{"camid":%d,"name":"%b","time":"%b","meta":%b}}'
                % (account.id, body.name.encode(), body.time, meta),
                credentials=account.credentials,
                camera=account.camera,
                purpose="raise the event",
                raises=True,
                kind=Kind.RAISE,
                path=EVENTS,
                name=body.name,
            ),
        )

    def _body(self, event: SensorEvent) -> _Body:
        key = event.id, event.revision
        kept = self._bodies.get(key)
        if kept is not None and (kept.event is event or kept.event == event):
            return kept
        name = self.name(event)
        sheet = self._sheets.sheet(event, name)
        time = naive(event.occurred_at, self._digits).encode()
        made = _Body(event, name, time, encoded(sheet.tags)[:-1], sheet.document, sheet.long)
        if len(self._bodies) >= _KEPT_BODIES:
            del self._bodies[next(iter(self._bodies))]
        self._bodies[key] = made
        return made

    def _type_steps(self, account: Account, name: str) -> tuple[Step, ...]:
        path = types_path(account.id)
        steps = [
            Step(
                method="GET",
                url=f"{self._base}{path}?limit=1000",
                headers=READ,
                credentials=account.credentials,
                camera=account.camera,
                purpose=f"look whether the camera has the event type {name}",
                once=f"look up {name} on {account.camera}",
                kind=Kind.LOOK_UP,
                path=f"{path}?limit=1000",
                name=name,
            )
        ]
        if self._declare:
            steps.append(self.declaring(account, name))
        if len(self._types) >= 10_000:
            self._types.clear()
        made = self._types[account.camera, name] = tuple(steps)
        return made

    def declaring(self, account: Account, name: str) -> Step:
        """The request that declares an event type, by its name in VXG [4]."""
        path = types_path(account.id)
        return Step(
            method="POST",
            url=self._base + path,
            headers=WRITE,
            body=b'{"name":"%b","notify":true}' % name.encode(),
            credentials=account.credentials,
            camera=account.camera,
            purpose=f"declare the event type {name}, if the camera has it not",
            once=f"declare {name} on {account.camera}",
            kind=Kind.DECLARE,
            path=path,
            name=name,
        )

    def _document(self, account: Account, known_by: str, body: bytes) -> Step:
        return Step(
            method="POST",
            url=self._base + DOCUMENTS,
            headers=WRITE,
            body=body,
            credentials=account.credentials,
            camera=account.camera,
            purpose="write the whole message as a meta document",
            kind=Kind.DOCUMENT,
            path=DOCUMENTS,
            subject=known_by,
        )

    # ------------------------------------------------------------------------------------------------------------ amend

    def _amend(self, delivery: Delivery, account: Account, remote_id: str) -> tuple[Step, ...]:
        """The tags of the fields that changed, the title, and last the revision: who finds it there knows that all
        before it was written. The corrected message itself is a meta document."""
        event = delivery.event
        name = self.name(event)
        tags, long = self._changed(event, name)
        steps: list[Step] = []
        if not self._never_document:
            known_by = document_id(event, account.id)
            steps.append(
                self._document(account, known_by, self._sheets.document(event, name, long, account.id, known_by))
            )
            tags["detail_document"] = known_by
        tags["bridge_revision"] = str(event.revision)
        last = len(tags) - 1
        for place, (tag, text) in enumerate(tags.items()):
            path = f"{EVENTS}{remote_id}/meta/{tag}/"
            steps.append(
                Step(
                    method="PUT",
                    url=self._base + path,
                    headers=WRITE,
                    body=b'{"data":%b}' % encoded(text),
                    credentials=account.credentials,
                    camera=account.camera,
                    purpose=f"correct the tag {tag}",
                    raises=place == last,
                    kind=Kind.TAG,
                    path=path,
                    name=name,
                    subject=tag,
                    remote_id=remote_id,
                )
            )
        return tuple(steps)

    def _changed(self, event: SensorEvent, name: str) -> tuple[dict[str, str], dict[str, str]]:
        """(tag → what it is now, what of it was too long)."""
        texts: dict[str, str] = {}
        head = head_tags(event)
        for tag in ("title", "state", "urgency", "marks", "media", "test"):
            if tag in head and (tag in event.changes or tag in ("title", "media")):
                texts[tag if tag != name else field_tag(tag)] = head[tag]
        plan = self._sheets.plan(name, event)
        places = {field: place for place, field in enumerate(event.fields)}
        values = list(event.fields.values())
        for field in event.changes:
            place = places.get(field)
            if place is None:  # the field is gone; the tag stays and says so
                continue
            text = as_text(values[place])
            texts[plan.tags[place]] = text
            texts.update((tag, text) for tag, of in plan.also if of == place)
            if field in self._search and text:
                texts[value_tag(field, text, name)] = ""
        long = {tag: text for tag, text in texts.items() if len(text) > self._limit}
        return {tag: shorten(text, self._limit, event.id) for tag, text in texts.items()}, long


def document_id(event: SensorEvent, camera: int) -> str:
    """The same for the same event, revision and camera, so that writing it twice leaves one document [8]."""
    return _UNFIT_ID.sub("-", f"bridge-{event.id}-{event.revision}-{camera}")
