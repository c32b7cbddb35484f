"""OvenMediaEngine at the site of its page: each notification is the whole state of a stream."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.model import Decision, Fate, SensorEvent, State, Urgency
from tests.profiles.place import Place, example, place

LOW, FRAMES, BFRAME = "INGRESS_BITRATE_LOW", "INGRESS_FRAMERATE_LOW", "INGRESS_HAS_BFRAME"


@pytest.fixture
def site(tmp_path: Path) -> Place:
    return place("ovenmediaengine", tmp_path)


def notification(*codes: str, uri: str | None = "#default#app/dock3", kind: str = "INGRESS", made: str = "01") -> bytes:
    said: dict[str, object] = {"messages": [{"code": code, "description": code} for code in codes], "type": kind}
    if uri is not None:
        said |= {"sourceUri": uri, "sourceInfo": {"createdTime": f"2026-01-05T10:00:{made}.487+01:00", "tracks": []}}
    return json.dumps(said, separators=(",", ":"), sort_keys=True).encode()


def hears(site: Place, body: bytes) -> Decision:
    return site.hears("web", body, "/ome/site7", shown="ome-site7")


def told(events: list[SensorEvent] | tuple[SensorEvent, ...]) -> list[tuple[object, State]]:
    """Without what is only on record: an active that did not last as long as its debounce."""
    return [(event.fields["code"], event.state) for event in events if not event.withheld]


def opened(
    site: Place, *codes: str, uri: str | None = "#default#app/dock3", kind: str = "INGRESS"
) -> list[tuple[object, State]]:
    """What is told of a notification once it has lasted as long as the debounce of the page wants."""
    first = told(hears(site, notification(*codes, uri=uri, kind=kind)).events)
    return first + told(site.wait(11))


def test_a_code_that_is_named_is_raised_and_one_that_is_no_longer_named_is_over(site: Place) -> None:
    assert opened(site, LOW, BFRAME) == [(LOW, State.ACTIVE), (BFRAME, State.ACTIVE)]
    assert opened(site, LOW) == [(BFRAME, State.RESTORED)]
    assert opened(site, "OK") == [(LOW, State.RESTORED)]
    assert opened(site, "OK") == []


def test_a_restore_names_the_event_it_closes_and_takes_its_urgency(site: Place) -> None:
    hears(site, notification(LOW))
    (event,) = site.wait(11)
    (closed,) = hears(site, notification("OK")).events
    assert (closed.closes, closed.urgency) == (event.id, Urgency.FAULT)


def test_a_notification_that_is_sent_again_changes_nothing(site: Place) -> None:
    opened(site, LOW)
    assert opened(site, LOW) == []
    assert opened(site, LOW, LOW) == []


def test_an_alert_after_its_recovery_is_raised_again_however_soon(site: Place) -> None:
    """No dedup by content: the second notification is byte by byte the first."""
    assert opened(site, LOW) == [(LOW, State.ACTIVE)]
    assert told(hears(site, notification("OK")).events) == [(LOW, State.RESTORED)]
    assert opened(site, LOW) == [(LOW, State.ACTIVE)]


def test_what_flaps_is_not_raised_at_all(site: Place) -> None:
    for _ in range(40):
        assert told(hears(site, notification(LOW)).events) == []
        site.wait(0.1)
        assert told(hears(site, notification("OK")).events) == []
        site.wait(0.1)
    assert told(site.wait(60)) == []


@pytest.mark.parametrize("code", ["INGRESS_STREAM_DELETED", "INGRESS_STREAM_CREATED"])
def test_a_stream_that_is_gone_or_made_anew_has_nothing_open(site: Place, code: str) -> None:
    opened(site, LOW, FRAMES)
    decision = hears(site, notification(code))
    assert sorted(told(decision.events), key=str) == [
        (LOW, State.RESTORED), (FRAMES, State.RESTORED), (code, State.MOMENTARY),
    ]  # fmt: skip
    assert opened(site, LOW) == [(LOW, State.ACTIVE)]


def test_other_streams_and_the_queues_are_left_alone(site: Place) -> None:
    opened(site, LOW)
    opened(site, LOW, uri="#default#app/dock30")
    assert opened(site, "INTERNAL_QUEUE_CONGESTION", uri=None, kind="INTERNAL_QUEUE") == [
        ("INTERNAL_QUEUE_CONGESTION", State.ACTIVE)
    ]
    assert opened(site, "OK", uri=None, kind="INTERNAL_QUEUE") == [("INTERNAL_QUEUE_CONGESTION", State.RESTORED)]
    assert opened(site, "OK", uri="#default#app/dock30") == [(LOW, State.RESTORED)]
    assert opened(site, "OK") == [(LOW, State.RESTORED)]


def test_a_stream_is_told_gone_once_for_a_retry_and_again_for_the_next_stream_of_its_name(site: Place) -> None:
    gone = notification("INGRESS_STREAM_DELETED")
    assert [hears(site, gone).verdicts[0].fate for _ in range(2)] == [Fate.RAISED, Fate.DUPLICATE]
    (verdict,) = hears(site, notification("INGRESS_STREAM_DELETED", made="09")).verdicts
    assert verdict.fate is Fate.RAISED


def test_a_condition_that_is_never_taken_back_ends_after_a_day(site: Place) -> None:
    opened(site, LOW)
    assert told(site.wait(86_300)) == []
    assert told(site.wait(200)) == [(LOW, State.RESTORED)]


def test_transcoding_that_fails_is_one_alarm_while_it_lasts(site: Place) -> None:
    body = example("ovenmediaengine", "s4-decoding").body
    (event,) = hears(site, body).events
    assert (event.sensor, event.state, event.urgency) == ("dock-3-stream", State.ACTIVE, Urgency.ALARM)
    for _ in range(10):
        site.wait(5)
        assert hears(site, body).events == ()
    (over,) = site.wait(31)
    assert (over.closes, over.state) == (event.id, State.RESTORED)


def test_the_server_is_a_sensor_and_so_is_each_stream_that_is_named(site: Place) -> None:
    sensors = [
        hears(site, notification("INGRESS_STREAM_CREATED", uri=uri)).verdicts[0].sensor
        for uri in ("#default#app/dock3", "#default#app/dock4")
    ]
    assert sensors == ["dock-3-stream", "media-server"]
