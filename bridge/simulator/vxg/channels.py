"""Cameras as the admin, group and channel APIs show them (reference 3; endpoints 1, 5, 6, 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.vxg import answers
from bridge.simulator.vxg.answers import bad_request, not_found
from bridge.simulator.vxg.state import Cloud
from bridge.simulator.vxg.store import Camera
from bridge.simulator.vxg.tokens import Grant

CREATED = "2026-01-10T08:00:00.000000"


class Change(msgspec.Struct):
    name: str | None = None
    timezone: str | None = None
    rec_mode: str | None = None


def admin_list(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 1: every camera of the account, with its tokens."""
    query = cloud.query_of(asked)
    return _page(cloud, "/api/v3/channels/", query, [_admin(cloud, each, query) for each in _matching(cloud, query)])


def admin_detail(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    return answers.ok(_admin(cloud, _camera(cloud, number), cloud.query_of(asked)))


def group_list(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 6: the cameras of the group; the simulator has one group, of all of them."""
    query = cloud.query_of(asked)
    return _page(cloud, "/api/v5/channels/", query, [_group(cloud, each, query) for each in _matching(cloud, query)])


def group_detail(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    return answers.ok(_group(cloud, _camera(cloud, number), cloud.query_of(asked)))


def channel(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 7: the camera of the token."""
    assert grant.camera is not None
    return answers.ok(_channel(cloud.store.cameras[grant.camera]))


def change_channel(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    assert grant.camera is not None
    try:
        body = msgspec.json.decode(asked.body, type=Change)
    except msgspec.MsgspecError as error:
        raise bad_request(str(error)) from None
    camera = cloud.store.cameras[grant.camera]
    camera.name = body.name if body.name is not None else camera.name
    camera.timezone = body.timezone if body.timezone is not None else camera.timezone
    camera.rec_mode = body.rec_mode if body.rec_mode is not None else camera.rec_mode
    return answers.ok(_channel(camera))


def aliases(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 5; which fields besides ``alias_name`` the real one gives is not known."""
    names = list(dict.fromkeys(cloud.store.aliases.values()))
    return answers.ok({"objects": [{"alias_name": name} for name in names]})


def _matching(cloud: Cloud, query: Mapping[str, str]) -> list[Camera]:
    wanted = [tag for tag in query.get("meta", "").split(",") if tag]
    unwanted = [tag for tag in query.get("meta_not", "").split(",") if tag]
    part = query.get("name__icontains", "").lower()
    return [
        camera
        for camera in cloud.store.cameras.values()
        if (not wanted or any(tag in camera.meta for tag in wanted))
        and not any(tag in camera.meta for tag in unwanted)
        and part in camera.name.lower()
    ]


def _page(cloud: Cloud, path: str, query: Mapping[str, str], objects: Sequence[object]) -> Answer:
    limit, offset = answers.window(query)
    return answers.page(path, query, len(objects), objects[offset : offset + limit])


def _camera(cloud: Cloud, number: str) -> Camera:
    camera = cloud.store.cameras.get(int(number)) if number.isdecimal() else None
    if camera is None:
        raise not_found("Channel")
    return camera


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
