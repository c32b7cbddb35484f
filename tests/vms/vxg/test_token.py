"""Tokens as they are pasted, and as they must not be used."""

from __future__ import annotations

import base64
import json

import pytest

from bridge.vms.vxg.account import Account, Unusable
from bridge.vms.vxg.settings import VxgCamera, VxgSettings
from bridge.vms.vxg.token import TokenUnreadable, parse
from tests.vms.conftest import INNER, Vault, token

# The token JSON of the reference's section 12.3, encoded by hand.
REFERENCE = (
    "eyJjYW1pZCI6NDcxMSwiY21uZ3JpZCI6NDcxMiwiYWNjZXNzIjoiYWxsIiwidG9rZW4iOiJzaGFyZS5leUp6YVNJNklEZDkuNjk2MGEwMDB0YmMxZmFi"
    "MDAuYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowIiwiYXBpIjoiMTI3LjAuMC4xIiwiYXBpX3AiOjgwODN9"
)


def account(text: str, **vms: object) -> Account:
    settings = VxgSettings.model_validate({"type": "vxg", **vms})
    camera = VxgCamera.model_validate({"vms": "cloud", "id": 4711, "token": "secret:gate-in"})
    return Account("gate-in", camera, settings, Vault(gate_in=text))  # type: ignore[arg-type]


def test_the_token_of_the_reference_is_read() -> None:
    read = parse(REFERENCE)
    assert (read.camera, read.access, read.inner) == (4711, "all", INNER)
    assert str(read.base(allow_http=True)[0]) == "http://127.0.0.1:8083"
    assert str(read.base(allow_http=False)[0]) == "https://127.0.0.1"


@pytest.mark.parametrize("spoil", [lambda t: t.rstrip("="), lambda t: f" {t}\r\n", lambda t: f"{t[:70]}\n{t[70:]}\n"])
@pytest.mark.parametrize(("host", "padding"), [("web.x.example", 0), ("web.xy.example", 2), ("web.xyz.example", 1)])
def test_padding_and_spaces_do_not_matter(spoil, host: str, padding: int) -> None:  # type: ignore[no-untyped-def]
    whole = token(api=host)
    assert whole.count("=") == padding
    assert parse(spoil(whole)).camera == 4711
    assert parse(spoil(whole)).text == whole, "it goes into the header as VXG gave it out"


def test_what_a_token_leaves_open_may_be_null() -> None:
    read = parse(token(api=None, api_p=None, path=None))
    assert (str(read.base(allow_http=False)[0]), read.path) == ("https://web.skyvr.videoexpertsgroup.com", "")


@pytest.mark.parametrize(
    ("fields", "allow_http", "base"),
    [
        ({}, False, ("https://web.skyvr.videoexpertsgroup.com", "")),
        ({"api": "web.x.example"}, False, ("https://web.x.example", "")),
        ({"api": "web.x.example", "api_p": 80, "api_sp": 8443}, False, ("https://web.x.example:8443", "")),
        ({"api": "web.x.example", "api_p": 83, "api_sp": 8443}, True, ("https://web.x.example:8443", "")),
        ({"api": "web.x.example", "api_p": 83}, True, ("http://web.x.example:83", "")),
        ({"api": "web.x.example", "api_p": 83}, False, ("https://web.x.example", "")),
        ({"api": "web.x.example", "path": "/vms/"}, False, ("https://web.x.example", "/vms")),
        ({"api": "::1", "api_sp": 86}, False, ("https://[::1]:86", "")),
    ],
)
def test_the_token_says_where_to_go(fields: dict[str, object], allow_http: bool, base: tuple[str, str]) -> None:
    origin, prefix = parse(token(**fields)).base(allow_http)
    assert (str(origin), prefix) == base


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no access token"),
        ("hunter2!", "no access token"),
        (INNER, "inner token alone"),
        (base64.b64encode(b'{"token":"share.x"}').decode(), "no access token"),
        (base64.b64encode(json.dumps({"token": INNER, "access": "all"}).encode()).decode(), "group token"),
        (token(api="evil.example/x?"), "address in this token"),
        (token(api="web.x.example", api_sp=99999), "address in this token"),
        (token(path="x\r\nY: z"), "address in this token"),
    ],
)
def test_what_is_no_camera_token_is_said_without_a_word_of_it(text: str, why: str) -> None:
    with pytest.raises(TokenUnreadable, match=why) as error:
        parse(text)
    assert not text or text not in str(error.value)
    assert "hunter2" not in repr(error.value)


def test_a_token_of_another_camera_is_refused_in_a_plain_sentence() -> None:
    with pytest.raises(Unusable, match=r"this token is of camera 4712, the site file says id: 4711"):
        account(token(4712)).grant()


def test_nothing_shows_a_token() -> None:
    text = token(api="web.x.example")
    ours = account(text)
    shown = repr([ours.grant(), ours.grant().token, ours.credentials, vars(ours), str(ours.grant())])
    assert text not in shown
    assert INNER not in shown
    assert "share." not in shown


def test_a_changed_secret_is_read_anew_and_only_then() -> None:
    vault = Vault(gate_in=token(api="one.example"))
    settings = VxgSettings.model_validate({"type": "vxg"})
    camera = VxgCamera.model_validate({"vms": "cloud", "id": 4711, "token": "secret:gate-in"})
    ours = Account("gate-in", camera, settings, vault)  # type: ignore[arg-type]
    first = ours.grant()
    assert ours.grant() is first
    vault.values["gate-in"] = token(api="two.example")
    assert ours.grant() is first
    assert str(ours.grant(fresh=True).origin) == "https://two.example"
    assert str(ours.grant().origin) == "https://two.example"
