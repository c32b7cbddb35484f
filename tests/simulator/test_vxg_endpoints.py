"""The simulated cloud answers as section 12 of the reference says; requests and answers are written out."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

from bridge.simulator.vxg import SimulatedVxg
from tests.simulator.conftest import ask, ask_raw

RAISE = (
    '{"camid":4711,"name":"access_denied","time":"2026-02-03T10:15:30.250000",'
    '"meta":{"sensor_id":"door-17","vendor":"acme","card":"00931","reason":"expired","bridge_id":"b3f1c2",'
    '"sensor_door-17":""}}'
)
DECLARED = (
    b'{"name":"access_denied2","custom":true,"notify":true,"receive":false,'
    b'"caps":{"can_be_triggered":false,"can_record":false,"can_snapshot":false,"is_periodic":false}}'
)


async def raise_at(vms: SimulatedVxg, time: str, tag: str = "seen", name: str = "access_denied") -> None:
    answered = await ask(
        vms,
        "POST /api/v2/storage/events/",
        json.dumps({"camid": 4711, "name": name, "time": time, "meta": {tag: "1"}}),
    )
    assert answered.status == 201, answered.body


async def test_a_raise_is_answered_with_the_event_word_for_word(vms: SimulatedVxg) -> None:
    answered = await ask(vms, "POST /api/v2/storage/events/", RAISE)
    assert answered.head.startswith("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n")
    assert answered.body.decode() == RAISE.replace('{"camid"', '{"id":900001,"camid"')


async def test_two_equal_raises_are_two_events(vms: SimulatedVxg) -> None:
    for _ in range(2):
        await ask(vms, "POST /api/v2/storage/events/", RAISE)
    assert [event.id for event in vms.record] == [900001, 900002]
    assert vms.record[0].meta["card"] == "00931"


async def test_a_declared_type_has_no_capabilities_and_cannot_be_declared_twice(vms: SimulatedVxg) -> None:
    path = "/api/v2/cameras/4711/event_processing/events/"
    answered = await ask(vms, f"POST {path}", '{"name":"access_denied2","notify":true}')
    assert (answered.status, answered.body) == (201, DECLARED)
    assert (await ask(vms, f"POST {path}", '{"name":"access_denied2","notify":true}')).status == 400
    assert (await ask(vms, f"GET {path}access_denied2/")).body == DECLARED
    listed = json.loads((await ask(vms, f"GET {path}")).body)
    assert [each["name"] for each in listed["objects"]][:3] == ["motion", "net", "snapshot"]
    assert listed["meta"] == {"limit": 20, "offset": 0, "total_count": 6, "next": None, "previous": None}


async def test_a_type_can_be_told_not_to_notify(vms: SimulatedVxg) -> None:
    path = "/api/v2/cameras/4711/event_processing/events/access_denied/"
    assert json.loads((await ask(vms, f"PUT {path}", '{"notify":false}')).body)["notify"] is False


async def test_an_undeclared_type_is_refused(vms: SimulatedVxg) -> None:
    answered = await ask(vms, "POST /api/v2/storage/events/", RAISE.replace("access_denied", "never_declared"))
    assert answered.status == 400
    assert answered.json == {
        "status": 400,
        "errorType": "bad_request",
        "errorDetail": "name: the camera has no event type never_declared",
    }
    assert not vms.record


async def test_a_bad_time_is_refused_in_the_words_of_the_reference(vms: SimulatedVxg) -> None:
    for time in ("yesterday", "2026-02-03T10:15:30+01:00", "2026-02-03T10:15:30Z", "2026-02-30T10:15:30"):
        answered = await ask(vms, "POST /api/v2/storage/events/", RAISE.replace("2026-02-03T10:15:30.250000", time))
        assert answered.body == b'{"status":400,"errorType":"bad_request","errorDetail":"time: invalid format"}'


async def test_strict_meta_is_flat_text_of_255_characters(vms: SimulatedVxg) -> None:
    for wrong in ('{"n":1}', '{"n":{"a":"b"}}', '{"n":null}', '{"n":"%s"}' % ("x" * 256), '{"":"x"}'):
        body = '{"camid":4711,"name":"access_denied","time":"2026-02-03T10:15:30","meta":' + wrong + "}"
        assert (await ask(vms, "POST /api/v2/storage/events/", body)).status == 400, wrong
    body = '{"camid":4711,"name":"access_denied","time":"2026-02-03T10:15:30","meta":{"n":"%s"}}' % ("x" * 255)
    assert (await ask(vms, "POST /api/v2/storage/events/", body)).status == 201


async def test_strict_refuses_fields_nobody_documented(vms: SimulatedVxg) -> None:
    body = '{"camid":4711,"name":"access_denied","time":"2026-02-03T10:15:30","duration":5}'
    assert (await ask(vms, "POST /api/v2/storage/events/", body)).status == 400


async def test_lenient_meta_makes_numbers_text(vms: SimulatedVxg) -> None:
    vms.cloud.strict = False
    body = '{"camid":4711,"name":"access_denied","time":"2026-02-03T10:15:30","meta":{"n":1.5,"long":"%s"}}' % (
        "x" * 300
    )
    answered = await ask(vms, "POST /api/v2/storage/events/", body)
    assert answered.status == 201
    assert json.loads(answered.body)["meta"]["n"] == "1.5"


async def test_the_list_is_paged_with_host_relative_links(vms: SimulatedVxg) -> None:
    for second in range(25):
        await raise_at(vms, f"2026-02-03T10:15:{second:02d}")
    first = json.loads((await ask(vms, "GET /api/v2/storage/events/?events=access_denied&include_meta=true")).body)
    assert len(first["objects"]) == 20
    assert first["meta"]["total_count"] == 25
    # Flags may be missing in next, as in the real one: a client adds its own arithmetic.
    assert first["meta"]["next"] == "/api/v2/storage/events/?limit=20&offset=20&events=access_denied"
    assert first["meta"]["previous"] is None
    rest = json.loads((await ask(vms, f"GET {first['meta']['next']}")).body)
    assert [each["time"] for each in rest["objects"]] == [f"2026-02-03T10:15:{s}.000000" for s in range(20, 25)]
    assert rest["meta"]["next"] is None
    assert rest["meta"]["previous"] == "/api/v2/storage/events/?limit=20&offset=0&events=access_denied"


async def test_the_list_filters_by_time_type_and_names_of_tags(vms: SimulatedVxg) -> None:
    vms.cloud.store.declare(4711, "other")
    await raise_at(vms, "2026-02-03T10:00:00", tag="a")
    await raise_at(vms, "2026-02-03T10:00:01.5", tag="b")
    await raise_at(vms, "2026-02-03T10:00:02", tag="c", name="other")

    async def found(query: str) -> list[int]:
        answered = json.loads((await ask(vms, f"GET /api/v2/storage/events/?{query}")).body)
        return [each["id"] - 900000 for each in answered["objects"]]

    assert await found("") == [1, 2, 3]
    assert await found("order_by=-time") == [3, 2, 1]
    assert await found("events=access_denied,nothing") == [1, 2]
    assert await found("type=other") == [3]
    assert await found("start=2026-02-03T10:00:01.5&end=2026-02-03T10:00:02Z") == [2, 3]
    assert await found("end=2026-02-03T10:00:01.499999") == [1]
    assert await found("meta=a,c") == [1, 3]
    assert await found("meta_not=a,c") == [2]
    assert await found("limit=1&offset=1") == [2]
    vms.cloud.store.aliases["other"] = "intrusion"
    assert await found("aliases=intrusion") == [3]
    assert await found("aliases=intrusion&events=access_denied") == [1, 2, 3]


async def test_meta_is_shown_only_when_asked_for(vms: SimulatedVxg) -> None:
    vms.cloud.store.aliases["access_denied"] = "intrusion"
    await raise_at(vms, "2026-02-03T10:15:30.25")
    assert (await ask(vms, "GET /api/v2/storage/events/900001/")).body == (
        b'{"id":900001,"camid":4711,"name":"access_denied","alias":"intrusion","time":"2026-02-03T10:15:30.250000"}'
    )
    with_meta = json.loads((await ask(vms, "GET /api/v2/storage/events/?include_meta=true")).body)
    assert with_meta["objects"][0]["meta"] == {"seen": "1"}
    assert (await ask(vms, "GET /api/v2/storage/events/17/")).body == (
        b'{"status":404,"errorType":"not_found","errorDetail":"Event not found"}'
    )


async def test_tags_are_added_once_changed_and_deleted(vms: SimulatedVxg) -> None:
    await raise_at(vms, "2026-02-03T10:15:30")
    path = "/api/v2/storage/events/900001/meta/"
    answered = await ask(vms, f"POST {path}", '{"tag":"ack_by","data":"guard1"}')
    assert (answered.status, answered.body) == (201, b'{"tag":"ack_by","data":"guard1"}')
    assert (await ask(vms, f"POST {path}", '{"tag":"ack_by","data":"guard2"}')).status == 400
    assert (await ask(vms, f"PUT {path}ack_by/", '{"data":"guard2"}')).status == 200
    assert vms.record[0].meta == {"seen": "1", "ack_by": "guard2"}
    deleted = await ask(vms, f"DELETE {path}seen/")
    assert (deleted.status, deleted.body) == (204, b"")
    assert vms.record[0].meta == {"ack_by": "guard2"}
    assert vms.record[0].writes == (("ack_by", "guard1"), ("ack_by", "guard2"), ("seen", None))
    assert vms.record[0].first_meta == {"seen": "1"}


async def test_only_a_triggerable_type_can_be_triggered_and_appears_a_moment_later(vms: SimulatedVxg) -> None:
    path = "/api/v2/cameras/4711/event_processing/events/"
    body = '{"time":"2026-02-03T10:15:30","meta":{"source":"panel-2"}}'
    assert (await ask(vms, f"POST {path}access_denied/trigger/", body)).status == 400
    answered = await ask(vms, f"POST {path}custom/trigger/", body)
    assert (answered.status, answered.body) == (200, b"{}")
    async with asyncio.timeout(30):
        while not json.loads((await ask(vms, "GET /api/v2/storage/events/?events=custom")).body)["objects"]:
            pass


async def test_paths_work_with_and_without_the_last_slash(vms: SimulatedVxg) -> None:
    assert (await ask(vms, "POST /api/v2/storage/events", RAISE)).status == 201
    for path in ("/api/v2/storage/events", "/api/v2/storage/events/900001", "/api/v4/channel", "/api/v4/channel/"):
        assert (await ask(vms, f"GET {path}")).status == 200, path


async def test_channels_are_listed_for_their_keys(vms: SimulatedVxg) -> None:
    tokens = vms.cloud.tokens
    admin = json.loads((await ask(vms, "GET /api/v3/channels/?limit=1", "", tokens.license, "LKey")).body)
    assert admin["meta"] == {
        "limit": 1,
        "offset": 0,
        "total_count": 2,
        "next": "/api/v3/channels/?limit=1&offset=1",
        "previous": None,
    }
    assert admin["objects"][0]["access_tokens"] == {"all": tokens.all[4711], "watch": tokens.watch[4711]}
    group = json.loads((await ask(vms, "GET /api/v5/channels/", "", tokens.group, "SI")).body)
    assert [(each["id"], each["token"]) for each in group["objects"]] == list(tokens.all.items())
    own = json.loads((await ask(vms, "GET /api/v4/channel/")).body)
    assert set(own) == {"name", "timezone", "status", "streaming", "rec_mode", "recording"}
    assert json.loads((await ask(vms, "PUT /api/v4/channel/", '{"name":"Gate"}')).body)["name"] == "Gate"


async def test_cameras_are_made_changed_and_taken_away(vms: SimulatedVxg) -> None:
    key = vms.cloud.tokens.license
    made = await ask(vms, "POST /api/v3/channels/", '{"name":"Dock","timezone":"Europe/Oslo"}', key, "LKey")
    camera = json.loads(made.body)
    assert (made.status, camera["name"], camera["timezone"]) == (201, "Dock", "Europe/Oslo")
    token = camera["access_tokens"]["all"]
    path = f"/api/v3/channels/{camera['id']}/"
    types = f"/api/v2/cameras/{camera['id']}/event_processing/events/"
    assert (await ask(vms, f"POST {types}", '{"name":"leak","notify":true}', token)).status == 201
    body = f'{{"camid":{camera["id"]},"name":"leak","time":"2026-02-03T10:15:30"}}'
    assert (await ask(vms, "POST /api/v2/storage/events/", body, token)).status == 201
    changed = await ask(vms, f"PUT {path}", '{"name":"Dock 2"}', key, "LKey")
    assert (changed.status, json.loads(changed.body)["name"]) == (200, "Dock 2")
    assert (await ask(vms, f"DELETE {path}", "", key, "LKey")).status == 204
    for request in (f"GET {types}", "GET /api/v4/channel/"):
        assert (await ask(vms, request, token=token)).status == 401
    assert (await ask(vms, f"GET {path}", "", key, "LKey")).status == 404
    assert (await ask(vms, "GET /simulator/")).status == 200
    again = json.loads((await ask(vms, "POST /api/v3/channels/", '{"name":"Dock"}', key, "LKey")).body)
    assert again["id"] == camera["id"] + 1, "a number never comes back as another camera"


async def test_a_cameras_tags_are_added_once_changed_and_deleted(vms: SimulatedVxg) -> None:
    key = vms.cloud.tokens.license
    path = "/api/v3/channels/4711/meta/"
    assert (await ask(vms, f"POST {path}", '{"tag":"siteId","data":"7"}', key, "LKey")).status == 201
    assert (await ask(vms, f"POST {path}", '{"tag":"siteId","data":"8"}', key, "LKey")).status == 400
    assert (await ask(vms, f"PUT {path}siteId/", '{"data":"8"}', key, "LKey")).status == 200
    assert (await ask(vms, f"PUT {path}other/", '{"data":"8"}', key, "LKey")).status == 404
    listed = json.loads((await ask(vms, f"GET {path}", "", key, "LKey")).body)
    assert listed["objects"] == [{"tag": "siteId", "data": "8"}]
    assert (await ask(vms, f"DELETE {path}siteId/", "", key, "LKey")).status == 204
    assert (await ask(vms, f"POST {path}", '{"tag":"x","data":"8"}')).status == 401


async def test_a_camera_can_stop_sending_and_the_clock_be_wrong(vms: SimulatedVxg) -> None:
    assert (await ask(vms, "POST /simulator/camera", '{"camera":4711,"online":false}')).status == 200
    assert json.loads((await ask(vms, "GET /api/v4/channel/")).body)["status"] == "inactive"
    assert (await ask(vms, "POST /simulator/clock", '{"seconds":86400}')).status == 200
    made = '{"title":"t","start":"2026-02-03T10:15:25","end":"2026-02-03T10:15:45"}'
    created = datetime.fromisoformat(json.loads((await ask(vms, "POST /api/v4/clips/", made)).body)["created"])
    assert created.replace(tzinfo=UTC) > datetime.now(UTC) + timedelta(hours=23)


async def test_recordings_pictures_and_clips_answer_around_an_event(vms: SimulatedVxg) -> None:
    span = "start=2026-02-03T10:15:25&end=2026-02-03T10:15:45"
    data = json.loads((await ask(vms, f"GET /api/v2/storage/data/?{span}")).body)
    assert [(each["start"], each["end"]) for each in data["objects"]] == [
        ("2026-02-03T10:15:00.000000", "2026-02-03T10:15:30.000000"),
        ("2026-02-03T10:15:30.000000", "2026-02-03T10:16:00.000000"),
    ]
    pictures = json.loads((await ask(vms, f"GET /api/v2/storage/thumbnails/?{span}")).body)["objects"]
    assert [each["time"][17:19] for each in pictures] == ["30", "40"]
    place = pictures[0]["url"].removeprefix(vms.base_url)
    assert (await ask(vms, f"GET {place}", token="")).body[:2] == b"\xff\xd8"
    assert (await ask(vms, f"GET {place[:-1]}x", token="")).status == 403

    vms.cloud.clip_takes = 0.1
    made = await ask(
        vms, "POST /api/v4/clips/", '{"title":"t","start":"2026-02-03T10:15:25","end":"2026-02-03T10:15:45"}'
    )
    assert (made.status, json.loads(made.body)["status"]) == (201, "pending")
    number = json.loads(made.body)["id"]
    async with asyncio.timeout(30):
        while json.loads((await ask(vms, f"GET /api/v2/storage/clips/{number}/")).body)["status"] != "done":
            pass
    assert (await ask(vms, f"DELETE /api/v4/clips/{number}/")).status == 204
    assert (await ask(vms, f"GET /api/v4/clips/{number}/")).status == 404


async def test_meta_documents_are_written_replaced_found_by_value_and_deleted(vms: SimulatedVxg) -> None:
    body = (
        '[{"timestamp":"2026-02-03T10:15:30.250","long":{"event_id":900001},"string":{"sensor_id":"door-17"},'
        '"raw_data":"..."},{"timestamp":"2026-02-03T10:15:31","id":"ours","long":{"event_id":900002}}]'
    )
    answered = await ask(vms, "POST /api/v4/meta/", body)
    assert answered.status == 200
    assert answered.json == {
        "objects": [{"status": 201, "id": "sim_4711_0001"}, {"status": 201, "id": "ours"}],
        "meta": {"errors_count": 0, "total_count": 2},
    }
    again = '[{"timestamp":"2026-02-03T10:15:31","id":"ours","long":{"event_id":900003}},{"timestamp":"never"}]'
    assert json.loads((await ask(vms, "POST /api/v4/meta/", again)).body)["meta"]["errors_count"] == 1

    async def found(condition: str) -> list[str]:
        search = '{"limit":10,"sort":["-timestamp"],"filter":' + condition + "}"
        answered = json.loads((await ask(vms, "POST /api/v4/meta/filter/", search)).body)
        return [each["id"] for each in answered["objects"]]

    assert await found("{}") == ["ours", "sim_4711_0001"]
    assert await found('{"and":[{"field":"long.event_id","gt":900001,"lte":900003}]}') == ["ours"]
    assert await found('{"or":[{"field":"string.sensor_id","eq":"door-17"},{"field":"long.x","eq":1}]}') == [
        "sim_4711_0001"
    ]
    assert json.loads((await ask(vms, "DELETE /api/v4/meta/", '[{"id":"ours"}]')).body)["meta"]["errors_count"] == 0
    assert await found("{}") == ["sim_4711_0001"]
    group = await ask(vms, "POST /api/v2/storage/meta/filter/", "{}", vms.cloud.tokens.group, "SI")
    assert json.loads(group.body)["meta"]["total_count"] == 1


async def test_the_record_keeps_the_request_word_for_word_when_asked() -> None:
    async with SimulatedVxg(cameras=[7], declared=["access_denied"], record_bytes=True) as vms:
        body = b'{ "camid":7, "name":"access_denied", "time":"2026-02-03T10:15:30" }'
        head = (
            b"POST /api/v2/storage/events/ HTTP/1.1\r\nhOST: vms\r\nAuthorization: Acc  %s\r\nX-Odd:   y\r\n"
            b"Content-Length: %d\r\n\r\n" % (vms.tokens[7].encode(), len(body))
        )
        assert (await ask_raw(vms.server.port, head + body)).status == 201
        assert (vms.record[0].head, vms.record[0].posted) == (head, body)
        # Two in one segment are still told apart.
        reader, writer = await asyncio.open_connection("127.0.0.1", vms.server.port)
        writer.write((head + body) * 2)
        async with asyncio.timeout(30):
            for _ in range(2):
                await reader.readuntil(b'"access_denied"')
        writer.close()
        assert [event.head for event in vms.record] == [head] * 3


async def test_the_record_is_dumped_as_json_lines(vms: SimulatedVxg) -> None:
    await raise_at(vms, "2026-02-03T10:15:30")
    await raise_at(vms, "2026-02-03T10:15:29")
    lines = [json.loads(line) for line in (await ask(vms, "GET /simulator/record?camera=4711")).body.splitlines()]
    assert [(line["order"], line["time"]) for line in lines] == [
        (0, "2026-02-03T10:15:30.000000"),
        (1, "2026-02-03T10:15:29.000000"),
    ]
    await ask(vms, "POST /simulator/reset")
    assert (await ask(vms, "GET /simulator/record")).body == b""
