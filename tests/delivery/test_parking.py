"""What is refused for good is parked: nothing dies, nobody else notices, and it goes on by itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import timedelta

from bridge.model import Blocked, CameraId, DeliveryState, Urgency, VmsId
from bridge.secret import SecretRef
from tests.delivery.conftest import START, Room, event, quiet
from tests.delivery.scripted_vms import ScriptedVms, hangs, rejects, takes

MakeRoom = Callable[..., Room]
GATE = CameraId("gate")


def turn_token(room: Room, camera: str = "gate") -> None:
    """The VMS wants another token than we have."""
    room.vms.valid[CameraId(camera)] = "two"


async def test_a_refused_token_parks_only_its_camera(room: Room) -> None:
    turn_token(room)
    for number in range(50):
        room.journal.add(event(number, sensor=f"s{number}"), "gate")
        room.journal.add(event(number, sensor=f"s{number}"), "yard")
    await room.start()
    assert len(room.vms.events("yard")) == 50
    assert [parked.camera for parked in await room.journal.parked()] == ["gate"]
    assert [(each.key, each.why) for each in room.conditions.held()] == [("camera gate", "token refused (401)")]
    assert sum(name == "401 gate" for name, _ in room.vms.asked) <= 16
    assert room.journal.states() == {DeliveryState.DELIVERED: 50, DeliveryState.PENDING: 50}


async def test_a_rotated_secret_unparks_at_once(room: Room) -> None:
    turn_token(room)
    for number in range(20):
        room.journal.add(event(number), "gate")
    await room.start()
    await room.clock.advance(5.0)
    assert room.vms.events() == []
    room.keys.values["gate"] = "two"
    await room.clock.advance(1.0)
    assert room.vms.events() == [str(number) for number in range(20)]
    assert room.conditions.held() == ()
    assert await room.journal.parked() == []


async def test_a_refusal_of_what_was_sent_before_the_rotation_parks_nothing(room: Room) -> None:
    turn_token(room)
    room.vms.script.append(hangs)
    room.journal.add(event("slow", sensor="slow"), "gate")
    room.vms.valid.clear()
    await room.start()
    turn_token(room)
    room.journal.add(event("next", sensor="next"), "gate")
    await quiet()
    room.keys.values["gate"] = "two"
    await room.clock.advance(1.0)
    room.vms.hanging[0][1].set_result(Blocked("token refused (401)"))
    await quiet()
    assert await room.journal.parked() == []
    await room.clock.advance(1.0)
    assert sorted(room.vms.events()) == ["next", "slow"]


async def test_what_was_claimed_when_its_camera_was_parked_is_not_sent(room: Room) -> None:
    claim = room.journal.claim
    gate = asyncio.Event()

    async def slow_claim(*wanted):  # type: ignore[no-untyped-def]
        heads = await claim(*wanted)
        if heads[0].lane.sensor == "late":
            await gate.wait()
        return heads

    room.journal.claim = slow_claim  # type: ignore[method-assign]
    room.vms.script.append(hangs)
    room.journal.add(event(1, sensor="early"), "gate")
    await room.start()
    room.journal.add(event(2, sensor="late"), "gate")
    await quiet()
    room.vms.hanging[0][1].set_result(Blocked("403"))
    await quiet()
    gate.set()
    await quiet()
    assert [name for name, _ in room.vms.asked] == ["1"]
    assert room.journal.states() == {DeliveryState.PENDING: 2}


async def test_a_vms_that_recovers_is_found_by_a_slow_probe(room: Room) -> None:
    turn_token(room)
    for number in range(10):
        room.journal.add(event(number, sensor=f"s{number}"), "gate")
    room.journal.add(event("fire", urgency=Urgency.ALARM), "gate")
    await room.start()
    refused = len(room.vms.asked)
    await room.clock.advance(3600.0)
    probes = [at for _, at in room.vms.asked[refused:]]
    waits = [later - earlier for earlier, later in itertools.pairwise(probes)]
    assert all(15.0 <= wait <= 601.0 for wait in waits)
    assert max(waits) > 200.0
    assert 5 <= len(probes) <= 20
    room.vms.valid.clear()
    await room.until(lambda: room.vms.record, within=601.0)
    assert room.vms.events()[0] == "fire"
    await quiet()
    assert len(room.vms.events()) == 11
    assert room.conditions.held() == ()


async def test_five_rejections_in_a_row_park_the_whole_vms(room: Room) -> None:
    room.vms.always = rejects
    for number in range(50):
        room.journal.add(event(number), "gate")
    await room.start()
    assert room.journal.states() == {DeliveryState.DEAD: 4, DeliveryState.PENDING: 46}
    parked = await room.journal.parked()
    assert [(each.vms, each.camera) for each in parked] == [("cloud", None)]
    assert [each.key for each in room.conditions.held()] == ["vms cloud"]
    await room.clock.advance(3600.0)
    assert room.journal.states() == {DeliveryState.DEAD: 4, DeliveryState.PENDING: 46}
    room.vms.always = takes
    await room.until(lambda: len(room.vms.record) == 46, within=61.0)
    assert room.vms.events() == [str(number) for number in range(4, 50)]
    assert room.conditions.held() == ()


async def test_rejected_together_no_more_than_four_die(room: Room) -> None:
    room.vms.always = rejects
    for number in range(50):
        room.journal.add(event(number, sensor=f"s{number}"), "gate")
    await room.start()
    assert room.journal.states() == {DeliveryState.DEAD: 4, DeliveryState.PENDING: 46}


async def test_the_odd_rejected_delivery_is_a_dead_letter(room: Room) -> None:
    for number in range(30):
        room.vms.script.append(rejects if number % 3 == 0 else takes)
        room.journal.add(event(number), "gate")
    await room.start()
    assert room.journal.states() == {DeliveryState.DEAD: 10, DeliveryState.DELIVERED: 20}
    assert await room.journal.parked() == []


async def test_one_bad_lane_does_not_keep_a_vms_parked(room: Room) -> None:
    def bad_ones(vms, request):  # type: ignore[no-untyped-def]
        return (rejects if b'"bad' in request.body else takes)(vms, request)

    room.vms.always = bad_ones
    for number in range(6):
        room.journal.add(event(f"bad{number}", sensor="bad"), "gate")
    await room.start()
    assert [parked.camera for parked in await room.journal.parked()] == [None]
    room.journal.add(event("good", sensor="good"), "gate")
    await room.clock.advance(60.0)
    assert room.vms.events() == ["good"]
    assert await room.journal.parked() == []


async def test_a_blocked_vms_is_parked_whole_and_goes_on_when_its_camera_secret_changes(room: Room) -> None:
    room.vms.script.append(lambda vms, request: Blocked("licence expired", whole_vms=True))
    room.journal.add(event(1), "gate")
    room.journal.add(event(1), "yard")
    await room.start()
    assert [each.camera for each in await room.journal.parked()] == [None]
    room.keys.values["gate"] = "two"
    await room.clock.advance(1.0)
    assert room.vms.events("gate") == room.vms.events("yard") == ["1"]


async def test_what_was_parked_before_a_restart_stays_parked_and_is_tried_once(room: Room) -> None:
    turn_token(room)
    room.journal.add(event(1), "gate")
    await room.start()
    await room.kill()
    room.conditions.end("camera gate")
    before = len(room.vms.asked)
    await room.start()
    assert len(room.vms.asked) == before + 1
    assert room.conditions.holds("camera gate")
    room.keys.values["gate"] = "two"
    await room.clock.advance(1.0)
    assert room.vms.events() == ["1"]


async def test_a_camera_that_left_the_site_keeps_its_deliveries_until_it_is_back(room: Room) -> None:
    render = room.vms.render

    def knows_no_gate(delivery):  # type: ignore[no-untyped-def]
        return {CameraId("yard"): render(delivery)}[delivery.camera]

    room.vms.render = knows_no_gate  # type: ignore[method-assign]
    room.journal.add(event(1), "gate")
    room.journal.add(event(1), "yard")
    await room.start()
    await room.clock.advance(3600.0)
    assert room.vms.events("yard") == ["1"]
    assert room.journal.rows[0].state is DeliveryState.PENDING
    assert [each.why for each in room.conditions.held()] == ["camera gate is no longer one of this VMS"]
    new = ScriptedVms(room.clock, room.keys)
    await room.deliveries.replace({VmsId("cloud"): new}, room.settings)
    await room.clock.advance(1.0)
    assert new.events("gate") == ["1"]


async def test_secrets_are_not_read_while_nothing_is_parked(room: Room) -> None:
    reads = []
    get = room.keys.get
    room.keys.get = lambda ref, fresh=False: reads.append(ref) or get(ref, fresh)  # type: ignore[method-assign,func-returns-value]
    room.journal.add(event(1), "gate")
    await room.start()
    await room.clock.advance(60.0)
    assert reads == []


async def test_a_missing_secret_that_appears_unparks(room: Room) -> None:
    del room.keys.values["gate"]
    room.vms.valid[GATE] = "two"
    room.journal.add(event(1), "gate")
    await room.start()
    assert room.conditions.holds("camera gate")
    room.keys.values["gate"] = "two"
    await room.clock.advance(1.0)
    assert room.vms.events() == ["1"]


async def test_a_changed_configuration_is_tried_at_once(room: Room) -> None:
    turn_token(room)
    room.journal.add(event(1), "gate")
    await room.start()
    new = ScriptedVms(room.clock, room.keys)
    await room.deliveries.replace({VmsId("cloud"): new}, room.settings)
    await room.clock.advance(1.0)
    assert new.events() == ["1"]
    assert room.conditions.held() == ()


async def test_a_doubt_outlives_being_parked(room: Room) -> None:
    """Committed, then cut; then the token is refused. When it is accepted again it is found, not sent again."""
    room.vms.script.append(hangs)
    room.journal.add(event(1, sensor="a"), "gate")
    await room.start()
    request, _ = room.vms.hanging[0]
    room.vms.take(request)
    await room.kill()
    turn_token(room)
    room.vms.search = room.vms.unsearchable
    await room.start()
    room.journal.add(event(2, sensor="b"), "gate")
    await room.clock.advance(30.0)
    assert room.conditions.holds("camera gate")
    room.vms.search = room.vms._search
    room.keys.values["gate"] = "two"
    await room.clock.advance(5.0)
    assert sorted(room.vms.events()) == ["1", "2"]


async def test_parked_and_away_at_once_ends_when_it_answers(room: Room) -> None:
    from tests.delivery.scripted_vms import refuses

    room.vms.always = rejects
    for number in range(9):
        room.journal.add(event(number), "gate")
    await room.start()
    room.vms.always = refuses
    await room.clock.advance(300.0)
    assert [each.key for each in room.conditions.held()] == ["vms cloud"]
    room.vms.always = rejects
    await room.clock.advance(120.0)
    assert [each.key for each in room.conditions.held()] == ["vms cloud"]
    room.vms.always = takes
    await room.until(lambda: len(room.vms.record) == 5, within=120.0)
    assert room.conditions.held() == ()


async def test_settings_of_any_shape_give_their_secrets() -> None:
    from bridge.delivery.credentials import named_in

    class Inner:
        def __init__(self) -> None:
            self.password = SecretRef("deep")

    class Outer:
        def __init__(self) -> None:
            self.token = SecretRef("plain")
            self.inner = Inner()
            self.several = {"x": [SecretRef("listed")]}
            self.name = "not one"
            self.when = START + timedelta(1)

    assert named_in(Outer()) == {"plain", "deep", "listed"}
