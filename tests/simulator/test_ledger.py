"""The ledger is green when all is well, and red under the right name for each thing that can go wrong."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from bridge.simulator import ledger
from bridge.simulator.issued import Issued, Log
from bridge.simulator.ledger import Arrival, compare

CAMERAS = {"gate": ["in", "out"], "yard": ["in"]}


def said(
    log: Log, car: int, state: str = "reliable", *, sensor: str = "gate", plate: str = "", **about: object
) -> Issued:
    text = plate or f"{sensor}-{car}"
    defaults: dict[str, object] = {"raises": state == "reliable", "acknowledged": True, "attempts": 1}
    return log.add(
        Issued(
            sensor=sensor,
            serial="B8A44F000001",
            car=car,
            state=state,
            capture_timestamp=1767603723512 + car,
            plate=text,
            number=log.next_number(sensor),
            expect={"plate": text, "country": "CZE"},
            **(defaults | about),  # type: ignore[arg-type]
        )
    )


def world() -> tuple[Log, list[Arrival]]:
    """Five vehicles at the gate, two in the yard; all arrived as they should. The fourth at the gate is an alarm."""
    log = Log()
    for car in range(1, 6):
        said(log, car, urgency="alarm" if car == 4 else "notice")
    for car in (1, 2):
        said(log, car, sensor="yard")
    arrivals: list[Arrival] = []
    for issued in log.issued:
        for camera in CAMERAS[issued.sensor]:
            arrivals.append(
                Arrival(
                    camera=camera,
                    event=f"e-{issued.plate}",
                    order=len(arrivals),
                    values={"plate": issued.plate, "country": "CZE"},
                )
            )
    return log, arrivals


def broken(log: Log, arrivals: list[Arrival], least: int = 1) -> list[str]:
    report = compare(log, arrivals, CAMERAS, least=least)
    names = [each.name for each in report.properties if not each.holds]
    assert report.closes == (not names)
    assert all((name in report.text()) for name in names)
    return names


def place(arrivals: list[Arrival], plate: str, camera: str = "in") -> int:
    return next(at for at, each in enumerate(arrivals) if each.values["plate"] == plate and each.camera == camera)


def again(arrival: Arrival, **changes: object) -> Arrival:
    return msgspec.structs.replace(arrival, **({"order": 1000} | changes))  # type: ignore[arg-type]


def test_all_is_well() -> None:
    assert broken(*world()) == []


def drop(arrivals: list[Arrival]) -> None:
    del arrivals[place(arrivals, "gate-3", "out")]


def double(arrivals: list[Arrival]) -> None:
    arrivals.append(again(arrivals[place(arrivals, "gate-5")]))


def double_notice_marked(arrivals: list[Arrival]) -> None:
    arrivals.append(again(arrivals[place(arrivals, "gate-5")], possible_duplicate=True))


def double_alarm_unmarked(arrivals: list[Arrival]) -> None:
    arrivals.append(again(arrivals[place(arrivals, "gate-4")]))


def swap(arrivals: list[Arrival]) -> None:
    one, other = place(arrivals, "gate-2"), place(arrivals, "gate-3")
    first, second = arrivals[one], arrivals[other]
    arrivals[one], arrivals[other] = again(second, order=first.order), again(first, order=second.order)


def change(arrivals: list[Arrival]) -> None:
    at = place(arrivals, "gate-2")
    arrivals[at] = again(arrivals[at], order=arrivals[at].order, values={"plate": "gate-2", "country": "DNK"})


def invent(arrivals: list[Arrival]) -> None:
    arrivals.append(Arrival(camera="in", event="e-x", order=1000, values={"plate": "NOBODY"}))


def stray(arrivals: list[Arrival]) -> None:
    arrivals.append(again(arrivals[place(arrivals, "yard-1")], camera="out"))


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        (drop, ledger.ARRIVES),
        (double, ledger.ONCE),
        (double_notice_marked, ledger.ONCE),
        (double_alarm_unmarked, ledger.ONCE),
        (swap, ledger.ORDER),
        (change, ledger.EQUAL),
        (invent, ledger.ISSUED),
        (stray, ledger.ISSUED),
    ],
)
def test_harm_breaks_the_property_of_its_name_and_no_other(harm: Callable[[list[Arrival]], None], name: str) -> None:
    log, arrivals = world()
    harm(arrivals)
    assert broken(log, arrivals) == [name]


def test_too_little_traffic_proves_nothing() -> None:
    assert broken(*world(), least=8) == [ledger.ENOUGH]


def test_an_alarm_may_stand_twice_when_one_is_marked_whichever_came_first() -> None:
    log, arrivals = world()
    at = place(arrivals, "gate-4")
    arrivals.append(again(arrivals[at], possible_duplicate=True))
    assert broken(log, arrivals) == []
    arrivals[at] = again(arrivals[at], order=arrivals[at].order, possible_duplicate=True)
    arrivals[-1] = again(arrivals[at], possible_duplicate=False)
    assert broken(log, arrivals) == []


def test_an_alarm_may_overtake_notices() -> None:
    log, arrivals = world()
    at = place(arrivals, "gate-4")
    arrivals[at] = again(arrivals[at], order=-1)
    assert broken(log, arrivals) == []


def test_what_was_never_acknowledged_need_not_arrive() -> None:
    log, arrivals = world()
    said(log, 6, acknowledged=False, unsure=True)
    assert broken(log, arrivals) == []
    assert "may have been taken by a cut, 1 vehicles were" in compare(log, arrivals, CAMERAS).text()


def test_what_was_surely_written_must_arrive() -> None:
    log, arrivals = world()
    said(log, 6, acknowledged=False, written=True)
    assert broken(log, arrivals) == [ledger.ARRIVES]


def test_the_last_plate_said_is_the_one_that_must_stand_there() -> None:
    log = Log()
    said(log, 1, "new", plate="OLD")
    said(log, 1, "reliable", plate="NEW")

    def on_cameras(plate: str) -> list[Arrival]:
        values = {"plate": plate, "country": "CZE"}
        return [Arrival(camera=camera, event="e", order=0, values=values) for camera in CAMERAS["gate"]]

    assert broken(log, on_cameras("NEW")) == []
    assert broken(log, on_cameras("OLD")) == [ledger.EQUAL]
    log.issued[-1].acknowledged = False  # refused: the bridge cannot know the new one, but may
    assert broken(log, on_cameras("NEW")) == broken(log, on_cameras("OLD")) == []


def test_vehicles_seen_at_the_same_time_may_stand_in_either_order() -> None:
    log = Log()
    for car, state in ((1, "new"), (2, "new"), (1, "reliable"), (2, "reliable")):
        said(log, car, state, sensor="yard")
    arrivals = [
        Arrival(camera="in", event=f"e{car}", order=-car, values={"plate": f"yard-{car}", "country": "CZE"})
        for car in (1, 2)
    ]
    assert broken(log, arrivals) == []
