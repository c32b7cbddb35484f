"""A webhook endpoint: each event once it is kept, in order, until its receiver has it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bridge.endpoints.stream import LOOK, Stream
from bridge.endpoints.webhook import REFUSED_IN_A_ROW, REFUSED_TRIES
from tests.endpoints.conftest import House, ids, said, site_with, told
from tests.journal.conftest import claim
from tests.journal.making import DONE, decision, now
from tests.vms.conftest import CUT, Played, answer, playing

DAY = 86400.0


def erp(port: int, **more: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": f"http://127.0.0.1:{port}/in", "timeout": "2 s", **more}


async def test_the_receiver_is_told_each_event_in_order_as_a_documented_object(house: House, receiver: Played) -> None:
    raised = decision(cameras=("gate-in", "yard"), pictures=(b"jpeg",), detail=b'{"plate":"ABC123"}')
    amended = decision(amends=raised.events[0])
    async with house.running(site_with(erp=erp(receiver.port))) as running:
        await running.until("erp", lambda status: status.up)
        await running.keep(raised, amended, decision())
        await receiver.until(3)
        status = await running.until("erp", lambda status: status.told == 3 and status.behind == 0)
    first, second, third = told(receiver)
    event = raised.events[0]
    assert receiver.heads[0] == b"POST /in HTTP/1.1"
    assert b"\r\nContent-Type: application/json\r\n" in receiver.requests[0]
    assert first["version"] == 1
    assert (first["what"], first["action"], first["cameras"]) == ("event", "raise", ["gate-in", "yard"])
    assert first["sensor"] == {"id": "gate-lpr", "name": "gate-lpr", "kind": "lpr"}
    assert first["event"]["id"] == event.id
    assert first["event"]["detail"] == {"plate": "ABC123"}
    assert first["event"]["media"] == [
        {"id": event.media[0].id, "content_type": "image/jpeg", "size": 4, "role": "plate"}
    ]
    assert (second["action"], second["event"]["id"], second["event"]["revision"]) == ("amend", event.id, 1)
    assert first["position"] < second["position"] < third["position"] == status.position
    assert status.behind == 0
    assert status.last is not None
    assert "jpeg" not in receiver.bodies[0].decode().replace("image/jpeg", "")


async def test_only_what_passes_the_filter_is_told(house: House, receiver: Played) -> None:
    gate, yard = decision(cameras=("gate-in",)), decision(cameras=("yard",), sensor="yard-lpr")
    filters: dict[str, dict[str, Any]] = {
        "cameras": {"cameras": ["gate-in"]},
        "sensors": {"sensors": ["gate-lpr"]},
        "select": {"select": 'event.sensor == "gate-lpr"', "kinds": ["lpr"], "types": ["vehicle.*"]},
        "nothing": {"kinds": ["leak"]},
        "other-type": {"types": ["vehicle.seen", "door.*"]},
        "fails": {"select": "event.fields.nowhere > 3", "sensors": ["gate-lpr"]},
    }
    endpoints = {
        name: {**erp(receiver.port), "url": f"http://127.0.0.1:{receiver.port}/{name}", "filter": each}
        for name, each in filters.items()
    }
    async with house.running(site_with(**endpoints)) as running:
        for name in endpoints:
            await running.until(name, lambda status: status.up)
        await running.keep(yard, gate, yard2 := decision(cameras=("yard",), sensor="yard-lpr"))
        await receiver.until(4)
        for name in endpoints:
            await running.until(name, lambda status: status.behind == 0)
    assert sorted(receiver.heads) == [
        f"POST /{name} HTTP/1.1".encode() for name in ("cameras", "fails", "select", "sensors")
    ]
    assert set(ids(told(receiver))) == set(said(gate))
    assert yard2.events


async def test_it_goes_on_after_a_restart_where_the_receiver_was_and_misses_nothing_said_meanwhile(
    house: House, receiver: Played
) -> None:
    before, while_stopped, after = [decision() for _ in range(3)], [decision() for _ in range(3)], decision()
    site = site_with(erp=erp(receiver.port))
    async with house.running(site) as running:
        await running.until("erp", lambda status: status.up)
        await running.keep(*before)
        await running.until("erp", lambda status: status.told == 3)
    for each in while_stopped:
        await house.journal.commit(each)
    await house.reopen()
    async with house.running(site) as running:
        await receiver.until(6)
        await running.keep(after)
        await receiver.until(7)
    assert ids(told(receiver)) == said(*before, *while_stopped, after)


async def test_a_new_endpoint_begins_with_the_next_event_or_with_the_oldest(house: House, receiver: Played) -> None:
    old, new = decision(), decision()
    await house.journal.commit(old)
    begins = {name: {**erp(receiver.port), "url": f"http://127.0.0.1:{receiver.port}/{name}", "begin": name}
              for name in ("now", "oldest")}  # fmt: skip
    async with house.running(site_with(**begins)) as running:
        for name in begins:
            await running.until(name, lambda status: status.up)
        await running.keep(new)
        await receiver.until(3)
    pairs = list(zip(receiver.heads, told(receiver), strict=True))
    got = {name: [each for head, each in pairs if f"/{name} ".encode() in head] for name in begins}
    assert ids(got["now"]) == said(new)
    assert ids(got["oldest"]) == said(old, new)


async def test_a_receiver_that_is_away_gets_everything_in_order_when_it_is_back(house: House) -> None:
    made = [decision() for _ in range(5)]
    async with playing() as gone:
        port = gone.port
    async with house.running(site_with(erp=erp(port))) as running:
        await running.until("erp", lambda status: status.up)
        await running.keep(*made)
        status = await running.until("erp", lambda status: not status.up)
        assert status.behind == 5
        assert running.conditions.holds("endpoint erp")
        back = Played()
        server = await asyncio.start_server(back.serve, "127.0.0.1", port)
        try:
            await back.until(5)
            await running.until("erp", lambda status: status.up and status.behind == 0)
            assert not running.conditions.holds("endpoint erp")
        finally:
            server.close()
    assert ids(told(back)) == said(*made)
    assert max(house.clock.pauses) <= 60.0


async def test_what_may_have_been_taken_is_sent_again_and_never_two_at_a_time(house: House, receiver: Played) -> None:
    made = [decision() for _ in range(3)]
    receiver.script = [CUT, answer(503, b"", "Retry-After: 7"), answer(429), answer(500), answer(200)]
    async with house.running(site_with(erp=erp(receiver.port))) as running:
        await running.until("erp", lambda status: status.up)
        await running.keep(*made)
        await running.until("erp", lambda status: status.told == 3)
    assert ids(told(receiver)) == said(made[0]) * 5 + said(made[1], made[2])
    assert any(pause >= 7.0 for pause in house.clock.pauses), "it asked for patience"


async def test_a_document_that_is_refused_is_tried_a_few_times_and_passed_over(house: House, receiver: Played) -> None:
    bad, good = decision(), [decision() for _ in range(3)]
    receiver.otherwise = lambda request: answer(422 if bad.events[0].id.encode() in request else 200)
    async with house.running(site_with(erp=erp(receiver.port))) as running:
        await running.until("erp", lambda status: status.up)
        await running.keep(good[0], bad, *good[1:])
        status = await running.until("erp", lambda status: status.told == 3)
        assert status.refused == 1
    assert ids(told(receiver)) == said(good[0]) + said(bad) * REFUSED_TRIES + said(*good[1:])


async def test_a_receiver_that_refuses_everything_loses_nothing(house: House, receiver: Played) -> None:
    made = [decision() for _ in range(REFUSED_IN_A_ROW + 3)]
    receiver.otherwise = answer(404)
    site = site_with(erp=erp(receiver.port))
    async with house.running(site) as running:
        await running.until("erp", lambda status: status.up)
        await running.keep(*made)
        await running.until("erp", lambda status: not status.up)
        assert running.conditions.holds("endpoint erp")
        await receiver.until(REFUSED_TRIES * REFUSED_IN_A_ROW + 3)
    await house.reopen()
    receiver.otherwise = answer(200)
    seen = len(receiver.requests)
    async with house.running(site) as running:
        status = await running.until("erp", lambda status: status.told == len(made))
        assert status.refused == 0
    assert ids(told(receiver)[seen:]) == said(*made)


async def test_it_goes_on_by_itself_once_a_receiver_that_refused_everything_takes_the_first(
    house: House, receiver: Played
) -> None:
    made = [decision() for _ in range(REFUSED_IN_A_ROW + 3)]
    receiver.otherwise = answer(404)
    async with house.running(site_with(erp=erp(receiver.port))) as running:
        await running.until("erp", lambda status: status.up)
        await running.keep(*made)
        await running.until("erp", lambda status: not status.up)
        await receiver.until(REFUSED_TRIES * REFUSED_IN_A_ROW + 2)
        assert ids(told(receiver)[-1:]) == said(made[0]), "it stays at the first"
        receiver.otherwise = answer(204)
        await running.until("erp", lambda status: status.up and status.told == len(made))
    accepted = ids(told(receiver)[-len(made) :])
    assert accepted == said(*made)
    assert any(5.0 <= pause <= 300.0 for pause in house.clock.pauses), "asked slowly"


async def test_refused_credentials_park_it_until_they_are_right(house: House, receiver: Played) -> None:
    receiver.otherwise = lambda request: answer(200 if b"Authorization: Bearer changed\r\n" in request else 401)
    headers = {"Authorization": "Bearer secret:erp"}
    one = decision()
    async with house.running(site_with(erp=erp(receiver.port, headers=headers, allow_http=True))) as running:
        await running.until("erp", lambda status: status.up)
        await running.keep(one)
        await running.until("erp", lambda status: not status.up and "401" in status.why)
        await receiver.until(4)
        assert b"Authorization: Bearer open sesame\r\n" in receiver.requests[0]
        house.vault.values["erp"] = "changed"
        await running.until("erp", lambda status: status.up and status.told == 1)
    assert ids(told(receiver)[-1:]) == said(one)


async def test_a_secret_that_is_missing_parks_it_too(house: House, receiver: Played) -> None:
    headers = {"Authorization": "Bearer secret:nobody"}
    async with house.running(site_with(erp=erp(receiver.port, headers=headers, allow_http=True))) as running:
        await running.until("erp", lambda status: status.up)
        await running.keep(decision())
        await running.until("erp", lambda status: "no secret nobody" in status.why)
    assert not receiver.requests


async def test_the_body_is_signed(house: House, receiver: Played) -> None:
    import hashlib
    import hmac

    signature = {"header": "X-Signature", "secret": "secret:erp", "template": "sha256={hex}"}
    async with house.running(site_with(erp=erp(receiver.port, signature=signature))) as running:
        await running.until("erp", lambda status: status.up)
        await running.keep(decision())
        await receiver.until(1)
    expected = hmac.new(b"open sesame", receiver.bodies[0], hashlib.sha256).hexdigest()
    assert f"\r\nX-Signature: sha256={expected}\r\n".encode() in receiver.requests[0]


async def test_who_is_overtaken_by_retention_is_told_from_where_to_where(house: House, receiver: Played) -> None:
    site = site_with(erp=erp(receiver.port))
    async with house.running(site) as running:
        await running.until("erp", lambda status: status.up)
    old = [decision(sensor=f"s-{number}", at=now(-40 * DAY)) for number in range(3)]
    for each in (*old, young := decision()):
        await house.journal.commit(each)
    for head in await claim(house.journal, 3):
        await house.journal.settle(head, DONE, now(), False)
    last = (await house.journal.feed(None, 3)).records[-1].position
    await house.journal.purge(now(-30 * DAY).utc.timestamp())
    async with house.running(site) as running:
        await receiver.until(2)
        await running.until("erp", lambda status: status.behind == 0)
    gap, event = told(receiver)
    assert (gap["what"], gap["until"], gap["position"]) == ("gap", last, last)
    assert gap["after"] < gap["until"] < event["position"]
    assert ids([event]) == said(young)


async def test_a_kill_sends_again_what_was_taken_since_the_position_was_written_and_misses_nothing(
    house: House, receiver: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [decision() for _ in range(4)]
    site = site_with(erp=erp(receiver.port))
    async with house.running(site) as running:
        await running.until("erp", lambda status: status.up)
        kept = await house.journal.position("endpoint erp")
        assert kept is not None, "where it begins is written down before anything is told"
        await running.keep(*made)
        await receiver.until(4)
    await house.journal.keep(kept)  # as if nothing had been written since
    async with house.running(site) as running:
        await receiver.until(8)
    assert ids(told(receiver)) == said(*made) * 2


async def test_a_dead_receiver_delays_no_other_endpoint(house: House, receiver: Played) -> None:
    made = [decision() for _ in range(20)]
    async with playing() as silent:
        silent.otherwise = "silence"
        site = site_with(dead=erp(silent.port), alive=erp(receiver.port))
        async with house.running(site) as running:
            for name in ("dead", "alive"):
                await running.until(name, lambda status: status.up)
            await running.keep(*made)
            await receiver.until(20)
            assert (await running.status("dead")).behind == 20
    assert ids(told(receiver)) == said(*made)


async def test_while_it_is_open_whether_the_refused_ones_were_at_fault_a_restart_tries_them_again(
    house: House, receiver: Played
) -> None:
    made = [decision(), decision()]
    receiver.otherwise = answer(404)
    site = site_with(erp=erp(receiver.port))
    async with house.running(site) as running:
        await running.until("erp", lambda status: status.up)
        await running.keep(*made)
        await running.until("erp", lambda status: status.refused == 2)
    receiver.otherwise = answer(200)
    seen = len(receiver.requests)
    async with house.running(site) as running:
        await running.until("erp", lambda status: status.told == 2)
    assert ids(told(receiver)[seen:]) == said(*made)


async def test_a_commit_between_looking_and_waiting_is_not_slept_through(house: House) -> None:
    stream = Stream(house.journal)
    news = stream.news
    stream.decided(decision())
    async with asyncio.timeout(LOOK / 2):
        await stream.wait(news)
