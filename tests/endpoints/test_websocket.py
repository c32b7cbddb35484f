"""A WebSocket endpoint: who may subscribe, from where on, and that each gets everything in order at its own pace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bridge.endpoints import port as ports
from bridge.endpoints import stream as streams
from bridge.endpoints import websocket as websockets_room
from bridge.model import Decision
from tests.endpoints.conftest import BOUND, House, Running, ids, said, site_with
from tests.journal.conftest import claim
from tests.journal.making import DONE, decision, now

DAY = 86400.0


def room(**more: Any) -> dict[str, Any]:
    return {"type": "websocket", "bind": "127.0.0.1:0", "token": "secret:control", **more}


@asynccontextmanager
async def subscribed(
    running: Running, query: str = "", name: str = "room", path: str = "/events", token: str = "let me in", **more: Any
) -> AsyncIterator[ClientConnection]:
    """Connected; and told where it stands, if it did not say where to begin."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"ws://{await running.bound(name)}{path}{query}"
    async with connect(url, additional_headers=headers, open_timeout=BOUND, **more) as connection:
        if "after=" not in query:
            (first,) = await heard(connection, 1)
            assert first["what"] == "position"
        yield connection


async def heard(connection: ClientConnection, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(BOUND):
        return [json.loads(await connection.recv()) for _ in range(count)]


async def get(bound: str, path: str, *headers: str) -> tuple[int, dict[str, str], bytes]:
    """A plain GET on a socket: status, headers, body."""
    host, _, port = bound.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join([f"GET {path} HTTP/1.1", f"Host: {bound}", *headers, "", ""]).encode())
    async with asyncio.timeout(BOUND):
        whole = await reader.read()
    writer.close()
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split(" ")[1]), dict(line.lower().split(": ", 1) for line in lines), body


async def test_a_subscriber_is_told_each_event_as_it_is_kept(house: House) -> None:
    old, raised = decision(), decision(detail=b'{"plate":"ABC123"}')
    amended = decision(amends=raised.events[0])
    await house.journal.commit(old)
    async with house.running(site_with(room=room())) as running, subscribed(running) as connection:
        await running.keep(raised, amended)
        first, second = await heard(connection, 2)
        status = await running.until("room", lambda status: status.told == 2)
    assert (first["what"], first["action"], first["cameras"]) == ("event", "raise", ["gate-in"])
    assert first["event"]["detail"] == {"plate": "ABC123"}
    assert (second["action"], second["event"]["revision"]) == ("amend", 1)
    assert status.subscribers == 1
    assert status.position >= first["position"]


async def test_from_its_last_position_on_it_misses_nothing_and_hears_nothing_twice(house: House) -> None:
    made = [decision() for _ in range(12)]
    site = site_with(room=room())
    got = []
    async with house.running(site) as running:
        async with subscribed(running, "?after=oldest") as connection:
            await running.keep(*made[:4])
            got += await heard(connection, 3)
        await running.keep(*made[4:6])
        async with subscribed(running, f"?after={got[-1]['position']}") as connection:
            got += await heard(connection, 2)
    for each in made[6:9]:
        await house.journal.commit(each)
    await house.reopen()
    async with house.running(site) as running, subscribed(running, f"?after={got[-1]['position']}") as connection:
        await running.keep(*made[9:])
        got += await heard(connection, 7)
    assert ids(got) == said(*made)


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", (), 401),
        ("", ("Authorization: Bearer wrong",), 401),
        ("", ("Authorization: Basic bGV0IG1lIGlu",), 401),
        ("?token=wrong", (), 401),
        ("?token=", (), 401),
        ("?token=let%20me%20in", ("Origin: https://evil.example",), 403),
        ("?token=let%20me%20in&cmaeras=gate-in", (), 400),
        ("?token=let%20me%20in&" + "kinds=a&" * 50, (), 400),
    ],
)
async def test_others_are_refused(house: House, query: str, headers: tuple[str, ...], status: int) -> None:
    upgrade = (
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )  # fmt: skip
    async with house.running(site_with(room=room())) as running:
        answered, _, body = await get(await running.bound("room"), f"/events{query}", *upgrade, *headers)
    assert answered == status
    assert b"wrong" not in body
    assert b"let" not in body


async def test_the_token_may_stand_in_the_url_and_a_page_that_is_named_may_connect(house: House) -> None:
    wall = "https://wall.harbour.example"
    async with house.running(site_with(room=room(origins=[wall]))) as running:
        url = f"ws://{await running.bound('room')}/events?token=let%20me%20in"
        async with connect(url, origin=wall) as connection:  # type: ignore[arg-type]
            await heard(connection, 1)
            await running.keep(one := decision())
            assert ids(await heard(connection, 1)) == said(one)


async def test_a_subscriber_may_ask_for_less_and_never_for_more_than_the_endpoint_tells(house: House) -> None:
    gate, yard = decision(cameras=("gate-in",)), decision(cameras=("yard",))
    both = decision(cameras=("gate-in", "yard"))
    async with (
        house.running(site_with(room=room(filter={"cameras": ["gate-in"]}))) as running,
        subscribed(running) as all_of_it,
        subscribed(running, "?cameras=yard") as narrowed,
        subscribed(running, "?cameras=gate-in,yard&types=vehicle.*") as as_much,
        subscribed(running, "?kinds=leak&kinds=fire") as other_kinds,
    ):
        await running.keep(yard, gate, both)
        assert ids(await heard(all_of_it, 2)) == said(gate, both)
        assert ids(await heard(narrowed, 1)) == said(both)
        assert ids(await heard(as_much, 2)) == said(gate, both)
        leak = decision()
        (event,) = leak.events
        leak = msgspec.structs.replace(leak, events=(msgspec.structs.replace(event, kind="leak"),))
        await running.keep(leak)
        assert ids(await heard(other_kinds, 1)) == said(leak)


async def test_no_more_subscribe_than_may(house: House) -> None:
    async with house.running(site_with(room=room(subscribers=1))) as running:
        async with subscribed(running):
            with pytest.raises(InvalidStatus) as refused:
                async with subscribed(running):
                    pass
            assert refused.value.response.status_code == 503
        await running.until("room", lambda status: status.subscribers == 0)
        async with subscribed(running):
            pass


async def test_a_slow_subscriber_holds_up_nobody_is_not_buffered_for_and_still_gets_everything(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_EVENTS", 50)
    detail = json.dumps({"text": "x" * 60_000}).encode()
    made = [decision(detail=detail) for _ in range(300)]
    async with (
        house.running(site_with(room=room())) as running,
        subscribed(running, max_queue=1, ping_interval=None) as slow,
        subscribed(running, ping_interval=None) as quick,
    ):
        listening = asyncio.create_task(heard(quick, len(made)))
        await asyncio.gather(*(running.keep(each) for each in made))
        assert ids(await listening) == said(*made)
        assert (await running.status("room")).behind > 100
        recent = running.endpoints.stream._recent
        assert len(recent) <= 50, "what is behind is read from the journal, not kept in memory"
        assert ids(await heard(slow, len(made))) == said(*made)


async def test_what_is_new_is_read_once_for_all_who_are_at_the_end(house: House) -> None:
    reads = 0
    feed = house.journal.feed

    async def counted(after: str | None, limit: int) -> Any:
        nonlocal reads
        reads += 1
        return await feed(after, limit)

    house.journal.feed = counted  # type: ignore[method-assign]
    async with (
        house.running(site_with(room=room())) as running,
        subscribed(running) as one,
        subscribed(running) as two,
        subscribed(running) as three,
    ):
        reads = 0
        await running.keep(first := decision())
        got = [await heard(each, 1) for each in (one, two, three)]
    assert [ids(each) for each in got] == [said(first)] * 3
    assert reads <= 4  # the event, and that there is no more


async def test_who_is_overtaken_by_retention_is_told_from_where_to_where(house: House) -> None:
    old = [decision(sensor=f"s-{number}", at=now(-40 * DAY)) for number in range(3)]
    young = decision()
    for each in (*old, young):
        await house.journal.commit(each)
    positions = [record.position for record in (await house.journal.feed(None, 9)).records]
    for head in await claim(house.journal, 3):
        await house.journal.settle(head, DONE, now(), False)
    await house.journal.purge(now(-30 * DAY).utc.timestamp())
    async with house.running(site_with(room=room())) as running:
        async with subscribed(running, f"?after={positions[0]}") as connection:
            gap, event = await heard(connection, 2)
        async with subscribed(running, "?after=banana") as connection:
            foreign, again = await heard(connection, 2)
    assert (gap["what"], gap["after"], gap["until"]) == ("gap", positions[0], positions[2])
    assert ids([event, again]) == said(young, young)
    assert (foreign["what"], foreign["after"]) == ("gap", "banana")


async def test_a_subscriber_whom_nothing_concerns_learns_where_it_stands(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websockets_room, "SILENT", 0.0)
    site = site_with(room=room(filter={"kinds": ["leak"]}))
    async with house.running(site) as running, subscribed(running) as connection:
        await running.keep(decision())
        (told,) = await heard(connection, 1)
    assert told == {"version": 1, "what": "position", "position": await house.journal.head()}


async def test_a_changed_token_ends_who_showed_the_old_one(house: House) -> None:
    async with house.running(site_with(room=room())) as running:
        async with subscribed(running) as connection:
            house.vault.values["control"] = house.vault.kept["control"] = "another"
            await running.keep(decision())
            with pytest.raises(ConnectionClosed) as ended:
                await heard(connection, 2)  # the event may still be heard, then it ends
            assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1008, "the token was changed")  # type: ignore[union-attr]
        async with subscribed(running, token="another"):
            pass


async def test_what_a_subscriber_says_is_thrown_away_and_too_much_of_it_ends_it_alone(house: House) -> None:
    async with (
        house.running(site_with(room=room())) as running,
        subscribed(running) as connection,
        subscribed(running) as other,
    ):
        for _ in range(20):
            await connection.send("hello?")
        await running.keep(one := decision())
        assert ids(await heard(connection, 1)) == said(one)
        await connection.send("x" * 10_000)
        with pytest.raises(ConnectionClosed):
            await heard(connection, 1)
        await running.keep(two := decision())
        assert ids(await heard(other, 2)) == said(one, two)


def with_picture(**more: Any) -> Decision:
    return decision(pictures=(b"\xff\xd8\xff picture",), **more)


async def test_the_pictures_of_its_events_are_had_with_its_token_and_no_others(house: House) -> None:
    gate, yard = with_picture(cameras=("gate-in",)), with_picture(cameras=("yard",))
    event, media = gate.events[0].id, gate.events[0].media[0].id
    kept_away = with_picture()
    kept_away = msgspec.structs.replace(
        kept_away, events=(msgspec.structs.replace(kept_away.events[0], withheld="strangers"),)
    )
    for each in (gate, yard, kept_away):
        await house.journal.commit(each)
    token = "Authorization: Bearer let me in"
    async with house.running(site_with(room=room(filter={"cameras": ["gate-in"]}))) as running:
        bound = await running.bound("room")
        status, headers, body = await get(bound, f"/events/media/{event}/{media}", token)
        assert (status, body, headers["content-type"]) == (200, b"\xff\xd8\xff picture", "image/jpeg")
        assert headers["x-content-type-options"] == "nosniff"
        assert (await get(bound, f"/events/media/{event}/{media}"))[0] == 401
        assert (await get(bound, f"/events/media/{event}/{media}", token, "Origin: https://evil.example"))[0] == 403
        assert (await get(bound, f"/events/media/{event}/nowhere", token))[0] == 404
        assert (await get(bound, f"/events/media/{event}/{yard.events[0].media[0].id}", token))[0] == 404
        for other in (yard, kept_away):
            path = f"/events/media/{other.events[0].id}/{other.events[0].media[0].id}"
            assert (await get(bound, path, token))[0] == 404
        assert (await get(bound, "/elsewhere", token))[0] == 404
        assert (await get(bound, "/events", token))[0] == 426


async def test_a_reload_touches_only_the_endpoints_that_changed(house: House) -> None:
    rooms = {"room": room(path="/a"), "other": room(path="/b", token="secret:other")}
    async with house.running(site_with(**rooms)) as running:
        async with (
            subscribed(running, path="/a") as stays,
            subscribed(running, name="other", path="/b", token="me too") as goes,
        ):
            bound = await running.bound("room")
            assert await running.bound("other") == bound, "they share a port"
            changed = {**rooms, "other": {**rooms["other"], "filter": {"kinds": ["leak"]}}}
            await running.endpoints.replace(site_with(**changed))
            with pytest.raises(ConnectionClosed) as ended:
                await heard(goes, 1)
            assert ended.value.rcvd.code == 1001  # type: ignore[union-attr]
            await running.keep(one := decision())
            assert ids(await heard(stays, 1)) == said(one)
            assert await running.bound("other") == bound
        await running.endpoints.replace(site_with(other=changed["other"]))
        assert (await get(bound, "/a"))[0] == 404
        await running.endpoints.replace(site_with())
        with pytest.raises(ConnectionRefusedError):
            await get(bound, "/b")


async def test_a_port_that_is_taken_is_said_and_tried_again(house: House) -> None:
    async with house.running(site_with(room=room())) as running:
        bound = await running.bound("room")
        async with house.running(site_with(room=room(bind=bound))) as second:
            status = await second.until("room", lambda status: "cannot listen" in status.why)
            assert not status.up
            assert second.conditions.holds(f"endpoints on {bound}")
            await running.endpoints.replace(site_with())
            await second.until("room", lambda status: status.up)
            assert not second.conditions.holds(f"endpoints on {bound}")


async def test_more_connections_than_may_be_are_hung_up_on_and_subscribers_notice_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "SPARE", 2)
    async with house.running(site_with(room=room(subscribers=1))) as running, subscribed(running) as connection:
        host, _, port = (await running.bound("room")).rpartition(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(BOUND):
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
        await running.keep(one := decision())
        assert ids(await heard(connection, 1)) == said(one)
    async with asyncio.timeout(BOUND):
        for hung_up, _ in silent:
            assert not await hung_up.read(1)
    for _, each in [*silent, (reader, writer)]:
        each.close()
