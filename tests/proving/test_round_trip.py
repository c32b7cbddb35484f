"""A round trip is proven only by what the VMS shows of it; every other end is said for what it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from bridge.config.load import load
from bridge.config.site import Site
from bridge.model import (
    Absent,
    CameraId,
    Delivery,
    EventId,
    Found,
    MessageId,
    Scalar,
    Search,
    SensorEvent,
    SensorId,
    SiteId,
    Unanswered,
    VmsId,
)
from bridge.proving.firing import NotRaised, Settled
from bridge.proving.lines import Grade
from bridge.proving.round_trip import MARK, RoundTrip, RoundTrips
from bridge.vms.base import Capabilities, VmsTarget
from bridge.vms.recorded import CannotTell, Held, Query, Recorded
from tests.proving.test_trips import SITE

FOUND = Found("77")
DELIVERED = Settled("delivered", "77", "")
AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


class Vms:
    """A VMS at our own seam: finds what it is told to find, and shows ``tags``."""

    can = Capabilities(search=True, backdate=True, amend=True, picture=False)

    def __init__(self, search: Search = FOUND, tags: Mapping[str, object] | Exception | None = None) -> None:
        self.search = search
        self.tags = tags

    async def find(self, delivery: Delivery) -> Search:
        return self.search

    async def recorded(self, query: Query) -> AsyncIterator[Recorded]:
        if isinstance(self.tags, Exception):
            raise self.tags
        if self.tags is not None:
            yield Recorded(
                remote_id="77", camera=query.cameras[0], name="bridge_test", at=AT, event="m1.0", tags=dict(self.tags)
            )

    async def held(self, event: Recorded, before: float, after: float) -> tuple[Held, ...]:
        return ()

    def fetch(self, camera: CameraId, held: Held) -> AsyncIterator[bytes]:
        raise NotImplementedError


class Service:
    """A service at our own seam. ``withheld``: sensors whose rules keep a test event back."""

    def __init__(self, settled: Settled | None = DELIVERED, withheld: str = "") -> None:
        self.result = settled
        self.withheld = withheld
        self.fired: list[tuple[str, Mapping[str, Scalar]]] = []

    async def fire(self, sensor: SensorId, fields: Mapping[str, Scalar]) -> MessageId:
        self.fired.append((sensor, fields))
        if sensor == self.withheld:
            raise NotRaised("filtered: by the rule armed at night", withheld=True)
        return MessageId("m1")

    async def event(self, sensor: SensorId, message: MessageId) -> SensorEvent:
        return SensorEvent(
            id=EventId("m1.0"), site=SiteId("s"), sensor=sensor, sensor_name="Gate", kind="lpr", message=message,
            type="bridge.test", title="TEST Gate: test event", occurred_at=AT, arrived_at=AT, test=True,
        )  # fmt: skip

    async def settled(self, event: EventId) -> Mapping[CameraId, Settled]:
        return {} if self.result is None else {CameraId(name): self.result for name in "abc"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "cameras.csv").write_text("key,cameras\nnorth,c\n")
    (tmp_path / "site.yaml").write_text(SITE)
    return load(tmp_path / "site.yaml")


async def trip(site: Site, vms: Vms, service: Service | None = None, camera: str = "b") -> RoundTrip:
    targets = {VmsId("cloud"): cast(VmsTarget, vms)}
    (found,) = await RoundTrips(site, targets, service or Service(), 0.1, "mark01").go([CameraId(camera)])
    return found


SHOWN = {"title": "TEST Gate: test event", MARK: "mark01"}


async def test_an_event_that_is_shown_with_its_text_is_proven(site: Site) -> None:
    found = await trip(site, Vms(tags=SHOWN))
    assert (found.grade, found.note, found.remote_id) == (Grade.OK, "with its text", "77")
    assert found.kept is not None
    assert found.delivered is not None
    assert found.found is not None


@pytest.mark.parametrize("missing", list(SHOWN))
async def test_one_that_is_shown_without_its_title_or_fields_is_wrong(site: Site, missing: str) -> None:
    found = await trip(site, Vms(tags={key: value for key, value in SHOWN.items() if key != missing}))
    assert (found.grade, found.note) == (Grade.WRONG, "found, but without its title or its fields")


async def test_where_the_text_cannot_be_read_the_id_is_what_is_proven(site: Site) -> None:
    found = await trip(site, Vms(tags=CannotTell("it did not answer")))
    assert found.grade is Grade.OK
    assert "its text could not be read: it did not answer" in found.note


@pytest.mark.parametrize(("search", "words"), [(Absent(), "its search does not find it"), (Unanswered("503"), "503")])
async def test_what_the_search_does_not_find_is_wrong(site: Site, search: Search, words: str) -> None:
    found = await trip(site, Vms(search))
    assert found.grade is Grade.WRONG
    assert found.delivered is not None
    assert found.found is None
    assert words in found.note


@pytest.mark.parametrize(
    ("settled", "words"),
    [(None, "not delivered within"), (Settled("dead", "", "refused (400)"), "dead: refused (400)")],
)
async def test_what_is_not_delivered_is_wrong_and_says_why(site: Site, settled: Settled | None, words: str) -> None:
    found = await trip(site, Vms(), Service(settled))
    assert (found.grade, found.delivered) == (Grade.WRONG, None)
    assert words in found.note


async def test_another_sensor_is_tried_when_a_rule_keeps_the_first_back(site: Site) -> None:
    service = Service(withheld="one")
    found = await trip(site, Vms(tags=SHOWN), service)
    assert [sensor for sensor, _ in service.fired] == ["one", "two"]
    assert (found.grade, found.sensor) == (Grade.OK, "two")


async def test_a_camera_whose_sensors_are_all_kept_back_is_unknown_with_the_rule(site: Site) -> None:
    found = await trip(site, Vms(), Service(withheld="one"), camera="a")
    assert (found.grade, found.note) == (Grade.UNKNOWN, "filtered: by the rule armed at night")


async def test_an_event_for_a_table_carries_the_field_it_is_looked_up_by(site: Site) -> None:
    service = Service()
    await trip(site, Vms(tags=SHOWN), service, camera="c")
    assert service.fired == [("doors", {"camera": "north", MARK: "mark01"})]


async def test_one_event_proves_every_camera_it_goes_to(site: Site) -> None:
    service = Service()
    targets = {VmsId("cloud"): cast(VmsTarget, Vms(tags=SHOWN))}
    found = await RoundTrips(site, targets, service, 0.1, "mark01").go()
    assert sorted(sensor for sensor, _ in service.fired) == ["doors", "one"]
    assert {each.camera: each.grade.value for each in found} == {"a": "ok", "b": "ok", "c": "ok", "faults": "unknown"}
