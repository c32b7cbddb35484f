"""Senders that are no browsers: what they send is taken as it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge.model import Part
from tests.connectors.conftest import Inbox, http, running
from tests.connectors.http_client import connected, post, request
from tests.connectors.test_multipart import CONTENT_TYPE, EVENT, JPEG, Variant, write

GATE: dict[str, object] = {"path": "/gate"}
curl = pytest.mark.needs("curl")


async def run_curl(*arguments: str) -> tuple[str, str]:
    """What it printed of the body with the status behind it, and what it said of the exchange."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-sv", "--max-time", "10", "--noproxy", "*", "-w", " %{http_code}", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return out.decode(), err.decode()


@pytest.mark.shows("connector:http", "peer", peer="curl")
@curl
async def test_curl_that_expects_100_continue_gets_it_before_it_sends_its_body(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(b'{"a":"' + b"x" * 2_000_000 + b'"}')
    async with running(http(GATE)) as way:
        url = f"http://127.0.0.1:{way.port}/gate"
        said, heard = await run_curl("-H", "Expect: 100-continue", "--data-binary", f"@{body}", url)
        assert said == "accepted\n 200"
        assert "HTTP/1.1 100 Continue" in heard
        assert way.inbox.bodies == [body.read_bytes()]


@pytest.mark.shows("connector:http", "peer", peer="curl")
@curl
async def test_curl_over_http_1_0_chunked_and_without_a_content_type_is_taken(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(b'{"a":1}')
    async with running(http(GATE)) as way:
        url, data = f"http://127.0.0.1:{way.port}/gate", ("--data-binary", f"@{body}")
        for how in (
            ("--http1.0", "-H", "Host:"),
            ("-H", "Transfer-Encoding: chunked"),
            ("-H", "Content-Type:"),
            ("-H", "Content-Type: text/html"),
            ("-X", "PUT"),
        ):
            assert (await run_curl(*how, *data, url))[0] == "accepted\n 200", how
        assert way.inbox.bodies == [b'{"a":1}'] * 5
        assert [message.content_type for message in way.inbox.messages][2:4] == [None, "text/html"]


@pytest.mark.shows("connector:http", "peer", peer="curl")
@curl
async def test_curl_with_a_form_of_files_and_with_credentials_is_taken(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_bytes(EVENT.data)
    (tmp_path / "1.jpg").write_bytes(JPEG.data)
    async with running(http(GATE)) as way:
        form = ("-F", f"image=@{tmp_path}/1.jpg;type=image/png", "-F", f"event=@{tmp_path}/1.json")
        said, _ = await run_curl("-u", "cam:one", *form, f"http://127.0.0.1:{way.port}/gate")
        assert said == "accepted\n 200"
        assert way.inbox.messages[0].body == b""
        assert way.inbox.messages[0].parts == (
            Part("image/jpeg", JPEG.data, "image", "1.jpg"),
            Part("application/json", EVENT.data, "event", "1.json"),
        )


@pytest.mark.parametrize("label", [CONTENT_TYPE, "multipart/form-data", "application/octet-stream", "", "text/plain"])
async def test_a_multipart_body_is_split_whatever_it_is_called(label: str) -> None:
    body = write((EVENT, JPEG), Variant(line_end=b"\n", last_boundary=False))
    async with running(http(GATE)) as way:
        assert (await post(way.port, body=body, Content_Type=label)).status == 200
        assert way.inbox.messages[0].parts == (EVENT, JPEG)
        assert way.inbox.messages[0].content_type == (label or None)


async def test_http_1_0_without_host_is_answered_and_the_connection_closed() -> None:
    async with running(http(GATE)) as way, connected(way.port) as sender:
        await sender.write(b"POST /gate HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
        assert (await sender.answer()).status == 200
        assert await sender.closed()


async def test_http_1_1_without_host_and_with_line_ends_before_it_is_taken() -> None:
    async with running(http(GATE)) as way, connected(way.port) as sender:
        await sender.write(b"\r\n\r\nPOST /gate HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
        assert (await sender.answer()).status == 200


async def test_a_request_that_comes_byte_by_byte_is_taken() -> None:
    async with running(http(GATE)) as way, connected(way.port) as sender:
        for byte in request(body=b'{"a":1}'):
            await sender.write(bytes([byte]))
        assert (await sender.answer()).status == 200
        assert way.inbox.bodies == [b'{"a":1}']


async def test_a_body_in_many_chunks_is_put_together() -> None:
    async with running(http(GATE)) as way, connected(way.port) as sender:
        await sender.write(request(body=b"", Content_Length="", Transfer_Encoding="chunked"))
        for _ in range(300):
            await sender.write(b"400\r\n" + b"a" * 1024 + b"\r\n")
        await sender.write(b"0\r\n\r\n")
        assert (await sender.answer()).status == 200
        assert way.inbox.bodies == [b"a" * 300 * 1024]


async def test_requests_sent_without_waiting_are_answered_in_their_order(inbox: Inbox) -> None:
    async with running(http(GATE), inbox) as way, connected(way.port) as sender:
        await sender.write(b"".join([request(body=b'{"n":%d}' % number) for number in range(50)]))
        for _ in range(50):
            assert (await sender.answer()).status == 200
        assert inbox.bodies == [b'{"n":%d}' % number for number in range(50)]


async def test_a_sender_refused_before_its_body_can_send_the_next_request_on_the_same_connection() -> None:
    async with running(http({"path": "/gate", "basic": "secret:x"}, {"path": "/open"})) as way:
        async with connected(way.port) as sender:
            await sender.write(request(body=b"a" * 500_000))
            assert (await sender.answer()).status == 401
            await sender.write(request("/open"))
            assert (await sender.answer()).status == 200
        assert len(way.inbox.messages) == 1


async def test_a_body_without_a_length_is_never_taken_for_an_empty_one() -> None:
    async with running(http(GATE)) as way, connected(way.port) as sender:
        await sender.write(request(body=b"", Content_Length=""))  # and then the body, until it hangs up
        answer = await sender.answer()
        assert (answer.status, answer.headers["connection"]) == (411, "close")
        assert way.inbox.messages == []


@curl
async def test_an_offer_to_change_the_protocol_is_ignored_and_its_body_read() -> None:
    async with running(http(GATE)) as way:
        said, _ = await run_curl("--http2", "-d", '{"id": 1}', f"http://127.0.0.1:{way.port}/gate")
        assert said.endswith(" 200")
        assert way.inbox.bodies == [b'{"id": 1}']


OFFER = b"POST /gate HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_follows_an_offer_to_change_the_protocol_is_read_however_it_is_cut(at_once: bool) -> None:
    """As Java's HTTP client offers HTTP/2 on every connection, and goes on as if it had not where it is not taken."""
    said = OFFER + b"Content-Length: 5\r\n\r\nfirst"
    said += OFFER + b"Transfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n3\r\nond\r\n0\r\n\r\n" + request(body=b"third")
    async with running(http(GATE)) as way, connected(way.port) as sender:
        for piece in [said] if at_once else [bytes([each]) for each in said]:
            await sender.write(piece)
        assert [(await sender.answer()).status for _ in range(3)] == [200, 200, 200]
        assert way.inbox.bodies == [b"first", b"second", b"third"]


async def test_an_offer_to_change_the_protocol_without_a_body_brings_no_message() -> None:
    async with running(http(GATE)) as way, connected(way.port) as sender:
        await sender.write(OFFER + b"\r\n" + b"binary of another protocol")
        assert (await sender.answer()).status == 411
        assert way.inbox.messages == []


async def test_an_empty_body_is_submitted_and_judged_by_the_profile() -> None:
    async with running(http(GATE)) as way:
        assert (await post(way.port, body=b"")).status == 200
        assert way.inbox.bodies == [b""]


async def test_what_is_no_http_is_hung_up_on() -> None:
    async with running(http(GATE)) as way, connected(way.port) as sender:
        await sender.write(b'{"packetCounter":"1"}\r\n\r\n')
        assert (await sender.answer()).status == 400
        assert await sender.closed()
        assert way.connector.counts["not http"] == 1
