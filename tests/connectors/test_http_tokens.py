"""Tokens in Authorization and secrets in the URL: taken as their senders write them, and seen nowhere afterwards."""

from __future__ import annotations

import logging

import pytest
from pydantic import ValidationError

from connectors.base import Mode
from connectors.http import HttpAddress
from connectors.http.table import Table
from tests.connectors.conftest import Vault, http, http_addresses, running
from tests.connectors.http_client import connected, post, request
from tests.connectors.test_http_senders import basic


@pytest.mark.parametrize(
    ("shown", "bearer", "token"),
    [
        ("Bearer 4f-x", 200, 200),
        ("bearer  4f-x", 200, 200),
        ("Token 4f-x", 401, 200),
        ("4f-x", 401, 200),
        ("Bearer 4f-y", 401, 401),
        ("Token", 401, 401),
        ("Bearer ", 401, 401),
        ("", 401, 401),
        (basic("4f-x:"), 401, 401),
    ],
)
async def test_bearer_is_one_way_to_announce_a_token_and_token_takes_all(shown: str, bearer: int, token: int) -> None:
    addresses = {"path": "/b", "bearer": "secret:t"}, {"path": "/t", "token": "secret:t"}
    async with running(http(*addresses, vault=Vault(t="4f-x"))) as way:
        assert (await post(way.port, "/b", Authorization=shown)).status == bearer
        assert (await post(way.port, "/t", Authorization=shown)).status == token
        assert (await post(way.port, "/b", Authorization=shown)).status == bearer  # nor after another path took it
        assert {message.origin.authenticated for message in way.inbox.messages} <= {"t"}
        assert "4f-x" not in repr(way.inbox.messages)


async def test_who_shows_no_token_is_told_which_scheme() -> None:
    async with running(http({"path": "/b", "bearer": "secret:t"}, vault=Vault(t="4f-x"))) as way:
        assert (await post(way.port, "/b")).all["www-authenticate"] == ['Bearer realm="vms-bridge"']


async def test_an_empty_token_opens_nothing() -> None:
    async with running(http({"path": "/t", "token": "secret:t"}, vault=Vault(t=""))) as way:
        for shown in ("", "Token", "Token ", "Bearer "):
            assert (await post(way.port, "/t", Authorization=shown)).status == 401


KEY: dict[str, object] = {"path": "/in", "query": {"key": "secret:url"}}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?key=hunter2%2B", 200),
        ("?a=b&key=hunter2%2b&c", 200),
        ("?k%65y=hunter2%2B", 200),
        ("?key=hunter2%2B&key=other", 200),
        ("?key=other&key=hunter2%2B", 401),
        ("?key=hunter2", 401),
        ("?Key=hunter2%2B", 401),
        ("?key=", 401),
        ("?key", 401),
        ("?", 401),
        ("", 401),
        ("?" + "a=b&" * 5000 + "key=hunter2%2B", 401),
    ],
)
async def test_a_secret_in_the_url_opens_its_path(query: str, status: int) -> None:
    async with running(http(KEY, vault=Vault(url="hunter2+"))) as way:
        assert (await post(way.port, "/in" + query)).status == status
        assert [message.origin.authenticated for message in way.inbox.messages] == ["url"] * (status == 200)


async def test_a_secret_in_the_url_is_neither_logged_nor_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(http(KEY, {"path": "/form", "from_query": True}, vault=Vault(url="hunter2"))) as way:
        assert (await post(way.port, "/in?key=hunter2")).status == 200
        assert (await post(way.port, "/in?key=hunter2-old")).status == 401
        async with connected(way.port) as sender:
            await sender.write(request("/form?a=1&key=hunter2&b=2&%6bey=hunter2", b"", "GET"))
            assert (await sender.answer()).status == 200
        assert way.inbox.messages[0].origin.place == "/in"
        assert way.inbox.bodies[1] == b"a=1&b=2"
        assert "hunter2" not in repr(way.inbox.messages)
        assert "hunter2" not in caplog.text


async def test_a_header_named_like_the_parameter_does_not_stand_in_for_it() -> None:
    async with running(http(KEY, vault=Vault(url="hunter2"))) as way, connected(way.port) as sender:
        await sender.write(b"POST /in HTTP/1.1\r\nHost: x\r\nkey: hunter2\r\nContent-Length: 2\r\n\r\n{}")
        assert (await sender.answer()).status == 401
        assert way.inbox.messages == []


async def test_a_dry_run_asks_for_the_same_credentials() -> None:
    async with running(http(KEY, vault=Vault(url="hunter2")), mode=Mode.OBSERVE) as way:
        assert (await post(way.port, "/in?key=wrong")).status == 401
        assert (await post(way.port, "/in?key=hunter2")).status == 503


def test_credentials_in_the_url_are_no_headers_to_look_for() -> None:
    table = Table(http_addresses(KEY, {"path": "/x", "header": {"X-Key": "secret:k"}}))
    assert table.in_query == {b"?key"}
    assert table.wanted == {b"x-key"}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"query": {"key": "hunter2"}}, "never the secret itself"),
        ({"query": {"a": "secret:a", "b": "secret:b"}}, "at most 1"),
        ({"basic": "secret:a", "digest": "secret:b"}, "one credential"),
        ({"basic": "secret:a", "bearer": "secret:a"}, "one credential"),
        ({"token": "secret:a", "hmac": {"preset": "github", "secret": "secret:a"}}, "one credential"),
        ({"bearer": "hunter2"}, "never the secret itself"),
        ({"header": {"Authorization": "Token abc"}}, "an authorization is a secret"),
        ({"from_query": ""}, "from_query: true"),
        ({"reply": "{}"}, "valid dictionary"),
    ],
)
def test_a_wrong_address_is_refused_with_what_to_write_instead(address: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        HttpAddress.model_validate(address)
    assert "hunter2" not in "".join(error["msg"] for error in refused.value.errors())


@pytest.mark.parametrize(
    "written",
    [
        {"path": "/g", "digest": "secret:k", "basic": "secret:k"},
        {"query": {"Key": "secret:k"}, "reply": {"body": "{}"}},
        {"token": "secret:k", "from_query": "payload"},
        {"bearer": "secret:k", "from_query": True},
        {"hmac": {"header": "x-s", "secret": "secret:k", "encoding": "base64"}},
    ],
)
def test_an_address_is_written_back_as_it_was_read(written: dict[str, object]) -> None:
    read = HttpAddress.model_validate(written)
    assert read.model_dump(by_alias=True, exclude_defaults=True) == written
    assert HttpAddress.model_validate(read.model_dump(by_alias=True)) == read
    assert read.secret == "k"
