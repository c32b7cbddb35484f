"""Signed bodies: the key is compared by what it makes of the bytes as they came."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import logging

import pytest
from pydantic import ValidationError

from connectors.http import HttpAddress
from connectors.http.signing import Signature, signs
from tests.connectors.conftest import Vault, http, running
from tests.connectors.http_client import connected, post, request

# Reference "OvenMediaEngine alert", section 3.
OME_KEY = "1234"
OME_BODY = (
    b'{"messages":[{"code":"OK","description":"The current status is good"}],'
    b'"sourceUri":"#default#app/cam1","type":"INGRESS"}'
)
OME_SIGNATURE = "qgEUvVETS30kE00afCmIq-T_I_U"
OME: dict[str, object] = {"path": "/ome", "hmac": {"preset": "ovenmediaengine", "secret": "secret:ome"}}

# GitHub's own example, https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
GITHUB_KEY = "It's a Secret to Everybody"
GITHUB_BODY = b"Hello, World!"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
GITHUB: dict[str, object] = {"path": "/github", "hmac": {"preset": "github", "secret": "secret:github"}}


def vault() -> Vault:
    return Vault(ome=OME_KEY, github=GITHUB_KEY)


@pytest.mark.shows("connector:http", "samples")
@pytest.mark.parametrize(
    "shown",
    [
        OME_SIGNATURE,
        OME_SIGNATURE + "=",
        OME_SIGNATURE.replace("-", "+").replace("_", "/"),
        f"  {OME_SIGNATURE}  ",
    ],
)
async def test_what_ovenmediaengine_signs_is_taken_padded_or_not_in_either_alphabet(shown: str) -> None:
    async with running(http(OME, vault=vault())) as way:
        assert (await post(way.port, "/ome", OME_BODY, X_OME_Signature=shown)).status == 200
        assert way.inbox.messages[0].origin.authenticated == "ome"
        assert way.inbox.bodies == [OME_BODY]
        assert HttpAddress.model_validate(OME).matches(way.inbox.messages[0].origin)


@pytest.mark.parametrize(
    "shown",
    ["", "x", OME_SIGNATURE[:-1], OME_SIGNATURE.lower(), "A" * 27, "sha1=" + OME_SIGNATURE, OME_SIGNATURE * 20, "é"],
)
async def test_a_wrong_or_missing_signature_is_refused_and_counted_and_brings_no_message(shown: str) -> None:
    async with running(http(OME, vault=vault())) as way:
        assert (await post(way.port, "/ome", OME_BODY, X_OME_Signature=shown)).status == 401
        assert way.inbox.messages == []
        assert way.connector.counts == {"refused": 1}
        assert way.connector._app._bodies.held == 0  # type: ignore[union-attr]


async def test_a_body_that_means_the_same_but_is_written_otherwise_is_refused() -> None:
    async with running(http(OME, vault=vault())) as way:
        for body in (OME_BODY.replace(b",", b", "), OME_BODY + b"\n", OME_BODY[:-1], b""):
            assert (await post(way.port, "/ome", body, X_OME_Signature=OME_SIGNATURE)).status == 401
        assert way.inbox.messages == []


@pytest.mark.shows("connector:http", "samples")
async def test_githubs_own_example_is_taken_and_its_prefix_is_part_of_it() -> None:
    async with running(http(GITHUB, vault=vault())) as way:
        assert (await post(way.port, "/github", GITHUB_BODY, X_Hub_Signature_256=GITHUB_SIGNATURE)).status == 200
        bare = GITHUB_SIGNATURE.removeprefix("sha256=")
        assert (await post(way.port, "/github", GITHUB_BODY, X_Hub_Signature_256=bare)).status == 401


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64", "base64url"])
async def test_any_hash_in_any_encoding_over_a_long_body(algorithm: str, encoding: str) -> None:
    body = bytes(range(256)) * 10_000
    code = hmac.digest(b"key", body, algorithm)
    written = {"hex": code.hex().upper().encode(), "base64": base64.b64encode(code)}
    written["base64url"] = base64.urlsafe_b64encode(code)
    signature = Signature.model_validate(
        {"secret": "secret:k", "header": "X-S", "algorithm": algorithm, "encoding": encoding, "prefix": "v1="}
    )
    assert await signs(signature, b"v1=" + written[encoding], body, b"key")
    assert not await signs(signature, b"v1=" + written[encoding], body[:-1] + b"x", b"key")
    assert not await signs(signature, b"v1=" + written[encoding], body, b"kez")


async def test_an_empty_key_signs_nothing() -> None:
    shown = base64.urlsafe_b64encode(hmac.digest(b"", OME_BODY, "sha1")).decode()
    async with running(http(OME, vault=Vault(ome=""))) as way:
        assert (await post(way.port, "/ome", OME_BODY, X_OME_Signature=shown)).status == 401


async def test_a_sender_without_a_key_is_taken_where_that_is_written_down() -> None:
    address = {"path": "/ome", "hmac": {"preset": "ovenmediaengine", "unsigned": True}}
    async with running(http(address)) as way:
        assert (await post(way.port, "/ome", OME_BODY, X_OME_Signature="anything")).status == 200
        assert HttpAddress.model_validate(address).matches(way.inbox.messages[0].origin)


async def test_a_request_without_a_signature_is_refused_before_its_body_is_read() -> None:
    async with running(http(OME, vault=vault())) as way, connected(way.port) as sender:
        await sender.write(request("/ome", b"", Content_Length="1000"))
        assert (await sender.answer()).status == 401


async def test_the_bytes_are_checked_as_they_came_before_they_are_unpacked() -> None:
    packed = gzip.compress(OME_BODY)
    over = {"packed": packed, "unpacked": OME_BODY}
    async with running(http(OME, vault=vault())) as way:
        for what, status in (("packed", 200), ("unpacked", 401)):
            shown = base64.urlsafe_b64encode(hmac.digest(b"1234", over[what], hashlib.sha1)).decode()
            answer = await post(way.port, "/ome", packed, X_OME_Signature=shown, Content_Encoding="gzip")
            assert answer.status == status
        assert way.inbox.bodies == [OME_BODY]


async def test_two_senders_on_one_path_are_told_apart_by_their_keys() -> None:
    addresses = [{"path": "/in", "hmac": {"preset": "github", "secret": f"secret:{name}"}} for name in ("one", "two")]
    async with running(http(*addresses, vault=Vault(one="1", two="2"))) as way:
        for name, key in (("two", b"2"), ("one", b"1")):
            shown = "sha256=" + hmac.digest(key, b"{}", "sha256").hex()
            assert (await post(way.port, "/in", X_Hub_Signature_256=shown)).status == 200
            assert way.inbox.messages[-1].origin.authenticated == name


async def test_beside_a_sensor_that_asks_for_nothing_nobody_is_refused_and_the_signed_are_known() -> None:
    async with running(http(OME, {"path": "/ome"}, vault=vault())) as way:
        for shown, name in ((OME_SIGNATURE, "ome"), ("wrong", None), ("", None)):
            assert (await post(way.port, "/ome", OME_BODY, X_OME_Signature=shown)).status == 200
            assert way.inbox.messages[-1].origin.authenticated == name


async def test_while_the_key_cannot_be_had_senders_keep_their_events_and_a_new_key_counts_at_once() -> None:
    secrets = Vault()
    async with running(http(OME, vault=secrets)) as way:
        assert (await post(way.port, "/ome", OME_BODY, X_OME_Signature=OME_SIGNATURE)).status == 503
        secrets.texts["ome"] = "other"
        assert (await post(way.port, "/ome", OME_BODY, X_OME_Signature=OME_SIGNATURE)).status == 401
        secrets.texts["ome"] = OME_KEY
        assert (await post(way.port, "/ome", OME_BODY, X_OME_Signature=OME_SIGNATURE)).status == 200
        assert way.connector._app._bodies.held == 0  # type: ignore[union-attr]


async def test_key_and_signature_are_neither_logged_nor_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(http(OME, vault=Vault(ome="hunter2"))) as way:
        await post(way.port, "/ome", OME_BODY, X_OME_Signature=OME_SIGNATURE)
        shown = base64.b64encode(hmac.digest(b"hunter2", OME_BODY, "sha1")).decode()
        await post(way.port, "/ome", OME_BODY, X_OME_Signature=shown)
        assert len(way.inbox.messages) == 1
        for text in (caplog.text, repr(way.inbox.messages)):
            assert "hunter2" not in text
            assert shown not in text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"secret": "secret:k"}, "name the header"),
        ({"preset": "ovenmediaengine"}, "unsigned: true"),
        ({"preset": "gitlab", "secret": "secret:k"}, "ovenmediaengine"),
        ({"preset": "github", "secret": "secret:k", "unsigned": True}, "leave out unsigned"),
        ({"header": "X-S", "secret": "hunter2"}, "never the secret itself"),
        ({"header": "X S", "secret": "secret:k"}, "a header's name"),
        ({"header": "X-S", "secret": "secret:k", "algorithm": "md5"}, "sha256"),
    ],
)
def test_a_signature_that_cannot_be_is_refused_with_what_to_write_instead(written: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        HttpAddress.model_validate({"hmac": written})


def test_a_preset_may_be_written_out_and_overruled() -> None:
    read = HttpAddress.model_validate({"hmac": {"preset": "github", "secret": "secret:k", "header": "X-Gitea"}}).hmac
    assert read is not None
    assert (read.header, read.algorithm, read.encoding, read.prefix) == ("x-gitea", "sha256", "hex", "sha256=")
