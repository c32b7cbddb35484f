"""One message that tells of several things under their names, and expressions that ask where it came from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bridge.model import ConnectorId, Draft, Instant, Item, Malformed, Message, Origin
from bridge.profiles.compile import CompiledProfile, ProfileErrors, compile_profile
from bridge.profiles.decode import MOST_ITEMS
from bridge.profiles.splitting import MOST_OUTER

UTC_ZONE = ZoneInfo("UTC")
PROFILE = """\
profile: any
name: Any
kind: device
decode: [json, {lines: text}]
%s
identity:
  device: {from: origin.place, as: text, after: things/, before: /state}
messages:
  entry:
    when: has(item.key)
    fields: {code: item.key, value: item.value, beside: outer.beside, from_whom: origin.peer}
    type: device.report
    title: "{code}"
  other:
    fields: {value: item.line}
    type: device.message
    title: other
"""


def profile(entries: str = "entries: [wet, open]") -> CompiledProfile:
    return compile_profile(PROFILE % entries, "any.yaml")


def items(of: CompiledProfile, said: object, place: str = "things/Cellar/1/state") -> list[Item | Malformed]:
    body = said if isinstance(said, bytes) else json.dumps(said, separators=(",", ":")).encode()
    at = Instant(datetime(2026, 1, 5, 9, tzinfo=UTC), 0.0)
    message = Message(connector=ConnectorId("x"), origin=Origin("10.0.0.9", place), body=body, arrived=at)
    return list(of.items(message))


def draft(of: CompiledProfile, item: Item | Malformed) -> Draft:
    assert isinstance(item, Item)
    found = of.draft(item, UTC_ZONE)
    assert isinstance(found, Draft)
    return found


def test_each_named_entry_is_an_item_and_the_whole_message_stands_around_it() -> None:
    of = profile()
    said = {"beside": 7, "open": False, "wet": True, "link": 100}
    drafts = [draft(of, item) for item in items(of, said)]
    assert [dict(each.fields) for each in drafts] == [
        {"code": "open", "value": False, "beside": 7, "from_whom": "10.0.0.9"},
        {"code": "wet", "value": True, "beside": 7, "from_whom": "10.0.0.9"},
    ]
    assert [json.loads(each.detail) for each in drafts] == [said, said]


@pytest.mark.parametrize("said", [{"link": 100}, b"on", {}])
def test_a_message_with_none_of_them_is_itself_the_item(said: object) -> None:
    (item,) = items(profile(), said)
    assert draft(profile(), item).type == "device.message"


def test_entries_may_stand_in_a_map_and_be_named_by_their_beginning() -> None:
    of = profile('entries: {of: params.parts, keys: ["flood:*", "*wet"]}')
    found = items(of, {"beside": 1, "params": {"parts": {"flood:0": 1, "flood": 2, "flood:12": 3, "very wet": 4}}})
    assert [dict(draft(of, item).fields)["code"] for item in found] == ["flood:0", "flood:12", "very wet"]
    assert len(items(of, {"params": {"parts": [1, 2]}})) == 1


def test_pictures_are_taken_out_once_and_shown_with_the_first() -> None:
    picture = "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP" + "A" * 400
    found = items(profile(), {"wet": True, "open": True, "shot": picture})
    assert [len(item.media) for item in found if isinstance(item, Item)] == [1, 0]
    assert b"picture 1" in draft(profile(), found[1]).detail


def test_how_many_there_are_and_how_much_they_hold_is_bounded() -> None:
    of = profile('entries: {keys: ["*"]}')
    found = items(of, {f"k{number}": number for number in range(MOST_ITEMS + 5)})
    assert (len(found), isinstance(found[-1], Malformed)) == (MOST_ITEMS + 1, True)
    large = {"wet": True, "open": True, "text": "x" * MOST_OUTER}
    details = [len(draft(profile(), item).detail) for item in items(profile(), large)]
    assert details[0] > MOST_OUTER > details[1]
    deep: object = 1
    for _ in range(70):
        deep = {"a": deep}
    (nested,) = items(profile(), {"wet": deep})
    assert isinstance(nested, Malformed)


def test_where_a_message_came_from_is_known_to_identity_fields_and_cases() -> None:
    of = profile()
    for item in items(of, {"wet": True}):
        assert isinstance(item, Item)
        assert of.identity(item) == {"device": "Cellar/1"}
    assert of.identity(Item(0, {"wet": True})) == {}


def test_a_profile_that_never_asks_for_it_is_not_given_it() -> None:
    plain = compile_profile(
        "profile: p\nname: P\nkind: device\nmessages: {m: {type: a.b, title: t, fields: {x: item.x}}}", "p.yaml"
    )
    (item,) = items(plain, {"x": 1})
    assert getattr(item, "origin", None) == {}


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(ProfileErrors):
        profile("entries: {of: 'a..b', keys: [x]}")
    with pytest.raises(ProfileErrors):
        profile("entries: []")
