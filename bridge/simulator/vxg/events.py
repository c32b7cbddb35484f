"""Events: raise, list, tags (reference 5 and 6; endpoints 9 to 12)."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.vxg import answers, media
from bridge.simulator.vxg.answers import bad_request, not_found
from bridge.simulator.vxg.state import Cloud
from bridge.simulator.vxg.store import Query, Raised
from bridge.simulator.vxg.tokens import Grant, Scheme

LONGEST_VALUE = 255


class Create(msgspec.Struct):
    """Body of endpoint 9; fields nobody documented are refused in strict mode."""

    camid: int
    name: str
    time: str
    meta: dict[str, str] | None = None


class StrictCreate(Create, forbid_unknown_fields=True):
    pass


class LenientCreate(Create):
    meta: dict[str, Any] | None = None


class Trigger(msgspec.Struct):
    time: str | None = None
    meta: dict[str, str] | None = None


class Tag(msgspec.Struct):
    data: str
    tag: str = ""


_strict = msgspec.json.Decoder(StrictCreate).decode
_lenient = msgspec.json.Decoder(LenientCreate).decode
_trigger = msgspec.json.Decoder(Trigger).decode
_tag = msgspec.json.Decoder(Tag).decode


def create(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 9: raise an event. 201 with the event; two equal posts are two events."""
    try:
        body = _strict(asked.body) if cloud.strict else _lenient(asked.body)
    except msgspec.MsgspecError as error:
        raise bad_request(str(error)) from None
    if body.camid != grant.camera:
        raise answers.forbidden("camid: not the camera of this token")
    camera = cloud.store.cameras[body.camid]
    if body.name not in camera.types:
        raise bad_request(f"name: the camera has no event type {body.name}")
    at = answers.parse_time(body.time, "time")
    if cloud.strict and body.meta is not None:
        check_meta(body.meta)
    event = cloud.add_event(body.camid, body.name, at, asked.body, asked.head)
    shown: dict[str, object] = {
        "id": event.id,
        "camid": event.camera,
        "name": event.name,
        "time": answers.show_time(at),
    }
    if body.meta is not None:
        shown["meta"] = body.meta if cloud.strict else event.meta
    return answers.created(shown)


def check_meta(meta: Mapping[str, str]) -> None:
    """The strict mode's limits (the real ones are not known)."""
    for tag, value in meta.items():
        if not tag:
            raise bad_request("meta: a tag is empty")
        if len(value) > LONGEST_VALUE or len(tag) > LONGEST_VALUE:
            raise bad_request(f"meta.{tag[:64]}: longer than {LONGEST_VALUE} characters")


def trigger(cloud: Cloud, asked: Asked, grant: Grant, camera: str, name: str) -> Answer:
    """Endpoint 10: ask the camera to make an event; it appears a moment later."""
    number = cloud.camera_of(camera, grant)
    kind = cloud.store.cameras[number].types.get(name)
    if kind is None:
        raise not_found("Event type")
    if not kind.caps.can_be_triggered:
        raise bad_request(f"{name}: can not be triggered")
    try:
        body = _trigger(asked.body or b"{}")
    except msgspec.MsgspecError as error:
        raise bad_request(str(error)) from None
    at = answers.parse_time(body.time, "time") if body.time is not None else cloud.now()
    posted = msgspec.json.encode(
        {"camid": number, "name": name, "time": answers.show_time(at), "meta": body.meta or {}}
    )
    cloud.add_event(number, name, at, posted, asked.head, delay=cloud.trigger_delay)
    return answers.ok({})


def listing(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 11, the list."""
    query = cloud.query_of(asked)
    names = _names(query.get("events") or query.get("type") or "")
    if query.get("aliases"):
        wanted = set(_names(query["aliases"]) or ())
        names = {*(names or ()), *(name for name, alias in cloud.store.aliases.items() if alias in wanted)}
    order = query.get("order_by", "time")
    if order not in ("time", "-time"):
        raise bad_request("order_by: time or -time")
    found = cloud.store.list(
        Query(
            cameras=_cameras(cloud, query, grant),
            names=names,
            start=answers.parse_time(query["start"], "start", zulu=True) if query.get("start") else None,
            end=answers.parse_time(query["end"], "end", zulu=True) if query.get("end") else None,
            tags=_names(query.get("meta", "")) or (),
            without_tags=_names(query.get("meta_not", "")) or (),
            descending=order == "-time",
        ),
        time.monotonic(),
    )
    limit, offset = answers.window(query)
    with_meta = query.get("include_meta") == "true"
    objects = [show(cloud, event, with_meta) for event in found[offset : offset + limit]]
    return answers.page("/api/v2/storage/events/", query, len(found), objects, expire=True)


def detail(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    """Endpoint 11, one event."""
    return answers.ok(show(cloud, _event(cloud, grant, number), cloud.query_of(asked).get("include_meta") == "true"))


def show(cloud: Cloud, event: Raised, with_meta: bool) -> dict[str, object]:
    shown: dict[str, object] = {"id": event.id, "camid": event.camera, "name": event.name}
    if event.name in cloud.store.aliases:
        shown["alias"] = cloud.store.aliases[event.name]
    shown["time"] = answers.show_time(event.time)
    if cloud.event_images and not cloud.in_gap(event.time, event.time):
        shown["thumb"] = {"url": media.link(cloud, f"t/{event.id}.jpg")}
    if with_meta:
        shown["meta"] = event.meta
    return shown


def add_tag(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    """Endpoint 12: 201; 400 when the event has this tag."""
    event = _event(cloud, grant, number)
    body = _tag_of(asked)
    if not body.tag:
        raise bad_request("tag: missing")
    if body.tag in event.meta:
        raise bad_request(f"tag: {body.tag} exists already")
    return _write(cloud, event, body.tag, body.data, 201)


def change_tag(cloud: Cloud, asked: Asked, grant: Grant, number: str, tag: str) -> Answer:
    event = _event(cloud, grant, number)
    if tag not in event.meta:
        raise not_found("Tag")
    return _write(cloud, event, tag, _tag_of(asked).data, 200)


def delete_tag(cloud: Cloud, asked: Asked, grant: Grant, number: str, tag: str) -> Answer:
    event = _event(cloud, grant, number)
    if tag not in event.meta:
        raise not_found("Tag")
    event.write(tag, None)
    return answers.DELETED


def _write(cloud: Cloud, event: Raised, tag: str, data: str, status: int) -> Answer:
    if cloud.strict:
        check_meta({tag: data})
    event.write(tag, data)
    return Answer(status, msgspec.json.encode({"tag": tag, "data": data}))


def _tag_of(asked: Asked) -> Tag:
    try:
        return _tag(asked.body)
    except msgspec.MsgspecError as error:
        raise bad_request(str(error)) from None


def _event(cloud: Cloud, grant: Grant, number: str) -> Raised:
    """The event of this number, if this credential may see it. Raises Refused."""
    event = cloud.store.event(int(number)) if number.isdecimal() else None
    if event is None or event.camera not in cloud.cameras_of(grant):
        raise not_found("Event")
    return event


def _cameras(cloud: Cloud, query: Mapping[str, str], grant: Grant) -> Collection[int]:
    """The cameras asked for: implied by a camera token, else every one of the list in ``camid``."""
    wanted = [int(each) for each in query.get("camid", "").split(",") if each.strip().isdecimal()]
    if grant.scheme is Scheme.CAMERA:
        assert grant.camera is not None
        if wanted and wanted != [grant.camera]:
            raise answers.forbidden("camid: not the camera of this token")
        return [grant.camera]
    if not wanted:
        raise bad_request("camid: missing")
    opened = cloud.cameras_of(grant)
    return [number for number in wanted if number in opened]


def _names(text: str) -> Collection[str] | None:
    return {name for name in text.split(",") if name} or None
