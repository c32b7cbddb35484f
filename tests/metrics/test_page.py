"""The page a Prometheus reads is right to the letter, and its labels are bounded by the site file."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.journal.contract import Figures, LaneHead, QueueFigures, Totals
from bridge.metrics.exposition import Exposition, Histogram
from bridge.metrics.meters import Meters
from bridge.metrics.page import Endpoint, Facts, page
from bridge.metrics.process import figures
from bridge.model import (
    Action,
    CameraId,
    ConnectorId,
    Decision,
    Delivered,
    Delivery,
    DeliveryState,
    Fate,
    Instant,
    KeptMessage,
    Lane,
    Message,
    MessageId,
    Origin,
    Rejected,
    Retry,
    SensorId,
    Urgency,
    Verdict,
    VmsId,
)
from tests.control.conftest import AT, event
from tests.metrics.strict import read

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 8, 5, tzinfo=UTC).timestamp()


def decision(*fates: Fate, connector: str = "lpr", raised: int = 1, peer: str = "10.0.0.21") -> Decision:
    message = Message(
        connector=ConnectorId(connector), origin=Origin(peer, "/gate"), body=b"{}", arrived=Instant(AT, 0.0)
    )
    return Decision(
        at=message.arrived,
        message=KeptMessage(id=MessageId("m1"), message=message),
        verdicts=tuple(Verdict(index, fate, SensorId("gate-lpr")) for index, fate in enumerate(fates)),
        events=tuple(event(number) for number in range(raised)),
    )


def head(vms: str = "cloud", action: Action = Action.RAISE) -> LaneHead:
    delivery = Delivery(event=event(1), camera=CameraId("gate-in"), vms=VmsId(vms), action=action)
    lane = Lane(SensorId("gate-lpr"), CameraId("gate-in"), Urgency.ALARM)
    return LaneHead(lane=lane, delivery=delivery, ambiguous=False, begun_at=AT, ref=1)


def facts(**other: object) -> Facts:
    totals = Totals(
        messages=7,
        items={fate.value: number for number, fate in enumerate(Fate)},
        events=5,
        amendments=1,
        deliveries={state.value: number for number, state in enumerate(DeliveryState)},
        open_bytes={(VmsId("cloud"), Urgency.ALARM): 2048},
        size=123456,
    )
    queues = {(VmsId("cloud"), Urgency.ALARM): QueueFigures(3, NOW - 90.5)}
    held = Figures(queues=queues, facts=12, quarantined=2, quarantine_dropped=1, media=1000, free=2**30)
    given = {
        "version": "0.1.0", "site": "harbour-depot", "mode": "take", "now": NOW, "totals": totals, "figures": held,
        "clips": {"waiting": 2, "made": 7, "gave up": 1}, "limit": 8 * 2**30,
        "refused": {(ConnectorId("lpr"), "overloaded"): 4}, "links": {"lpr": True, "tills": False},
        "counts": {"lpr": {"refused": 2}, "tills": {}},
        "endpoints": [Endpoint("erp", True, 5, 10)], "parked_cameras": {"cloud": 2, "hook": 0},
        "parked_vms": {"cloud": False, "hook": True}, "conditions": 1, "sensors": 2,
        "heard": {SensorId("gate-lpr"): NOW - 1}, "live": True, "ready": False, "process": figures(),
    }  # fmt: skip
    return Facts(**(given | other))  # type: ignore[arg-type]


def counted(by: tuple[str, ...] = ()) -> Meters:
    meters = Meters(by)
    meters.decided(decision(Fate.RAISED))
    meters.decided(decision(Fate.DUPLICATE, raised=0))
    meters.decided(decision(Fate.FILTERED, Fate.RAISED, Fate.QUARANTINED))
    meters.decided(decision(raised=0))
    meters.settled(head(), Retry("503"))
    meters.settled(head(), Delivered("1"))
    meters.settled(head("hook"), Rejected("400"))
    meters.committed(0.004)
    return meters


def test_every_message_is_counted_once_by_the_best_that_became_of_it() -> None:
    messages = read(page(counted(), facts()).decode())["vms_bridge_messages_total"]
    assert messages.value(connector="lpr", fate="raised") == 2
    assert messages.value(connector="lpr", fate="duplicate") == 1
    assert messages.value(connector="lpr", fate="filtered") == 1, "a message that says nothing"


def test_what_became_of_deliveries_and_how_long_they_took_is_told_by_vms() -> None:
    families = read(page(counted(), facts()).decode())
    outcomes = families["vms_bridge_deliveries_total"]
    assert outcomes.value(vms="cloud", outcome="retry") == outcomes.value(vms="cloud", outcome="delivered") == 1
    assert outcomes.value(vms="hook", outcome="rejected") == 1
    took = families["vms_bridge_delivery_seconds"]
    assert took.samples["vms_bridge_delivery_seconds_count", frozenset({("vms", "cloud"), ("urgency", "alarm")})] == 1
    assert families["vms_bridge_oldest_undelivered_age_seconds"].value(vms="cloud", urgency="alarm") == 90.5
    assert families["vms_bridge_backlog_lanes"].value(vms="cloud", urgency="alarm") == 3
    assert families["vms_bridge_parked_cameras"].value(vms="cloud") == 2
    assert families["vms_bridge_connector_up"].value(connector="tills") == 0
    assert families["vms_bridge_connector_counts_total"].value(connector="lpr", what="refused") == 2
    assert families["vms_bridge_messages_refused_total"].value(connector="lpr", reason="overloaded") == 4


def test_an_amendment_is_no_event_and_its_delivery_has_no_part_in_how_long_events_take() -> None:
    meters = Meters()
    meters.settled(head(action=Action.AMEND), Delivered("1"))
    assert "vms_bridge_delivery_seconds" not in read(page(meters, facts()).decode())


def test_no_label_names_a_sensor_or_a_camera_unless_the_site_asks_for_it() -> None:
    plain = read(page(counted(), facts()).decode())
    assert {label for family in plain.values() for label in family.labels()} == {
        "connector", "endpoint", "fate", "le", "mode", "outcome", "reason", "site", "state", "urgency", "version",
        "vms", "what",
    }  # fmt: skip
    asked = read(page(counted(("sensor", "camera")), facts()).decode())
    assert asked["vms_bridge_sensor_events_total"].value(sensor="gate-lpr") == 2
    assert asked["vms_bridge_camera_deliveries_total"].value(camera="gate-in") == 1
    assert asked["vms_bridge_sensor_last_heard_timestamp_seconds"].value(sensor="gate-lpr") == NOW - 1


def test_nothing_a_sender_says_makes_another_time_series() -> None:
    meters = Meters()
    for number in range(200):
        meters.decided(decision(Fate.RAISED, peer=f"10.0.1.{number}"))
    assert len(read(page(meters, facts()).decode())["vms_bridge_messages_total"].samples) == 2 * len(Fate)


def test_a_name_with_quotes_and_line_ends_stays_one_label() -> None:
    exposition = Exposition()
    exposition.gauge("x", 'say "hello"\nand \\ more', [({"name": 'a"b\\c\nd'}, 1)])
    assert exposition.text() == b'# HELP x say "hello"\\nand \\\\ more\n# TYPE x gauge\nx{name="a\\"b\\\\c\\nd"} 1\n'
    assert read(exposition.text().decode())


def test_a_histogram_counts_what_is_on_a_bound_below_it() -> None:
    histogram = Histogram((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 1.0, 7.0):
        histogram.observe(value)
    exposition = Exposition()
    exposition.histogram("h_seconds", "About.", [({}, histogram)])
    family = read(exposition.text().decode())["h_seconds"]
    buckets = [family.samples["h_seconds_bucket", frozenset({("le", le)})] for le in ("0.1", "1", "+Inf")]
    assert buckets == [2, 4, 5]
    assert math.isclose(family.samples["h_seconds_sum", frozenset()], 8.65)


def test_the_documentation_names_every_metric_and_no_other() -> None:
    documented = {
        line.split("`")[1].partition("{")[0]
        for line in (ROOT / "docs/metrics.md").read_text("utf-8").splitlines()
        if line.startswith(("| `vms_", "| `process_"))
    }
    assert documented == set(read(page(counted(("sensor", "camera")), facts()).decode()))


@pytest.mark.parametrize(
    "wrong",
    [
        "x 1\n",
        "# HELP x About.\n# TYPE x counter\nx 1\n",
        "# HELP x About.\n# TYPE x gauge\nx 1\nx 2\n",
        '# HELP x About.\n# TYPE x gauge\nx{a="1" 1\n',
        "# HELP x About.\n# TYPE x gauge\nx one\n",
        "# HELP x About.\n# TYPE x gauge\nx 1",
        '# HELP h About.\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
    ],
)
def test_the_reader_of_these_tests_is_strict(wrong: str) -> None:
    with pytest.raises((AssertionError, ValueError, KeyError)):
        read(wrong)
