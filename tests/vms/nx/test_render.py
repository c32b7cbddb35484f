"""What is sent, word for word as the reference has it, and what an event becomes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.model import Action, State
from bridge.vms.base import Request
from bridge.vms.nx import NxCamera
from tests.vms.conftest import event
from tests.vms.nx.conftest import DEVICES, DOCK, delivery, settings, target

AT = datetime(2025, 6, 2, 9, 14, 7, 250000, UTC)
"""1748855647250 of the reference's examples [10]."""


def body(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.body)
    return found


def test_times_are_those_of_the_reference() -> None:
    told = event(occurred_at=AT)
    (bookmark,) = target().render(delivery(told))
    assert b'"startTimeMs":1748855642250,"durationMs":20000,"tags":[' in bookmark.body
    (generic,) = target(way="event").render(delivery(told))
    assert generic.body.startswith(b'{"timestamp":"1748855647250","state":"instant","source":"Door 17",')
    assert generic.body.endswith(b'"deviceIds":["3f2504e0-4f89-11d3-9a0c-0305e82c3301"]}')


def test_before_rest_v4_a_generic_event_is_the_legacy_call_whose_metadata_is_a_text() -> None:
    for api in ("v1", "v2", "v3"):
        (request,) = target(way="event", api=api).render(delivery())
        assert target(way="event", api=api).shown(request).startswith(b"POST /api/createEvent HTTP/1.1\r\n")
        assert request.body.endswith(rb',"metadata":"{\"cameraRefs\":[\"3f2504e0-4f89-11d3-9a0c-0305e82c3301\"]}"}')
        assert "state" not in body(request)


def test_bookmarks_of_older_versions_have_the_same_path() -> None:
    (request,) = target(api="v1").render(delivery())
    assert request.url == f"https://nx.harbour.example:7001/rest/v1/devices/{DEVICES[DOCK]}/bookmarks"


def test_strict_is_asked_for_in_the_query() -> None:
    (request,) = target(way="event", strict=True).render(delivery())
    assert request.url.endswith("/rest/v4/events/generic?_strict=true")


@pytest.mark.parametrize(
    ("more", "began", "ended"),
    [({}, "started", "stopped"), ({"call": "createEvent"}, "Active", "Inactive")],
)
def test_a_prolonged_event_begins_and_ends_with_equal_texts(more: dict[str, Any], began: str, ended: str) -> None:
    """Else the site's rule would not know what ends [3]."""
    ours = target(way="event", prolonged=True, **more)
    on = event(title="Leak!", condition="leak:12", state=State.ACTIVE)
    off = event(id="2.0", title="Dry again", condition="leak:12", state=State.RESTORED, closes=on.id, fields={"v": 0})
    (first,), (last,) = ours.render(delivery(on)), ours.render(delivery(off))
    assert (body(first)["state"], body(last)["state"]) == (began, ended)
    for name in ("source", "caption", "description"):
        assert body(first)[name] == body(last)[name]
    (momentary,) = ours.render(delivery(event()))
    assert body(momentary).get("state", "instant") == "instant"
    assert body(momentary)["caption"] == "Access denied"
    (unasked,) = target(way="event").render(delivery(on))
    assert body(unasked)["state"] == "instant"


def test_an_amendment_writes_the_bookmark_it_is_of_and_makes_no_event() -> None:
    for way in ("bookmark", "both"):
        told = delivery(event(revision=1), Action.AMEND, remote_id="9b1c_{a7}/..")
        (request,) = target(way=way).render(told)
        assert request.method == "PATCH"
        assert request.url.endswith("/bookmarks/9b1c_%7Ba7%7D%2F..")
        assert set(body(request)) == {"name", "description", "tags"}
        (unknown,) = target(way=way).render(delivery(event(revision=1), Action.AMEND))
        assert unknown.method == "POST"
        assert unknown.raises


def test_tags_are_there_once_and_have_no_comma() -> None:
    told = event(kind="door", type="door", sensor="a,b", test=True)
    (request,) = target().render(delivery(told, possible_duplicate=True))
    assert body(request)["tags"] == [
        "evt-0197c3-1.0", "a b", "door", "notice", "momentary", "possible_duplicate", "test",
    ]  # fmt: skip


def test_what_is_too_long_is_shortened_and_names_the_event() -> None:
    ours = target(name_limit=60, description_limit="4 KiB")
    (request,) = ours.render(delivery(event(title="gate " * 100, fields={"all": "ěš " * 5000})))
    assert len(body(request)["name"]) <= 60
    description = body(request)["description"]
    assert len(description.encode()) <= 4096
    assert "in event 0197c3-1.0]" in description
    assert "\noccurred: 2026-02-03T10:15:30.250000Z\n" in description


@pytest.mark.parametrize("at", [datetime(1950, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)])
def test_no_time_is_below_zero(at: datetime) -> None:
    (request,) = target().render(delivery(event(occurred_at=at)))
    assert body(request)["startTimeMs"] == 0
    (request,) = target(way="event").render(delivery(event(occurred_at=at)))
    assert body(request)["timestamp"] == "0"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"url": "http://nx.harbour.example:7001"}, "without TLS"),
        ({"url": "https://nx.harbour.example:7001/rest/v4"}, "scheme, host and port alone"),
        ({"url": ""}, "write url"),
        ({"login": "cloud"}, "belong together"),
        ({"cloud": {"system": "0f1a2b3c-0000-4000-8000-0123456789ab"}}, "belong together"),
        ({"login": "cloud", "cloud": {"system": "here"}}, "the site's id in the cloud"),
        ({"api": "v3", "call": "generic"}, "call: createEvent"),
        ({"api": "v3", "strict": True}, "strict"),
        ({"before": "0 s", "after": "0 s"}, "needs a length"),
        ({"before": "2 h"}, "an hour"),
        ({"description_limit": 100}, "from 2 KiB to 128 KiB"),
        ({"user": ""}, "at least 1 character"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_in_words(more: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        settings(**more)


def test_a_device_id_may_be_written_as_older_versions_show_it() -> None:
    told = NxCamera(vms="yard", id="{3F2504E0-4F89-11D3-9A0C-0305E82C3301}")
    assert told.id == DEVICES[DOCK]
    with pytest.raises(ValidationError, match="the device's id, like 3f2504e0"):
        NxCamera(vms="yard", id="Dock")


def test_the_relay_is_where_the_cloud_has_the_site() -> None:
    told = settings(url="", login="cloud", cloud={"system": "0f1a2b3c-0000-4000-8000-0123456789ab"})
    assert told.server() == "https://0f1a2b3c-0000-4000-8000-0123456789ab.relay.vmsproxy.com"
    (to, nodes, cloud) = target().reaches(told, {})
    assert (to.peer, nodes.peer, cloud.peer) == (
        "0f1a2b3c-0000-4000-8000-0123456789ab.relay.vmsproxy.com", "?", "nxvms.com",
    )  # fmt: skip
    (server,) = target().reaches(settings(), {})
    assert (server.peer, server.port, server.speaks) == ("nx.harbour.example", 7001, "HTTPS")
