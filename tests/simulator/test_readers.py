"""Simulated readers: the bytes of the reference's samples, and nothing is let go before it is acknowledged."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from bridge.simulator import payloads
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.issued import Log
from bridge.simulator.payloads import Identity, Quirks
from bridge.simulator.picture import JPEG, picture
from bridge.simulator.readers import Reader, ReaderSettings, Way
from bridge.simulator.vehicles import LARGEST, Timing, Vehicle, misread, plate, sightings
from bridge.simulator.webhook import SimulatedWebhook

QUICK = Timing(update=0.01, reliable=0.02, passed=0.03, lost=0.02)

# Sample S1 of the reference: its keys, in its order.
S1_KEYS = (
    "packetCounter capture_timestamp frame_timestamp capture_ts datetime plateText plateUnicode plateUTF8 plateASCII "
    "plateCountry plateISO3166-2 plateRegion plateRegionCode plateList plateListMode plateListDescription "
    "plateConfidence carState roiID geotag imageType plateImageType plateImageSize carMoveDirection timeProcessing "
    "plateCoordinates plateCoordinatesRelative carID GEOtarget imagesURI profileID vehicle_info camera_info "
    "sensorProviderID"
)
WHO = Identity(serial="B8A44F000001", device="GATE-1")
AT = 1767603723512


def first_document(**quirks: object) -> dict[str, object]:
    sighting = next(sightings(Vehicle(number=41_284, car=902), Timing()))
    text = payloads.encode(payloads.document(sighting, WHO, AT, 4711, 1, Quirks(**quirks)), Quirks(**quirks))  # type: ignore[arg-type]
    found = json.loads(text.removeprefix(b"\xef\xbb\xbf"))
    assert isinstance(found, dict)
    return found


def settings(hooks: SimulatedWebhook, **changes: object) -> ReaderSettings:
    defaults: dict[str, object] = {
        "sensor": "gate",
        "way": Way.JSON,
        "host": "127.0.0.1",
        "port": hooks.server.port,
        "path": "/gate",
        "every": 0.01,
        "vehicles": 5,
        "timing": QUICK,
    }
    return ReaderSettings(**(defaults | changes))  # type: ignore[arg-type]


async def run(reader: Reader) -> None:
    async with asyncio.timeout(20):
        await reader.run(asyncio.Event())


def states(hooks: SimulatedWebhook) -> list[tuple[str, str]]:
    found = [json.loads(hook.body) for hook in hooks.record]
    return [(each["carID"], each["carState"]) for each in found]


def test_a_first_sighting_has_the_fields_of_the_reference_in_their_order() -> None:
    found = first_document()
    assert " ".join(found) == S1_KEYS
    assert found["plateText"] == found["plateUTF8"] == found["plateUnicode"]
    assert (found["capture_timestamp"], found["capture_ts"]) == ("1767603723512", "1767603723512000000")
    assert (found["datetime"], found["carState"], found["carMoveDirection"]) == ("20260105 090203512", "new", "unknown")


def test_quirks_show_in_the_document() -> None:
    assert first_document(seconds=True)["capture_timestamp"] == "1767603723"
    assert first_document(clock_offset=-3600.0)["capture_timestamp"] == "1767600123512"
    assert first_document(no_plate=True, null_text=True)["plateUTF8"] == "(null)"
    assert first_document(no_plate=True)["plateText"] == ""
    old = first_document(no_camera_info=True)
    assert old["cameraId"] == "B8A44F000001"
    assert "camera_info" not in old
    update = list(sightings(Vehicle(3, 1), Timing()))[1]
    found = payloads.document(update, WHO, AT, 1, 1, Quirks(updated=True, make=True, percent=True))
    assert found["carState"] == "updated"
    assert isinstance(info := found["vehicle_info"], dict)
    assert (info["make"], info["confidenceMMR"], "brand" in info) == ("Toyota", "99.800000", False)


def test_a_form_is_written_as_the_sample() -> None:
    body = payloads.multipart(b'{"a":"b"}', 4711, (JPEG,), Quirks())
    assert body == (
        b"------------d74496d66958873e\r\n"
        b'Content-Disposition: form-data; name="event"; filename="4711.json"\r\n'
        b"Content-Type: application/json\r\n\r\n"
        b'{"a":"b"}\r\n'
        b"------------d74496d66958873e\r\n"
        b'Content-Disposition: form-data; name="image"; filename="4711.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + JPEG + b"\r\n"
        b"------------d74496d66958873e--\r\n"
    )
    assert payloads.FORM == "multipart/form-data; boundary=----------d74496d66958873e"


def test_a_form_varies_as_readers_do() -> None:
    def form(**quirks: bool) -> bytes:
        return payloads.multipart(b"{}", 1, (JPEG, picture(2)), Quirks(**quirks))  # type: ignore[arg-type]

    assert form().count(b"image/jpeg") == 2
    assert form(no_picture=True).count(b"Content-Disposition") == 1
    assert form(picture_first=True).index(b"image/jpeg") < form(picture_first=True).index(b'name="event"')
    assert b"\r\n" not in form(line_feeds=True, no_picture=True)
    assert not form(no_last_boundary=True).rstrip().endswith(b"--")
    assert b'name="json"\r\n\r\n{}' in form(as_field=True)
    assert b"image/png" in form(wrong_label=True)


def test_plates_and_misreadings_are_never_shared() -> None:
    numbers = [*range(3000), *range(LARGEST - 3000, LARGEST)]
    plates = {plate(number) for number in numbers}
    assert len(plates | {misread(each) for each in plates}) == 2 * len(numbers)


def test_pictures_can_be_told_apart_and_have_the_size_asked_for() -> None:
    assert picture(1) != picture(2)
    assert len(picture(1, 5000)) == 5000
    assert picture(1)[:2] == b"\xff\xd8"
    assert picture(1)[-2:] == b"\xff\xd9"


async def test_a_vehicle_is_new_updated_reliable_and_lost() -> None:
    async with SimulatedWebhook() as hooks:
        log = Log()
        await run(Reader(settings(hooks, vehicles=1, first=3), log))
        assert states(hooks) == [("1", "new"), ("1", "update"), ("1", "reliable"), ("1", "lost")]
        plates = [json.loads(hook.body)["plateUTF8"] for hook in hooks.record]
        assert plates == ["OAA0003", "0AA0003", "0AA0003", "0AA0003"]
        assert [each.acknowledged for each in log.issued] == [True] * 4
        assert hooks.record[0].path == "/gate"


async def test_an_older_reader_sends_no_reliable_and_a_site_may_choose_states() -> None:
    async with SimulatedWebhook() as hooks:
        await run(Reader(settings(hooks, vehicles=1, ai=False), Log()))
        await run(Reader(settings(hooks, vehicles=1, states=("lost",)), Log()))
        assert [state for _, state in states(hooks)] == ["new", "update", "lost", "lost"]


async def test_json_bodies_carry_their_picture_as_base64_and_forms_as_bytes() -> None:
    async with SimulatedWebhook() as hooks:
        await run(Reader(settings(hooks, vehicles=1), Log()))
        image = json.loads(hooks.record[0].body)["ImageArray"][0]
        assert (image["ImageFormat"], image["BinaryImage"][:5]) == ("jpg", "/9j//")
        await run(Reader(settings(hooks, vehicles=1, way=Way.MULTIPART, authorization="Basic eDp5"), Log()))
        assert hooks.record[-1].headers["content-type"] == payloads.FORM
        assert hooks.record[-1].headers["authorization"] == "Basic eDp5"
        assert picture(4) in hooks.record[-1].body


@pytest.mark.parametrize("kind", [Kind.UNAVAILABLE, Kind.SERVER_ERROR, Kind.CUT_BEFORE, Kind.CUT_AFTER])
async def test_what_is_not_acknowledged_is_sent_again_before_anything_else(kind: Kind) -> None:
    async with SimulatedWebhook() as hooks:
        hooks.faults.add(Fault(kind=kind, probability=0.2, seconds=0))
        log = Log()
        await run(Reader(settings(hooks), log))
        assert len(log.issued) == 20
        assert all(each.acknowledged for each in log.issued)
        assert log.refused + log.cut == sum(hooks.faults.hits.values()) > 0
        came = [(json.loads(hook.body)["carID"], json.loads(hook.body)["carState"]) for hook in hooks.record]
        assert list(dict.fromkeys(came)) == [(str(each.car), each.state) for each in log.issued]


async def test_without_a_buffer_what_was_not_taken_is_gone_and_the_log_says_so() -> None:
    async with SimulatedWebhook() as hooks:
        hooks.faults.add(Fault(kind=Kind.UNAVAILABLE, next=2))
        log = Log()
        await run(Reader(settings(hooks, use_event_buffer=False), log))
        assert [each.acknowledged for each in log.issued[:3]] == [False, False, True]
        assert log.issued[0].status == 503
        assert len(hooks.record) == 18


async def test_a_buffer_may_be_replayed_newest_first_and_twice() -> None:
    async with SimulatedWebhook() as hooks:
        outage = asyncio.create_task(hooks.away(0.5))
        await asyncio.sleep(0)
        quirks = Quirks(replay_out_of_order=True, replay_twice=True)
        await run(Reader(settings(hooks, vehicles=3, quirks=quirks), Log()))
        await outage
        came = states(hooks)
        assert set(came) == {(str(car), state) for car in (1, 2, 3) for state in ("new", "update", "reliable", "lost")}
        assert came[0] == ("1", "new")
        assert len(came) > 12
        assert came.index(("1", "lost")) < came.index(("1", "update"))


async def test_three_profiles_send_each_message_three_times_with_other_counters() -> None:
    async with SimulatedWebhook() as hooks:
        await run(Reader(settings(hooks, vehicles=1, quirks=Quirks(profiles=3)), Log()))
        found = [json.loads(hook.body) for hook in hooks.record[:3]]
        assert [(each["profileID"], each["carState"]) for each in found] == [("1", "new"), ("2", "new"), ("3", "new")]
        assert len({each["packetCounter"] for each in found}) == 3
        assert len({each["capture_timestamp"] for each in found}) == 1


async def test_odd_http_is_still_http() -> None:
    for quirks in (Quirks(chunked=True), Quirks(old_http=True), Quirks(expect_continue=True)):
        async with SimulatedWebhook() as hooks:
            log = Log()
            await run(Reader(settings(hooks, vehicles=1, quirks=quirks), log))
            assert all(each.acknowledged for each in log.issued), quirks
            assert [state for _, state in states(hooks)] == ["new", "update", "reliable", "lost"]


async def test_car_numbers_begin_again_after_a_restart() -> None:
    async with SimulatedWebhook() as hooks:
        await run(Reader(settings(hooks, vehicles=3, states=("new",), quirks=Quirks(car_reset=2)), Log()))
        assert [car for car, _ in states(hooks)] == ["1", "2", "1"]


async def test_a_burst_comes_at_once() -> None:
    async with SimulatedWebhook() as hooks:
        log = Log()
        await run(Reader(settings(hooks, vehicles=30, burst=30, states=("new",)), log))
        assert [car for car, _ in states(hooks)] == [str(car) for car in range(1, 31)]
        stamps = [each.capture_timestamp for each in log.issued]
        assert max(stamps) - min(stamps) < 5000


async def test_heartbeats_say_who_is_there() -> None:
    async with SimulatedWebhook() as hooks:
        stop = asyncio.Event()
        reader = Reader(settings(hooks, vehicles=None, every=60, heartbeat=0.05, heartbeat_path="/alive"), Log())
        running = asyncio.create_task(reader.run(stop))
        async with asyncio.timeout(30):
            while sum(hook.path == "/alive" for hook in hooks.record) < 2:
                await asyncio.sleep(0.01)
            stop.set()
            await running
        beat = json.loads(next(hook.body for hook in hooks.record if hook.path == "/alive"))
        assert set(beat) == {"system", "identify", "ALPV"}
        assert beat["identify"]["macAddress"] == "B8:A4:4F:00:00:01"
        assert datetime.fromisoformat(beat["system"]["timestamp"]).tzinfo == UTC


class Listener:
    """Reads what comes over TCP; can hang up."""

    def __init__(self) -> None:
        self.got = b""
        self.connections: list[asyncio.StreamWriter] = []
        self.server: asyncio.Server

    async def serve(self) -> int:
        self.server = await asyncio.start_server(self.talk, "127.0.0.1", 0)
        return int(self.server.sockets[0].getsockname()[1])

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        while data := await reader.read(65536):
            self.got += data
        writer.close()


def objects(text: bytes) -> list[dict[str, object]]:
    decoder, found, rest = json.JSONDecoder(), [], text.decode().lstrip()
    while rest:
        each, end = decoder.raw_decode(rest)
        found.append(each)
        rest = rest[end:].lstrip("\r\n\0")
    return found


@pytest.mark.parametrize("separator", [b"", b"\r\n", b"\0"])
async def test_tcp_objects_come_back_to_back_on_one_connection_however_split(separator: bytes) -> None:
    listener = Listener()
    port = await listener.serve()
    async with SimulatedWebhook() as hooks:
        log = Log()
        quirks = Quirks(separator=separator, split=7)
        await run(Reader(settings(hooks, way=Way.TCP, port=port, quirks=quirks, vehicles=3), log))
    async with asyncio.timeout(30):
        while len(listener.got) == 0 or len(objects(listener.got)) < 12:
            await asyncio.sleep(0.01)
    assert [each["carState"] for each in objects(listener.got)] == [each.state for each in log.issued]
    assert b"ImageArray" not in listener.got
    assert len(listener.connections) == 1
    assert all(each.written and not each.unsure and not each.acknowledged for each in log.issued)
    listener.server.close()


@pytest.mark.parametrize("excused", [True, False])
async def test_what_was_written_to_tcp_just_before_it_broke_is_unsure_where_that_is_excused(excused: bool) -> None:
    listener = Listener()
    port = await listener.serve()
    log = Log()
    log.excuse_cuts = excused
    stop = asyncio.Event()
    async with SimulatedWebhook() as hooks:
        reader = Reader(settings(hooks, way=Way.TCP, port=port, vehicles=None, every=0.02), log)
        running = asyncio.create_task(reader.run(stop))
        async with asyncio.timeout(30):
            while len(log.issued) < 10:
                await asyncio.sleep(0.01)
            listener.connections[0].transport.abort()
            while len(listener.connections) < 2:
                await asyncio.sleep(0.01)
            broken = sum(each.unsure for each in log.issued)
            count = len(log.issued)
            while len(log.issued) < count + 10:
                await asyncio.sleep(0.01)
            stop.set()
            await running
    assert (0 < broken <= count) == excused
    assert sum(each.unsure for each in log.issued) == broken
    assert log.cut == 1
    assert log.issued[-1].sure
    listener.server.close()
