"""VXG's own record: what is asked, in the bytes of the reference, and what is made of the answers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.model import Action, CameraId, Delivery, VmsId
from bridge.vms.http.download import MOST_HELD
from bridge.vms.recorded import (
    Away,
    CannotTell,
    Held,
    MakesClips,
    MediaKind,
    Query,
    RecallsById,
    Recorded,
    Records,
    Refused,
    SaysWhatItTold,
)
from bridge.vms.vxg import VxgTarget
from tests.vms.conftest import BOUND, CUT, OUTWAITED, Played, Vault, answer, event, said, token
from tests.vms.vxg.conftest import GATE, Made

AT = datetime(2026, 2, 3, 10, 15, 30, 250000, UTC)
WIDE = CameraId("gate-wide")
OURS = {"bridge_event": "0197c3-1.0", "sensor": "door-17", "type": "access.denied", "card": "00931"}
THERE = Recorded(remote_id="900001", camera=GATE, name="access_denied", at=AT, event="0197c3-1.0")


def query(**more: Any) -> Query:
    since, until = datetime(2026, 2, 3, 10, tzinfo=UTC), datetime(2026, 2, 3, 11, tzinfo=UTC)
    return Query(**{"cameras": (GATE,), "since": since, "until": until, **more})


def one(number: int, meta: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """An event object of the reference's 12.3."""
    told = {"id": number, "camid": 4711, "name": "access_denied", "time": "2026-02-03T10:15:30.250000"}
    return {**told, "meta": OURS if meta is None else meta, **more}


def page(*objects: Any, total: int | None = None, offset: int = 0) -> bytes:
    count = len(objects) if total is None else total
    return said(200, {"meta": {"limit": 100, "offset": offset, "total_count": count}, "objects": list(objects)})


async def found(target: VxgTarget, wanted: Query) -> list[Recorded]:
    return [each async for each in target.recorded(wanted)]


async def bytes_of(target: VxgTarget, link: str) -> bytes:
    held = Held(kind=MediaKind.VIDEO, name="video", reference=link)
    return b"".join([piece async for piece in target.fetch(GATE, held)])


async def test_the_target_can_all_of_it(made: Made) -> None:
    target = made()
    for ability in (Records, RecallsById, MakesClips, SaysWhatItTold):
        assert isinstance(target, ability), ability


# --------------------------------------------------------------------------------------------------------------- search


async def test_a_search_is_the_request_of_the_reference(vms: Played, made: Made) -> None:
    vms.script = [page(one(900001, alias="intrusion"))]
    (event,) = await found(made(), query(event_type="access.denied", sensor="door-17"))
    assert vms.requests == [
        b"GET /api/v2/storage/events/?camid=4711&events=access_denied&meta=sensor_door-17&start=2026-02-03T10:00:00.000"
        b"&end=2026-02-03T11:00:00.000&order_by=-time&include_meta=true&limit=100&offset=0 HTTP/1.1\r\n"
        b"Host: 127.0.0.1:%d\r\n"
        b"Authorization: Acc %b\r\n"
        b"Accept: application/json\r\n"
        b"\r\n" % (vms.port, token().encode())
    ]
    assert event == Recorded(
        remote_id="900001",
        camera=GATE,
        name="access_denied",
        at=AT,
        event="0197c3-1.0",
        sensor="door-17",
        tags=dict(OURS),
        known_as="intrusion",
    )


@pytest.mark.parametrize(
    ("asked", "filters"),
    [
        ({}, ""),
        ({"event_type": "motion"}, "&events=motion"),
        ({"event_type": "Line Crossed"}, "&events=Line%20Crossed"),
        ({"event_type": "vehicle.identified"}, "&events=plate_recognition"),
        ({"tag": "card"}, "&meta=card,field_card"),
        ({"tag": "card", "value": "00931"}, "&meta=card,field_card"),
        ({"tag": "plate", "value": "1AB 2345"}, "&meta=plate_1AB_2345"),
        ({"tag": "a&b=c"}, "&meta=a%26b%3Dc,a_b_c,field_a_b_c"),
        ({"tag": "a,b"}, "&meta=a_b,field_a_b"),
    ],
)
async def test_what_vxg_filters_by_itself(vms: Played, made: Made, asked: dict[str, str], filters: str) -> None:
    vms.script = [page()]
    assert await found(made(event_names={"vehicle.identified": "plate_recognition"}), query(**asked)) == []
    (head,) = vms.heads
    assert head.startswith(b"GET /api/v2/storage/events/?camid=4711%b&start=" % filters.encode())


async def test_values_and_sensors_are_compared_here_for_vxg_knows_names_of_tags_alone(vms: Played, made: Made) -> None:
    other = {**OURS, "card": "7", "bridge_event": "x"}
    vms.otherwise = page(one(1), one(2, other), one(3, {"field_card": "00931", "sensor": "door-9"}), one(4, {}))
    assert [each.remote_id for each in await found(made(), query(tag="card", value="00931"))] == ["1", "3"]
    both = query(tag="card", value="00931", sensor="door-17")
    assert [each.remote_id for each in await found(made(), both)] == ["1"]
    assert await found(made(), query(event_type="access.granted")) == [
        each for each in await found(made(), query()) if "type" not in each.tags
    ]


async def test_an_event_of_somebody_else_with_odd_tags_hides_none(vms: Played, made: Made) -> None:
    vms.otherwise = page({**one(1), "meta": []}, {**one(2), "meta": "text"}, one(3))
    assert [(each.remote_id, each.event) for each in await found(made(), query())] == [
        ("1", ""),
        ("2", ""),
        ("3", "0197c3-1.0"),
    ]


async def test_all_pages_are_read_and_an_event_that_slips_onto_the_next_is_told_once(vms: Played, made: Made) -> None:
    vms.script = [page(one(3), one(2), total=4), page(one(2), one(1), total=4, offset=2)]
    assert [each.remote_id for each in await found(made(), query(most=200))] == ["3", "2", "1"]
    assert [b"offset=0" in vms.heads[0], b"offset=2" in vms.heads[1]] == [True, True]


async def test_no_more_is_asked_for_than_is_wanted(vms: Played, made: Made) -> None:
    vms.otherwise = page(*(one(number) for number in range(7)), total=5000)
    assert len(await found(made(), query(most=5))) == 5
    assert len(vms.requests) == 1
    assert b"&limit=5&" in vms.heads[0]
    both = query(most=9, cameras=(GATE, WIDE))
    assert [each.camera for each in await found(made(), both)] == [GATE] * 7 + [WIDE] * 2


async def test_a_list_without_end_is_said_and_not_followed(vms: Played, made: Made) -> None:
    numbers = iter(range(10**6))

    def endless(_: bytes) -> bytes:
        return page(one(next(numbers)), total=10**6)

    vms.otherwise = endless
    with pytest.raises(CannotTell, match="camera gate-in: more than 100 are there; ask for a shorter time"):
        await found(made(), query(tag="card", most=1000))
    assert len(vms.requests) == 100


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (said(401, {"errorDetail": "Invalid access token"}), CannotTell, "the token is refused"),
        (said(403, {"errorDetail": "no"}), CannotTell, "put a valid one into its secret"),
        (said(400, {"errorDetail": "meta: no"}), Refused, r"refused it \(400: meta: no\)"),
        (said(503, {"status": 503}), Away, "does not answer now"),
        (said(429, {"status": 429}), Away, "does not answer now"),
        (answer(200, b"<html>log in</html>"), CannotTell, "see whether url is right"),
        (answer(302, b"", "Location: http://elsewhere/"), CannotTell, "see whether url is right"),
        (CUT, Away, "cut"),
    ],
)
async def test_what_vxg_does_not_tell_is_said(
    vms: Played, made: Made, reply: bytes | str, kind: type[Exception], words: str
) -> None:
    vms.otherwise = reply
    with pytest.raises(kind, match=words) as caught:
        await found(made(), query())
    assert "gate-in" in str(caught.value)
    assert token() not in str(caught.value)


async def test_a_missing_secret_is_said_and_nothing_is_asked(vms: Played, made: Made) -> None:
    with pytest.raises(CannotTell, match="there is no secret gate-in"):
        await found(made(Vault()), query())
    with pytest.raises(CannotTell, match="camera yard is not of this VMS"):
        await found(made(), query(cameras=(CameraId("yard"),)))
    assert vms.requests == []


async def test_one_event_is_asked_for_by_its_number(vms: Played, made: Made) -> None:
    vms.script = [said(200, one(900001)), said(404, {"errorDetail": "Event not found"})]
    target = made()
    recalled = await target.recorded_as(GATE, "900001")
    assert recalled is not None
    assert recalled.tags == OURS
    assert vms.heads[0] == b"GET /api/v2/storage/events/900001/?include_meta=true HTTP/1.1"
    assert await target.recorded_as(GATE, "../../v3/channels") is None
    assert vms.heads[1] == b"GET /api/v2/storage/events/..%2F..%2Fv3%2Fchannels/?include_meta=true HTTP/1.1"


# ----------------------------------------------------------------------------------------------------------------- held


async def test_what_is_held_of_an_event_is_asked_for_as_the_reference_says(vms: Played, made: Made) -> None:
    link = "https://media.example/r/55.mp4?ticket=def"
    clip = {"id": 321, "status": "done", "url": link, "title": "t", "start": "2026-02-03T10:15:20", "size": 1048576}
    vms.script = [
        said(200, one(900001, thumb={"url": "https://media.example/t.jpg?ticket=abc"})),
        page({"url": "https://media.example/i.jpg?ticket=x", "time": "2026-02-03T10:15:30.000000", "width": 640}),
        page(clip, {"id": 322, "status": "pending"}, {"id": 323, "status": "error"}),
        page({"start": "2026-02-03T10:15:20.000000", "end": "2026-02-03T10:15:50.000000", "url": link}),
    ]
    held = await made().held(THERE, 10.0, 30.0)
    span = b"start=2026-02-03T10:15:20.250&end=2026-02-03T10:16:00.250&order_by=time"
    assert vms.heads == [
        b"GET /api/v2/storage/events/900001/?include_meta=true HTTP/1.1",
        b"GET /api/v4/storage/images/?%b&limit=30&offset=0 HTTP/1.1" % span,
        b"GET /api/v2/storage/clips/?order_by=-created&event_time=2026-02-03T10:15:30.250000&limit=30&offset=0"
        b" HTTP/1.1",
        b"GET /api/v2/storage/data/?camid=4711&%b&limit=100&offset=0 HTTP/1.1" % span,
    ]
    assert [(each.kind.value, each.remote_id, bool(each.reference), each.without) for each in held] == [
        ("picture", "", True, ""),
        ("picture", "", True, ""),
        ("clip", "321", True, ""),
        ("clip", "322", False, "VXG is still making it (pending)"),
        ("clip", "323", False, "VXG failed to make it"),
        ("video", "", True, ""),
    ]
    assert held[2].size == 1048576
    assert held[5].until == datetime(2026, 2, 3, 10, 15, 50, tzinfo=UTC)
    assert "ticket" not in repr(held), "a signed link is not shown"


async def test_what_vxg_refuses_of_it_stands_in_its_place_and_the_rest_is_there(vms: Played, made: Made) -> None:
    refused = said(404, {"errorDetail": "Page not found"})
    vms.script = [said(200, one(900001)), refused, refused, page({"start": "2026-02-03T10:15:20", "url": "/r/5.mp4"})]
    held = await made().held(THERE, 10.0, 30.0)
    assert [(each.kind.value, bool(each.without)) for each in held] == [
        ("picture", True),
        ("clip", True),
        ("video", False),
    ]


async def test_without_an_event_there_is_still_what_was_recorded_then(vms: Played, made: Made) -> None:
    vms.otherwise = page()
    assert await made().held(Recorded(remote_id="", camera=GATE, name="", at=AT), 0.0, 1.0) == []
    assert len(vms.requests) == 3
    assert not any(b"/events/" in head for head in vms.heads)


# ---------------------------------------------------------------------------------------------------------------- links


async def test_a_link_is_fetched_without_our_token(vms: Played, made: Made) -> None:
    vms.script = [answer(200, b"video" * 100, "Content-Type: video/mp4")]
    assert await bytes_of(made(), f"http://127.0.0.1:{vms.port}/media/r/55.mp4?ticket=def") == b"video" * 100
    (request,) = vms.requests
    assert request == (
        b"GET /media/r/55.mp4?ticket=def HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        b"Accept: */*\r\nUser-Agent: vms-bridge\r\n\r\n" % vms.port
    )


async def test_where_a_link_redirects_to_gets_no_token_either(vms: Played, made: Made) -> None:
    vms.script = [
        answer(302, b"", f"Location: http://localhost:{vms.port}/elsewhere?signed=1"),
        answer(307, b"", "Location: ../there"),
        answer(200, b"picture"),
    ]
    assert await bytes_of(made(), "/media/r/55.mp4") == b"picture"
    assert vms.heads[1:] == [b"GET /elsewhere?signed=1 HTTP/1.1", b"GET /there HTTP/1.1"]
    assert not any(b"authorization" in request.lower() for request in vms.requests)
    assert not any(token().encode() in request for request in vms.requests)


async def test_a_link_that_redirects_forever_is_left(vms: Played, made: Made) -> None:
    vms.otherwise = answer(302, b"", "Location: /again")
    with pytest.raises(CannotTell, match="again and again"):
        await bytes_of(made(), "/media/x")
    assert len(vms.requests) == 4


async def test_a_vms_with_tls_leads_to_no_link_without(vms: Played, made: Made) -> None:
    target = made(url="https://web.harbour.example", allow_http=False)
    with pytest.raises(CannotTell, match=r"without TLS, to http://127\.0\.0\.1"):
        await bytes_of(target, f"http://127.0.0.1:{vms.port}/media/x")
    assert vms.connections == 0


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it", "cut in the middle"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsome \r\n", "cut in the middle"),
        (b"", "cut in the middle"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (answer(403, b"{}"), "answers 403 .* links run out"),
        (answer(200, b"<html>", "Content-Type: text/html"), "a page instead"),
        (answer(302, b""), "answers 302"),
    ],
)
async def test_what_is_not_whole_never_ends_as_if_it_were(vms: Played, made: Made, reply: bytes, words: str) -> None:
    vms.script = [reply]
    vms.close_after = True
    with pytest.raises(CannotTell, match=words):
        await bytes_of(made(), "/media/x")


async def test_a_silent_link_is_left_after_the_time_out(vms: Played, made: Made) -> None:
    vms.script = [OUTWAITED]
    with pytest.raises(CannotTell, match="nothing more came"):
        await bytes_of(made(), "/media/x")


async def test_what_is_not_taken_yet_is_not_read_on(vms: Played, made: Made) -> None:
    """How much of it the system takes for us in between is its own affair: 32 MiB here, little elsewhere."""
    whole = b"v" * MOST_HELD * 8
    vms.script = [answer(200, whole)]
    held = Held(kind=MediaKind.VIDEO, name="video", reference="/media/x")
    target = made()
    async with aclosing(target.fetch(GATE, held)) as pieces:  # type: ignore[type-var]
        taken = len(await anext(pieces))
        (download,) = target._record._own._downloads
        async with asyncio.timeout(BOUND):
            while not download._paused:
                assert not download._complete, "all of it was read"
                await asyncio.sleep(0.001)
        assert download._held < 2 * MOST_HELD
        async for piece in pieces:
            taken += len(piece)
    assert taken == len(whole)


# ---------------------------------------------------------------------------------------------------------------- clips

NEW = (datetime(2026, 2, 3, 10, 15, 25, tzinfo=UTC), datetime(2026, 2, 3, 10, 15, 45, tzinfo=UTC))


async def test_a_clip_is_asked_for_in_the_bytes_of_the_reference(vms: Played, made: Made) -> None:
    vms.script = [page(), said(201, {"id": 321, "status": "pending", "camid": 4711})]
    assert await made().clip(GATE, *NEW, "access_denied door-17", AT) == "321"
    looked, asked = vms.requests
    assert looked.startswith(
        b"GET /api/v2/storage/clips/?order_by=-created&event_time=2026-02-03T10:15:30.250000&limit=30&offset=0 HTTP/1.1"
    )
    body = (
        b'{"title":"access_denied door-17","start":"2026-02-03T10:15:25","end":"2026-02-03T10:15:45",'
        b'"event_time":"2026-02-03T10:15:30.250000","wait_for_data":true}'
    )
    assert asked == (
        b"POST /api/v4/clips/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Acc %b\r\nAccept: application/json\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (vms.port, token().encode(), len(body), body)
    )


async def test_a_clip_that_was_made_though_its_answer_was_lost_is_not_made_again(vms: Played, made: Made) -> None:
    target = made()
    vms.script = [page(), CUT]
    with pytest.raises(Away):
        await target.clip(GATE, *NEW, "door [0197c3-1.0]", AT)
    others = [
        {"id": 1, "title": "another", "status": "done"},
        {"id": 2, "title": "door [0197c3-1.0]", "status": "error"},
    ]
    vms.script = [page(*others, {"id": 321, "title": "door [0197c3-1.0]", "status": "pending"})]
    assert await target.clip(GATE, *NEW, "door [0197c3-1.0]", AT) == "321"
    assert [head[:4] for head in vms.heads] == [b"GET ", b"POST", b"GET "]


async def test_a_vxg_that_cannot_be_looked_through_for_clips_is_asked_all_the_same(vms: Played, made: Made) -> None:
    vms.script = [said(404, {}), said(201, {"id": 5})]
    assert await made().clip(GATE, *NEW, "t", AT) == "5"


async def test_a_clip_that_is_refused_is_refused_for_good_and_one_that_failed_is_not(vms: Played, made: Made) -> None:
    vms.script = [page(), said(400, {"errorDetail": "end: too far"}), page(), said(500, {}), page(), said(403, {})]
    with pytest.raises(Refused, match="end: too far"):
        await made().clip(GATE, *NEW, "t", AT)
    for _ in range(2):
        with pytest.raises(CannotTell) as caught:
            await made().clip(GATE, *NEW, "t", AT)
        assert not isinstance(caught.value, Refused)


# ----------------------------------------------------------------------------------------------------------------- told


async def test_what_should_be_there_is_what_the_requests_say(made: Made) -> None:
    target = made()
    first = event(fields={"plate": "1AB", "list": "deny"})
    better = event(revision=1, fields={"plate": "1AB2345", "list": "deny"}, changes=("plate",), title="Better")
    told = target.told(GATE, [first, better])
    assert told["bridge_revision"] == "1"
    assert (told["plate"], told["license_plate"], told["title"]) == ("1AB2345", "1AB2345", "Better")
    assert told["list"] == "deny"
    raised = target.render(Delivery(event=first, camera=GATE, vms=VmsId("cloud"), action=Action.RAISE))[-1].body
    assert set(target.told(GATE, [first])) <= set(told)
    assert all(f'"{tag}"'.encode() in raised for tag in target.told(GATE, [first]))
