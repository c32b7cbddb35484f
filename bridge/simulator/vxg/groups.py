"""Credentials that a licence key makes: groups of cameras, and shares of one (reference 1.3 and 3; endpoints 4, 16)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.vxg import answers
from bridge.simulator.vxg.answers import bad_request, not_found
from bridge.simulator.vxg.state import Cloud
from bridge.simulator.vxg.tokens import Grant

PATH = "/api/v3/channel_groups/"


class Group(msgspec.Struct):
    """As it is shown; ``token`` opens its cameras under SI."""

    id: int
    name: str
    channels: list[int]
    token: str
    ai_targeted: bool = False
    meta: dict[str, str] = {}


class New(msgspec.Struct):
    name: str
    channels: list[int] = []
    expire: str | None = None
    channels_access: str = "all"
    max_channels_amount: int | None = None
    ai_targeted: bool = False
    meta: dict[str, str] = {}


class Change(msgspec.Struct):
    """``channels`` replaces the whole list."""

    name: str | None = None
    channels: list[int] | None = None
    meta: dict[str, str] | None = None


class NewShare(msgspec.Struct):
    enabled: bool = True
    include_public: bool = False
    expire: str | None = None
    access: list[str] = []


def listing(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    query = cloud.query_of(asked)
    limit, offset = answers.window(query)
    groups = list(cloud.groups.values())
    return answers.page(PATH, query, len(groups), groups[offset : offset + limit])


def create(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    body = answers.read(asked.body, New)
    _known(cloud, body.channels)
    number = cloud.last_group = cloud.last_group + 1
    token = cloud.tokens.of_group(number, _ends(body.expire))
    group = cloud.groups[number] = Group(number, body.name, body.channels, token, body.ai_targeted, body.meta)
    return answers.created(group)


def detail(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    return answers.ok(_group(cloud, number))


def change(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    group = _group(cloud, number)
    body = answers.read(asked.body, Change)
    _known(cloud, body.channels or ())
    group.name = group.name if body.name is None else body.name
    group.channels = group.channels if body.channels is None else body.channels
    group.meta = group.meta if body.meta is None else body.meta
    return answers.ok(group)


def delete(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    group = _group(cloud, number)
    cloud.tokens.remove_group(group.id)
    del cloud.groups[group.id]
    return answers.DELETED


def share(cloud: Cloud, asked: Asked, grant: Grant, camera: str) -> Answer:
    """Endpoint 16: 201 with an inner token. That only one whose access is "all" may write is the simulator's choice."""
    number = cloud.camera_of(camera, grant)
    body = answers.read(asked.body, NewShare)
    if not body.enabled:
        raise bad_request("enabled: a share that is not enabled opens nothing")
    made, token = cloud.tokens.share(number, "all" in body.access, _ends(body.expire))
    created = answers.show_time(cloud.now())
    return answers.created({"id": made, "token": token, "created": created, "expire": body.expire})


def _ends(expire: str | None) -> float | None:
    return None if expire is None else answers.parse_time(expire, "expire").timestamp()


def _known(cloud: Cloud, channels: Sequence[int]) -> None:
    for number in channels:
        if number not in cloud.store.cameras:
            raise bad_request(f"channels: no camera {number}")


def _group(cloud: Cloud, number: str) -> Group:
    group = cloud.groups.get(int(number)) if number.isdecimal() else None
    if group is None:
        raise not_found("Group")
    return group
