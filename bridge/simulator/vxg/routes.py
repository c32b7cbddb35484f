"""Which endpoint a request is for, and who may call it (reference 2 and 12.2)."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.vxg import answers, channels, documents, event_types, events, groups, labels, media
from bridge.simulator.vxg.state import Cloud
from bridge.simulator.vxg.tokens import Grant, Scheme

CAMERA, GROUP, LICENSE = Scheme.CAMERA, Scheme.GROUP, Scheme.LICENSE
EVENTS = "/api/v2/storage/events/"


class Route(msgspec.Struct, frozen=True):
    """``write``: the credential's access must be "all"."""

    method: str
    path: re.Pattern[str]
    schemes: tuple[Scheme, ...]
    write: bool
    endpoint: Callable[..., Answer]


def _route(method: str, path: str, schemes: tuple[Scheme, ...], write: bool, endpoint: Callable[..., Answer]) -> Route:
    return Route(method, re.compile(path.replace("{}", "([^/]+)")), schemes, write, endpoint)


_TYPES = "/api/v2/cameras/{}/event_processing/events/"
_EITHER = (CAMERA, LICENSE)
_ANY = (CAMERA, GROUP, LICENSE)
_ONE = (CAMERA,)

ROUTES = [
    _route("POST", EVENTS, _ONE, True, events.create),
    _route("GET", EVENTS, _ANY, False, events.listing),
    _route("GET", EVENTS + "{}/", _ANY, False, events.detail),
    _route("POST", EVENTS + "{}/meta/", _ONE, True, events.add_tag),
    _route("PUT", EVENTS + "{}/meta/{}/", _ONE, True, events.change_tag),
    _route("DELETE", EVENTS + "{}/meta/{}/", _ONE, True, events.delete_tag),
    _route("GET", _TYPES, _EITHER, True, event_types.listing),
    _route("POST", _TYPES, _EITHER, True, event_types.declare),
    _route("GET", _TYPES + "{}/", _EITHER, True, event_types.detail),
    _route("PUT", _TYPES + "{}/", _EITHER, True, event_types.change),
    _route("POST", _TYPES + "{}/trigger/", _ONE, True, events.trigger),
    _route("GET", "/api/v3/channels/", (LICENSE,), False, channels.admin_list),
    _route("POST", "/api/v3/channels/", (LICENSE,), True, channels.create),
    _route("GET", "/api/v3/channels/{}/", (LICENSE,), False, channels.admin_detail),
    _route("PUT", "/api/v3/channels/{}/", (LICENSE,), True, channels.change),
    _route("DELETE", "/api/v3/channels/{}/", (LICENSE,), True, channels.delete),
    _route("GET", "/api/v3/channels/{}/meta/", (LICENSE,), False, labels.listing),
    _route("POST", "/api/v3/channels/{}/meta/", (LICENSE,), True, labels.add),
    _route("PUT", "/api/v3/channels/{}/meta/{}/", (LICENSE,), True, labels.change),
    _route("DELETE", "/api/v3/channels/{}/meta/{}/", (LICENSE,), True, labels.delete),
    _route("GET", groups.PATH, (LICENSE,), False, groups.listing),
    _route("POST", groups.PATH, (LICENSE,), True, groups.create),
    _route("GET", groups.PATH + "{}/", (LICENSE,), False, groups.detail),
    _route("PUT", groups.PATH + "{}/", (LICENSE,), True, groups.change),
    _route("DELETE", groups.PATH + "{}/", (LICENSE,), True, groups.delete),
    _route("POST", "/api/v2/cameras/{}/sharings/", (LICENSE,), True, groups.share),
    _route("GET", "/api/v3/aliases/", (LICENSE,), False, channels.aliases),
    _route("GET", "/api/v5/channels/", (GROUP,), False, channels.group_list),
    _route("GET", "/api/v5/channels/{}/", (GROUP,), False, channels.group_detail),
    _route("GET", "/api/v4/channel/", _ONE, False, channels.channel),
    _route("PUT", "/api/v4/channel/", _ONE, True, channels.change_channel),
    _route("GET", "/api/v2/storage/data/", _EITHER, False, media.segments),
    _route("GET", "/api/v4/storage/records/", _ONE, False, media.segments),
    _route("GET", "/api/v2/storage/thumbnails/", (CAMERA, GROUP), False, media.pictures),
    _route("GET", "/api/v4/storage/images/", _ONE, False, media.pictures),
    _route("GET", "/api/v4/live/image/", _ONE, False, media.live_picture),
    *(
        route
        for path in ("/api/v4/clips/", "/api/v2/storage/clips/")
        for route in (
            _route("POST", path, _ONE, True, media.make_clip),
            _route("GET", path, _ONE, True, media.list_clips),
            _route("GET", path + "{}/", _ONE, True, media.clip),
            _route("DELETE", path + "{}/", _ONE, True, media.delete_clip),
        )
    ),
    _route("POST", "/api/v4/meta/", _ONE, True, documents.write),
    _route("PUT", "/api/v4/meta/", _ONE, True, documents.change),
    _route("DELETE", "/api/v4/meta/", _ONE, True, documents.delete),
    _route("POST", "/api/v4/meta/filter/", _ONE, True, documents.search),
    _route("DELETE", "/api/v4/meta/filter/", _ONE, True, documents.delete_found),
    _route("POST", "/api/v2/storage/meta/filter/", (GROUP,), True, documents.search),
]


def work(cloud: Cloud, asked: Asked) -> Answer:
    """Do what a request under /api/ or /media/ asks. Never raises."""
    try:
        path = asked.path if asked.path.endswith("/") else asked.path + "/"
        if path == EVENTS and asked.method == "POST":
            return events.create(cloud, asked, _allowed(_grant(cloud, asked), _ONE, True))
        if asked.path.startswith("/media/") and asked.method == "GET":
            return media.fetch(cloud, asked)
        return _find(cloud, asked, path)
    except answers.Refused as refused:
        return refused.answer


def _find(cloud: Cloud, asked: Asked, path: str) -> Answer:
    known = False
    for route in ROUTES:
        found = route.path.fullmatch(path)
        if found is None:
            continue
        known = True
        if route.method == asked.method:
            return route.endpoint(
                cloud, asked, _allowed(_grant(cloud, asked), route.schemes, route.write), *found.groups()
            )
    if known:
        raise answers.Refused(405, "method_not_allowed", f"{asked.method} is not allowed here")
    raise answers.not_found("Page")


def _grant(cloud: Cloud, asked: Asked) -> Grant:
    header = asked.headers.get(b"authorization")
    if header is not None:
        grant = cloud.tokens.of_header(header)
    elif asked.path.startswith(("/api/v2/", "/api/v4/")):
        grant = cloud.tokens.of_query(cloud.query_of(asked).get("token", ""))
    else:
        grant = None
    if grant is None:
        raise answers.not_authorized()
    return grant


def _allowed(grant: Grant, schemes: tuple[Scheme, ...], write: bool) -> Grant:
    """401 for a credential that is not for this call, 403 for one that may only watch."""
    if grant.scheme not in schemes:
        raise answers.not_authorized()
    if write and grant.scheme is CAMERA and not grant.write:
        raise answers.forbidden()
    return grant
