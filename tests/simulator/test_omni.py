"""The simulated OMNI Platform says what the reference says a real one does."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bridge.simulator.http_client import HttpClient
from bridge.simulator.omni import Frames, Happening, Kind, SimulatedOmni
from bridge.simulator.webhook import SimulatedWebhook

AT = datetime(2026, 1, 5, 9, 0, 3, 512_000, tzinfo=UTC)
SEEN = Happening(number=1, kind=Kind.IDENTIFICATION, camera="72aa3a70-0fc1-46f1-8a8e-eb50cd4f1001", at=AT, person=7)


async def graphql(omni: SimulatedOmni, query: str, token: str | None = None, **variables: object) -> tuple[int, dict]:  # type: ignore[type-arg]
    body = msgspec.json.encode({"query": query, "variables": variables})
    head = f"POST /event-service/graphql HTTP/1.1\r\nHost: x\r\nAuthorization: {token or omni.token}\r\n"
    client = HttpClient(omni.host, omni.http.port)
    reply = await client.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    client.close()
    return reply.status, msgspec.json.decode(reply.body) if reply.body else {}


async def test_an_identification_has_the_keys_of_sample_s1_in_their_order() -> None:
    async with SimulatedOmni() as omni, connect(f"{omni.ws_url}?endpoint_id={omni.endpoint}") as client:
        await omni.listeners(1)
        await omni.happens(SEEN)
        said = msgspec.json.decode(await client.recv())
    assert list(said) == ["type", "activity_id", "camera", "candidates", "event"]
    assert list(said["camera"]) == ["id", "type", "title", "stream", "real_name", "agent_id"]
    assert list(said["candidates"][0]) == ["profile", "profile_groups", "confidence"]
    assert said["event"]["detection_date"] == "2026-01-05 09:00:03.512000+00:00"
    assert said["event"]["image_link"].endswith(f"/event-service/get-image/{said['event']['image']}")


async def test_every_kind_is_one_frame_however_it_is_sent() -> None:
    async with SimulatedOmni() as omni, connect(f"{omni.ws_url}?endpoint_id={omni.endpoint}") as client:
        await omni.listeners(1)
        for frames in Frames:
            omni.frames = frames
            for kind in Kind:
                await omni.happens(Happening(number=2, kind=kind, camera="c", at=AT))
                message = await client.recv()
                assert msgspec.json.decode(message)["type"] == kind.value
                assert isinstance(message, bytes) == (frames is Frames.BINARY)


async def test_the_endpoint_id_opens_the_door_and_nothing_else() -> None:
    async with SimulatedOmni() as omni:
        for place, status in (("?endpoint_id=wrong", 403), ("", 403), ("/other", 404)):
            with pytest.raises(InvalidStatus) as refused:
                await connect(omni.ws_url + place)
            assert refused.value.response.status_code == status


async def test_graphql_filters_by_date_orders_and_pages() -> None:
    query = (
        "query($from: DateTime) { events(filters: {date: {gte: $from}}, order: {date: %s}, "
        "pagination: {offset: %d, limit: 2}) { collectionItems { id } } }"
    )
    async with SimulatedOmni() as omni:
        events = [Happening(number=n, kind=Kind.HAR, camera="c", at=AT.replace(second=n)) for n in range(5)]
        for each in events:
            await omni.happens(each)
        begin = AT.replace(second=1, microsecond=512_000).isoformat()
        status, first = await graphql(omni, query % ("ASC", 0), **{"from": begin})
        found = first["data"]["events"]
        assert (status, found["totalCount"]) == (200, 4)
        assert [each["id"] for each in found["collectionItems"]] == [events[1].id, events[2].id]
        assert found["collectionItems"][0]["type"] == "HAR"
        assert found["collectionItems"][0]["date"] == "2026-01-05T09:00:01.512000+00:00"
        _, last = await graphql(omni, query % ("DESC", 2), **{"from": begin})
        assert [each["id"] for each in last["data"]["events"]["collectionItems"]] == [events[2].id, events[1].id]
        status, wrong = await graphql(omni, "{ cameras { id } }")
        assert (status, wrong["data"]) == (200, None)
        assert wrong["errors"]
        assert (await graphql(omni, query % ("ASC", 0), token="wrong"))[0] == 401


async def test_what_is_not_pushed_is_to_be_had_from_graphql_alone() -> None:
    async with SimulatedOmni() as omni, SimulatedWebhook() as hooks:
        omni.webhooks.append(f"{hooks.base_url}/omni")
        await omni.happens(SEEN)
        await omni.happens(Happening(number=9, kind=Kind.ROI, camera="c", at=AT), push=False)
        assert [msgspec.json.decode(hook.body)["event"]["id"] for hook in hooks.record] == [SEEN.id]
        assert hooks.record[0].headers["content-type"] == "application/json"
        _, said = await graphql(omni, "{ events(pagination: {limit: 10}) { collectionItems { id } } }")
        assert len(said["data"]["events"]["collectionItems"]) == 2
