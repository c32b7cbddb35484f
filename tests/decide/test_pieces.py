"""A message that says very much is decided in pieces, and what follows is the same as if it were decided at once."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.control.records import of_decision
from bridge.decide import decide as room
from bridge.decide.rules import Suppress
from bridge.model import (
    Collapse,
    Complete,
    ConnectorId,
    Decision,
    Draft,
    Fate,
    Item,
    Malformed,
    Message,
    MessageId,
    Origin,
    Part,
    Piece,
    SensorId,
    State,
)
from bridge.routing import Routed, RoutedItem
from tests.decide.conftest import Bench, door, draft, site_of

SAYINGS = st.one_of(
    st.builds(lambda n: draft(dedup=str(n)), st.integers(0, 3)),
    st.builds(
        lambda n, hold: draft(collapse=Collapse(f"car {n}", hold=hold, window=600.0)),
        st.integers(0, 2),
        st.sampled_from([0.0, 2.0]),
    ),
    st.builds(lambda n, state: door(state, condition=f"door|{n}"), st.integers(0, 4), st.sampled_from([*State])),
    st.builds(
        lambda on, dedup: door(
            State.RESTORED,
            condition=None,
            dedup=dedup,
            complete=Complete("door", tuple(f"door|{each}" for each in sorted(on))),
        ),
        st.sets(st.integers(0, 4)),
        st.sampled_from([None, "a", "b"]),
    ),
    st.just(None),
    st.just(Malformed(0, "not readable")),
)


def routed(bench: Bench, *drafts: Draft | Malformed | None, media: tuple[Part, ...] = ()) -> Routed:
    sensor = bench.site.sensors[SensorId("gate-lpr")]
    items = tuple(
        RoutedItem(Item(place, {}, media), None if each is None else sensor, each, "nobody" if each is None else "")
        for place, each in enumerate(drafts)
    )
    message = Message(connector=ConnectorId("lpr"), origin=Origin("10.0.0.21", "/gate"), body=b"{}", arrived=bench.at)
    return Routed(message, items)


def in_pieces(bench: Bench, message: Routed, number: str = "m1") -> list[Decision]:
    decisions: list[Decision] = []
    before: Piece | None = None
    left = message
    while not decisions or (before is not None and not before.last):
        made = room.decide_piece(bench.site, left, MessageId(number), bench.memory, bench.at, before=before)
        decisions.append(bench._then(made))
        before = made.piece
        left = Routed(message.message, left.items[len(made.verdicts) :])
    return decisions


def numbered(decision: Decision) -> object:
    """With the numbers of restores that nobody told left out: pieces count them in steps."""
    text = msgspec.json.encode(
        (decision.verdicts, decision.events, decision.deliveries, decision.quarantined), enc_hook=str
    ).decode()
    return re.sub(r"-r\d+", "-r", text)


def together(decisions: list[Decision]) -> Decision:
    return msgspec.structs.replace(
        decisions[0],
        verdicts=tuple(each for one in decisions for each in one.verdicts),
        events=tuple(each for one in decisions for each in one.events),
        deliveries=tuple(each for one in decisions for each in one.deliveries),
        quarantined=tuple(each for one in decisions for each in one.quarantined),
    )


@given(before=st.lists(SAYINGS, max_size=6), said=st.lists(SAYINGS, max_size=12), most=st.integers(1, 6))
def test_whatever_is_said_pieces_come_to_the_same(
    before: list[Draft | Malformed | None], said: list[Draft | Malformed | None], most: int
) -> None:
    rule = Suppress("suppress", 60.0)
    whole, cut = Bench(site_of(rule)), Bench(site_of(rule))
    for bench in (whole, cut):
        bench.say(*before)
    at_once = whole.say(*said)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "PIECE", most)
        decisions = in_pieces(cut, routed(cut, *said), "m2")
    assert numbered(together(decisions)) == numbered(at_once)
    assert {key: fact.due for key, fact in cut.facts().items()} == {
        key: fact.due for key, fact in whole.facts().items()
    }
    ids = [(event.id, event.revision) for one in decisions for event in one.events]
    assert len(set(ids)) == len(ids)
    for one in decisions:
        assert len(one.verdicts) + len(one.events) <= most + 1 + (len(one.events) > 0), "a piece is bounded"


def test_what_is_small_is_decided_at_once(bench: Bench) -> None:
    (decision,) = in_pieces(bench, routed(bench, *[draft()] * 20))
    assert decision.piece is None
    assert decision.message is not None


def test_only_the_first_piece_brings_the_message_and_only_the_last_says_that_it_is(bench: Bench) -> None:
    decisions = in_pieces(bench, routed(bench, *[draft()] * 100))
    assert [decision.message is not None for decision in decisions] == [True, False, False, False]
    assert [decision.heard for decision in decisions] == [decisions[0].heard] * 4, (
        "whoever watches knows whose they are"
    )
    assert decisions[0].heard is not None
    assert [decision.piece and (decision.piece.place, decision.piece.last) for decision in decisions] == [
        (0, False),
        (1, False),
        (2, False),
        (3, True),
    ]


def test_whoever_watches_is_told_by_which_connector_a_later_piece_came(bench: Bench) -> None:
    told = [of_decision(decision) for decision in in_pieces(bench, routed(bench, *[draft()] * 100))]
    assert {(each["message"], each["connector"], each["peer"], each["place"]) for each in told} == {
        ("m1", "lpr", "10.0.0.21", "/gate")
    }


def test_one_item_that_closes_a_thousand_conditions_is_many_pieces_and_has_one_verdict(bench: Bench) -> None:
    opened = in_pieces(bench, routed(bench, *[door(condition=f"door|{n}") for n in range(1000)]))
    all_is_well = door(State.RESTORED, condition=None, complete=Complete("door", ()))
    decisions = in_pieces(bench, routed(bench, all_is_well), "m2")
    assert max(len(decision.events) for decision in decisions) <= room.PIECE
    events = [event for decision in decisions for event in decision.events]
    assert len({event.id for event in events}) == 1000
    assert {event.closes for event in events} == {event.id for decision in opened for event in decision.events}
    (verdict,) = [verdict for decision in decisions for verdict in decision.verdicts]
    assert (verdict.fate, verdict.event) == (Fate.RAISED, "m2.0-r0")


def test_pictures_go_with_the_piece_of_their_item(bench: Bench) -> None:
    picture = Part("plate.jpg", b"\xff\xd8picture", "image/jpeg")
    message = routed(bench, *[draft()] * 70, media=(picture,))
    decisions = in_pieces(bench, message)
    first = decisions[0].message
    assert first is not None
    assert first.message == message.message, "the message stays whole: what comes later may be of the same picture"
    kept = [len(first.media), *(len(each.piece.media) for each in decisions[1:] if each.piece is not None)]
    assert kept == [len(each.verdicts) for each in decisions]
    assert sum(kept) == 70
