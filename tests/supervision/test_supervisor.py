"""Faults are events by the one door: raised once, restored once, over restarts too, and never a storm."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bridge.decide.in_service import INHIBIT, Said, begun, ended
from bridge.decide.rules import Inhibit
from bridge.model import CameraId, Draft, EventId, Fate, Rejected, SensorId, State, Urgency, VmsId
from bridge.supervision.damping import STEADY
from tests.supervision.conftest import GIGABYTE, START, Begin, HandClock, site, supervised, timers

GATE = SensorId("gate-lpr")


async def test_a_silent_sensor_is_raised_once_and_restored_on_the_cameras_for_faults(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised()), clock)
    await bridge.hear(GATE)
    await bridge.passes(3600, 10)
    await bridge.hear(GATE)
    await bridge.passes(60)
    silent, heard = await bridge.told()
    assert (silent.type, silent.state, silent.urgency) == ("sensor.silent", State.ACTIVE, Urgency.FAULT)
    assert silent.title == "Door 0 is silent: nothing heard for 10 min"
    assert silent.fields["sensor"] == GATE
    assert silent.fields["since"] == START.isoformat()
    assert (heard.state, heard.closes, heard.urgency) == (State.RESTORED, silent.id, Urgency.FAULT)
    assert heard.title == "Door 0 is heard again"
    assert [camera for _, camera in await bridge.shown()] == ["gate-wide", "gate-wide"]
    assert await bridge.fates() == [Fate.RAISED, Fate.RAISED], "the ledger is closed"


async def test_a_fault_that_lasts_over_a_restart_is_not_raised_again_and_is_restored_after_it(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised()), clock)
    await bridge.passes(700, 10)
    for _ in range(3):
        bridge = await begin(site(supervised()), clock)
        assert [each.key for each in bridge.conditions.held()] == ["silent gate-lpr"]
        assert bridge.conditions.held()[0].since == START
        await bridge.passes(2000, 10)
    assert len(await bridge.told()) == 1
    await bridge.hear(GATE)
    await bridge.passes(60)
    assert [event.state for event in await bridge.told()] == [State.ACTIVE, State.RESTORED]
    assert not bridge.conditions.held()


async def test_what_is_over_when_the_service_starts_is_restored(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site({}), clock)
    bridge.conditions.begin("connector lpr", "address in use")
    bridge.conditions.begin("camera gate-in", "token refused")
    bridge.free = GIGABYTE // 2
    await bridge.passes(120)
    assert {event.type for event in await bridge.told()} == {"link.down", "camera.refused", "disk.low"}
    bridge = await begin(site({}), clock)
    bridge.conditions.begin("camera gate-in", "token refused")
    await bridge.passes(300)
    events = await bridge.told()
    assert sorted(event.type for event in events if event.state is State.RESTORED) == ["disk.low", "link.down"]
    assert len(events) == 5, "the camera's stands, and was not raised again"


async def test_a_sensor_that_is_no_longer_watched_is_restored_after_the_restart(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised()), clock)
    await bridge.passes(700, 10)
    bridge = await begin(site({}), clock)
    await bridge.passes(120)
    assert [event.title for event in await bridge.told()][1:] == ["gate-lpr is watched no more"]


async def test_a_dead_switch_with_three_hundred_sensors_is_one_fault_that_lists_them(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised(300)), clock)
    names = list(bridge.site.sensors)
    for place, name in enumerate(names):  # each was last heard at a time of its own
        clock.seconds = place * 1.9
        await bridge.hear(name)
    await bridge.passes(1800, 2)
    events = await bridge.told()
    raised = [event for event in events if event.revision == 0]
    assert len(raised) == 1, [event.title for event in events]
    assert len(events) <= 1 + 12, "it says every minute at most how it grew"
    last = events[-1]
    assert last.fields["count"] == 300
    assert msgspec.json.decode(last.detail)["sensors"] == sorted(names)
    assert last.title == "300 sensors behind connector lpr: nothing heard"

    bridge = await begin(site(supervised(300)), clock)
    (condition,) = bridge.conditions.held()
    assert len(condition.names) == 300
    await bridge.passes(1800, 5)
    assert len(await bridge.told()) == len(events), "nothing new after a restart"
    await bridge.hear(*names)
    await bridge.passes(60)
    events = await bridge.told()
    assert [event.state for event in events].count(State.RESTORED) == 1
    assert events[-1].title == "All sensors behind lpr are heard again"
    assert events[-1].closes == raised[0].id


async def test_a_link_that_is_down_is_the_fault_not_the_silence_behind_it(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised(20)), clock)
    bridge.conditions.begin("connector lpr", "address in use")
    await bridge.passes(4000, 10)
    assert [event.type for event in await bridge.told()] == ["link.down"]
    bridge.conditions.end("connector lpr")
    await bridge.passes(590, 10)
    assert [event.state for event in await bridge.told()] == [State.ACTIVE, State.RESTORED], "they have their time"
    await bridge.passes(100, 10)
    assert [event.type for event in await bridge.told()][2:] == ["sensor.silent"]


async def test_a_flapping_link_is_a_few_events(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site({}), clock)
    for _ in range(200):
        bridge.conditions.begin("connector lpr", "refused")
        await bridge.passes(20, 2)
        bridge.conditions.end("connector lpr")
        await bridge.passes(20, 2)
    assert len(await bridge.told()) <= 6


async def test_a_heartbeat_counts_as_heard_and_its_absence_is_a_fault_of_its_own(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised(silent_after=600.0, heartbeat=120.0)), clock)

    def quiet(item: object, zone: object) -> Draft:
        return Draft(type="beat", title="", fields={}, detail=b"{}", quiet="a heartbeat")

    words = next(iter(bridge.site.profiles.values()))
    said = words.draft
    words.draft = quiet  # type: ignore[method-assign]
    for _ in range(30):
        await bridge.hear(GATE)
        await bridge.passes(60, 5)
    assert await bridge.told() == []
    words.draft = said  # type: ignore[method-assign]
    for _ in range(30):
        await bridge.hear(GATE)
        await bridge.passes(60, 5)
    assert [event.type for event in await bridge.told()] == ["heartbeat.missed"]


async def test_a_device_whose_clock_is_wrong_is_a_fault(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised(clock=30.0)), clock)
    words = next(iter(bridge.site.profiles.values()))
    offset = 400.0

    def dated(item: object, zone: object) -> Draft:
        moment = clock.now().utc.timestamp() + offset
        return Draft(
            type="read", title="", fields={}, detail=b"{}", occurred_at=START.fromtimestamp(moment, START.tzinfo)
        )

    words.draft = dated  # type: ignore[method-assign]
    for _ in range(5):
        await bridge.hear(GATE)
        await bridge.passes(10)
    (wrong,) = await bridge.told()
    assert wrong.title == "The clock of Door 0 is wrong: 400 s ahead, allowed 30 s"
    bridge = await begin(bridge.site, clock)
    await bridge.passes(600, 10)
    assert bridge.conditions.holds("clock gate-lpr"), "nothing was heard that would say otherwise"
    offset = 0.0
    for _ in range(4):
        await bridge.hear(GATE)
        await bridge.passes(10)
    assert [event.state for event in await bridge.told()] == [State.ACTIVE, State.RESTORED]


async def test_a_test_event_of_the_command_is_no_sign_of_life(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised()), clock)
    sensor = bridge.site.sensors[GATE]
    from bridge.model import Item, Message, Origin
    from bridge.routing import Routed, RoutedItem

    await bridge.passes(590, 10)
    message = Message(connector=sensor.connector, origin=Origin("bridge", "fire"), body=b"{}", arrived=clock.now())
    draft = Draft(type="bridge.test", title="TEST", fields={}, detail=b"{}")
    await bridge.intake.fire(message, Routed(message, (RoutedItem(Item(0, {}), sensor, draft),)))
    await bridge.passes(60, 5)
    assert [event.type for event in await bridge.told()] == ["sensor.silent"]


async def test_a_sensor_out_of_service_is_not_missed_whoever_said_so(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised()), clock)
    await bridge.passes(700, 10)
    assert len(await bridge.told()) == 1
    await bridge.intake.remember([begun(GATE, INHIBIT, Said("roof works", 0.0), 7200.0)])
    await bridge.passes(3600, 10)
    _, restored = await bridge.told()
    assert (restored.state, restored.title) == (State.RESTORED, "Door 0 is out of service: roof works")
    await bridge.intake.remember([ended(GATE, INHIBIT)])
    await bridge.passes(560, 10)
    assert len(await bridge.told()) == 2
    sensors = supervised()
    rule = Inhibit("roof works", START.replace(year=2027))
    sensors[GATE] = msgspec.structs.replace(sensors[GATE], rules=(rule,))
    bridge.supervisor.replace(site(sensors))
    await bridge.passes(3600, 10)
    assert len(await bridge.told()) == 2


async def test_without_cameras_for_faults_they_are_conditions_and_no_messages(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised(), cameras=()), clock)
    await bridge.passes(700, 10)
    assert [each.type for each in bridge.conditions.held()] == ["sensor.silent"]
    assert (await bridge.journal.totals()).messages == 0
    assert bridge.announced == [("silent gate-lpr", True, "Door 0 is silent: nothing heard for 10 min")]


async def test_a_fault_whose_cameras_were_taken_from_the_site_is_restored_where_it_was_shown(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised()), clock)
    await bridge.passes(700, 10)
    bridge = await begin(site(supervised(), cameras=()), clock)
    await bridge.hear(GATE)
    await bridge.passes(60)
    assert [camera for _, camera in await bridge.shown()] == ["gate-wide", "gate-wide"]


async def test_the_second_way_hears_of_each_change_once_over_restarts_too(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site({}), clock)
    bridge.conditions.begin("connector lpr", "refused")
    await bridge.passes(60)
    assert [(key, on) for key, on, _ in bridge.announced] == [("connector lpr", True)]
    bridge = await begin(site({}), clock)
    bridge.conditions.begin("connector lpr", "refused")
    await bridge.passes(60)
    assert bridge.announced == []
    bridge.conditions.end("connector lpr")
    await bridge.passes(60)
    assert [(key, on) for key, on, _ in bridge.announced] == [("connector lpr", False)]


async def test_a_fault_that_could_not_be_kept_is_kept_later(begin: Begin, tmp_path: Path) -> None:
    clock = HandClock()
    bridge = await begin(site({}), clock)
    room = bridge.journal._room
    kept, room._limit = room._limit, 0
    bridge.conditions.begin("connector lpr", "refused")
    await bridge.passes(60)
    assert await bridge.told() == []
    assert bridge.announced == [("connector lpr", True, "Connector lpr is down: refused")]
    room._limit = kept
    bridge.clock.seconds += STEADY
    import time

    bridge.journal._room._looked = time.monotonic() - 60
    await bridge.passes(10)
    assert [event.type for event in await bridge.told()] == ["link.down"]
    assert len(bridge.announced) == 1


async def test_an_alarm_nobody_takes_is_found_after_a_restart_too(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised()), clock)
    await bridge.hear(GATE, plate="A", alarm=True)
    await bridge.passes(50, 5)
    bridge = await begin(site(supervised()), clock)
    await bridge.passes(49, 5)
    assert not bridge.conditions.holds("alarm cloud")
    await bridge.passes(30, 5)
    assert bridge.conditions.holds("alarm cloud")
    assert bridge.announced[0][:2] == ("alarm cloud", True)
    bridge = await begin(site(supervised()), clock)
    await bridge.passes(30, 5)
    assert [each[:2] for each in bridge.announced] == [("alarm cloud", True)], "what waited to be said is said again"
    assert [event.type for event in await bridge.told()] == ["alarm.waiting"], "and raised once"
    (oldest, *_) = await bridge.journal.oldest(Urgency.ALARM)
    assert (oldest.vms, oldest.urgency, oldest.title) == ("cloud", Urgency.ALARM, "A")


async def test_the_disk_is_looked_at_and_low_is_a_fault(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site({}, disk_low=2 * GIGABYTE), clock)
    bridge.free = GIGABYTE
    await bridge.passes(10)
    bridge.free = 3 * GIGABYTE
    await bridge.passes(120, 5)
    assert [(event.type, event.state) for event in await bridge.told()] == [
        ("disk.low", State.ACTIVE), ("disk.low", State.RESTORED),
    ]  # fmt: skip


async def test_inhibit_and_test_end_by_themselves_and_outlast_a_restart(begin: Begin) -> None:
    clock = HandClock()
    bridge = await begin(site(supervised()), clock)
    await bridge.intake.remember([begun(GATE, INHIBIT, Said("roof works", 0.0), 600.0)])
    bridge = await begin(site(supervised()), clock)
    async with timers(bridge):
        await bridge.hear(GATE, plate="A")
        assert (await bridge.journal.totals()).items["filtered"] == 1
        while not bridge.intake.said:
            import asyncio

            await asyncio.sleep(0)
        clock.seconds += 601
        await bridge.intake.fire_due()
        assert bridge.intake.said == {}
        await bridge.hear(GATE, plate="B")
    totals = await bridge.journal.totals()
    assert (totals.items["filtered"], totals.items["raised"]) == (1, 1)


async def test_an_alarm_that_a_vms_refuses_for_good_goes_the_second_way_until_somebody_has_dealt_with_it(
    begin: Begin,
) -> None:
    bridge = await begin(site(supervised()), HandClock())
    await bridge.hear(GATE, plate="A", alarm=True)
    await bridge.hear(GATE, plate="B")
    journal, now = bridge.journal, bridge.clock.now()
    refused: list[tuple[str, str]] = []
    for _ in range(4):
        (head,) = await journal.claim(journal.lease, VmsId("cloud"), Urgency.NOTICE, now, 1)
        await journal.settle(head, Rejected("400: no such thing"), now, False)
        if head.delivery.event.urgency is Urgency.ALARM:
            refused.append((head.delivery.event.id, head.delivery.camera))
    assert len(refused) == 2, "two cameras; a notice that is refused is no alarm"
    await bridge.passes(30)
    ((key, on, title),) = [each for each in bridge.announced if each[0].startswith("alarm")]
    assert (key, on) == ("alarm-refused cloud", True)
    assert "'A' for gate-" in title
    assert "and 1 before it: 400: no such thing (vms-bridge dead list)" in title
    assert [event.type for event in await bridge.told()] == ["alarm.refused"]
    for event, camera in refused:
        assert bridge.conditions.holds("alarm-refused cloud")
        await journal.drop(EventId(event), CameraId(camera), "seen by hand", now)
        await bridge.passes(30)
    assert not bridge.conditions.holds("alarm-refused cloud")
    assert bridge.announced[-1][:2] == ("alarm-refused cloud", False)
