"""What a message waits for that cannot be decided at once: its pictures, messages before it, what is known of its
sensors. First come, first decided, as far as they are of the same sensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from bridge.decide.decide import sensors_of
from bridge.fetching import Turn
from bridge.intake.facts import Facts
from bridge.intake.order import Order, Place
from bridge.intake.reading import Reading
from bridge.model import Message, SensorId
from bridge.routing import Routed

T = TypeVar("T")


class Waiting:
    def __init__(self, reading: Reading, facts: Facts, order: Order) -> None:
        self._reading = reading
        self._facts = facts
        self._order = order
        self._here: Counter[SensorId] = Counter()
        """How many messages of a sensor are on their way through ``decided``; others than these overtake nobody."""

    def needless(self, sensors: list[SensorId], turn: Turn | None) -> bool:
        """Whether a message of these sensors can be decided at once, as nearly all can."""
        here = self._here
        return (
            turn is None
            and not (here and any(sensor in here for sensor in sensors))
            and self._facts.ready(sensors)
            and not self._order.must_wait(sensors, None)
        )

    async def decided(
        self,
        message: Message,
        routed: Routed,
        test: bool,
        turn: Turn | None,
        decide: Callable[[Routed, list[SensorId]], T],
    ) -> T:
        """What ``decide`` makes of the message, with its pictures, and of its sensors, once it may be asked.
        ``routed``: the message as it was read just now; a test's route stays as it is. Raises JournalError."""
        reading, facts, order = self._reading, self._facts, self._order
        site = reading.site
        place: Place | None = None
        own = [sensor.id for sensor in sensors_of(routed)]
        self._here.update(own)
        try:
            if turn is not None:
                await turn.come()
            while True:
                if reading.site is not site and not test:  # another meanwhile: its sensors are those that count
                    routed, site = reading.at_once(message), reading.site
                shown = routed if turn is None else turn.illustrated(routed)
                sensors = [sensor.id for sensor in sensors_of(shown)]
                async with facts.line:
                    await facts.load(sensors)
                    if reading.site is not site and not test:
                        continue
                    if not order.must_wait(sensors, place):
                        return decide(shown, sensors)
                    place = place or order.line_up(sensors)
                await order.turn(place)
        finally:
            for sensor in own:
                self._here[sensor] -= 1
                if not self._here[sensor]:
                    del self._here[sensor]
            if place is not None:
                order.leave(place)
            if turn is not None:
                turn.decided()
