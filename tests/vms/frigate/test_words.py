"""What Frigate is told, and what of it has room."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import Action, EventId, State, Urgency
from bridge.vms.frigate import FrigateTarget
from bridge.vms.frigate.words import Words, described, spoken_of
from bridge.vms.lines import tags_of
from tests.vms.conftest import event
from tests.vms.frigate.conftest import delivery, settings, target

WORDS = Words(settings())
TEXT = st.text(max_size=400)


def shown(to: FrigateTarget, **more: Any) -> list[bytes]:
    """Request line and body of each."""
    told = [to.shown(each) for each in to.render(delivery(**more))]
    return [each.split(b"\r\n", 1)[0] + b"\n" + each.partition(b"\r\n\r\n")[2] for each in told]


def created(**more: Any) -> dict[str, Any]:
    what = more.pop("what", delivery())
    found: dict[str, Any] = msgspec.json.decode(target(**more).render(what)[0].body)
    return found


GAS = {
    "id": EventId("evt-000123"),
    "type": "gas.high",
    "title": "412 ppm",
    "urgency": Urgency.ALARM,
    "fields": {"ppm": 412, "limit": 300, "room": "boiler"},
}


def test_the_requests_are_those_of_the_references_example() -> None:
    """Section 4, with the id behind the text and the lines of ours in the description."""
    ours = target(duration="20 s", scores={"alarm": 0.97})
    create, describe = shown(ours, told=event(**GAS))
    assert create == (
        b"POST /api/events/loading_dock/gas_high/create HTTP/1.1\n"
        b'{"sub_label":"412 ppm [evt-000123]","score":0.97,"duration":20,"include_recording":true,"draw":{}}'
    )
    assert describe.startswith(
        b'POST /api/events/{id-in-the-VMS}/description HTTP/1.1\n{"description":"412 ppm\\nbridge_event: evt-000123\\n'
    )
    assert b"\\nppm: 412\\nlimit: 300\\nroom: boiler\\n" in describe


def test_the_head_has_the_cookie_of_the_log_in_and_no_secret() -> None:
    first = target().shown(target().render(delivery())[0])
    assert first.split(b"\r\n\r\n")[0].split(b"\r\n")[1:] == [
        b"Host: frigate.harbour.example:8971",
        b"Cookie: frigate_token={secret:frigate}",
        b"Content-Type: application/json",
        b"Content-Length: 103",
    ]


def test_the_open_port_gets_no_cookie() -> None:
    ours = target(url="http://10.0.0.5:5000", user="", password=None)
    assert b"Cookie" not in ours.shown(ours.render(delivery())[0])


def test_a_proxy_before_it_gets_its_headers() -> None:
    ours = target(user="", password=None, headers={"remote-user": "bridge", "X-Proxy-Secret": "secret:proxy"})
    head = ours.shown(ours.render(delivery())[0])
    assert b"remote-user: bridge\r\nX-Proxy-Secret: {secret:proxy}\r\nContent-Type" in head


def test_a_path_before_the_api_stays() -> None:
    ours = target(url="https://home.example/frigate/")
    assert ours.shown(ours.render(delivery())[0]).startswith(b"POST /frigate/api/events/loading_dock/")
    assert target(url="https://home.example/frigate/api").render(delivery())[0].url.count("/api/") == 1


def test_the_settings_go_into_the_body_as_documented() -> None:
    assert created(pre_capture="8 s", include_recording=False)["pre_capture"] == 8
    assert created(include_recording=False)["include_recording"] is False
    assert "pre_capture" not in created()
    assert created(box=[0.4, 0.2, 0.2, 0.5])["draw"] == {
        "boxes": [{"box": [0.4, 0.2, 0.2, 0.5], "color": [255, 0, 0], "score": 100}]
    }
    assert created(what=delivery(event(urgency=Urgency.FAULT)))["score"] == 0.8


@pytest.mark.parametrize(
    ("more", "of", "label"),
    [
        ({}, "access.denied", "access_denied"),
        ({"labels": {"access.denied": "forced door"}}, "access.denied", "forced%20door"),
        ({"label": "kind"}, "access.denied", "door"),
        ({"label": "urgency"}, "access.denied", "notice"),
        ({}, "perimeter.intrusion.started", "perimeter_int_e7a8a6"),
        ({}, "Čidlo/únik", "idlo_nik"),
        ({}, "車", "event"),
    ],
)
def test_the_label_fits_the_path_and_the_column(more: dict[str, Any], of: str, label: str) -> None:
    path = target(**more).render(delivery(event(type=of)))[0].url.partition("8971")[2]
    assert path == f"/api/events/loading_dock/{label}/create"


@given(TEXT, TEXT, st.dictionaries(st.text(min_size=1, max_size=40), TEXT, max_size=8))
def test_whatever_a_sensor_says_it_has_room_and_is_known_again(title: str, name: str, fields: dict[str, str]) -> None:
    told = delivery(event(title=title, sensor_name=name, fields=fields, condition=title))
    body = msgspec.json.decode(target().render(told)[0].body)
    assert len(body["sub_label"]) <= 100
    description = msgspec.json.decode(target().render(told)[1].body)["description"]
    assert spoken_of(body["sub_label"], "", told.event.id)
    assert described(description, told.event.id) == 0
    assert described(description, EventId("another.0")) is None
    assert tags_of(description)["occurred"] == "2026-02-03T10:15:30.250000Z"


def test_a_field_is_not_taken_for_what_the_bridge_says() -> None:
    text = WORDS.description(delivery(event(fields={"bridge_event": "x", "occurred": "never", "a: b": "c\nd: e"})))
    assert tags_of(text)["bridge_event"] == "0197c3-1.0"
    assert tags_of(text)["field_occurred"] == "never"
    assert tags_of(text)["a_ b"] == "c d: e"


def test_a_long_title_is_cut_and_the_id_is_not() -> None:
    text = WORDS.marked(delivery(event(title="word " * 40)))
    assert len(text) <= 100
    assert text.endswith("… [0197c3-1.0]")


def test_everything_the_event_says_is_in_its_description() -> None:
    told = event(condition="door", closes=EventId("e-1"), marks=("rule 2 failed",), test=True, title="A\nB")
    assert WORDS.description(delivery(told, possible_duplicate=True)) == (
        "TEST A B\nbridge_event: 0197c3-1.0\nrevision: 0\nsite: harbour\nsensor: door-17\nsensor_name: Door 17\n"
        "kind: door\ntype: access.denied\nstate: momentary\nurgency: notice\noccurred: 2026-02-03T10:15:30.250000Z\n"
        "arrived: 2026-02-03T10:15:30.500000Z\nclock: device\nclock_offset: -0.250\ncondition: door\ncloses: e-1\n"
        "marks: rule 2 failed\ntest: true\npossible_duplicate: true\nvendor: acme\ncard: 00931\nreason: expired\n"
        'detail: {"vendor":"acme","card":"00931","reason":"expired"}'
    )


def test_what_has_no_room_is_cut_with_the_events_id() -> None:
    told = event(fields={f"field_{number}": "ž" * 100 for number in range(200)})
    text = Words(settings(description_limit="2 KiB")).description(delivery(told))
    assert len(text.encode()) <= 2048
    assert text.endswith("all of it in event 0197c3-1.0]")


def test_a_guard_sees_that_it_may_be_there_twice_and_that_it_is_a_test() -> None:
    assert WORDS.marked(delivery(event(test=True), possible_duplicate=True)) == (
        "possible duplicate: TEST Access denied [0197c3-1.0]"
    )


# ------------------------------------------------------------------------------------------------- other ways to say it


def test_an_amendment_writes_sub_label_and_description() -> None:
    later = event(title="Access granted", revision=1, changes=("reason",))
    first, last = shown(target(), told=later, action=Action.AMEND, remote_id="1748855647.254113-k3x9qa")
    assert first == (
        b'POST /api/events/1748855647.254113-k3x9qa/sub_label HTTP/1.1\n{"subLabel":"Access granted [0197c3-1.0]"}'
    )
    assert last.startswith(b"POST /api/events/1748855647.254113-k3x9qa/description HTTP/1.1\n")
    assert [each.raises for each in target().render(delivery(later, Action.AMEND, remote_id="x"))] == [False, True]


def test_an_amendment_of_what_nobody_knows_creates_it() -> None:
    first, *_ = shown(target(), told=event(revision=1), action=Action.AMEND)
    assert b"/create HTTP" in first


def test_the_id_can_be_taken_out_of_the_sub_label_again() -> None:
    create, describe, sub_label = shown(target(id_in_sub_label=False))
    assert b"[0197c3-1.0]" in create
    assert b"/description" in describe
    assert sub_label == b'POST /api/events/{id-in-the-VMS}/sub_label HTTP/1.1\n{"subLabel":"Access denied"}'


ACTIVE = {"state": State.ACTIVE, "condition": "leak"}
RESTORED = {"id": "2.0", "state": State.RESTORED, "condition": "leak", "closes": EventId("0197c3-1.0")}


def test_what_is_on_lasts_as_long_as_any_unless_it_is_to_stay_open() -> None:
    assert created(what=delivery(event(**ACTIVE)))["duration"] == 30
    assert created(what=delivery(event(**ACTIVE)), open_ended=True)["duration"] is None
    assert created(what=delivery(event()), open_ended=True)["duration"] == 30
    assert len(target().render(delivery(event(**RESTORED)))) == 2


def test_a_restore_ends_what_it_closes_before_it_is_told() -> None:
    look, end, create, describe = shown(target(open_ended=True), told=event(**RESTORED))
    assert look == (b"GET /api/events?cameras=loading_dock&in_progress=1&limit=500&include_thumbnails=0 HTTP/1.1\n")
    assert end == b'PUT /api/events/{id-of-the-open-event}/end HTTP/1.1\n{"end_time":1770113730.25}'
    assert b"/create" in create
    assert b"/description" in describe
    steps = target(open_ended=True).render(delivery(event(**RESTORED)))
    assert [each.raises for each in steps] == [False, False, True, False]
