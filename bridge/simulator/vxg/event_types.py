"""Event types of a camera: list, declare, change (reference 4; endpoint 8)."""

from __future__ import annotations

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.vxg import answers
from bridge.simulator.vxg.answers import bad_request, not_found
from bridge.simulator.vxg.state import Cloud
from bridge.simulator.vxg.tokens import Grant


class Declare(msgspec.Struct):
    name: str
    notify: bool = False


class Change(msgspec.Struct):
    notify: bool | None = None
    record: bool | None = None
    snapshot: bool | None = None
    receive: bool | None = None


def listing(cloud: Cloud, asked: Asked, grant: Grant, camera: str) -> Answer:
    number = cloud.camera_of(camera, grant)
    types = [each.shown() for each in cloud.store.cameras[number].types.values()]
    query = cloud.query_of(asked)
    limit, offset = answers.window(query)
    path = f"/api/v2/cameras/{number}/event_processing/events/"
    return answers.page(path, query, len(types), types[offset : offset + limit])


def declare(cloud: Cloud, asked: Asked, grant: Grant, camera: str) -> Answer:
    """201 with the type; 400 when the camera has it already (the real code is not known)."""
    number = cloud.camera_of(camera, grant)
    body = answers.read(asked.body, Declare)
    if not 1 <= len(body.name) <= 64:
        raise bad_request("name: 1 to 64 characters")
    if body.name in cloud.store.cameras[number].types:
        raise bad_request(f"name: {body.name} exists already")
    return answers.created(cloud.store.declare(number, body.name, body.notify).shown())


def detail(cloud: Cloud, asked: Asked, grant: Grant, camera: str, name: str) -> Answer:
    found = cloud.store.cameras[cloud.camera_of(camera, grant)].types.get(name)
    if found is None:
        raise not_found("Event type")
    return answers.ok(found.shown())


def change(cloud: Cloud, asked: Asked, grant: Grant, camera: str, name: str) -> Answer:
    found = cloud.store.cameras[cloud.camera_of(camera, grant)].types.get(name)
    if found is None:
        raise not_found("Event type")
    body = answers.read(asked.body, Change)
    if body.notify is not None:
        found.notify = body.notify
    if body.receive is not None:
        found.receive = body.receive
    return answers.ok(found.shown())
