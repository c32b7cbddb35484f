"""The WebSocket connector against real servers that behave, and that do not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import logging
import re
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from pydantic import ValidationError
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from bridge.model import Receipt, ReceiptKind
from bridge.simulator.omni import Frames, Happening, Kind, SimulatedOmni
from connectors.base import Mode
from connectors.websocket import WebSocketSettings
from tests.connectors.conftest import BOUND, LATER, Inbox, Vault
from tests.connectors.outgoing import at_work, until, websocket
from tests.vms.time_passes import pass_time

CERTIFICATE = Path(__file__).with_name("certificate") / "certificate.pem"
Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, **options: object) -> AsyncIterator[str]:
    """The URL of a server that does this with each connection."""
    server: Server
    async with serve(handler, "127.0.0.1", 0, ping_interval=None, **options) as server:  # type: ignore[arg-type]
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/events"


async def forever(connection: ServerConnection) -> None:
    await connection.wait_closed()


def saying(*messages: str | bytes) -> Handler:
    async def handler(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)
        await connection.wait_closed()

    return handler


# --------------------------------------------------------------------------------------------------- what is received


async def test_text_and_binary_frames_are_messages_in_their_order(inbox: Inbox) -> None:
    async with serving(saying('{"a":1}', b'{"b":2}', '{"c":3}{"d":4}')) as url, at_work(websocket(url), inbox):
        await inbox.hold(3)
        assert inbox.bodies == [b'{"a":1}', b'{"b":2}', b'{"c":3}{"d":4}']
        origin = inbox.messages[0].origin
        assert (origin.peer, origin.place) == ("127.0.0.1", "/events")


async def test_a_fragmented_message_is_one_wherever_it_was_cut(inbox: Inbox) -> None:
    whole = '{"name":"Ä\N{AUTOMOBILE}€"}'.encode()

    async def handler(connection: ServerConnection) -> None:
        await connection.send([whole[at : at + 1] for at in range(len(whole))], text=True)
        await connection.wait_closed()

    async with serving(handler) as url, at_work(websocket(url), inbox):
        await inbox.hold(1)
        assert inbox.bodies == [whole]


async def test_text_that_is_not_utf_8_is_taken_as_it_is(inbox: Inbox) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send(b'{"name":"M\xfcller"}', text=True)
        await connection.send("next")
        await connection.wait_closed()

    async with serving(handler) as url, at_work(websocket(url), inbox):
        await inbox.hold(2)
        assert inbox.bodies == [b'{"name":"M\xfcller"}', b"next"]


async def test_an_empty_message_is_a_sign_of_life_and_nothing_else(inbox: Inbox) -> None:
    async with serving(saying("", "x")) as url:
        connector = websocket(url)
        async with at_work(connector, inbox):
            await inbox.hold(1)
            assert inbox.bodies == [b"x"]
            assert connector.counts["empty"] == 1


async def test_a_message_too_long_is_said_and_the_next_ones_are_taken(inbox: Inbox) -> None:
    connections = 0

    async def handler(connection: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await connection.send("x" * 5000 if connections == 1 else "short")
        await connection.wait_closed()

    async with serving(handler) as url, at_work(websocket(url, max_message="4 KiB"), inbox) as (link, _):
        assert "longer than max_message (4096 bytes) and is lost" in await link.hear("max_message")
        await inbox.hold(1)
        assert inbox.bodies == [b"short"]


# --------------------------------------------------------------------------------------------------- the credentials


async def test_credentials_and_subscriptions_are_sent_and_never_shown(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heads: list[Request] = []
    subscribed: asyncio.Queue[str | bytes] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        heads.append(connection.request)
        subscribed.put_nowait(await connection.recv())
        subscribed.put_nowait(await connection.recv())
        await connection.wait_closed()

    vault = Vault(endpoint="e-12345", header="h-12345", feed="f-12345")
    async with serving(handler, logger=logging.Logger("server")) as url:
        connector = websocket(
            url,
            vault,
            query={"endpoint_id": "secret:endpoint", "kind": "all"},
            headers={"Token": "secret:header"},
            subscribe=["hello", {"op": "subscribe", "feeds": ["faces"], "key": "secret:feed"}],
        )
        async with at_work(connector, inbox) as (link, _):
            async with asyncio.timeout(BOUND):
                assert await subscribed.get() == "hello"
                assert await subscribed.get() == '{"op": "subscribe", "feeds": ["faces"], "key": "f-12345"}'
            await link.hear("up")
        assert heads[0].path == "/events?endpoint_id=e-12345&kind=all"
        assert heads[0].headers["Token"] == "h-12345"
        shown = f"{caplog.text} {link.said} {connector._settings!r}"
        assert not [text for text in vault.texts.values() if text in shown]


async def test_basic_and_bearer_are_sent_as_every_server_knows_them(inbox: Inbox) -> None:
    shown: asyncio.Queue[str] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        shown.put_nowait(connection.request.headers["Authorization"])
        await connection.wait_closed()

    vault = Vault(login="Aladdin:open sesame", token="abc")
    async with serving(handler) as url, asyncio.timeout(BOUND):
        async with at_work(websocket(url, vault, basic="secret:login"), inbox):
            assert await shown.get() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617 section 2
        async with at_work(websocket(url, vault, bearer="secret:token"), inbox):
            assert await shown.get() == "Bearer abc"


@pytest.mark.shows("connector:websocket", "credentials")
async def test_after_a_refusal_the_secret_is_read_anew(inbox: Inbox) -> None:
    vault = Vault(omni="old")

    def check(connection: ServerConnection, request: Request) -> Response | None:
        return None if request.path.endswith("=new") else connection.respond(HTTPStatus.UNAUTHORIZED, "no")

    async with (
        serving(saying("in"), process_request=check) as url,
        at_work(websocket(url, vault, query={"token": "secret:omni"}), inbox) as (link, _),
    ):
        assert "refuses us (401)" in await link.hear("down")
        vault.texts["omni"] = "new"
        await inbox.hold(1)
        assert vault.fresh > 0
        assert "old" not in str(link.said)


async def test_a_missing_secret_is_named_and_waited_for(inbox: Inbox) -> None:
    vault = Vault()
    async with (
        serving(saying("in")) as url,
        at_work(websocket(url, vault, query={"token": "secret:omni"}), inbox) as (link, _),
    ):
        assert "no store has omni" in await link.hear("down")
        vault.texts["omni"] = "here"
        await inbox.hold(1)


async def test_a_pinned_certificate_is_compared_before_credentials_are_sent(inbox: Inbox) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_name("key.pem"))
    pem = re.search("-----BEGIN CERT.*?END CERTIFICATE-----", CERTIFICATE.read_text(), re.DOTALL)
    assert pem is not None
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[0])).hexdigest()
    upgrades: list[str] = []

    def note(connection: ServerConnection, request: Request) -> None:
        upgrades.append(request.path)

    async with serving(saying("in"), process_request=note, ssl=context) as url:
        secure = url.replace("ws://", "wss://")
        for tls, words in (({"fingerprint": "0" * 64}, "not the pinned"), ({}, "cannot be reached")):
            async with at_work(websocket(secure, tls=tls), inbox) as (link, _):
                assert words in await link.hear("down")
        assert upgrades == []
        async with at_work(websocket(secure, tls={"fingerprint": fingerprint}), inbox):
            await inbox.hold(1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "ws://user:pass@host/x"}, "credentials do not stand in the URL"),
        ({"url": "ws://host/x?endpoint_id=1"}, "parameters do not stand in the URL"),
        ({"url": "http://host/x"}, "write ws://host:port/path"),
        ({"url": "ws:///x"}, "write ws://host:port/path"),
        ({"url": "ws://host:99999/x"}, "write ws://host:port/path"),
        ({"query": {"endpoint_id": "0a0b"}}, "endpoint_id is a credential"),
        ({"headers": {"Authorization": "Bearer x"}}, "Authorization is a credential"),
        ({"headers": {"X": "a\r\nb"}}, "more than one line"),
        ({"basic": "secret:a", "bearer": "secret:b"}, "one authorization"),
        ({"basic": "user:pass"}, "write a reference like"),
    ],
)
def test_settings_that_would_show_or_mix_credentials_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WebSocketSettings.model_validate({"url": "ws://host/x", **settings})


# ---------------------------------------------------------------------------------------------- staying connected


async def test_a_server_that_closes_every_so_often_is_connected_to_again_and_gaps_are_logged(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    connections = 0

    async def handler(connection: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await connection.send(str(connections))
        await connection.close(1001, "come again")

    async with serving(handler) as url:
        connector = websocket(url)
        connector.steady = 0.0
        async with at_work(connector, inbox) as (link, _):
            await inbox.hold(4)
            assert inbox.bodies[:4] == [b"1", b"2", b"3", b"4"]
            assert connector.counts["gaps"] >= 3
            assert connector.away > 0
            assert len(link.said) == 1, "a gap of a moment is no fault"
    gaps = [record.message for record in caplog.records if "back after" in record.message]
    assert len(gaps) >= 3
    assert "the server ended it (1001 come again); back after " in gaps[0]
    assert "what was sent meanwhile is not repeated by a WebSocket" in gaps[0]


async def test_a_connection_that_breaks_at_once_is_a_fault_said_once(inbox: Inbox) -> None:
    async def handler(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with serving(handler) as url:
        connector = websocket(url)
        async with at_work(connector, inbox) as (link, _):
            await until(lambda: connector.counts["connections"] >= 4)
            assert [each.partition(":")[0] for each in link.said] == ["up", "down"]
            assert "the connection broke" in link.said[1]


@pytest.mark.shows("connector:websocket", "reconnects")
async def test_after_it_ended_soon_a_silent_server_is_back_as_soon_as_it_answers_a_ping(inbox: Inbox) -> None:
    connections = 0

    async def handler(connection: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        if connections > 1:
            await connection.wait_closed()

    async with serving(handler) as url, at_work(websocket(url, ping="1 h"), inbox) as (link, _):
        await link.hear("up: back after")
        assert [each.partition(":")[0] for each in link.said] == ["up", "down", "up"]


@pytest.mark.shows("connector:websocket", "reconnects")
async def test_a_server_that_is_away_is_tried_for_ever_and_that_is_said_once(inbox: Inbox) -> None:
    async with SimulatedOmni() as omni:
        omni.present = False
        vault = Vault(omni=omni.endpoint)
        connector = websocket(omni.ws_url, vault, query={"endpoint_id": "secret:omni"})
        async with at_work(connector, inbox) as (link, _):
            await until(lambda: len(omni.upgrades) >= 5)
            assert len(link.said) == 1
            assert "answers 503" in link.said[0]
            omni.present = True
            await omni.listeners(1)
            assert (await link.hear("up")).startswith("up: connected to ws://127.0.0.1:")


async def test_nobody_there_is_said_in_plain_words(inbox: Inbox) -> None:
    async with serving(forever) as url:
        pass
    async with at_work(websocket(url), inbox) as (link, _):
        assert f"{url} cannot be reached" in await link.hear("down")


async def test_a_wrong_path_names_the_forms_the_platform_has(inbox: Inbox) -> None:
    async with (
        SimulatedOmni() as omni,
        at_work(websocket(omni.ws_url.replace("/ws", "/identification/ws")), inbox) as (link, _),
    ):
        said = await link.hear("down")
        assert "there is no WebSocket at /event-service/identification/ws (404)" in said
        for form in ("/event-service/ws with endpoint_id", "EVENT_TYPE/ws with", "/non_identification/ws with access"):
            assert form in said


async def test_a_server_that_is_no_web_server_is_said(inbox: Inbox) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, at_work(websocket(f"ws://127.0.0.1:{port}/x"), inbox) as (link, _):
        assert "does not speak WebSocket" in await link.hear("down")


async def test_a_server_that_does_not_answer_the_upgrade_is_given_up_in_time(inbox: Inbox) -> None:
    silent = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with at_work(websocket(f"ws://127.0.0.1:{port}/x", connect_timeout="50 ms"), inbox) as (link, _):
            assert "does not answer within 0.05 s" in await link.hear("down")
        silent.set()


@asynccontextmanager
async def by_hand(sign: str = "") -> AsyncIterator[tuple[str, list[int]]]:
    """A server that upgrades, and of which connection each ping came. Then it never says another word, no pong, no
    close, or for each ping the ``sign``: a pong, or a message instead."""
    pings: list[int] = []
    connections = itertools.count()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = next(connections)
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(line[18:].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        try:
            while True:
                first, second = await reader.readexactly(2)
                mask, masked = await reader.readexactly(4), await reader.readexactly(second & 0x7F)
                if first & 0x0F == 9:
                    pings.append(connection)
                    said = bytes(octet ^ mask[place % 4] for place, octet in enumerate(masked))
                    if sign:
                        writer.write(bytes((0x8A if sign == "pong" else 0x82, len(said))) + said)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/x", pings


async def test_two_unanswered_pings_end_a_connection(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.websocket import session

    monkeypatch.setattr(session, "_CLOSING", 0.05)
    async with by_hand() as (url, pings):
        connector = websocket(url, ping="30 ms")
        async with at_work(connector, inbox) as (link, _):
            assert "2 pings were not answered" in await link.hear("down")
            assert len(pings) >= 2
            await until(lambda: connector.counts["connections"] >= 3)
            assert [each.partition(":")[0] for each in link.said] == ["up", "down"]


@pytest.mark.parametrize("sign", ["pong", "message"])
async def test_a_server_that_answers_pings_or_goes_on_talking_is_left_in_peace(inbox: Inbox, sign: str) -> None:
    """A connection on which nothing counts as a sign of life never lasts for more than two pings."""
    async with by_hand(sign) as (url, pings), at_work(websocket(url, ping="100 ms"), inbox):
        await until(lambda: max(Counter(pings).values(), default=0) >= 5)


# ------------------------------------------------------------------------------------------------------ back-pressure


async def test_a_later_is_waited_for_and_the_order_stays(inbox: Inbox) -> None:
    inbox.receipts = [Receipt(ReceiptKind.ACCEPTED), LATER, LATER, LATER]
    numbers = [str(number).encode() for number in range(50)]
    async with serving(saying(*numbers)) as url, at_work(websocket(url), inbox):
        await until(lambda: len(inbox.kept) == 50)
        assert [message.body for message in inbox.kept] == numbers


async def test_no_more_than_so_many_wait_for_their_commit(inbox: Inbox) -> None:
    inbox.open.clear()
    async with serving(saying(*[str(number) for number in range(200)])) as url, at_work(websocket(url), inbox):
        await inbox.hold(64)
        inbox.open.set()
        await until(lambda: len(inbox.kept) == 200)
        assert inbox.most_at_once == 64


async def test_a_full_intake_is_not_taken_for_a_dead_server(inbox: Inbox) -> None:
    inbox.open.clear()
    ended: list[int | None] = []

    async def handler(connection: ServerConnection) -> None:
        for number in range(300):
            await connection.send(str(number) * 1000)
        await connection.wait_closed()
        ended.append(connection.close_code)

    async with serving(handler) as url:
        async with at_work(websocket(url, ping="1 min"), inbox):
            await inbox.hold(64)
            for _ in range(5):  # pings, whose answers stand behind what is not read
                pass_time()
                for _ in range(5):
                    await asyncio.sleep(0)
            inbox.open.set()
            await until(lambda: len(inbox.kept) == 300)
        await until(lambda: ended == [1001])  # by our goodbye, and not before


async def test_on_a_stop_what_was_received_is_kept(inbox: Inbox) -> None:
    inbox.open.clear()
    said = asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        for number in range(70):
            await connection.send(str(number))
        said.set()
        await connection.wait_closed()

    async with serving(handler) as url:
        async with at_work(websocket(url), inbox) as (_, stop):
            await inbox.hold(64)
            await said.wait()  # the rest is on its way, before the goodbye
            stop()
            asyncio.get_running_loop().call_later(0.05, inbox.open.set)
        assert [message.body for message in inbox.kept] == [str(number).encode() for number in range(70)]


async def test_the_server_is_told_goodbye(inbox: Inbox) -> None:
    codes: list[int | None] = []

    async def handler(connection: ServerConnection) -> None:
        await connection.send("hello")
        await connection.wait_closed()
        codes.append(connection.close_code)

    async with serving(handler) as url:
        async with at_work(websocket(url), inbox):
            await inbox.hold(1)
        await until(lambda: codes == [1001])


# ------------------------------------------------------------------------------------------------ dry runs and probes


async def test_a_dry_run_does_not_connect_unless_it_is_told_to(inbox: Inbox) -> None:
    async with SimulatedOmni() as omni:
        vault = Vault(omni=omni.endpoint)
        query = {"endpoint_id": "secret:omni"}
        async with at_work(websocket(omni.ws_url, vault, query=query), inbox, Mode.OBSERVE) as (link, _):
            assert "a dry run does not connect" in await link.hear("down")
            assert omni.upgrades == []
        connector = websocket(omni.ws_url, vault, query=query, observe="connect")
        async with at_work(connector, inbox, Mode.OBSERVE):
            await omni.listeners(1)
            await omni.happens(_event(1))
            await inbox.hold(1)
            await until(lambda: connector.taken == 1)


async def test_a_probe_reaches_the_server_without_opening_the_websocket() -> None:
    async with SimulatedOmni() as omni:
        vault = Vault(omni=omni.endpoint)
        query = {"endpoint_id": "secret:omni"}
        (found,) = await websocket(omni.ws_url, vault, query=query).probe()
        assert found.ok
        assert omni.upgrades == []
        (found,) = await websocket(omni.ws_url, vault, query=query, observe="connect").probe()
        assert found.ok
        assert len(omni.upgrades) == 1
        (found,) = await websocket(omni.ws_url, query=query).probe()
        assert not found.ok
        assert "omni" in found.remedy
        wrong = Vault(omni="wrong")
        (found,) = await websocket(omni.ws_url, wrong, query=query, observe="connect").probe()
        assert (found.ok, "refuses us (403)" in found.what) == (False, True)
    (found,) = await websocket("ws://127.0.0.1:1/x").probe()
    assert not found.ok


async def test_without_its_library_the_type_says_how_to_get_it(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)
    monkeypatch.delitem(sys.modules, "connectors.websocket.session", raising=False)
    with pytest.raises(OSError, match=r"pip install 'vms-bridge\[websocket\]'"):
        async with at_work(websocket("ws://host/x"), inbox) as (_, _stop):
            await asyncio.sleep(0.05)


# ------------------------------------------------------------------------------------------------------------- OMNI


def _event(number: int) -> Happening:
    return Happening(
        number=number, kind=Kind.CROSSING, camera="cam-1", at=datetime(2026, 1, 5, 9, 0, number, tzinfo=UTC)
    )


@pytest.mark.shows("connector:websocket", "samples")
@pytest.mark.parametrize("frames", list(Frames))
async def test_an_omni_platform_is_heard_whatever_frames_it_uses(inbox: Inbox, frames: Frames) -> None:
    async with SimulatedOmni() as omni:
        omni.frames = frames
        vault = Vault(omni=omni.endpoint)
        async with at_work(websocket(omni.ws_url, vault, query={"endpoint_id": "secret:omni"}), inbox):
            await omni.listeners(1)
            for number in range(5):
                await omni.happens(_event(number))
            await inbox.hold(5)
            assert [_event(number).id.encode() in body for number, body in enumerate(inbox.bodies)] == [True] * 5


async def test_after_a_cut_the_platform_is_heard_again(inbox: Inbox) -> None:
    async with SimulatedOmni() as omni:
        vault = Vault(omni=omni.endpoint)
        connector = websocket(omni.ws_url, vault, query={"endpoint_id": "secret:omni"})
        connector.steady = 0.0
        async with at_work(connector, inbox):
            await omni.listeners(1)
            await omni.happens(_event(1))
            await inbox.hold(1)
            await omni.cut()
            await omni.listeners(1)
            await omni.happens(_event(2))
            await inbox.hold(2)
            assert connector.counts["gaps"] == 1
