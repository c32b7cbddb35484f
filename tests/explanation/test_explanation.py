"""Why a message became what it became: from a real journal, by its site or without."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from bridge.cli.explain import shown
from bridge.explanation import Explanation, NotFound, explain
from bridge.explanation.told import ItemTold
from bridge.journal.contract import QuarantineRecord, Query
from bridge.model import Receipt
from tests.adoption.conftest import Depot


async def of(depot: Depot, receipt: Receipt | str) -> Explanation:
    id = receipt if isinstance(receipt, str) else str(receipt.message)
    return await explain(depot.journal, depot.site, id)


async def item_of(depot: Depot, receipt: Receipt) -> ItemTold:
    (message,) = (await of(depot, receipt)).messages
    (item,) = message.items
    return item


async def test_what_was_raised_tells_sensor_kind_rules_cameras_and_deliveries(depot: Depot) -> None:
    receipt = await depot.says("/gate", '{"door": "north", "who": "guest", "serial": "X"}', shows="gate")
    found = await of(depot, receipt)
    (item,) = found.messages[0].items
    assert (item.fate, item.sensor, item.sensor_now, item.profile) == ("raised", "gate", "gate", "doors")
    assert item.matched_by == ["connector ways", "path /gate", "from 10.0.0.21", "basic secret:gate"]
    assert item.identity == {} or item.identity == {"serial": "X"}
    assert item.kind == "opened"
    assert (item.type, item.title, item.fields) == (
        "access.granted",
        "north by guest",
        {"door": "north", "who": "guest"},
    )
    assert [(rule.rule, rule.did, rule.would) for rule in item.rules] == [
        ("no tests", "let it through", 'lets it through: event.fields.who != "tester" is true'),
        ("guests are urgent", "let it through", "lets it through with urgency alarm"),
        ("rule 3: suppress", "let it through", 'does not touch it: event.fields.who == "cleaner" is not true'),
    ]
    assert item.cameras == ["gate"]
    (event,) = found.events
    assert (event.id, event.urgency, event.revisions) == (f"{receipt.message}.0", "alarm", 1)
    assert [(each.camera, each.vms, each.state) for each in event.deliveries] == [("gate", "alarms", "pending")]


async def test_why_no_other_sensor_names_the_first_thing_that_differs(depot: Depot) -> None:
    receipt = await depot.says("/doors", '{"door": "d", "serial": "S1"}')
    item = await item_of(depot, receipt)
    assert item.matched_by == ["connector ways", "path /doors", "identity serial=S1"]
    assert {each.sensor: each.differs for each in item.others} == {
        "back": "it wants serial=S2; the item says serial=S1",
        "gate": "it wants path /gate; this came to /doors",
        "hub": "it wants path /hub; this came to /doors",
    }
    assert item.others[0].sensor == "back"  # the nearest first


@pytest.mark.parametrize(
    ("place", "peer", "shows", "differs"),
    [
        ("/gates", "10.0.0.21", "gate", "it wants path /gate; this came to /gates"),
        ("/gate", "10.0.0.9", "gate", "it wants from 10.0.0.21; this came from 10.0.0.9, showing gate"),
        ("/gate", "10.0.0.21", None, "it wants basic secret:gate; this came from 10.0.0.21, showing no credential"),
    ],
)
async def test_what_nobody_listened_for_says_what_differs(
    depot: Depot, place: str, peer: str, shows: str | None, differs: str
) -> None:
    receipt = await depot.says(place, '{"door": "north"}', peer, shows)
    item = await item_of(depot, receipt)
    assert (item.fate, item.in_quarantine, item.sensor_now) == ("quarantined", True, None)
    assert next(each.differs for each in item.others if each.sensor == "gate") == differs


async def test_a_duplicate_names_what_it_repeats(depot: Depot) -> None:
    first = await depot.says("/doors", '{"door": "d", "serial": "S1", "id": 7}')
    again = await item_of(depot, await depot.says("/doors", '{"door": "d", "serial": "S1", "id": 7}'))
    assert (again.fate, again.duplicate_of) == ("duplicate", f"{first.message}.0")


async def test_what_a_rule_filtered_names_the_rule_and_what_the_others_would_say(depot: Depot) -> None:
    receipt = await depot.says("/gate", '{"door": "north", "who": "tester"}', shows="gate")
    item = await item_of(depot, receipt)
    assert (item.fate, item.rule) == ("filtered", "no tests")
    assert (item.rules[0].rule, item.rules[0].did) == ("no tests", "filtered it")
    assert item.rules[0].would == 'filters it: event.fields.who != "tester" is not true'


async def test_a_rule_that_depends_on_what_was_before_is_not_asked_again(depot: Depot) -> None:
    await depot.says("/gate", '{"door": "north", "who": "cleaner"}', shows="gate")
    item = await item_of(depot, await depot.says("/gate", '{"door": "north", "who": "cleaner"}', shows="gate"))
    assert (item.fate, item.rule, item.rules[2].did) == ("filtered", "rule 3: suppress", "filtered it")
    assert "is not asked again" in item.rules[2].would


async def test_what_the_profile_keeps_quiet_about_says_why(depot: Depot) -> None:
    item = await item_of(depot, await depot.says("/gate", '{"what": "beat"}', shows="gate"))
    assert (item.fate, item.rule, item.quiet) == ("filtered", "profile: a heartbeat", "a heartbeat")


async def test_what_was_collapsed_leads_to_its_event_and_the_event_to_all_it_was_made_of(depot: Depot) -> None:
    receipts = [
        await depot.says("/gate", f'{{"door": "{door}", "who": "held", "thing": "t"}}', shows="gate")
        for door in ("north", "south")
    ]
    found = await of(depot, receipts[1])
    event = f"{receipts[0].message}.0"
    assert [(item.fate, item.event) for item in found.messages[0].items] == [("collapsed", event)]
    assert [(each.id, each.held) for each in found.events] == [(event, True)]
    await depot.says("/gate", '{"door": "west", "who": "w", "thing": "t"}', shows="gate")
    await depot.says("/gate", '{"door": "east", "who": "w", "thing": "t"}', shows="gate")
    (told,) = (await of(depot, event)).events
    assert (told.held, told.revisions, told.changes) == (False, 2, [["door"]])
    assert [part.fate for part in told.parts] == ["collapsed", "collapsed", "raised", "amended"]


async def test_what_could_not_be_read_says_why(depot: Depot) -> None:
    item = await item_of(depot, await depot.says("/gate", '{"gate": 1}', shows="gate"))
    assert (item.fate, item.sensor, item.in_quarantine) == ("quarantined", "gate", True)
    assert "knows no message with these keys: gate" in item.why
    assert "knows no message with these keys: gate" in item.problem


async def test_cameras_that_were_looked_up_name_their_key(depot: Depot) -> None:
    item = await item_of(depot, await depot.says("/hub", '{"door": "D2"}'))
    assert (item.cameras, item.camera_key) == (["gate", "lobby"], "D2")
    item = await item_of(depot, await depot.says("/hub", '{"door": "D9"}'))
    assert (item.key, item.in_quarantine) == ("D9", True)
    assert "no camera for D9 in cameras.csv" in item.problem


async def test_a_site_that_has_changed_since_is_said(depot: Depot) -> None:
    receipt = await depot.says("/doors", '{"door": "d", "serial": "S1"}')
    waiting = await depot.says("/doors", '{"door": "d", "serial": "S9"}')
    depot.table("doors", "id;cameras;identity.serial\nmain;lobby;S1\nside;gate;S9\n")
    assert (await of(depot, receipt)).notes == ["item 0 went to front; by the site as it is now it is main's"]
    assert (await of(depot, waiting)).notes == ["item 0 is side's by now: vms-bridge quarantine replay"]


async def test_without_the_site_what_is_on_record_is_told(depot: Depot) -> None:
    receipt = await depot.says("/gate", '{"door": "north", "who": "tester"}', shows="gate")
    found = await explain(depot.journal, None, str(receipt.message))
    assert (found.messages[0].items[0].rule, found.messages[0].items[0].read_again) == ("no tests", False)
    assert any("name the site" in note for note in found.notes)


async def test_the_beginning_of_an_id_will_do_when_no_other_has_it(depot: Depot) -> None:
    first = str((await depot.says("/hub", '{"door": "D1"}')).message)
    second = str((await depot.says("/hub", '{"door": "D1"}')).message)
    assert (await of(depot, second[:-1] + second[-1])).id == second
    together = next(at for at in range(len(first)) if first[at] != second[at])
    assert (await of(depot, first[: together + 1])).id == first
    assert (await of(depot, f"{first}.")).about == "event"
    with pytest.raises(NotFound, match="several messages begin with"):
        await of(depot, first[:together])
    for nothing in ("ffff", "ffff.0", "", "x%"):
        with pytest.raises(NotFound):
            await of(depot, nothing)


async def test_of_ten_thousand_sensors_the_nearest_are_shown_and_the_rest_counted(depot: Depot) -> None:
    rows = "".join(f"d{number};lobby;S{number}\n" for number in range(3_000))
    depot.table("doors", f"id;cameras;identity.serial\n{rows}")
    item = await item_of(depot, await depot.says("/doors", '{"door": "d", "serial": "S2999"}'))
    assert (item.sensor, len(item.others), item.others_left_out) == ("d2999", 10, 2_991)
    assert all("it wants serial=" in each.differs for each in item.others)


async def test_people_read_it_in_lines_and_programs_as_json(depot: Depot) -> None:
    receipts = [
        await depot.says("/gate", '{"door": "north", "who": "guest"}', shows="gate"),
        await depot.says("/doors", '[{"door": "d", "serial": "S9"}, {"door": "d", "serial": "S1"}]'),
        await depot.says("/hub", '{"door": "D1", "who": "held", "thing": "t"}'),
    ]
    text: Sequence[str] = []
    for receipt in receipts:
        found: dict[str, Any] = json.loads(msgspec.json.encode(await of(depot, receipt)))
        text = [*text, *shown(found)]
    for words in (
        "item 0: raised (gate) into", "sensor gate (gate) by connector ways; path /gate; from 10.0.0.21;",
        "rule guests are urgent: let it through; asked again it lets it through with urgency alarm", "cameras: gate",
        "gate  alarms  raise  pending", "item 0: quarantined: no sensor with this identity: the item says serial=S9",
        "cameras: lobby (looked up by D1)", "held, it is raised when its hold ends",
    ):  # fmt: skip
        assert any(words in line for line in text), (words, text)


async def test_no_secret_is_told(depot: Depot) -> None:
    receipt = await depot.says("/gate", '{"door": "north"}', shows="gate")
    quarantined = [each async for each in depot.journal.read(Query(what="quarantine"))]
    assert not any(isinstance(each, QuarantineRecord) for each in quarantined)
    text = msgspec.json.encode(await of(depot, receipt)).decode()
    assert "secret:gate" in text  # its name; the secret itself is in no site and no journal
