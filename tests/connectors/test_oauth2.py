"""Tokens of the client credentials grant, against a token server played by the test and an API that wants them."""

from __future__ import annotations

import base64
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from connectors.http_poll import HttpPollSettings
from tests.connectors.conftest import Inbox, Vault
from tests.connectors.outgoing import at_rest, at_work, http_poll, http_stream, until
from tests.connectors.stream_server import Device, Viewer, playing
from tests.vms.time_passes import pass_time

CERTIFICATE = Path(__file__).with_name("certificate") / "certificate.pem"


@dataclass
class Login:
    """``tokens``: those that were given. ``good``: those the API takes. ``told``: more that stands beside a token."""

    secret: str = "s3cr:t &/€"
    told: dict[str, object] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    good: set[str] = field(default_factory=set)
    questions: list[tuple[Viewer, dict[str, list[str]]]] = field(default_factory=list)
    refusal: bytes = b""
    asked: int = 0

    async def give(self, viewer: Viewer) -> None:
        length = int(viewer.header("Content-Length") or 0)
        form = parse_qs((await viewer.reader.readexactly(length)).decode())
        self.questions.append((viewer, form))
        shown = base64.b64encode(b"bridge:s3cr%3At+%26%2F%E2%82%AC").decode()  # RFC 6749 section 2.3.1
        in_body = form.get("client_secret") == [self.secret]
        if self.refusal or not (viewer.header("Authorization") == f"Basic {shown}" or in_body):
            await viewer.answer("401 Unauthorized", body=self.refusal or b'{"error": "invalid_client"}')
            return
        token = f"token-{len(self.tokens)}"
        self.tokens.append(token)
        self.good.add(token)
        given = {"access_token": token, "token_type": "bearer", **self.told}
        await viewer.answer("200 OK", "Content-Type: application/json", body=json.dumps(given).encode())

    async def api(self, viewer: Viewer) -> None:
        self.asked += 1
        if (viewer.header("Authorization") or "").removeprefix("Bearer ") not in self.good:
            await viewer.answer("401 Unauthorized")
            return
        body = b'{"n":%d}' % self.asked
        await viewer.answer("200 OK", "Content-Type: application/json", body=body)


@asynccontextmanager
async def served(login: Login) -> AsyncIterator[tuple[Device, dict[str, object]]]:
    """An API, and the settings for it."""
    async with playing(login.give) as tokens, playing(login.api) as api:
        yield (
            api,
            {"token_url": tokens.url, "client_id": "bridge", "client_secret": "secret:api", "scope": "alarms.read"},
        )


def vault(login: Login) -> Vault:
    return Vault(api=login.secret)


async def test_a_token_is_fetched_as_the_standard_says_and_used_for_all_questions(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login = Login(told={"expires_in": 3600})
    async with served(login) as (api, oauth2):
        connector = http_poll(api.url, vault(login), oauth2=oauth2)
        async with at_work(connector, inbox) as (link, _):
            await inbox.hold(3)
        viewer, form = login.questions[0]
        assert form == {"grant_type": ["client_credentials"], "scope": ["alarms.read"]}
        assert viewer.header("Content-Type") == "application/x-www-form-urlencoded"
        assert login.tokens == ["token-0"]
        shown = f"{caplog.text} {link.said} {connector._settings!r}"
        assert login.secret not in shown
        assert "token-0" not in shown


async def test_some_servers_want_the_credentials_in_the_body_and_more_besides(inbox: Inbox) -> None:
    login = Login(told={"expires_in": "3600"})
    async with served(login) as (api, oauth2):
        oauth2 |= {"credentials": "body", "more": {"audience": "secret:who"}}
        secrets = vault(login)
        secrets.texts["who"] = "https://api.harbour.example"
        async with at_work(http_poll(api.url, secrets, oauth2=oauth2), inbox):
            await inbox.hold(1)
    viewer, form = login.questions[0]
    assert viewer.header("Authorization") is None
    assert form["client_id"] == ["bridge"]
    assert form["audience"] == ["https://api.harbour.example"]


async def test_another_is_fetched_shortly_before_a_token_ends(inbox: Inbox) -> None:
    login = Login(told={"expires_in": 0.5})
    async with (
        served(login) as (api, oauth2),
        at_work(http_poll(api.url, vault(login), oauth2=oauth2), inbox) as (link, _),
    ):
        await until(lambda: len(login.tokens) >= 3)
        assert [word.partition(" ")[0] for word in link.said] == ["up:"]
    assert login.asked > len(login.tokens), "a token is used more than once"


async def test_a_token_that_is_refused_is_fetched_anew_once(inbox: Inbox) -> None:
    login = Login()  # nothing is said of how long they last
    async with (
        served(login) as (api, oauth2),
        at_work(http_poll(api.url, vault(login), oauth2=oauth2), inbox) as (link, _),
    ):
        await inbox.hold(1)
        login.good.clear()
        await until(lambda: len(login.tokens) == 2)
        await inbox.hold(3)
        assert len(login.tokens) == 2
        assert [word.partition(" ")[0] for word in link.said] == ["up:"]


async def test_a_server_that_refuses_every_token_is_said_and_not_asked_in_a_circle(inbox: Inbox) -> None:
    login = Login()

    async def refuse(viewer: Viewer) -> None:
        login.asked += 1
        await viewer.answer("401 Unauthorized")

    async with served(login) as (api, oauth2):
        api.play = refuse
        connector = http_poll(api.url, vault(login), oauth2=oauth2)
        connector.refused_pause = 3600.0
        async with at_work(connector, inbox) as (link, _):
            assert "refuses us (401): see its secrets" in await link.hear("down")
            pass_time(3500.0)
            await at_rest(lambda: login.asked)
        assert login.asked == 2
        assert len(login.tokens) == 2


async def test_a_refused_client_is_said_by_its_code_and_a_changed_secret_is_read(inbox: Inbox) -> None:
    login = Login()
    async with served(login) as (api, oauth2):
        secrets = Vault(api="old one")
        async with at_work(http_poll(api.url, secrets, oauth2=oauth2), inbox) as (link, _):
            said = await link.hear("down")
            assert "refuses us (401 invalid_client): see oauth2 and its secrets" in said
            assert login.asked == 0, "nothing is asked without a token"
            secrets.texts["api"] = login.secret
            await inbox.hold(1)
        assert secrets.fresh > 0
        assert "old one" not in " ".join(link.said)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>", "200 OK"),
        (b'{"access_token": ""}', "200 OK"),
        (b'{"access_token": "a\\nb"}', "200 OK"),
        (b'{"access_token": "a", "token_type": "mac"}', "200 OK"),
        (b'{"access_token": "a", "expires_in": "soon"}', "200 OK"),
        (b"x" * 100_000, "200 OK"),
        (b"", "302 Found"),
        (b"", "500 Internal Server Error"),
    ],
)
async def test_what_is_no_token_is_said(inbox: Inbox, body: bytes, status: str) -> None:
    async def play(viewer: Viewer) -> None:
        await viewer.answer(status, "Location: http://127.0.0.1/other", body=body)

    login = Login()
    async with served(login) as (api, oauth2), playing(play) as broken:
        oauth2["token_url"] = broken.url
        async with at_work(http_poll(api.url, vault(login), oauth2=oauth2), inbox) as (link, _):
            await link.hear("down: no token: ")
        assert login.asked == 0


async def test_the_token_server_has_to_be_who_it_should(inbox: Inbox) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE, CERTIFICATE.with_name("key.pem"))
    login = Login()
    async with playing(login.give, tls) as tokens, playing(login.api) as api:
        url = tokens.url.replace("http://127.0.0.1", "https://localhost")
        oauth2 = {"token_url": url, "client_id": "bridge", "client_secret": "secret:api"}
        async with at_work(http_poll(api.url, vault(login), oauth2=oauth2), inbox) as (link, _):
            await link.hear("down: no token: ")
        assert login.questions == []
        own = {**oauth2, "tls": {"ca_file": str(CERTIFICATE)}}
        async with at_work(http_poll(api.url, vault(login), oauth2=own), inbox):
            await inbox.hold(1)
        inbox.messages.clear()
        shared = http_poll(api.url, vault(login), oauth2=oauth2, tls={"ca_file": str(CERTIFICATE)})
        async with at_work(shared, inbox):
            await inbox.hold(1)


async def test_a_stream_is_asked_for_with_a_token_too(inbox: Inbox) -> None:
    login = Login(told={"expires_in": 3600})

    async def play(viewer: Viewer) -> None:
        if viewer.header("Authorization") != "Bearer token-1":
            await viewer.answer("401 Unauthorized")
            return
        await viewer.begin("text/event-stream", body=b"data: 1\n\n")
        await viewer.gone()

    async with served(login) as (api, oauth2):
        api.play = play
        async with at_work(http_stream(api.url, vault(login), oauth2=oauth2), inbox):
            await inbox.hold(1)
    assert login.tokens == ["token-0", "token-1"]


def test_one_authorization_is_enough() -> None:
    oauth2 = {"token_url": "https://login.example/token", "client_id": "we", "client_secret": "secret:we"}
    base = {"url": "http://10.0.0.41/x", "oauth2": oauth2}
    assert HttpPollSettings.model_validate(base).secrets() == ("we",)
    for other in ({"bearer": "secret:a"}, {"digest": "secret:a"}, {"headers": {"Authorization": "secret:a"}}):
        with pytest.raises(ValidationError, match="give one authorization"):
            HttpPollSettings.model_validate({**base, **other})
    with pytest.raises(ValidationError, match="never the secret itself"):
        HttpPollSettings.model_validate({**base, "oauth2": {**oauth2, "client_secret": "open"}})
    with pytest.raises(ValidationError, match="parameters do not stand in the URL"):
        HttpPollSettings.model_validate({**base, "oauth2": {**oauth2, "token_url": "https://login.example/token?a=1"}})
