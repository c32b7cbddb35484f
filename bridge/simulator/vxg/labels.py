"""Tags of a camera (reference 3; endpoint 3)."""

from __future__ import annotations

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.vxg import answers, channels
from bridge.simulator.vxg.answers import bad_request, not_found
from bridge.simulator.vxg.state import Cloud
from bridge.simulator.vxg.tokens import Grant


class New(msgspec.Struct):
    tag: str
    data: str


class Change(msgspec.Struct):
    data: str


def listing(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    camera = channels.of_number(cloud, number, grant)
    query = cloud.query_of(asked)
    limit, offset = answers.window(query)
    labels = [{"tag": tag, "data": data} for tag, data in camera.meta.items()]
    path = f"/api/v3/channels/{camera.id}/meta/"
    return answers.page(path, query, len(labels), labels[offset : offset + limit])


def add(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    """201; 400 when the camera has this tag."""
    camera = channels.of_number(cloud, number, grant)
    body = answers.read(asked.body, New)
    if not body.tag or body.tag in camera.meta:
        raise bad_request(f"tag: {body.tag} exists already" if body.tag else "tag: missing")
    camera.meta[body.tag] = body.data
    return answers.created(body)


def change(cloud: Cloud, asked: Asked, grant: Grant, number: str, tag: str) -> Answer:
    camera = channels.of_number(cloud, number, grant)
    if tag not in camera.meta:
        raise not_found("Tag")
    camera.meta[tag] = answers.read(asked.body, Change).data
    return answers.ok({"tag": tag, "data": camera.meta[tag]})


def delete(cloud: Cloud, asked: Asked, grant: Grant, number: str, tag: str) -> Answer:
    if channels.of_number(cloud, number, grant).meta.pop(tag, None) is None:
        raise not_found("Tag")
    return answers.DELETED
