"""What follows from a message, or from a timer: pure, the same answer for the same question.

Nothing here reads a clock, a disk or a socket. The order of judgement for one item, and the room each question has:

1. Can it be read and is it anybody's? If not it is quarantined.
2. Was it told before (dedup)? Then it is a duplicate.
3. Does it tell all that is on (``complete``)? Then what it does not name is closed.
4. Does its profile keep quiet about it, and no ``quiet: raise`` says otherwise? Then it is filtered.
5. Which thing is it about (``things``)? Held for a better message, part of an event, an amendment, or a new event.
6. Which condition is it about (``conditions``)? An active of one that is open is part of its event; a restore follows
   what became of its active, and no rule is asked again.
   What people said of the sensor for a while (``in_service``) makes the event a test, or is one rule more.
7. What do the sensor's rules say (``judging``), in the order they are written? Filtered, has to last, or let through.
8. Which cameras get it, and how much of it (``gathering``, ``hiding``)?

A message that says very much is decided in several decisions, so that nobody waits long for it: see ``decide_piece``.

Every item has one verdict, and whatever drops one names its rule there; what items were collapsed into and a rule then
kept back is an event that is ``withheld``.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bridge.config.site import Sensor, Site
from bridge.decide import collapse, things
from bridge.decide.complete import NOTHING_OPEN, end_what_is_not_named
from bridge.decide.conditions import Settled, put_off_end, settle
from bridge.decide.draft import event_of
from bridge.decide.gathering import Gathering, short
from bridge.decide.in_service import SERVICE, as_it_is, tested
from bridge.decide.keeping import kept
from bridge.decide.memory import Memory
from bridge.decide.rules import CollapseOff, QuietRaise
from bridge.decide.timers import fired
from bridge.model import (
    Decision,
    Draft,
    Fate,
    Instant,
    Item,
    KeptMessage,
    Malformed,
    Message,
    MessageId,
    Piece,
    Quarantined,
    SensorEvent,
    State,
    StateKey,
    Verdict,
)
from bridge.routing import Routed, RoutedItem

DEDUP = "dedup"

PIECE = 64
"""Verdicts and events after which the rest of a message is left to another decision. Measured: 64 items with an event
each hold the event loop up for 2 to 4 ms, deciding and writing."""


def sensors_of(routed: Routed) -> Iterable[Sensor]:
    """The sensors whose facts must be in memory before ``decide`` is asked."""
    return [item.sensor for item in routed.items if item.sensor is not None]


def decide(
    site: Site, routed: Routed, message_id: MessageId, memory: Memory, at: Instant, test: bool = False
) -> Decision:
    """Everything that follows from one message. ``memory`` is read, never changed: the changes are in the decision."""
    gathering = Gathering(site, memory, at, test)
    for item in routed.items:
        _item(gathering, item, message_id, routed.message)
    return gathering.decision(kept(routed, message_id))


def decide_piece(
    site: Site,
    routed: Routed,
    message_id: MessageId,
    memory: Memory,
    at: Instant,
    test: bool = False,
    before: Piece | None = None,
) -> Decision:
    """As ``decide``, but no more than ``PIECE``: one verdict for each of the first items of ``routed``. Those behind
    have none yet, and want a decision of their own that begins with them, with this one's piece as ``before``."""
    gathering = Gathering(site, memory, at, test)
    gathering.begin_piece(PIECE, before)
    for item in routed.items:
        if not _item(gathering, item, message_id, routed.message) or gathering.is_full:
            break
    verdicts = gathering.verdicts
    last = verdicts == len(routed.items)
    if last and before is None:
        return gathering.decision(kept(routed, message_id))
    media = kept(Routed(routed.message, routed.items[:verdicts]), message_id).media
    if before is not None:
        piece = Piece(message_id, before.place + 1, last, gathering.closed, media)
        return gathering.decision(None, piece, routed.message)
    # The message stays as it came: items that are not decided yet may have the same pictures.
    whole = KeptMessage(id=message_id, message=routed.message, media=media)
    return gathering.decision(whole, Piece(message_id, 0, last, gathering.closed))


def undecided(routed: Routed, message_id: MessageId, at: Instant, why: str, before: Piece | None = None) -> Decision:
    """What follows from a message, or from what is left of one, that could not be decided, because of a fault of ours:
    it is kept, and said."""
    message = routed.message
    origin = f"{message.connector} {message.origin.peer} {message.origin.place}"
    indexes = [0] if before is None else [item.item.index for item in routed.items]
    return Decision(
        at=at,
        message=KeptMessage(id=message_id, message=message) if before is None else None,
        piece=None if before is None else Piece(message_id, before.place + 1, last=True),
        source=None if before is None else message,
        verdicts=tuple([Verdict(index, Fate.QUARANTINED, why=why) for index in indexes]),
        quarantined=tuple([Quarantined(index, origin, why) for index in indexes]),
    )


def decide_timer(site: Site, key: StateKey, memory: Memory, at: Instant) -> Decision:
    """What follows when the timer of a fact fires. The timer is gone with this decision."""
    gathering = Gathering(site, memory, at, False)
    fact = gathering.recall(key)
    if fact is not None:
        fired(gathering, key, fact)
    return gathering.decision(None)


def _item(gathering: Gathering, routed: RoutedItem, message_id: MessageId, message: Message) -> bool:
    """False when only a part of what it says is decided, and there is no verdict: it has to be decided again."""
    sensor, draft, item = routed.sensor, routed.draft, routed.item
    if sensor is None or not isinstance(draft, Draft) or not isinstance(item, Item):
        why = draft.why if isinstance(draft, Malformed) else routed.why
        unknown = isinstance(item, Item) and sensor is None
        gathering.quarantine(item.index, sensor, message, why, unknown, routed.key)
        return True
    if draft.dedup is not None:
        told = StateKey(sensor.id, DEDUP, short(draft.dedup))
        before = gathering.recall(told)
        if before is not None and not gathering.is_out_of_time(before.expires, draft.dedup_window):
            first = before.value.decode()
            gathering.verdict(item, Fate.DUPLICATE, sensor, why=f"the same was said in {first}")
            return True
        gathering.set(told, f"{message_id}.{item.index}".encode(), gathering.now + draft.dedup_window)
    said = gathering.has(sensor.id, SERVICE)
    if said:
        sensor = as_it_is(gathering, sensor)
    rules = sensor.rules
    quiet = draft.quiet
    if quiet is not None and rules and any(type(rule) is QuietRaise for rule in rules):
        quiet = None
    if quiet is not None and draft.complete is None:
        gathering.verdict(item, Fate.FILTERED, sensor, rule=f"profile: {quiet}")
        return True
    event = event_of(gathering.site, sensor, draft, item, message_id, gathering.at)
    if gathering.test:
        event = msgspec.structs.replace(event, test=True)
    elif said:
        event = tested(gathering, sensor, draft, event)
    if draft.ends_after is not None:
        put_off_end(gathering, event, draft.ends_after)
    if draft.complete is not None:
        whole = _complete(gathering, sensor, draft, item, event, quiet)
        if not whole and draft.dedup is not None:
            gathering.take_back(told)
        return whole
    if draft.collapse is not None and not (rules and any(type(rule) is CollapseOff for rule in rules)):
        if draft.state is not State.RESTORED:
            things.said(gathering, sensor, item, event, draft.collapse)
            return True
        _end_thing(gathering, sensor, draft.collapse.key)  # a restore is no better message about the same thing
    things.verdict_of(gathering, sensor, item, settle(gathering, sensor, event))
    return True


def _complete(
    gathering: Gathering, sensor: Sensor, draft: Draft, item: Item, event: SensorEvent, quiet: str | None
) -> bool:
    """An item that tells all that is on. Once what is over is closed, it is judged like any other, unless it says no
    more than that all is well: then it is filtered, and by a name of its own when nothing was open. False, without a
    verdict, when more is over than may be closed in one piece."""
    closed = None
    if draft.complete is not None and not gathering.test:
        real = msgspec.structs.replace(event, test=False) if event.test else event
        closed = end_what_is_not_named(gathering, sensor, draft.complete, real)
        if gathering.is_full:
            return False
    if quiet is not None:
        settled = Settled(Fate.FILTERED, event, f"profile: {quiet}")
    elif draft.state is State.RESTORED and draft.condition is None:
        settled = Settled(Fate.FILTERED, event, NOTHING_OPEN)
    else:
        settled = settle(gathering, sensor, event)
    if settled.fate is Fate.FILTERED and closed is not None:
        gathering.verdict(item, Fate.RAISED, sensor, closed)
    else:
        things.verdict_of(gathering, sensor, item, settled)
    return True


def _end_thing(gathering: Gathering, sensor: Sensor, name: str) -> None:
    """What was held is raised, and what comes after the restore is of another thing."""
    key = StateKey(sensor.id, collapse.KIND, name)
    fact = gathering.recall(key)
    if fact is not None:
        thing = collapse.unpack(fact.value)
        if thing.held is not None:
            things.hold_ended(gathering, key, thing)
        gathering.forget(key)
