"""Analytics events: what stands in the XML, and how the answer is read."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import datetime, timedelta, timezone

import pytest

from bridge.model import Action, Ambiguous, Blocked, Delivered, Media, MediaId, Rejected, Retry, Urgency
from bridge.simulator.milestone import SimulatedMilestone
from bridge.simulator.milestone.analytics import Told
from bridge.simulator.milestone.state import DOCK, GATE
from tests.vms.conftest import Played, answer, event, sent
from tests.vms.milestone.conftest import DOOR, GONE, RAMP, Made, delivery, target

JPEG = b"\xff\xd8\xff\xe0 a picture"


def body(of: object) -> str:
    return of.render(delivery())[0].body.decode()  # type: ignore[attr-defined,no-any-return]


def told(xprotect: SimulatedMilestone) -> Told:
    found = xprotect.state.events[-1].analytics
    assert found is not None
    return found


async def test_one_event_on_several_cameras_is_an_event_each(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made()
    for camera in (DOOR, RAMP):
        assert isinstance(await sent(ours, delivery(camera=camera)), Delivered)
    assert [each.camera for each in xprotect.state.events] == [DOCK, GATE]
    ids = {each.id for each in xprotect.state.events}
    assert len(ids) == 2
    assert told(xprotect).related == (DOCK,)


async def test_the_same_event_has_the_same_id_each_time_and_a_correction_another() -> None:
    one, other = target(), target()
    first = [each.body for each in one.render(delivery())]
    assert first == [each.body for each in other.render(delivery())]
    later = event(revision=1, changes=("card",))
    for remote_id in ("70623ac3-fca3-5429-87e9-102c6b6ea3ca", None):
        (again,) = one.render(delivery(later, Action.AMEND, remote_id=remote_id))
        text = again.body.decode()
        assert "<ID>70623ac3-fca3-5429-87e9-102c6b6ea3ca</ID>" not in text
        assert "<Name>amended: Access denied</Name>" in text
    assert target(amendments="leave out").render(delivery(later, Action.AMEND)) == ()


async def test_a_possible_duplicate_says_so_and_keeps_its_id(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made()
    await sent(ours, delivery())
    await sent(ours, delivery(possible_duplicate=True))
    first, second = xprotect.state.events
    assert first.id == second.id
    assert told(xprotect).values["Description"].startswith("possible duplicate: Door 17")
    assert json.loads(told(xprotect).values["Vendor/CustomData"])["possible_duplicate"] is True


async def test_pictures_travel_in_base64_word_for_word(xprotect: SimulatedMilestone, made: Made) -> None:
    media = [
        Media(MediaId(str(number)), kind, 1)
        for number, kind in enumerate(("image/jpeg", "image/png", "image/jpeg", "image/jpeg"))
    ]
    kept = {media[0].id: JPEG, media[1].id: b"\x89PNG", media[2].id: b"x" * 2000}
    with_pictures = delivery(event(media=tuple(media)), pictures=kept)
    await sent(made(picture_limit="1 kB"), with_pictures)
    assert [b64decode(each) for each in told(xprotect).pictures] == [JPEG]
    assert told(xprotect).values["SnapshotList/Snapshot/SizeInBytes"] == str(len(JPEG))
    data = json.loads(told(xprotect).values["Vendor/CustomData"])
    assert len(data["event"]["media"]) == 4
    await sent(made(pictures=False), with_pictures)
    assert told(xprotect).pictures == ()
    assert target().can.picture
    assert not target(pictures=False).can.picture
    assert not target("alarms").can.picture


def test_a_time_is_never_naive() -> None:
    at = datetime(2026, 2, 3, 21, 15, 30, 250000, timezone(timedelta(hours=11)))
    (request,) = target().render(delivery(event(occurred_at=at)))
    assert b"<Timestamp>2026-02-03T10:15:30.250+00:00</Timestamp>" in request.body


def test_the_length_counts_bytes_not_characters() -> None:
    ours = target()
    (request,) = ours.render(delivery(event(title="žluťoučký 车 🚗")))
    head, _, text = ours.shown(request).partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(text) in head
    assert len(text) > len(text.decode())


async def test_nothing_in_an_event_ends_an_element(xprotect: SimulatedMilestone, made: Made) -> None:
    nasty = "</Name><Message>Fire & flood</Message> ]]> \ufffe \uffff \x01 \ud83d <!-- "
    fields = {nasty: nasty, "plate": nasty}
    told_ = {"title": nasty, "fields": fields, "sensor_name": nasty, "kind": nasty}
    happened = event(**told_, detail=nasty.encode("utf-8", "replace"))
    assert isinstance(await sent(made(), delivery(happened)), Delivered)
    values = told(xprotect).values
    assert values["EventHeader/Message"] == "vms-bridge"
    assert values["EventHeader/Name"].startswith("</Name><Message>Fire & flood")
    assert json.loads(values["Vendor/CustomData"])["event"]["fields"]["plate"].startswith("</Name>")


def test_a_plate_is_an_object_with_a_value() -> None:
    text = target(objects=["plate", "speed"]).render(delivery(event(fields={"plate": "1AB 2345", "speed": None})))[0]
    assert (
        b"<ObjectList><Object><Name>plate</Name><Value>1AB 2345</Value><AlarmTrigger>true</AlarmTrigger></Object>"
        b"</ObjectList><Vendor>" in text.body
    )


def test_a_type_may_have_a_name_of_its_own() -> None:
    ours = target(event_name="Sensor Alert", event_names={"access.denied": "Door refused"})
    assert "<Message>Door refused</Message>" in body(ours)
    (other,) = ours.render(delivery(event(type="leak")))
    assert b"<Message>Sensor Alert</Message>" in other.body


def test_a_test_says_so() -> None:
    assert b"<Name>TEST Access denied</Name>" in target().render(delivery(event(test=True)))[0].body
    assert b"<Name>TEST once</Name>" in target().render(delivery(event(test=True, title="TEST once")))[0].body


async def test_a_name_that_is_not_known_is_no_success(xprotect: SimulatedMilestone, made: Made) -> None:
    """It is answered 200."""
    outcome = await sent(made(event_name="Sensor Alert"), delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert 'no analytics event named "Sensor Alert"' in outcome.why
    outcome = await sent(made(event_names={"access.denied": "Door refused"}), delivery())
    assert isinstance(outcome, Blocked)
    assert not outcome.whole_vms
    assert xprotect.state.events == []


async def test_other_warnings_are_none_of_ours(xprotect: SimulatedMilestone, made: Made) -> None:
    assert isinstance(await sent(made(), delivery(camera=GONE)), Delivered)


async def test_a_sender_that_is_not_allowed_parks_and_says_where_to_allow_it(
    xprotect: SimulatedMilestone, made: Made
) -> None:
    xprotect.state.allowed = False
    outcome = await sent(made(), delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert "Analytics Events" in outcome.why


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, Rejected), (500, Retry), (503, Retry), (502, Ambiguous), (404, Blocked), (301, Blocked), (413, Rejected)],
)
async def test_what_an_answer_means(vms: Played, made: Made, status: int, expected: type) -> None:
    vms.otherwise = answer(status, b"Whatever it says: 0197c3-1.0")
    outcome = await sent(made(event_server=f"http://127.0.0.1:{vms.port}"), delivery())
    assert isinstance(outcome, expected)
    assert "0197c3" not in repr(outcome)


async def test_a_page_is_not_the_word_of_an_event_server(vms: Played, made: Made) -> None:
    """A wrong port, or something in between, answers 200 to anything: the event stands nowhere."""
    vms.otherwise = answer(200, b"<!DOCTYPE html><title>Welcome</title>")
    assert isinstance(await sent(made(event_server=f"http://127.0.0.1:{vms.port}"), delivery()), Ambiguous)


def test_an_alarm_and_a_notice_are_told_alike() -> None:
    one, other = (target().render(delivery(event(urgency=each)))[0].body for each in (Urgency.ALARM, Urgency.NOTICE))
    assert one == other.replace(b'"urgency":"notice"', b'"urgency":"alarm"')


@pytest.mark.parametrize("size", [2**11, 2**13, 2**16])
def test_what_travels_as_json_is_json_however_little_of_it_has_room(size: int) -> None:
    ours = target(data_limit=f"{size} B")
    long = '"\\ěščř\n' * 12_000
    for told_ in (
        event(fields={"all": long}),
        event(fields={f"f{number}": "hodnota" for number in range(9000)}),
        event(detail=json.dumps({"all": long}).encode()),
        event(title=long, detail=b"\x00" * 90_000, fields={"x": "\x00" * 50_000, long: 1}),
    ):
        text = ours.render(delivery(told_))[0].body.decode()
        data = text.partition("<CustomData>")[2].partition("</CustomData>")[0]
        data = data.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        assert len(data.encode()) <= size
        read = json.loads(data)
        assert read["event"]["id"] == "0197c3-1.0"
        assert "in event 0197c3-1.0" in data
