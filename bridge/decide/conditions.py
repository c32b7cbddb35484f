"""What is on or off: each condition is an event once, its restore follows it, and both end by themselves if they must.

``settle`` is the one way by which an event comes to be raised or kept back, whether it is about a condition or not.
"""

from __future__ import annotations

import msgspec

from bridge.config.site import Sensor
from bridge.decide.gathering import FOREVER, Gathering
from bridge.decide.judging import NO_TIMES, ONLY_WHAT_IT_IS, Judged, judge, named_again
from bridge.decide.remembered import (
    CONDITION,
    DEBOUNCE,
    ENDING,
    FILTERED,
    FILTERED_FOR,
    Filtered,
    Open,
    Waiting,
    pack,
    unpack_filtered,
    unpack_open,
    unpack_waiting,
)
from bridge.decide.rules import USUAL_CHATTER, Chatter, Debounce
from bridge.model import CameraId, EventId, Fate, SensorEvent, SensorId, State, StateKey, Urgency

ORPHAN = "restored without a known start"
REMOVED = "the sensor was removed from the site"
NO_CAMERA = "no camera is known for it"


class Settled(msgspec.Struct, frozen=True):
    """What became of an event: RAISED as ``event``; FILTERED by ``rule``; or COLLAPSED into ``into``, which exists or
    (``waits``) will exist, or be withheld, when it has lasted long enough."""

    fate: Fate
    event: SensorEvent
    rule: str = ""
    into: EventId | None = None
    waits: bool = False


def put_off_end(gathering: Gathering, event: SensorEvent, seconds: float) -> None:
    """An active that may be the last: so long after it its condition ends untold."""
    if event.state is State.ACTIVE and event.condition is not None and not event.test:
        gathering.set(StateKey(event.sensor, ENDING, event.condition), b"", FOREVER, seconds)


def settle(gathering: Gathering, sensor: Sensor, event: SensorEvent) -> Settled:
    """Judge an event and let follow what must."""
    condition = event.condition
    if not sensor.cameras and event.state is not State.RESTORED:
        return Settled(Fate.FILTERED, event, NO_CAMERA)
    if condition is None or event.state is State.MOMENTARY or event.test:
        if sensor.rules:
            judged = judge(gathering, sensor, event, silent=ONLY_WHAT_IT_IS if event.test else ())
            if judged.filtered:
                return Settled(Fate.FILTERED, judged.event, judged.filtered)
            event = judged.event
        gathering.show(sensor, event, sensor.cameras)
        return Settled(Fate.RAISED, event)
    if event.state is State.ACTIVE:
        return Condition(gathering, sensor.id, condition).active(sensor, event)
    return Condition(gathering, sensor.id, condition).restored(sensor, event)


class Condition:
    """The facts of one condition, as this decision knows them."""

    def __init__(self, gathering: Gathering, sensor: SensorId, name: str) -> None:
        self._gathering = gathering
        self.name = name
        self._keys = {kind: StateKey(sensor, kind, name) for kind in (CONDITION, FILTERED, DEBOUNCE, ENDING)}

    def _fact(self, kind: str) -> bytes | None:
        fact = self._gathering.recall(self._keys[kind])
        return None if fact is None else fact.value

    def _forget(self, *kinds: str) -> None:
        for kind in kinds:
            if self._gathering.recall(self._keys[kind]) is not None:
                self._gathering.forget(self._keys[kind])

    @property
    def open(self) -> Open | None:
        value = self._fact(CONDITION)
        return None if value is None else unpack_open(value)

    @property
    def waiting(self) -> Waiting | None:
        value = self._fact(DEBOUNCE)
        return None if value is None else unpack_waiting(value)

    @property
    def filtered(self) -> str:
        value = self._fact(FILTERED)
        return "" if value is None else unpack_filtered(value).rule

    # ------------------------------------------------------------------------------------------------- it is said to be

    def active(self, sensor: Sensor, event: SensorEvent) -> Settled:
        opened, waiting = self.open, self.waiting
        if opened is not None and event.urgency >= opened.said:
            return Settled(Fate.COLLAPSED, event, into=opened.event)
        if waiting is not None:
            if event.urgency >= waiting.said:
                return Settled(Fate.COLLAPSED, event, into=waiting.event.id, waits=True)
            event = msgspec.structs.replace(event, id=waiting.event.id)  # what was collapsed into it stays with it
        elif _still_chatters(sensor, self.filtered):
            return Settled(Fate.FILTERED, event, self.filtered)  # not one more flap: it has been on since the last
        if opened is not None:
            event = msgspec.structs.replace(event, marks=(*event.marks, f"more urgent than {opened.event}"))
        judged = judge(self._gathering, sensor, event)
        if judged.wait:
            return self._wait(sensor, event, judged, waiting)
        if judged.filtered:
            self._keep_back(sensor, judged, waiting)
            return Settled(Fate.FILTERED, judged.event, judged.filtered)
        return self._open(sensor, event, judged, event.urgency, waiting is not None)

    def _wait(self, sensor: Sensor, event: SensorEvent, judged: Judged, before: Waiting | None) -> Settled:
        key = self._keys[DEBOUNCE]
        fact = self._gathering.recall(key)
        due_in = judged.wait if before is None or fact is None else min(judged.wait, self._gathering.remaining(fact))
        waiting = Waiting(judged.event, judged.waits_for, judged.after, event.urgency, sensor.cameras, judged.windows)
        self._gathering.set(key, pack(waiting), FOREVER, due_in)
        return Settled(Fate.COLLAPSED, judged.event, into=judged.event.id, waits=True)

    def _keep_back(self, sensor: Sensor, judged: Judged, was_waiting: Waiting | None) -> None:
        if was_waiting is not None:
            self._forget(DEBOUNCE)
            self._gathering.withhold(sensor, judged.event, judged.filtered)
        if self.open is None:
            until = self._gathering.now + FILTERED_FOR
            self._gathering.set(self._keys[FILTERED], pack(Filtered(judged.filtered)), until)

    def _open(
        self,
        sensor: Sensor,
        event: SensorEvent,
        judged: Judged,
        said: Urgency,
        promised: bool,
    ) -> Settled:
        """Raise it. ``event``: before the rules. ``promised``: items were collapsed into it already."""
        opened = self.open
        self._forget(DEBOUNCE, FILTERED)
        if opened is not None and judged.event.urgency >= opened.urgency:
            # The rules made it no more urgent than what the cameras show already.
            opened.said = min(opened.said, said)
            self._gathering.set(self._keys[CONDITION], pack(opened), FOREVER)
            if promised:
                self._gathering.withhold(sensor, judged.event, f"{opened.event} is open")
            return Settled(Fate.COLLAPSED, judged.event, into=opened.event)
        self._gathering.show(sensor, judged.event, sensor.cameras)
        opened = Open(
            judged.event.id,
            judged.event.urgency,
            said,
            event.message,
            event.type,
            event.title,
            dict(event.fields),
            sensor.cameras,
        )
        self._gathering.set(self._keys[CONDITION], pack(opened), FOREVER)
        return Settled(Fate.RAISED, judged.event)

    # -------------------------------------------------------------------------------------------- it is said to be over

    def restored(self, sensor: Sensor, event: SensorEvent) -> Settled:
        opened, filtered = self.open, self.filtered
        rule = self.ended(sensor)
        if opened is not None:
            return Settled(Fate.RAISED, self._close(sensor, event, opened))
        if rule or filtered:
            return Settled(Fate.FILTERED, event, rule or filtered)
        if not sensor.cameras:
            return Settled(Fate.FILTERED, event, NO_CAMERA)
        orphan = msgspec.structs.replace(event, marks=(*event.marks, ORPHAN))
        judged = judge(self._gathering, sensor, orphan, silent=NO_TIMES)
        if judged.filtered:
            return Settled(Fate.FILTERED, judged.event, judged.filtered)
        self._gathering.show(sensor, judged.event, sensor.cameras)
        return Settled(Fate.RAISED, judged.event)

    def ended(self, sensor: Sensor | None) -> str:
        """Forget all about the condition; the rule for which its event still waited, "" when none did."""
        waiting = self.waiting
        if waiting is not None:
            self._gathering.withhold(sensor, waiting.event, waiting.rule if sensor is not None else REMOVED)
        self._forget(CONDITION, FILTERED, DEBOUNCE, ENDING)
        return "" if waiting is None else waiting.rule

    def _close(self, sensor: Sensor, event: SensorEvent, opened: Open) -> SensorEvent:
        event = msgspec.structs.replace(event, closes=opened.event, urgency=opened.urgency)
        if sensor.rules:
            event = named_again(sensor, event)
        # To those that were shown its beginning, whatever the sensor's cameras are by now.
        still = tuple([camera for camera in opened.cameras if camera in self._gathering.site.cameras])
        self._gathering.show(sensor, event, still or sensor.cameras)
        return event

    def end_untold(self, sensor: Sensor, like: SensorEvent) -> EventId | None:
        """Close it with a restore that nobody told, made of its own event. ``like``: the rest of the restore, its id
        among it. Its id again if there was anything to close."""
        opened = self.open
        self.ended(sensor)
        if opened is None:
            return None
        restore = msgspec.structs.replace(
            like,
            type=opened.type,
            title=f"{opened.title} (over)",
            state=State.RESTORED,
            condition=self.name,
            fields=opened.fields,
        )
        return self._close(sensor, restore, opened).id

    # ----------------------------------------------------------------------------------------------------------- timers

    def lasted(self, sensor: Sensor | None) -> None:
        """A debounce is over, and nothing ended it before."""
        waiting = self.waiting
        if waiting is None:
            return
        if sensor is None:
            self.ended(sensor)
            return
        judged = judge(self._gathering, sensor, waiting.event, waiting.after, (Debounce,), waiting.windows)
        if judged.filtered:
            self._keep_back(sensor, judged, waiting)
        else:
            self._open(with_cameras(sensor, waiting.cameras), waiting.event, judged, waiting.said, promised=True)

    def quiet_again(self, sensor: Sensor, event: SensorEvent, judged: Judged, said: Urgency) -> None:
        """It chattered and is on now: its event is raised after all."""
        self._open(sensor, event, judged, said, promised=False)


def with_cameras(sensor: Sensor, cameras: tuple[CameraId, ...]) -> Sensor:
    """The sensor as it was for the item that waited: what a table says differs from item to item."""
    return msgspec.structs.replace(sensor, cameras=cameras) if cameras and cameras != sensor.cameras else sensor


def _still_chatters(sensor: Sensor, filtered: str) -> bool:
    """Whether that rule is one that ends by itself and then tells: then nothing is to be judged before."""
    if not filtered:
        return False
    return filtered == USUAL_CHATTER.name or any(
        type(rule) is Chatter and rule.name == filtered for rule in sensor.rules
    )
