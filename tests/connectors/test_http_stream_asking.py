"""How the HTTP stream connector asks: credentials, TLS, probes, and settings that cannot work."""

from __future__ import annotations

import base64
import logging
import re
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.model import Origin
from connectors.base import Connector
from connectors.http_stream import HttpStreamAddress, HttpStreamSettings
from tests.connectors.conftest import Inbox, Vault
from tests.connectors.outgoing import at_rest, at_work, http_poll, http_stream
from tests.connectors.stream_server import Viewer, part, playing, saying
from tests.vms.time_passes import pass_time

CERTIFICATE = Path(__file__).with_name("certificate") / "certificate.pem"
MIXED = "multipart/x-mixed-replace; boundary=myboundary"
MOTION = b"Code=VideoMotion;action=Start;index=0"


# ------------------------------------------------------------------------------------------------------- credentials


async def test_credentials_are_sent_and_never_shown(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    vault = Vault(login="Aladdin:open sesame", token="t-12345", key="k-12345", header="h-12345")
    async with playing(saying(MIXED, part(MOTION))) as device:
        settings = {"query": {"key": "secret:key", "codes": "[All]"}, "headers": {"X-Auth-Token": "secret:header"}}
        async with at_work(http_stream(device.url, vault, basic="secret:login", **settings), inbox) as (link, _):
            await inbox.hold(1)
        connector = http_stream(device.url, vault, bearer="secret:token")
        async with at_work(connector, inbox):
            await inbox.hold(2)
        assert device.heads[0].startswith("GET /events?key=k-12345&codes=%5BAll%5D HTTP/1.1\r\n")
        assert f"Authorization: Basic {base64.b64encode(b'Aladdin:open sesame').decode()}\r\n" in device.heads[0]
        assert "X-Auth-Token: h-12345\r\n" in device.heads[0]
        assert "Authorization: Bearer t-12345\r\n" in device.heads[1]
        shown = f"{caplog.text} {link.said} {connector._settings!r}"
        assert not [text for text in vault.texts.values() if text in shown]


@pytest.mark.parametrize("secret", ["op\0en-sesame", "open-sesame-é"])
@pytest.mark.parametrize("make", [http_stream, http_poll])
async def test_a_secret_that_cannot_stand_in_a_header_is_not_shown_either(
    inbox: Inbox, secret: str, make: Callable[..., Connector]
) -> None:
    async with playing(saying(MIXED, part(MOTION))) as device:
        connector = make(device.url, Vault(camera=secret), bearer="secret:camera")
        async with at_work(connector, inbox) as (link, _):
            said = await link.hear("down")
            assert "sesame" not in said
        assert device.heads == []


async def test_a_digest_is_answered_as_cameras_want_it(inbox: Inbox) -> None:
    """RFC 7616 with qop=auth; the answer is compared with one worked out by hand from the standard's formula."""
    from hashlib import md5

    async def play(viewer: Viewer) -> None:
        shown = viewer.header("Authorization")
        if shown is None:
            challenge = 'WWW-Authenticate: Digest realm="cam", qop="auth", nonce="abc", opaque="o"'
            await viewer.answer("401 Unauthorized", challenge)
            return
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', shown))
        a1, a2 = md5(b"admin:cam:pass word").hexdigest(), md5(f"GET:{said['uri']}".encode()).hexdigest()
        wanted = md5(f"{a1}:abc:{said['nc']}:{said['cnonce']}:auth:{a2}".encode()).hexdigest()
        if said["response"] != wanted:
            await viewer.answer("401 Unauthorized")
            return
        await viewer.begin(MIXED, body=part(MOTION))
        await viewer.gone()

    vault = Vault(camera="admin:pass word")
    async with playing(play) as device:
        connector = http_stream(device.url, vault, digest="secret:camera", query={"codes": "[All]", "heartbeat": 5})
        async with at_work(connector, inbox):
            await inbox.hold(1)


@pytest.mark.shows("connector:http-stream", "credentials")
async def test_refused_credentials_are_said_with_what_to_do_and_read_anew(inbox: Inbox) -> None:
    async def play(viewer: Viewer) -> None:
        if viewer.header("Authorization") != "Bearer new":
            await viewer.answer("401 Unauthorized")
            return
        await viewer.begin(MIXED, body=part(MOTION))
        await viewer.gone()

    vault = Vault(camera="old")
    async with playing(play) as device:
        async with at_work(http_stream(device.url, vault, bearer="secret:camera"), inbox) as (link, _):
            assert await link.hear("down") == f"down: {device.url} refuses us (401): see its secrets"
            vault.texts["camera"] = "new"
            await inbox.hold(1)
        assert vault.fresh > 0
        assert link.said[1:] == [f"up: connected to {device.url}"]


async def test_a_refusal_is_not_tried_again_soon(inbox: Inbox) -> None:
    """Some cameras lock the account."""

    async def play(viewer: Viewer) -> None:
        await viewer.answer("401 Unauthorized")

    async with playing(play) as device:
        connector = http_stream(device.url, Vault(camera="x"), bearer="secret:camera")
        connector.refused_pause = 3600.0
        async with at_work(connector, inbox) as (link, _):
            await link.hear("down")
            pass_time(3500.0)
            await at_rest(lambda: len(device.heads))
            assert len(device.heads) == 1


async def test_over_tls_the_server_has_to_be_who_it_should(inbox: Inbox) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE, CERTIFICATE.with_name("key.pem"))
    async with playing(saying(MIXED, part(MOTION)), tls) as device:
        url = device.url.replace("http:", "https:")
        async with at_work(http_stream(url), inbox) as (link, _):
            assert "cannot be asked" in await link.hear("down")
        own = http_stream(url.replace("127.0.0.1", "localhost"), tls={"ca_file": str(CERTIFICATE)})
        async with at_work(own, inbox) as (link, _):
            await inbox.hold(1)
        async with at_work(http_stream(url, tls={"fingerprint": "0" * 64}), inbox) as (link, _):
            await link.hear("not the pinned")
        assert len(device.heads) == 1, "nothing is asked of a server that is another"


# ------------------------------------------------------------------------------------------------ probing, settings


async def test_a_probe_opens_the_stream_only_where_it_may(inbox: Inbox) -> None:
    async def refuse(viewer: Viewer) -> None:
        await viewer.answer("401 Unauthorized")

    async with playing(saying(MIXED, part(MOTION))) as device:
        (found,) = await http_stream(device.url).probe()
        assert found.ok
        assert "can be reached" in found.what
        (found,) = await http_stream(device.url, observe="connect").probe()
        assert found.ok
        assert "its answer is a stream" in found.what
        assert len(device.heads) == 1
        device.play = refuse
        (found,) = await http_stream(device.url, observe="connect").probe()
        assert not found.ok
        assert "refuses us (401)" in found.what
    (found,) = await http_stream(device.url).probe()
    assert not found.ok
    assert "cannot be reached" in found.what
    (found,) = await http_stream(device.url, bearer="secret:nobody").probe()
    assert not found.ok


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "http://admin:x@10.0.0.41/"}, "credentials do not stand in the URL"),
        ({"url": "http://10.0.0.41/?a=1"}, "parameters do not stand in the URL"),
        ({"digest": "secret:a", "bearer": "secret:b"}, "give one authorization"),
        ({"heartbeat": "0 s"}, "write how long"),
        ({"pictures": "0 s", "picture_count": "picNum"}, "joins none"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        HttpStreamSettings.model_validate({"url": "http://10.0.0.41/x", **settings})


@pytest.mark.parametrize("off", ["off", False])
def test_the_heartbeat_may_be_off(off: object) -> None:
    assert HttpStreamSettings.model_validate({"url": "http://10.0.0.41/x", "heartbeat": off}).silence is None


def test_an_address_may_ask_for_the_events_of_one_name() -> None:
    door, any_event = HttpStreamAddress(event="door"), HttpStreamAddress()
    told = Origin("127.0.0.1", "/events", attributes={"event": "door"})
    assert door.matches(told)
    assert any_event.matches(told)
    assert not door.matches(Origin("127.0.0.1", "/events"))
    assert HttpStreamAddress(event="message").matches(Origin("127.0.0.1", "/events")), "the standard's own name"


def test_a_firewall_needs_the_server_and_where_tokens_are() -> None:
    oauth2 = {"token_url": "https://login.example/token", "client_id": "we", "client_secret": "secret:we"}
    settings = HttpStreamSettings.model_validate({"url": "https://10.0.0.41:8443/x", "oauth2": oauth2})
    found = http_stream("http://127.0.0.1/").reaches(settings, [])
    assert [(each.peer, each.port, each.inbound) for each in found] == [
        ("10.0.0.41", 8443, False), ("login.example", 443, False),
    ]  # fmt: skip
