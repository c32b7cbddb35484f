"""Endpoints and picture links in a site file: what they become, and what is said when something is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.config.difference import difference
from bridge.config.errors import SiteErrors
from bridge.config.site import Site
from bridge.endpoints.settings import WebhookEndpoint, WebSocketEndpoint

from .conftest import SITE

Load = Callable[..., Site]

ENDPOINTS = """\
endpoints:
  control-room:
    type: websocket
    bind: 127.0.0.1:8090
    path: /events
    token: secret:control-room
    filter: {kinds: [lpr], cameras: [gate-in], select: event.urgency == "alarm"}
  erp:
    type: webhook
    url: https://erp.example/in
    headers: {Authorization: secret:erp}
    filter: {types: [vehicle.identified], sensors: [gate]}
"""
PICTURES = """\
pictures:
  fetch:
    from: [omni.local, 10.20.0.0/16]
    most: 4 MiB
    timeout: 3 s
    headers: {Authorization: secret:omni}
    rewrite: {omni.local: 10.0.0.9:80}
"""


def faults(site: Load, text: str) -> list[str]:
    with pytest.raises(SiteErrors) as refused:
        site(text=SITE + text)
    return [f"{each.line - SITE.count(chr(10))}: {each.path}: {each.message}" for each in refused.value.errors]


def test_endpoints_are_part_of_the_site(site: Load) -> None:
    made = site(text=SITE + ENDPOINTS).endpoints
    room, erp = made["control-room"], made["erp"]
    assert isinstance(room.settings, WebSocketEndpoint)
    assert (room.settings.bind, room.settings.path, room.settings.token) == (
        "127.0.0.1:8090",
        "/events",
        "control-room",
    )
    assert room.select is not None
    assert isinstance(erp.settings, WebhookEndpoint)
    assert [(each.header, each.template) for each in erp.settings.credentials()] == [("Authorization", "{secret}")]  # type: ignore[union-attr]
    assert not site().endpoints


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("type: webhook", "type: webhok", "9: endpoints.erp.type: there is no type webhok of endpoint; did you mean"),
        ("    type: webhook\n", "", "8: endpoints.erp.type: type is missing; write type: webhook or websocket"),
        ("cameras: [gate-in]", "cameras: [gate-inn]", "did you mean gate-in?"),
        ("sensors: [gate]", "sensors: [gaet]", "did you mean gate?"),
        ("filter: {types", "fliter: {types", "did you mean filter?"),
        ("kinds: [lpr]", "kind: [lpr]", "did you mean kinds?"),
        ('event.urgency == "alarm"', "evnt.urgency", "7: endpoints.control-room.filter.select:"),
        ("secret:control-room", "hunter2", "never the secret itself"),
        ("Authorization: secret:erp", "Authorization: hunter2", "never the secret itself"),
        ("https://erp", "http://erp", "allow_http: true if you mean it"),
        ("127.0.0.1:8090", "0.0.0.0:8090", "allow_http: true if you mean it"),
        ("path: /events", "path: events", "5: endpoints.control-room.path: this is not written as it has to be"),
        ("url: https://erp.example/in", "url: erp", "write a whole URL"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_stands(site: Load, old: str, new: str, said: str) -> None:
    assert old in ENDPOINTS
    found = faults(site, ENDPOINTS.replace(old, new))
    assert any(said in each for each in found), found
    assert not any("hunter2" in each for each in found)


def test_endpoints_that_share_a_port_differ_in_their_paths_and_agree_in_what_is_the_ports(site: Load) -> None:
    other = "  wall: {type: websocket, bind: 127.0.0.1:8090, token: secret:wall, path: /wall%s}\n"
    assert len(site(text=SITE + ENDPOINTS + other % "").endpoints) == 3
    (said,) = faults(site, ENDPOINTS + (other % "").replace("/wall", "/events/"))
    assert "has this path on this port already" in said
    (said,) = faults(site, ENDPOINTS + other % ", ping: 5 s")
    assert "tls and ping have to be the same" in said


def test_a_reload_names_the_endpoints_that_differ(site: Load) -> None:
    before = site(text=SITE + ENDPOINTS)
    after = site(text=SITE + ENDPOINTS.replace("/in", "/elsewhere"))
    assert not difference(before, site(text=SITE + ENDPOINTS))
    changed = difference(before, after)
    assert changed.endpoints.changed == ("erp",)
    assert str(changed) == "endpoints ~erp"
    assert before.digest != after.digest
    assert str(difference(before, site(text=SITE + ENDPOINTS + PICTURES))) == "pictures ~"


def test_from_where_pictures_may_be_fetched_is_part_of_the_site(site: Load) -> None:
    allowed = site(text=SITE + PICTURES).pictures
    assert allowed is not None
    assert [each.name for each in allowed.hosts()] == ["omni.local"]
    assert [str(each) for each in allowed.networks()] == ["10.20.0.0/16"]
    assert (allowed.most, allowed.timeout) == (4 * 2**20, 3.0)
    assert site().pictures is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("10.20.0.0/16", "10.20.0.1/16", "this is no network"),
        ("omni.local, 10", "http://omni.local, 10", "this is no network"),
        ("omni.local, 10", "omni local, 10", "write a host"),
        ("10.0.0.9:80", "10.0.0.9:port", "write a host"),
        ("4 MiB", "4", "write a number and a unit"),
        ("4 MiB", "4 GiB", "or less"),
        ("secret:omni", "hunter2", "never the secret itself"),
        ("    from: [omni.local, 10.20.0.0/16]\n", "", "from is missing"),
        ("fetch:", "fecth:", "did you mean fetch?"),
        ("timeout:", "timout:", "did you mean timeout?"),
    ],
)
def test_what_is_wrong_with_pictures_is_said(site: Load, old: str, new: str, said: str) -> None:
    assert old in PICTURES
    found = faults(site, PICTURES.replace(old, new))
    assert any(said in each for each in found), found
    assert not any("hunter2" in each for each in found)
