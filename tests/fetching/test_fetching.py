"""Pictures by link: fetched before the commit from where the site allows it, bounded, and never at another's cost."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.pictures import host_of
from bridge.fetching import Fetcher
from bridge.fetching.fetcher import SILENT_TIMES
from bridge.linking import MOST_OF_AN_ITEM, host_shown
from bridge.model import Part, ReceiptKind
from tests.fetching.conftest import BOUND, JPEG, Open, settings, site
from tests.vms.conftest import CUT, SILENCE, Played, Vault, answer, playing
from tests.vms.time_passes import pass_time


def at(host: Played, path: str = "/get-image/1") -> str:
    return f"http://127.0.0.1:{host.port}{path}"


async def test_a_picture_is_fetched_before_the_commit_and_kept_with_the_event(opened: Open, host: Played) -> None:
    host.otherwise = answer(200, JPEG, "Content-Type: application/octet-stream")
    async with opened(settings()) as bench:
        await bench.say(1, "a", {"plate": at(host), "scene": at(host, "/2")}, b"\xff\xd8\xff own")
        (event,) = await bench.events()
        assert [(each.role, each.content_type) for each in event.media] == [
            ("own", "image/jpeg"), ("plate", "image/jpeg"), ("scene", "image/jpeg"),
        ]  # fmt: skip
        assert await bench.journal.media(event.media[1].id) == JPEG
        assert event.marks == ()
        assert json.loads(event.detail)["links"]["plate"] == at(host), "the link stays in the detail"
    assert sorted(host.heads) == [b"GET /2 HTTP/1.1", b"GET /get-image/1 HTTP/1.1"]


async def test_a_message_is_not_acknowledged_while_its_picture_is_on_the_way(opened: Open, host: Played) -> None:
    host.otherwise = answer(200, JPEG)
    host.hold.clear()
    async with opened(settings()) as bench:
        saying = asyncio.create_task(bench.say(1, "a", {"plate": at(host)}))
        await host.until(1)
        assert not saying.done()
        assert (await bench.journal.totals()).messages == 0
        host.hold.set()
        await saying
        assert len((await bench.events())[0].media) == 1


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (answer(404), "the host answers 404"),
        (answer(401), "the host answers 401"),
        (answer(204), "the host answers 204"),
        (answer(200, b"<html>log in</html>", "Content-Type: image/jpeg"), "what came is no picture"),
        (answer(200), "what came is no picture"),
        (answer(200, JPEG + b"x" * 5000), "it is larger than 4096 bytes"),
        (answer(302, b"", "Location: http://127.0.0.2:1/"), "it redirects to another host"),
        (answer(302, b"", "Location: http://evil.example/"), "it redirects to another host"),
        (answer(302, b"", "Location: /again"), "it redirects again and again"),
        (answer(302, b"", "Location: http://[fe80"), "this is no link that can be asked for"),
        (answer(302), "it redirects again and again"),
        (CUT, "no whole answer"),
        (b"SSH-2.0-OpenSSH\r\n", "no whole answer"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + JPEG + b"x" * 30_000,
            "it is larger than 4096 bytes",
        ),
        (SILENCE, "not within 4 s"),
    ],
)
async def test_without_a_picture_the_event_goes_all_the_same_and_says_why(
    opened: Open, host: Played, reply: bytes | str, why: str
) -> None:
    host.otherwise = reply
    async with opened(settings(most="4 KiB", timeout="4 s")) as bench:
        saying = asyncio.create_task(bench.say(1, "a", {"plate": at(host)}))
        if reply == SILENCE:
            await host.until(1)
            pass_time(5.0)
        await saying
        (event,) = await bench.events()
        assert event.media == ()
        assert event.marks == (f"no picture (plate) from 127.0.0.1: {why}",)


async def test_a_body_that_drips_is_given_up_in_time(opened: Open) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with opened(settings(timeout="200 ms")) as bench:
        await bench.say(1, "a", {"plate": f"http://127.0.0.1:{port}/"})
        (event,) = await bench.events()
        assert event.media == ()
        assert "not within 0.2 s" in event.marks[0] or "no whole answer" in event.marks[0]
    server.close()


async def test_a_redirect_on_the_same_host_is_followed(opened: Open, host: Played) -> None:
    host.script = [answer(302, b"", "Location: /really"), answer(200, JPEG)]
    async with opened(settings()) as bench:
        await bench.say(1, "a", {"plate": at(host)})
        assert len((await bench.events())[0].media) == 1
    assert host.heads[1] == b"GET /really HTTP/1.1"


async def test_a_host_that_refuses_connections_is_said(opened: Open) -> None:
    async with playing() as gone:
        url = at(gone)
    async with opened(settings()) as bench:
        await bench.say(1, "a", {"plate": url})
        assert (await bench.events())[0].marks == ("no picture (plate) from 127.0.0.1: no connection",)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://localhost:{port}/",
        "http://2130706433:{port}/", "http://0x7f.1:{port}/", "http://127.1:{port}/", "http://0:{port}/",
        "http://omni.local.evil.example/", "http://evil.example/omni.local", "http://omni.local@127.0.0.1:{port}/",
        "file:///etc/passwd", "ftp://omni.local/", "gopher://omni.local/", "//omni.local/x", "omni.local", "",
        "http://", "http://omni.local:99999/", "http://omni.local/a b", "http://omni.local/\r\nX: y", "http://[/",
    ],
)  # fmt: skip
async def test_only_allowed_hosts_are_asked(opened: Open, host: Played, url: str) -> None:
    async with opened(settings(**{"from": ["omni.local", "10.20.0.0/16"]})) as bench:
        await bench.say(1, "a", {"plate": url.replace("{port}", str(host.port))})
        (event,) = await bench.events()
        assert event.media == ()
        assert "not allowed" in event.marks[0] or "no link that can be asked for" in event.marks[0]
    assert host.connections == 0


async def test_a_port_that_is_named_is_the_only_one(opened: Open, host: Played) -> None:
    host.otherwise = answer(200, JPEG)
    async with opened(settings(**{"from": ["127.0.0.1:1"]})) as bench:
        await bench.say(1, "a", {"plate": at(host)})
        assert "not allowed" in (await bench.events())[0].marks[0]


async def test_a_name_that_means_nothing_here_is_asked_where_it_really_is(opened: Open, host: Played) -> None:
    host.otherwise = answer(200, JPEG)
    rewrite = {"omni.local": f"127.0.0.1:{host.port}"}
    headers = {"Authorization": "Bearer secret:omni", "X-Site": "north"}
    async with opened(settings(**{"from": ["OMNI.local"]}, rewrite=rewrite, headers=headers)) as bench:
        await bench.say(1, "a", {"plate": "http://omni.LOCAL/get-image/9"})
        assert len((await bench.events())[0].media) == 1
    assert host.heads == [b"GET /get-image/9 HTTP/1.1"]
    for line in (b"Host: omni.local\r\n", b"Authorization: Bearer open sesame\r\n", b"X-Site: north\r\n"):
        assert line in host.requests[0]


async def test_credentials_go_to_hosts_that_are_named_and_not_to_whatever_lies_in_a_network(
    opened: Open, host: Played
) -> None:
    host.otherwise = answer(200, JPEG)
    async with opened(settings(headers={"Authorization": "secret:omni"})) as bench:
        await bench.say(1, "a", {"plate": at(host)})
        assert len((await bench.events())[0].media) == 1
    assert b"Authorization" not in host.requests[0]


async def test_a_missing_secret_is_a_mark(opened: Open, host: Played) -> None:
    allowed = settings(**{"from": ["127.0.0.1"]}, headers={"Authorization": "secret:nobody"})
    async with opened(allowed) as bench:
        await bench.say(1, "a", {"plate": at(host)})
        assert "secret" in (await bench.events())[0].marks[0]
    assert host.connections == 0


# ------------------------------------------------------------------------------------------------------------- order


async def test_messages_of_a_sensor_wait_behind_one_that_fetches_and_other_sensors_do_not(
    opened: Open, host: Played
) -> None:
    host.otherwise = answer(200, JPEG)
    host.hold.clear()
    async with opened(settings()) as bench:
        first = asyncio.create_task(bench.say(1, "a", {"plate": at(host)}))
        await host.until(1)
        second = asyncio.create_task(bench.say(2, "a"))
        third = asyncio.create_task(bench.say(3, "a", {"plate": at(host, "/3")}))
        await host.until(2)  # the pictures of those that wait are fetched meanwhile
        await bench.say(4, "b")
        assert [event.title for event in await bench.events()] == ["4"]
        host.hold.set()
        await asyncio.gather(first, second, third)
        await bench.say(5, "a")
        assert [event.title for event in await bench.events()] == ["4", "1", "2", "3", "5"]


async def test_order_holds_when_the_later_picture_comes_first(opened: Open, host: Played) -> None:
    async with playing() as slow, opened(settings()) as bench:
        slow.otherwise = host.otherwise = answer(200, JPEG)
        slow.hold.clear()
        saying = [asyncio.create_task(bench.say(1, "a", {"plate": at(slow)}))]
        await slow.until(1)
        saying.append(asyncio.create_task(bench.say(2, "a", {"plate": at(host)})))
        await host.until(1)
        slow.hold.set()
        await asyncio.gather(*saying)
        assert [(event.title, len(event.media)) for event in await bench.events()] == [("1", 1), ("2", 1)]


async def test_a_message_of_many_sensors_waits_for_each_and_each_for_it(opened: Open, host: Played) -> None:
    host.otherwise = answer(200, JPEG)
    host.hold.clear()
    async with opened(settings()) as bench:
        saying = [asyncio.create_task(bench.say(1, "a", {"plate": at(host)}))]
        await host.until(1)
        both = bench.message([{"sensor": "a", "n": 2}, {"sensor": "b", "n": 3}])
        saying.append(asyncio.create_task(bench.intake.submit(both)))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        saying.append(asyncio.create_task(bench.say(4, "b")))
        await asyncio.sleep(0)
        assert not await bench.events()
        host.hold.set()
        async with asyncio.timeout(BOUND):
            await asyncio.gather(*saying)
        assert [event.title for event in await bench.events()] == ["1", "2", "3", "4"]


async def test_a_sender_that_goes_away_while_its_picture_is_fetched_holds_up_nobody(opened: Open, host: Played) -> None:
    host.otherwise = SILENCE
    async with opened(settings(timeout="20 s")) as bench:
        going = asyncio.create_task(bench.say(1, "a", {"plate": at(host)}))
        await host.until(1)
        waiting = asyncio.create_task(bench.say(2, "a"))
        await asyncio.sleep(0)
        going.cancel()
        await waiting
        assert [event.title for event in await bench.events()] == ["2"]


async def test_a_reload_meanwhile_decides_by_the_new_site(opened: Open, host: Played) -> None:
    host.otherwise = answer(200, JPEG)
    host.hold.clear()
    async with opened(settings()) as bench:
        saying = asyncio.create_task(bench.say(1, "a", {"plate": at(host)}))
        await host.until(1)
        renamed = site()
        sensors = {key: msgspec.structs.replace(each, name="renamed") for key, each in renamed.sensors.items()}
        bench.intake.replace(msgspec.structs.replace(renamed, sensors=sensors))
        bench.turns.fetcher = None
        host.hold.set()
        await saying
        (event,) = await bench.events()
        assert (event.sensor_name, len(event.media)) == ("renamed", 1)


# ------------------------------------------------------------------------------------------------------------ bounds


async def test_so_many_at_once_and_no_more_whatever_the_host(opened: Open, host: Played) -> None:
    async with playing() as other, opened(settings(at_once=2)) as bench:
        for each in (host, other):
            each.otherwise = answer(200, JPEG)
            each.hold.clear()
        links = {str(number): at((host, other)[number % 2], f"/{number}") for number in range(6)}
        saying = asyncio.create_task(bench.say(1, "a", links))
        await host.until(1)
        await other.until(1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(host.requests) + len(other.requests) == 2
        host.hold.set()
        other.hold.set()
        await saying
        assert len((await bench.events())[0].media) == 6


async def test_pictures_held_count_and_are_let_go(opened: Open, host: Played) -> None:
    host.otherwise = answer(200, JPEG)
    host.hold.clear()
    async with opened(settings(most="4 KiB"), most_held=10_000) as bench:
        saying = asyncio.create_task(bench.say(1, "a", {str(number): at(host, f"/{number}") for number in range(4)}))
        await host.until(2)
        assert bench.fetcher.held == 2 * 4096
        host.hold.set()
        await saying
        (event,) = await bench.events()
        assert len(event.media) == 2
        assert event.marks[0].endswith("too many pictures are held at once")
        assert bench.fetcher.held == 0


async def test_of_very_many_links_some_are_fetched_and_the_rest_is_said(opened: Open, host: Played) -> None:
    host.otherwise = answer(200, JPEG)
    async with opened(settings()) as bench:
        await bench.say(1, "a", {str(number): at(host, f"/{number}") for number in range(MOST_OF_AN_ITEM + 2)})
        (event,) = await bench.events()
        assert len(event.media) == MOST_OF_AN_ITEM
        assert len(event.marks) == 2


async def test_a_host_that_never_answers_is_left_alone_for_a_while(opened: Open, host: Played) -> None:
    host.otherwise = SILENCE
    async with opened(settings(timeout="4 s")) as bench:
        for number in range(SILENT_TIMES + 2):
            saying = asyncio.create_task(bench.say(number, "a", {"plate": at(host)}))
            if number < SILENT_TIMES:
                await host.until(number + 1)
                pass_time(5.0)
            await saying
        assert len(host.requests) == SILENT_TIMES
        assert [event.marks[0].rpartition(": ")[2] for event in await bench.events()][-2:] == [
            "the host did not answer lately"
        ] * 2


async def test_what_the_profile_keeps_quiet_about_is_not_fetched_for(opened: Open, host: Played) -> None:
    async with opened(settings()) as bench:
        quiet = bench.message({"sensor": "a", "n": 1, "quiet": True, "links": {"plate": at(host)}})
        assert (await bench.intake.submit(quiet)).kind is ReceiptKind.FILTERED
    assert host.connections == 0


async def test_nothing_is_fetched_where_the_site_does_not_say_so(opened: Open, host: Played) -> None:
    async with opened(None) as bench:
        await bench.say(1, "a", {"plate": at(host)})
        (event,) = await bench.events()
        assert (event.media, event.marks) == ((), ())
    assert host.connections == 0


async def test_a_retired_fetcher_finishes_what_is_under_way_and_closes_its_connections(host: Played) -> None:
    host.otherwise = answer(200, JPEG)
    host.hold.clear()
    fetcher = Fetcher(settings(), Vault())
    fetching = asyncio.create_task(fetcher.fetch(at(host)))
    await host.until(1)
    await fetcher.retire()
    host.hold.set()
    assert isinstance(await fetching, Part)
    await host.until_ended(1)


@given(st.text(max_size=60))
def test_whatever_stands_for_a_host_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        host = host_of(text)
    except ValueError as error:
        assert "write a host" in str(error)  # noqa: PT017
    else:
        assert host.name == host.name.lower()
        assert host.port is None or 0 < host.port < 65536


@given(st.one_of(st.text(max_size=80), st.text(max_size=30).map(lambda text: f"http://{text}/")))
def test_the_host_of_any_link_can_be_shown(url: str) -> None:
    assert host_shown(url).isprintable()


@pytest.mark.parametrize(
    "text", ["10.0.0", "1.2.3.4.5", "-a", "a..b", "a b", "a:0", "a:65536", "a:b", "http://a", "a/b"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a host"):
        host_of(text)


def test_addresses_are_hosts_too() -> None:
    assert (host_of("[FD00::9]:80").name, host_of("[fd00::9]:80").port) == ("fd00::9", 80)
    assert host_of("fd00::9").name == "fd00::9"


async def test_when_one_of_those_that_wait_goes_away_the_others_wait_all_the_same(opened: Open, host: Played) -> None:
    host.otherwise = answer(200, JPEG)
    host.hold.clear()
    async with opened(settings()) as bench:
        first = asyncio.create_task(bench.say(1, "a", {"plate": at(host)}))
        await host.until(1)
        given_up = asyncio.create_task(bench.say(2, "a"))
        behind = asyncio.create_task(bench.say(3, "a"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        last = asyncio.create_task(bench.say(4, "a"))
        await bench.say(5, "b")
        host.hold.set()
        await asyncio.gather(first, behind, last)
        assert [event.title for event in await bench.events()] == ["5", "1", "3", "4"]


async def test_a_fault_while_fetching_costs_the_picture_and_no_more(
    opened: Open, host: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fetcher, "_allowed", lambda *_: 1 // 0)
    async with opened(settings()) as bench:
        await bench.say(1, "a", {"plate": at(host)})
        assert (await bench.events())[0].marks == ("no picture (plate) from 127.0.0.1: fetching it failed",)
