"""CAMMRA at the site of its page: one vehicle, one event, whatever the camera sends and however often."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

import mappings
from bridge.model import Action, Draft, Fate, Item, SensorEvent
from bridge.profiles.compile import compile_profile
from tests.profiles.place import Place, example, place


@pytest.fixture
def site(tmp_path: Path) -> Place:
    return place("cammra", tmp_path)


def said(state: str | None, stamp: int, **more: object) -> bytes:
    keys: dict[str, object] = {
        "carState": state,
        "carID": "902",
        "capture_timestamp": str(1767603723512 + stamp),
        "plateUTF8": "4AB1284",
        "carMoveDirection": "unknown",
        "roiID": "1",
        "profileID": "1",
        "camera_info": {"SerialNumber": "B8A44F000001"},
    }
    return json.dumps({key: value for key, value in (keys | more).items() if value is not None}).encode()


def hears(site: Place, body: bytes) -> list[str]:
    """What became of it: its fate, and with what state of the vehicle an event was raised."""
    decision = site.hears("lpr", body, "/gate", "10.20.0.11", "gate-lpr")
    return [verdict.fate.value for verdict in decision.verdicts] + [
        str(event.fields.get("carstate")) for event in decision.events if event.revision == 0
    ]


def waits(site: Place, seconds: float) -> list[object]:
    return [event.fields.get("carstate") for event in site.wait(seconds)]


def test_reliable_is_raised_at_once_and_the_new_before_it_goes_into_it(site: Place) -> None:
    assert hears(site, said("new", 0)) == ["collapsed"]
    site.wait(1.0)
    assert hears(site, said("reliable", 900, carMoveDirection="in")) == ["raised", "reliable"]
    assert waits(site, 5) == []
    assert hears(site, said("lost", 0, carMoveDirection="in")) == ["collapsed"]


def test_without_reliable_the_first_update_with_a_direction_is_raised(site: Place) -> None:
    assert hears(site, said("new", 0)) == ["collapsed"]
    assert hears(site, said("update", 200)) == ["collapsed"]
    assert hears(site, said("updated", 400, carMoveDirection="in")) == ["raised", "update"]


def test_a_new_alone_is_raised_after_a_short_wait_and_what_comes_later_amends_it(site: Place) -> None:
    assert hears(site, said("new", 0)) == ["collapsed"]
    assert waits(site, 2) == ["new"]
    assert hears(site, said("update", 3000, plateUTF8="M WR6677", plateCountry="DEU")) == ["amended"]


def test_a_site_that_sends_only_lost_gets_its_vehicle(site: Place) -> None:
    assert hears(site, said("lost", 0, carMoveDirection="out")) == ["raised", "lost"]


def test_a_plate_of_the_block_list_waits_for_nothing(site: Place) -> None:
    assert hears(site, said("new", 0, plateListMode="block", plateList="Block list")) == ["raised", "new"]


def test_three_push_profiles_of_one_camera_tell_one_vehicle(site: Place) -> None:
    fates = [hears(site, said("lost", 0, profileID=str(n), packetCounter=str(n * 17)))[0] for n in (1, 2, 3)]
    assert fates == ["raised", "duplicate", "duplicate"]


def test_what_had_arrived_is_known_when_a_buffer_sends_it_hours_later(site: Place) -> None:
    assert hears(site, said("lost", 0))[0] == "raised"
    site.wait(5 * 3600)
    assert hears(site, said("lost", 0, packetCounter="99")) == ["duplicate"]


def test_a_buffer_that_sends_lost_before_new_an_hour_late_tells_one_vehicle(site: Place) -> None:
    site.wait(3600)
    assert hears(site, said("lost", 0, carMoveDirection="in"))[0] == "raised"
    assert hears(site, said("new", 0)) == ["collapsed"]
    assert hears(site, said("update", 300, carMoveDirection="in")) == ["collapsed"]
    assert waits(site, 10) == []


def test_a_camera_that_restarts_counts_from_one_and_its_cars_are_others(site: Place) -> None:
    assert hears(site, said("new", 0, carID="1", plateUTF8="AAA111")) == ["collapsed"]
    site.wait(2)
    assert hears(site, said("new", 60_000, carID="1", plateUTF8="BBB222")) == ["collapsed"]
    assert waits(site, 2) == ["new"]


def test_two_cameras_of_one_sensor_may_count_alike(site: Place) -> None:
    assert hears(site, said("lost", 0, plateUTF8="AAA111"))[0] == "raised"
    other = said("lost", 40, plateUTF8="BBB222", camera_info={"SerialNumber": "B8A44F000002"})
    assert hears(site, other)[0] == "raised"


def amended(site: Place, body: bytes) -> list[tuple[tuple[str, ...], object]]:
    """What each amendment says is new, and of which list the vehicle is then."""
    decision = site.hears("lpr", body, "/gate", "10.20.0.11", "gate-lpr")
    return [(event.changes, event.fields["list_mode"]) for event in decision.events if event.revision]


def test_a_message_without_anything_of_lists_takes_no_vehicle_off_its_list(site: Place) -> None:
    hears(site, said("new", 0, plateListMode="block", plateList="Block list"))
    assert amended(site, said("update", 400, carMoveDirection="in")) == [(("direction",), "block")]
    assert hears(site, said("lost", 0, carMoveDirection="in")) == ["collapsed"]


def test_a_plate_that_was_read_better_and_is_on_no_list_says_so(site: Place) -> None:
    hears(site, said("new", 0, plateListMode="block", plateList="Block list"))
    better = said("update", 400, plateUTF8="4AB1234", plateListMode="", plateList="")
    assert amended(site, better) == [(("plate", "list_mode"), "none")]


@pytest.mark.parametrize("pause", [0.0, 2.0])
def test_a_vehicle_is_told_as_it_was_in_the_end_in_whatever_order_a_buffer_sends(site: Place, pause: float) -> None:
    """Reference section 13: a buffer replays lost before new; updates come in any order too."""
    for car, order in enumerate(itertools.permutations(range(5))):
        plate = f"4AB {car:04d}"
        messages: list[tuple[str, int, dict[str, object]]] = [
            ("new", 0, {"plateUTF8": f"4A8 {car:04d}"}),
            ("update", 300, {"plateUTF8": f"4A6 {car:04d}"}),
            ("update", 600, {"plateUTF8": plate, "carMoveDirection": "in"}),
            ("reliable", 900, {"plateUTF8": plate, "carMoveDirection": "in"}),
            ("lost", 0, {"plateUTF8": plate, "carMoveDirection": "in"}),
        ]
        events: list[SensorEvent] = []
        for turn in order:
            state, stamp, more = messages[turn]
            body = said(state, stamp, carID=str(car), **more)
            events += site.hears("lpr", body, "/gate", "10.20.0.11", "gate-lpr").events
            events += site.wait(pause)
        assert [event.revision for event in events] == list(range(len(events))), order
        told = events[-1].fields
        assert (told["plate_text"], told["direction"], events[-1].title) == (plate, "in", f"{plate} in"), order


def test_what_was_pushed_to_its_end_is_known_when_the_search_finds_it(site: Place) -> None:
    assert hears(site, example("cammra", "lost-profile-1").body)[0] == "raised"
    polled = site.hears("gate-memory", example("cammra", "search-one").body)
    assert [(verdict.sensor, verdict.fate) for verdict in polled.verdicts] == [("gate-lpr", Fate.DUPLICATE)]


def test_what_the_push_lost_is_raised_when_the_search_finds_it_and_the_late_push_is_known(site: Place) -> None:
    polled = site.hears("gate-memory", example("cammra", "search-one").body)
    assert [verdict.fate for verdict in polled.verdicts] == [Fate.RAISED]
    assert [delivery.action for delivery in polled.deliveries] == [Action.RAISE]
    assert hears(site, example("cammra", "lost-profile-1").body) == ["duplicate"]


def test_a_vehicle_of_which_only_the_beginning_was_pushed_stands_once_when_the_search_finds_it(site: Place) -> None:
    assert hears(site, said("reliable", 0, carID="902"))[0] == "raised"
    polled = site.hears("gate-memory", example("cammra", "search-one").body)
    assert [verdict.fate for verdict in polled.verdicts] in ([Fate.AMENDED], [Fate.COLLAPSED])
    assert all(delivery.action is Action.AMEND for delivery in polled.deliveries)


def test_what_is_pushed_late_of_a_vehicle_that_the_search_found_is_no_second_event(site: Place) -> None:
    site.hears("gate-memory", example("cammra", "search-one").body)
    late = site.hears("lpr", said("reliable", 1), "/gate", "10.20.0.11", "gate-lpr")
    assert [verdict.fate for verdict in late.verdicts] in ([Fate.AMENDED], [Fate.COLLAPSED])
    assert all(delivery.action is Action.AMEND for delivery in late.deliveries)


@pytest.mark.parametrize(("camera", "loose"), [({"SerialNumber": "B8A44F000001"}, "camera|902"), (None, "")])
def test_a_push_that_does_not_say_its_camera_is_not_taken_for_a_search(camera: object, loose: str) -> None:
    """Of a search everything known of the sensor is gone through; a push is too frequent for that."""
    file = mappings.PROFILES / "cammra.yaml"
    profile = compile_profile(file.read_text("utf-8"), str(file))
    message = msgspec.structs.replace(
        example("cammra", "lost-profile-1"), parts=(), body=said("new", 0, camera_info=camera)
    )
    (item,) = profile.items(message)
    assert isinstance(item, Item)
    draft = profile.draft(item, ZoneInfo("UTC"))
    assert isinstance(draft, Draft)
    assert draft.collapse is not None
    assert draft.collapse.loose == loose


def test_a_search_that_finds_nothing_is_filtered(site: Place) -> None:
    (verdict,) = site.hears("gate-memory", example("cammra", "search-nothing").body).verdicts
    assert (verdict.fate, verdict.rule) == (Fate.FILTERED, "profile: an answer without vehicles")
