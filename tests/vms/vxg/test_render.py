"""The requests of a delivery, byte for byte where the reference gives the bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import Action, CameraId, Clock, EventId, Media, MediaId, SensorEvent, State, Urgency
from bridge.vms.base import Request
from tests.vms.conftest import INNER, Vault, event, token
from tests.vms.vxg.conftest import delivery, target

UI_OWNED = {
    *("process", "status_not_handled", "status_in_progress", "status_processed", "user_id", "ip_address"),
    *("start_time", "end_time", "result", "result_true", "result_false", "description", "total"),
}


def raised(told: SensorEvent, **settings: object) -> dict[str, object]:
    """The body of the request that raises."""
    last = target(**settings).render(delivery(told))[-1]
    assert last.raises
    return json.loads(last.body)  # type: ignore[no-any-return]


def meta(told: SensorEvent, **settings: object) -> dict[str, str]:
    return raised(told, **settings)["meta"]  # type: ignore[return-value]


def test_the_steps_are_look_up_declare_raise() -> None:
    look_up, declare, create = target().render(delivery())
    assert (look_up.method, look_up.url) == (
        "GET",
        "https://web.harbour.example/api/v2/cameras/4711/event_processing/events/?limit=1000",
    )
    # Reference 12.3, #8.
    assert (declare.method, declare.url, declare.body) == (
        "POST",
        "https://web.harbour.example/api/v2/cameras/4711/event_processing/events/",
        b'{"name":"access_denied","notify":true}',
    )
    assert (create.method, create.url) == ("POST", "https://web.harbour.example/api/v2/storage/events/")
    assert create.headers == (("Accept", "application/json"), ("Content-Type", "application/json"))
    assert [step.raises for step in (look_up, declare, create)] == [False, False, True]
    assert look_up.once
    assert declare.once
    assert look_up.once != declare.once
    assert create.once is None


def test_without_url_the_path_stands_alone_for_the_token_knows_the_rest() -> None:
    assert target(url="").render(delivery())[-1].url == "/api/v2/storage/events/"


def test_rendering_twice_gives_the_same_bytes_and_so_does_another_target() -> None:
    ours = target()
    first = ours.render(delivery())
    assert first == ours.render(delivery()) == target().render(delivery())


def test_the_same_event_on_another_camera_differs_in_the_camera_alone() -> None:
    ours = target()
    one = ours.render(delivery())[-1].body
    other = ours.render(delivery(camera=CameraId("gate-wide")))[-1].body
    assert other == one.replace(b'"camid":4711', b'"camid":4712')


def test_two_events_under_one_id_do_not_get_each_others_bytes() -> None:
    ours = target()
    ours.render(delivery())
    changed = event(title="Something else")
    assert json.loads(ours.render(delivery(changed))[-1].body)["meta"]["title"] == "Something else"


def test_everything_the_event_says_is_there() -> None:
    told = event(
        state=State.RESTORED,
        condition="door-17 forced",
        closes=EventId("0197c3-0.0"),
        urgency=Urgency.ALARM,
        clock=Clock.LATE,
        marks=("rule 2 failed", "orphan restore"),
        test=True,
        media=(Media(MediaId("0197c3-1.0-0"), "image/jpeg", 5, "plate"), Media(MediaId("m-2"), "image/png", 6)),
    )
    tags = meta(told)
    assert tags["state"] == "restored"
    assert tags["condition"] == "door-17 forced"
    assert tags["closes"] == "0197c3-0.0"
    assert tags["urgency"] == "alarm"
    assert tags["clock"] == "late"
    assert tags["marks"] == "rule 2 failed; orphan restore"
    assert tags["test"] == "true"
    assert tags["media"] == "0197c3-1.0-0=plate m-2=image/png"


def test_a_possible_duplicate_says_so_and_differs_in_nothing_else() -> None:
    ours = target()
    once = json.loads(ours.render(delivery())[-1].body)
    twice = json.loads(ours.render(delivery(possible_duplicate=True))[-1].body)
    assert twice["meta"].pop("possible_duplicate") == "true"
    assert once == twice


def test_values_are_text_whatever_they_were() -> None:
    tags = meta(event(fields={"a": True, "b": None, "c": 3, "d": 0.91, "e": "ü€🚗", "f": ""}))
    assert [tags[name] for name in "abcdef"] == ["true", "", "3", "0.91", "ü€🚗", ""]


def test_a_plate_stands_where_the_vxg_page_looks_for_it() -> None:
    fields = {"plate": "1AB2345", "make": "Skoda", "colour": "red", "model": "Octavia", "country": "CZE"}
    tags = meta(event(type="vehicle.identified", fields=fields))
    assert tags["license_plate"] == tags["plate"] == "1AB2345"
    assert (tags["car_brand"], tags["car_color"], tags["car_model"]) == ("Skoda", "red", "Octavia")
    assert tags["plate_1AB2345"] == ""  # the search knows names of tags only


@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        ("vehicle.identified", "vehicle_identified"),
        ("Door/Forced Open", "door_forced_open"),
        ("x" * 64, "x" * 64),
        ("x" * 100, "x" * 57 + "_09ecb6"),
        ("дверь", "_"),
        ("", "event"),
    ],
)
def test_event_types_become_names_that_fit_a_path(event_type: str, name: str) -> None:
    assert raised(event(type=event_type))["name"] == name


def test_an_event_type_can_be_given_a_name_the_vxg_page_knows() -> None:
    names = {"vehicle.identified": "plate_recognition"}
    assert raised(event(type="vehicle.identified"), event_names=names)["name"] == "plate_recognition"


def test_no_field_takes_a_tag_that_means_something_to_the_vxg_page_or_to_us() -> None:
    names = [*UI_OWNED, "user_x_AT_y", "access_denied", "bridge_event", "title", "sensor", "license_plate", "state"]
    told = event(fields={name: f"said {name}" for name in names})
    tags = meta(told)
    assert not UI_OWNED & set(tags)
    assert "access_denied" not in tags
    assert not [tag for tag in tags if tag.startswith("user_")]
    assert tags["bridge_event"] == told.id
    assert tags["title"] == "Access denied"
    for name in names:
        assert tags[f"field_{name}"] == f"said {name}"


def test_a_value_made_findable_takes_no_tag_that_means_something_either() -> None:
    """To the VXG page ``user_…`` says who has handled the event, ``result_true`` and ``status_processed`` how."""
    fields = {"user": "j.doe", "result": "true", "status": "processed", "detail": "1", "access": "denied", "plate": "1"}
    tags = meta(event(fields=fields), search_tags=list(fields))
    empty = {tag for tag, value in tags.items() if not value}
    assert empty == {
        *("field_user_j.doe", "field_result_true", "field_status_processed", "field_detail_1", "field_access_denied"),
        *("plate_1", "sensor_door-17"),
    }
    told = event(revision=1, fields=fields, changes=tuple(fields))
    steps = target(search_tags=list(fields)).render(delivery(told, Action.AMEND, remote_id="1"))
    assert {step.url.split("/")[-2] for step in steps if step.body == b'{"data":""}'} == empty - {"sensor_door-17"}


def test_names_that_become_the_same_tag_do_not_hide_each_other() -> None:
    tags = meta(event(fields={"a b": "1", "a/b": "2", "a_b": "3"}))
    assert (tags["a_b"], tags["a_b_2"], tags["a_b_3"]) == ("1", "2", "3")


def test_long_names_that_begin_alike_stay_apart() -> None:
    """A type, a sensor, a field, a value: each can be told, and searched for, without the other."""
    one, other = "x" * 80 + "1", "x" * 80 + "2"
    told = [raised(event(type=each, sensor=each, fields={each: "1", "plate": each})) for each in (one, other)]
    assert told[0]["name"] != told[1]["name"]
    ours = [{tag for tag in each["meta"] if "xxx" in tag} for each in told]
    assert [len(each) for each in ours] == [3, 3]
    assert not ours[0] & ours[1]


def test_an_event_type_named_like_a_tag_of_ours_hides_no_field() -> None:
    tags = meta(event(type="state", fields={"state": "ajar"}))
    assert "state" not in tags
    assert {tags["field_state"], tags["field_state_2"]} == {"momentary", "ajar"}


@given(
    st.dictionaries(
        st.text(max_size=80),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
        max_size=40,
    )
)
def test_whatever_the_fields_are_tags_and_values_keep_to_the_rules(fields: dict[str, str]) -> None:
    steps = target().render(delivery(event(fields=fields)))
    tags = json.loads(steps[-1].body)["meta"]
    assert all(0 < len(tag) <= 64 and set(tag) <= SAFE for tag in tags)
    assert all(isinstance(value, str) and len(value) <= 255 for value in tags.values())
    assert not UI_OWNED & set(tags)
    assert len(tags) <= 96


SAFE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


def test_half_a_surrogate_does_not_stop_an_event() -> None:
    assert meta(event(fields={"note": "\ud83d"}))["note"] == "?"


@pytest.mark.parametrize(
    ("digits", "time"),
    [(0, "2026-02-03T10:15:30"), (3, "2026-02-03T10:15:30.250"), (6, "2026-02-03T10:15:30.250000")],
)
def test_times_are_utc_without_zone(digits: int, time: str) -> None:
    oslo = datetime(2026, 2, 3, 11, 15, 30, 250000, timezone(timedelta(hours=1)))
    assert raised(event(occurred_at=oslo), time_digits=digits)["time"] == time
    assert raised(event(occurred_at=datetime(2026, 2, 3, 10, 15, 30, tzinfo=UTC)))["time"].endswith(".000000")  # type: ignore[union-attr]


def test_a_message_of_a_few_kilobytes_goes_in_pieces_that_join_to_exactly_it() -> None:
    detail = json.dumps({f"key {number}": "välue, " * 3 for number in range(60)}, ensure_ascii=False).encode()
    steps = target().render(delivery(event(detail=detail)))
    tags = json.loads(steps[-1].body)["meta"]
    pieces = [tags[f"detail_{number}"] for number in range(1, sum(tag.startswith("detail_") for tag in tags) + 1)]
    assert "".join(pieces).encode() == detail
    assert len(pieces) == 9
    assert len(steps) == 3


def test_a_message_too_large_for_tags_becomes_a_document_before_the_raise() -> None:
    detail = json.dumps({"log": "x" * 65_000}).encode()
    steps = target().render(delivery(event(detail=detail)))
    assert [step.purpose.split()[0] for step in steps] == ["look", "declare", "write", "raise"]
    document_step, create = steps[2], steps[3]
    assert (document_step.method, document_step.url) == ("POST", "https://web.harbour.example/api/v4/meta/")
    (document,) = json.loads(document_step.body)
    assert document["raw_data"].encode() == detail
    assert document["timestamp"] == "2026-02-03T10:15:30.250"  # reference 12.3, #15
    assert document["string"]["bridge_event"] == "0197c3-1.0"
    assert json.loads(create.body)["meta"]["detail_document"] == document["id"]
    assert not [tag for tag in json.loads(create.body)["meta"] if tag.startswith("detail_1")]
    assert len(create.body) < 4000
    assert steps == target().render(delivery(event(detail=detail)))


def test_a_value_too_long_is_shortened_and_whole_in_the_document() -> None:
    long = ", ".join(f"word {number}" for number in range(100))
    steps = target().render(delivery(event(fields={"note": long, "card": "1"})))
    tags = json.loads(steps[-1].body)["meta"]
    assert len(tags["note"]) <= 255
    assert "… [cut from 888 characters, all of it in event 0197c3-1.0]" in tags["note"]
    (document,) = json.loads(steps[2].body)
    assert document["string"]["note"] == long


def test_more_fields_than_tags_are_counted_and_whole_in_the_document() -> None:
    steps = target(meta_tag_limit=40).render(delivery(event(fields={f"f{number}": "x" for number in range(100)})))
    tags = json.loads(steps[-1].body)["meta"]
    assert len(tags) == 40
    assert tags["sensor_door-17"] == ""
    assert tags["cut"] == "76 more tags in event 0197c3-1.0"
    (document,) = json.loads(steps[2].body)
    assert {f"f{number}" for number in range(100)} - set(tags) <= set(document["string"])


def test_a_document_can_be_forbidden_and_then_the_message_ends_visibly() -> None:
    detail = json.dumps({"log": "x, " * 20_000}).encode()
    steps = target(meta_document="never").render(delivery(event(detail=detail)))
    assert len(steps) == 3
    tags = json.loads(steps[-1].body)["meta"]
    assert tags["detail_12"].endswith("characters, all of it in event 0197c3-1.0]")


def test_a_document_can_be_wished_for_always() -> None:
    steps = target(meta_document="always").render(delivery())
    (document,) = json.loads(steps[2].body)
    assert document["raw_data"] == event().detail.decode()


def test_nothing_of_a_request_shows_a_token() -> None:
    text = token()
    ours = target(Vault(gate_in=text, gate_wide=text))
    shown = repr(ours.render(delivery())) + repr(ours) + repr(ours.can)
    assert INNER not in shown
    assert text not in shown
    assert "secret" in shown
    assert all([each.secret for each in request.credentials] == ["gate-in"] for request in ours.render(delivery()))


# ------------------------------------------------------------------------------------------------------------- amend


def amended(**more: object) -> tuple[Request, ...]:
    told = event(
        revision=1,
        type="vehicle.identified",
        title="1AB2345 CZE",
        fields={"plate": "1AB2345", "country": "CZE", "lane": "1"},
        changes=("plate", "country"),
        detail=b'{"plate":"1AB2345"}',
    )
    return target(**more).render(delivery(told, Action.AMEND, remote_id="900001"))  # type: ignore[arg-type]


def test_an_amendment_writes_the_tags_that_changed_and_last_its_revision() -> None:
    steps = amended()
    at = "https://web.harbour.example/api/v2/storage/events/900001/meta/"
    written = [(step.method, step.url, step.body) for step in steps[1:]]
    assert written == [
        ("PUT", f"{at}title/", b'{"data":"1AB2345 CZE"}'),
        ("PUT", f"{at}plate/", b'{"data":"1AB2345"}'),
        ("PUT", f"{at}license_plate/", b'{"data":"1AB2345"}'),
        ("PUT", f"{at}plate_1AB2345/", b'{"data":""}'),
        ("PUT", f"{at}country/", b'{"data":"CZE"}'),
        ("PUT", f"{at}detail_document/", b'{"data":"bridge-0197c3-1.0-1-4711"}'),
        ("PUT", f"{at}bridge_revision/", b'{"data":"1"}'),
    ]
    assert [step.raises for step in steps] == [False] * (len(steps) - 1) + [True]
    (document,) = json.loads(steps[0].body)
    assert document["raw_data"] == '{"plate":"1AB2345"}'
    assert document["long"]["revision"] == 1


def test_an_amendment_without_documents_is_tags_alone() -> None:
    assert [step.method for step in amended(meta_document="never")] == ["PUT"] * 6


def test_an_amendment_of_what_never_stood_in_the_vms_is_raised_whole() -> None:
    steps = target().render(delivery(event(revision=2, changes=("card",)), Action.AMEND))
    assert steps[-1].method == "POST"
    assert json.loads(steps[-1].body)["meta"]["bridge_revision"] == "2"
