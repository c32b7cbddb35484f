"""Cameras as the admin, group and channel APIs show and change them (reference 3; endpoints 1, 2, 5, 6, 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.vxg import answers
from bridge.simulator.vxg.answers import not_found
from bridge.simulator.vxg.state import Cloud
from bridge.simulator.vxg.store import Camera
from bridge.simulator.vxg.tokens import Grant

CREATED = "2026-01-10T08:00:00.000000"


class Change(msgspec.Struct):
    name: str | None = None
    timezone: str | None = None
    rec_mode: str | None = None


class New(msgspec.Struct):
    """``source``: where the pictures would come from; kept nowhere."""

    name: str
    timezone: str = "UTC"
    rec_mode: str = "on"
    source: dict[str, object] | None = None
    meta: dict[str, str] = {}


def admin_list(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 1: every camera of the account, with its tokens."""
    query = cloud.query_of(asked)
    found = _matching(cloud, query, grant)
    return _page(cloud, "/api/v3/channels/", query, [_admin(cloud, each, query) for each in found])


def admin_detail(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    return answers.ok(_admin(cloud, of_number(cloud, number, grant), cloud.query_of(asked)))


def create(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 2: 201 with the camera and its tokens."""
    body = answers.read(asked.body, New)
    camera = cloud.store.add_camera(body.name)
    camera.timezone, camera.rec_mode, camera.meta = body.timezone, body.rec_mode, body.meta
    cloud.tokens.add(camera.id)
    return answers.created(_admin(cloud, camera, {"include_meta": "true"}))


def change(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    camera = of_number(cloud, number, grant)
    _write(camera, answers.read(asked.body, Change))
    return answers.ok(_admin(cloud, camera, {}))


def delete(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    """204; from now on its tokens are refused, and nobody knows it."""
    camera = of_number(cloud, number, grant)
    cloud.tokens.remove(camera.id)
    cloud.store.remove_camera(camera.id)
    return answers.DELETED


def group_list(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 6: the cameras of the group."""
    query = cloud.query_of(asked)
    found = _matching(cloud, query, grant)
    return _page(cloud, "/api/v5/channels/", query, [_group(cloud, each, query) for each in found])


def group_detail(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    return answers.ok(_group(cloud, of_number(cloud, number, grant), cloud.query_of(asked)))


def channel(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 7: the camera of the token."""
    assert grant.camera is not None
    return answers.ok(_channel(cloud.store.cameras[grant.camera]))


def change_channel(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    assert grant.camera is not None
    camera = cloud.store.cameras[grant.camera]
    _write(camera, answers.read(asked.body, Change))
    return answers.ok(_channel(camera))


def aliases(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 5; which fields besides ``alias_name`` the real one gives is not known."""
    names = list(dict.fromkeys(cloud.store.aliases.values()))
    return answers.ok({"objects": [{"alias_name": name} for name in names]})


def of_number(cloud: Cloud, number: str, grant: Grant) -> Camera:
    """Raises Refused."""
    camera = cloud.store.cameras.get(int(number)) if number.isdecimal() else None
    if camera is None or camera.id not in cloud.cameras_of(grant):
        raise not_found("Channel")
    return camera


def _write(camera: Camera, change: Change) -> None:
    camera.name = change.name if change.name is not None else camera.name
    camera.timezone = change.timezone if change.timezone is not None else camera.timezone
    camera.rec_mode = change.rec_mode if change.rec_mode is not None else camera.rec_mode


def _matching(cloud: Cloud, query: Mapping[str, str], grant: Grant) -> list[Camera]:
    wanted = [tag for tag in query.get("meta", "").split(",") if tag]
    unwanted = [tag for tag in query.get("meta_not", "").split(",") if tag]
    part = query.get("name__icontains", "").lower()
    return [
        camera
        for camera in map(cloud.store.cameras.__getitem__, cloud.cameras_of(grant))
        if (not wanted or any(tag in camera.meta for tag in wanted))
        and not any(tag in camera.meta for tag in unwanted)
        and part in camera.name.lower()
    ]


def _page(cloud: Cloud, path: str, query: Mapping[str, str], objects: Sequence[object]) -> Answer:
    limit, offset = answers.window(query)
    return answers.page(path, query, len(objects), objects[offset : offset + limit])


def _admin(cloud: Cloud, camera: Camera, query: Mapping[str, str]) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": camera.id,
        "name": camera.name,
        "created": CREATED,
        "rec_mode": camera.rec_mode,
        "streaming": camera.online,
        "recording": camera.online and camera.rec_mode == "on",
        "status": _status(camera),
        "timezone": camera.timezone,
        "access_tokens": {"all": cloud.tokens.all[camera.id], "watch": cloud.tokens.watch[camera.id]},
    }
    if query.get("include_meta") == "true":
        shown["meta"] = camera.meta
    return shown


def _group(cloud: Cloud, camera: Camera, query: Mapping[str, str]) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": camera.id,
        "name": camera.name,
        "status": _status(camera),
        "recording": camera.online and camera.rec_mode == "on",
        "token": cloud.tokens.all[camera.id],
    }
    if query.get("include_meta") == "true":
        shown["meta"] = camera.meta
    return shown


def _channel(camera: Camera) -> dict[str, object]:
    return {
        "name": camera.name,
        "timezone": camera.timezone,
        "status": _status(camera),
        "streaming": camera.online,
        "rec_mode": camera.rec_mode,
        "recording": camera.online and camera.rec_mode == "on",
    }


def _status(camera: Camera) -> str:
    return "active" if camera.online else "inactive"
