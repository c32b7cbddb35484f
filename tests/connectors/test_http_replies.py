"""Answers that a sender reads, bodies that are compressed, and messages that stand in the URL."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from bridge.model import Receipt, ReceiptKind
from connectors.base import Mode
from connectors.http.inflating import MOST_MEMBERS, TooLarge, inflate
from tests.connectors.conftest import Inbox, Vault, http, running
from tests.connectors.http_client import Answer, connected, post, request
from tests.connectors.test_http_odd_clients import curl, run_curl
from tests.connectors.test_http_senders import basic

KEPT = [kind for kind in ReceiptKind if kind is not ReceiptKind.LATER]
DAHUA = '{"Result": true, "result":"true"}'


async def get(port: int, path: str, body: bytes = b"", **headers: str) -> Answer:
    async with connected(port) as sender:
        await sender.write(request(path, body, "GET", **headers))
        return await sender.answer()


# ------------------------------------------------------------------------------------------------------------- replies


@pytest.mark.parametrize("kind", KEPT)
async def test_whatever_becomes_of_a_kept_message_its_sender_reads_the_reply_of_its_address(kind: ReceiptKind) -> None:
    addresses = {"path": "/ome", "reply": {"body": "{}"}}, {"path": "/itsapi", "reply": {"body": DAHUA}}, {"path": "/x"}
    async with running(http(*addresses), Inbox([Receipt(kind)] * 3)) as way:
        answer = await post(way.port, "/ome")
        assert (answer.status, answer.headers["content-type"], answer.headers["content-length"], answer.body) == (
            200, "application/json", "2", "{}",
        )  # fmt: skip
        assert (await post(way.port, "/itsapi")).body == DAHUA
        assert (await post(way.port, "/x")).body == kind.value


async def test_the_reply_of_the_port_is_for_all_addresses_without_their_own_and_for_unknown_senders() -> None:
    own = {"path": "/own", "reply": {"body": "OK", "content_type": "text/plain"}}
    async with running(http(own, {"path": "/gate"}, reply={"body": ""})) as way:
        assert [(await post(way.port, path)).body for path in ("/own", "/gate", "/elsewhere")] == ["OK", "", ""]


async def test_a_sender_that_wants_to_be_told_is_told_and_one_that_has_to_try_again_too() -> None:
    receipts = [Receipt(ReceiptKind.MALFORMED, "no JSON"), Receipt(ReceiptKind.LATER), Receipt(ReceiptKind.ACCEPTED)]
    address = {"path": "/gate", "reply": {"body": "{}"}}
    async with running(http(address, answer="strict"), Inbox(receipts)) as way:
        told = [await post(way.port) for _ in range(3)]
        assert [answer.status for answer in told] == [400, 503, 200]
        assert [answer.body for answer in told][::2] == ["malformed: no JSON", "{}"]
    async with running(http(address), mode=Mode.OBSERVE) as way:
        assert (await post(way.port)).status == 503


async def test_senders_of_one_path_read_the_reply_of_the_address_whose_secret_they_show() -> None:
    addresses = (
        {"path": "/gate", "basic": "secret:a", "reply": {"body": "a"}},
        {"path": "/gate", "basic": "secret:b", "reply": {"body": "b"}},
        {"path": "/gate", "basic": "secret:c"},
    )
    async with running(http(*addresses, vault=Vault(a="x:a", b="x:b", c="x:c"))) as way:
        bodies = [(await post(way.port, Authorization=basic(f"x:{name}"))).body for name in "abc"]
        assert bodies == ["a", "b", "accepted"]


async def test_ovenmediaengines_request_is_answered_exactly_as_all_its_versions_want() -> None:
    async with running(http({"path": "/ome", "reply": {"body": "{}"}})) as way, connected(way.port) as sender:
        await sender.write(request("/ome", Connection="close"))
        answer = await sender.answer()
        assert (answer.status, answer.headers["connection"], answer.body) == (200, "close", "{}")
        assert await sender.closed()


# ---------------------------------------------------------------------------------------------------------- compressed

BODY = b'{"plate":"4AB1234"}' * 1000


PASSES = b"[:YTt9 "
"""A text that, read as deflate without a frame, is whole and means something else."""


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZip", gzip.compress(BODY[:5000]) + gzip.compress(BODY[5000:])),
        ("x-gzip", gzip.compress(BODY) + b"\0" * 16),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
    ],
)
async def test_a_compressed_body_is_taken_as_what_it_holds(coding: str, packed: bytes) -> None:
    async with running(http({"path": "/gate"})) as way:
        assert (await post(way.port, body=packed, Content_Encoding=coding)).status == 200
        assert way.inbox.bodies == [BODY]
        assert way.connector._app._bodies.held == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("coding", ["deflate", "gzip", "br", "identity", "gzip, gzip"])
@pytest.mark.parametrize("body", [b'{"plate":"4AB1234"}', b"Code=VideoMotion;action=Start;index=0", b"{}", b"", PASSES])
async def test_plain_text_that_is_announced_as_compressed_is_taken_as_it_is(coding: str, body: bytes) -> None:
    async with running(http({"path": "/gate"})) as way:
        assert (await post(way.port, body=body, Content_Encoding=coding)).status == 200
        assert way.inbox.bodies == [body]


@pytest.mark.parametrize("cut", [1, 10, 30])
async def test_a_compressed_body_that_was_cut_off_is_kept_as_it_came(cut: int) -> None:
    packed = gzip.compress(BODY)[:-cut]
    async with running(http({"path": "/gate"})) as way:
        assert (await post(way.port, body=packed, Content_Encoding="gzip")).status == 200
        assert way.inbox.bodies == [packed]


@pytest.mark.parametrize("bomb", [gzip.compress(b"\0" * 50_000_000), gzip.compress(b"\0" * 500_000) * 20])
async def test_a_body_that_becomes_longer_than_may_be_is_refused_and_not_kept(bomb: bytes) -> None:
    async with running(http({"path": "/gate"}, max_body="4 MiB")) as way:
        assert (await post(way.port, body=bomb, Content_Encoding="gzip")).status == 413
        assert way.inbox.messages == []
        assert way.connector.counts == {"too large": 1}
        assert way.connector._app._bodies.held == 0  # type: ignore[union-attr]


async def test_of_a_body_that_becomes_too_long_no_more_is_made_than_may_be() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await inflate(bomb, b"gzip", 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


async def test_a_body_of_countless_compressed_pieces_is_taken_as_it_is() -> None:
    piece = gzip.compress(b"a")
    assert await inflate(piece * MOST_MEMBERS, b"gzip", 1000) == b"a" * MOST_MEMBERS
    assert await inflate(piece * (MOST_MEMBERS + 1), b"gzip", 1000) is None
    assert await inflate(gzip.compress(b"") * 400_000, b"gzip", 8 * 2**20) is None


async def test_a_body_as_long_as_may_be_is_unpacked_and_one_byte_more_is_not() -> None:
    async with running(http({"path": "/gate"}, max_body="1 MiB")) as way:
        for length, status in ((2**20, 200), (2**20 + 1, 413)):
            answer = await post(way.port, body=gzip.compress(b"a" * length), Content_Encoding="gzip")
            assert answer.status == status


# ------------------------------------------------------------------------------------------------- messages in the URL


async def test_a_get_brings_its_whole_query_as_a_form() -> None:
    async with running(http({"path": "/axis", "from_query": True})) as way:
        assert (await get(way.port, "/axis?Message=Door%20open&state=1&&x")).status == 200
        assert way.inbox.bodies == [b"Message=Door%20open&state=1&x"]
        assert way.inbox.messages[0].content_type == "application/x-www-form-urlencoded"
        assert way.inbox.messages[0].origin.place == "/axis"


async def test_a_get_brings_the_parameter_that_is_named() -> None:
    async with running(http({"path": "/omni", "from_query": "payload"})) as way:
        await get(way.port, "/omni?a=b&payload=%7B%22type%22%3A+%22identification%22%7D")
        await get(way.port, "/omni?payload=hello")
        assert way.inbox.bodies == [b'{"type": "identification"}', b"hello"]
        assert [message.content_type for message in way.inbox.messages] == ["application/json", "text/plain"]


@curl
async def test_a_body_comes_before_the_query_whatever_the_method() -> None:
    async with running(http({"path": "/omni", "from_query": True})) as way:
        url = f"http://127.0.0.1:{way.port}/omni?a=b"
        for how in (("-X", "GET", "-d", '{"n":1}'), ("-d", '{"n":2}'), ("-X", "POST", "-H", "Content-Length: 0")):
            assert (await run_curl(*how, url))[0] == "accepted\n 200"
        assert way.inbox.bodies == [b'{"n":1}', b'{"n":2}', b"a=b"]


async def test_a_get_without_a_message_is_still_a_device_that_tries_its_url() -> None:
    addresses = {"path": "/omni", "from_query": "payload"}, {"path": "/other"}
    async with running(http(*addresses)) as way:
        for path in ("/omni", "/omni?other=1", "/omni?payload=", "/other?payload=1"):
            assert (await get(way.port, path)).body == "ready"
        assert (await get(way.port, "/elsewhere?payload=1")).status == 404
        assert way.inbox.messages == []


async def test_a_get_needs_the_credentials_of_its_path_and_the_secret_alone_is_no_message() -> None:
    address = {"path": "/in", "from_query": True, "query": {"key": "secret:url"}}
    async with running(http(address, vault=Vault(url="hunter2"))) as way:
        assert (await get(way.port, "/in?a=1")).status == 401
        assert (await get(way.port, "/in?key=hunter2")).body == "ready"
        assert (await get(way.port, "/in?key=hunter2&a=1")).body == "accepted"
        assert way.inbox.bodies == [b"a=1"]
