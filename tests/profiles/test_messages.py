"""Whatever arrives, a profile answers with items or a reason: never an exception, never unbounded work."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from itertools import permutations
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import ConnectorId, Draft, Instant, Item, Malformed, Message, Origin, Part
from bridge.profiles.compile import CompiledProfile

ZONE = ZoneInfo("Europe/Prague")
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) + b"\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
READ: dict[str, object] = {
    "capture_timestamp": "1767603724104",
    "plateUTF8": "4AB1284",
    "plateConfidence": "0.9",
    "carState": "update",
    "carMoveDirection": "in",
    "carID": "902",
    "roiID": "1",
    "datetime": "20260105 100204104",
    "vehicle_info": {"brand": "Skoda", "type": "CAR"},
    "camera_info": {"SerialNumber": "B8A44F000001", "MACAddress": "B8:A4:4F:00:00:01"},
    "ImageArray": [{"ImageType": "plate", "BinaryImage": base64.b64encode(JPEG).decode()}],
    "plateCoordinates": [1, 2, 3, 4],
}


def message(body: bytes = b"", parts: tuple[Part, ...] = ()) -> Message:
    arrived = Instant(datetime(2026, 1, 5, tzinfo=UTC), 0.0)
    return Message(connector=ConnectorId("c"), origin=Origin("192.0.2.1"), body=body, parts=parts, arrived=arrived)


def read_all(profile: CompiledProfile, one: Message) -> list[Draft | Malformed]:
    """Everything the bridge asks of a profile for one message, and what its answers must be able to do."""
    answers: list[Draft | Malformed] = []
    for index, item in enumerate(profile.items(profile.redact(one))):
        assert item.index == index
        if isinstance(item, Item):
            names = profile.identity(item)
            assert all(isinstance(value, str) and value for value in names.values())
        draft = profile.draft(item, ZONE) if isinstance(item, Item) else item
        if isinstance(draft, Draft):
            assert isinstance(json.loads(draft.detail), dict)
            draft.detail.decode("utf-8")
            msgspec.msgpack.encode(draft.fields)  # what the journal does with them
            assert len(draft.title) <= 200
            assert draft.title
            assert len(item.media if isinstance(item, Item) else ()) == len(draft.roles)
        else:
            assert draft.why
        answers.append(draft)
    return answers


# ---------------------------------------------------------------------------------------------- never an exception


@pytest.mark.shows("profile:cammra", "fuzzed")
@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_items_or_a_reason(cammra: CompiledProfile, data: bytes) -> None:
    read_all(cammra, message(data))
    read_all(cammra, message(parts=(Part("application/json", data), Part("image/jpeg", JPEG))))
    read_all(cammra, message(b"{" + data))
    read_all(cammra, message(b"{'" + data + b"'}"))


anything = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
        st.sampled_from(["", "(null)", "1767603724104", "-1", "1e400", "9" * 50, "\ud800", "/9j/" + "A" * 80]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)  # fmt: skip
heartbeat_keys = ["system", "identify", "ALPV", "Device ID", "cameraId", "sensorProviderID", "imageType"]


@given(
    st.dictionaries(st.sampled_from([*READ, *heartbeat_keys]), anything, max_size=4), st.sets(st.sampled_from([*READ]))
)
@settings(max_examples=300, deadline=None)
def test_a_read_with_any_values_in_it_gives_an_event_or_a_reason(
    cammra: CompiledProfile, changed: dict[str, object], removed: set[str]
) -> None:
    document = {key: value for key, value in READ.items() if key not in removed} | changed
    (answer,) = read_all(cammra, message(json.dumps(document).encode()))
    assert isinstance(answer, Draft) or not document or "knows no message" in answer.why


@pytest.mark.shows("profile:cammra", "fuzzed")
@given(st.integers(0, 700), st.binary(max_size=3), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_a_damaged_read_gives_an_event_or_a_reason(
    cammra: CompiledProfile, place: int, inserted: bytes, cut: int
) -> None:
    whole = json.dumps(READ).encode()
    read_all(cammra, message(whole[:place] + inserted + whole[place + cut :]))


DEEP = 5000


@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'{"carID":"1","a":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"carID":"1","a":' + b"[" * 70 + b"]" * 70 + b"}",
        b"{'a':" * DEEP,
    ],
)
def test_what_is_nested_too_deep_is_refused_with_a_reason(cammra: CompiledProfile, body: bytes) -> None:
    answers = read_all(cammra, message(body))
    assert all(isinstance(answer, Malformed) for answer in answers)
    assert answers


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        (b'{"carID": 1, "plateUTF8": NaN}', "vehicle", "1"),
        (b'{"carID": 1e999}', "vehicle", "1e999"),
        (b'{"carID": 99999999999999999999999999}', "vehicle", "99999999999999999999999999"),
        (b'{"carID": "1", "carID": "2"}', "vehicle", "2"),
        (b'{"carID": "1", "plateUTF8": "\\ud800A"}', "plate", "\ufffdA"),
        (b'{"carID": "1", "plateUTF8": "a\x01\tb"}', "plate", "A\x01B"),
        (b'{"carID": "\xc3\x28"}', "vehicle", "\u00c3("),
        (b'{"carID": "' + b"7" * 5000 + b'"}', "vehicle", "7" * 1023 + "…"),
    ],
)
def test_what_is_hardly_json_is_read_for_what_it_says(
    cammra: CompiledProfile, body: bytes, field: str, value: str
) -> None:
    (answer,) = read_all(cammra, message(body))
    assert isinstance(answer, Draft)
    assert answer.fields[field] == value


def test_a_number_of_ten_thousand_digits_is_refused_with_a_reason(cammra: CompiledProfile) -> None:
    (answer,) = read_all(cammra, message(b'{"carID": ' + b"7" * 10_000 + b"}"))
    assert isinstance(answer, Malformed)


def test_no_more_than_a_thousand_items_are_read_of_one_message(cammra: CompiledProfile) -> None:
    one = b'{"carID":"1"}'
    for body in (b"[" + b",".join([one] * 1500) + b"]", one * 1500):
        answers = read_all(cammra, message(body))
        assert len(answers) == 1001
        assert isinstance(answers[999], Draft)
        assert isinstance(answers[1000], Malformed)
        assert "more than 1000 items" in answers[1000].why


@pytest.mark.parametrize("one", [b"[],", b"{},", b"1,", b'"",', b"NaN,"])
def test_a_message_of_too_many_values_is_refused_before_it_is_decoded(cammra: CompiledProfile, one: bytes) -> None:
    body = b'{"carID":"1","a":[' + one * 50_001 + b"1]}"
    for each in (message(body), message(parts=(Part("application/json", body),)), message(b" " + body)):
        (answer,) = read_all(cammra, each)
        assert isinstance(answer, Malformed)
        assert "more than 50000 values" in answer.why


def test_an_empty_array_says_nothing_and_is_no_fault(cammra: CompiledProfile) -> None:
    assert list(cammra.items(message(b"[]"))) == []


# -------------------------------------------------------------------------------------------------------- the parts


def test_any_order_of_the_parts_gives_the_same_item(cammra: CompiledProfile) -> None:
    document = {key: value for key, value in READ.items() if key != "ImageArray"}
    parts = (
        Part("application/json", json.dumps(document).encode(), "event", "1.json"),
        Part("image/jpeg", JPEG, "vehicle", "1.jpg"),
        Part("text/plain", b"hello", "comment"),
    )
    drafts = [read_all(cammra, message(parts=tuple(order)))[0] for order in permutations(parts)]
    items = [cammra.items(message(parts=tuple(order)))[0] for order in permutations(parts)]
    assert all(draft == drafts[0] for draft in drafts)
    assert all(item == items[0] for item in items)
    assert isinstance(drafts[0], Draft)
    assert drafts[0].roles == ("vehicle",)


def test_the_picture_of_a_part_is_the_very_part(cammra: CompiledProfile) -> None:
    picture = Part("image/jpeg", JPEG, "image", "1.jpg")
    (item,) = cammra.items(message(parts=(picture, Part("application/json", b'{"carID":"1"}'))))
    assert isinstance(item, Item)
    assert item.media[0] is picture


def test_the_bytes_of_a_picture_are_trusted_over_the_label_of_its_part(cammra: CompiledProfile) -> None:
    parts = (Part("application/json", b'{"carID":"1"}'), Part("image/jpeg", PNG), Part("image/bmp", b"BM" + b"x" * 60))
    (item,) = cammra.items(message(parts=parts))
    assert isinstance(item, Item)
    assert [(part.content_type, part.data[:2]) for part in item.media] == [("image/png", PNG[:2]), ("image/bmp", b"BM")]


def test_pictures_of_parts_go_with_the_first_item_and_no_other(cammra: CompiledProfile) -> None:
    parts = (Part("image/jpeg", JPEG), Part("application/json", b'[7, {"carID":"1"}, {"carID":"2"}]'))
    found = cammra.items(message(parts=parts))
    assert [len(item.media) if isinstance(item, Item) else None for item in found] == [None, 1, 0]


def test_parts_without_a_document_are_refused_naming_them(cammra: CompiledProfile) -> None:
    (answer,) = read_all(cammra, message(parts=(Part("image/jpeg", JPEG, "image"), Part("text/plain", b"x", "note"))))
    assert isinstance(answer, Malformed)
    assert "none of its 2 parts holds JSON: image (image/jpeg), note (text/plain)" in answer.why


# ------------------------------------------------------------------------------------------------------ the pictures


def test_a_picture_is_taken_out_wherever_it_stands_and_expressions_never_see_it(cammra: CompiledProfile) -> None:
    body = {"carID": "1", "some": {"new": [{"plateImage": "data:image/png;base64," + base64.b64encode(PNG).decode()}]}}
    (item,) = cammra.items(message(json.dumps(body).encode()))
    assert isinstance(item, Item)
    assert [(part.content_type, part.data) for part in item.media] == [("image/png", PNG)]
    assert item.document["some"] == {"new": [{"plateImage": f"(picture 1: image/png, {len(PNG)} bytes)"}]}


@pytest.mark.parametrize("text", ["/9j/short", "/9j/" + "!" * 100, "Qk" + "A" * 100, "iVBORw0KGgo" + "A" * 90 + "="])
def test_what_only_begins_like_a_picture_stays_or_is_one(cammra: CompiledProfile, text: str) -> None:
    (item,) = cammra.items(message(json.dumps({"carID": "1", "note": text}).encode()))
    assert isinstance(item, Item)
    assert item.media or item.document["note"] == text


def test_a_picture_of_six_megabytes_is_taken_out(cammra: CompiledProfile) -> None:
    picture = JPEG + bytes(4_500_000)
    body = json.dumps({"carID": "1", "ImageArray": [{"BinaryImage": base64.b64encode(picture).decode()}]}).encode()
    (item,) = cammra.items(message(body))
    assert isinstance(item, Item)
    assert item.media[0].data == picture
    draft = cammra.draft(item, ZONE)
    assert isinstance(draft, Draft)
    assert len(draft.detail) < 200


# -------------------------------------------------------------------------------------------------------- the detail


def test_a_clean_document_is_kept_as_the_bytes_it_came_in(cammra: CompiledProfile) -> None:
    body = b'{"carID":"1","unknown key":{"n":1.50}}'
    (item,) = cammra.items(message(body))
    assert isinstance(item, Item)
    draft = cammra.draft(item, ZONE)
    assert isinstance(draft, Draft)
    assert draft.detail is body


def test_line_ends_in_a_document_are_not_kept(cammra: CompiledProfile) -> None:
    (answer,) = read_all(cammra, message(b'{"carID":"1",\n"other":2}'))
    assert isinstance(answer, Draft)
    assert answer.detail == b'{"carID":"1","other":2}'


def test_a_document_written_with_room_is_kept_compact(cammra: CompiledProfile) -> None:
    (answer,) = read_all(cammra, message(b'{\n  "carID": "1",\n  "other": [1, 2]\n}\n'))
    assert isinstance(answer, Draft)
    assert answer.detail == b'{"carID":"1","other":[1,2]}'


# --------------------------------------------------------------------------------------------- the life of a vehicle


def drafted(profile: CompiledProfile, **changed: object) -> Draft:
    document = {key: value for key, value in (READ | changed).items() if value is not None and key != "ImageArray"}
    (answer,) = read_all(profile, message(json.dumps(document).encode()))
    assert isinstance(answer, Draft)
    return answer


def test_every_state_has_its_hold_and_its_rank(cammra: CompiledProfile) -> None:
    def told(state: str, direction: str) -> tuple[float, int]:
        collapse = drafted(cammra, carState=state, carMoveDirection=direction).collapse
        assert collapse is not None
        assert collapse.window == 1800
        return collapse.hold, collapse.rank

    assert told("new", "unknown") == (1.5, 1)
    assert told("update", "unk") == (1.5, 2)
    assert told("update", "in") == (0, 2)
    assert told("updated", "out") == (0, 2)
    assert told("reliable", "unknown") == (0, 4)
    assert told("lost", "in") == (0, 5)


def test_all_messages_of_one_vehicle_share_a_key_and_no_two_are_duplicates(cammra: CompiledProfile) -> None:
    states = [
        drafted(cammra, carState="new", carMoveDirection="unknown"),
        drafted(cammra, carState="update", plateUTF8="4AB1285"),
        drafted(cammra, carState="update", roiID="2"),
        drafted(cammra, carState="update"),
        drafted(cammra, carState="lost"),
    ]
    assert {draft.collapse.key for draft in states if draft.collapse} == {"B8A44F000001|902"}
    assert len({draft.dedup for draft in states}) == 5


def test_what_differs_between_push_profiles_and_resends_makes_no_new_message(cammra: CompiledProfile) -> None:
    one = drafted(cammra, profileID="1", packetCounter="7", carState="update")
    other = drafted(cammra, profileID="3", packetCounter="900", carState="updated")
    assert one.dedup == other.dedup is not None


def test_an_amendment_is_worth_its_plate_and_direction_but_not_its_confidence(cammra: CompiledProfile) -> None:
    collapse = drafted(cammra).collapse
    assert collapse is not None
    assert {"plate", "direction", "country", "list_mode"} <= set(collapse.amend)
    assert not {"confidence", "carstate", "provisional"} & set(collapse.amend)


def test_without_a_vehicle_number_a_read_stands_alone_and_is_never_a_duplicate(cammra: CompiledProfile) -> None:
    draft = drafted(cammra, carID=None)
    assert draft.collapse is None
    assert draft.dedup is None


def test_what_no_decoder_makes_becomes_a_reason_too(cammra: CompiledProfile) -> None:
    answer = cammra.draft(Item(3, {"carID": "1", "odd": object()}), ZONE)
    assert isinstance(answer, Malformed)
    assert answer.index == 3
    assert "cammra could not read the item" in answer.why
