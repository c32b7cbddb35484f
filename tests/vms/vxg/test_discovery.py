"""Which cameras a credential opens: asked with documented calls alone, and told without the credential."""

from __future__ import annotations

import base64
import json
import traceback
from typing import Any

import pytest

from bridge.simulator.vxg import SimulatedVxg
from bridge.vms.credentials import CannotDiscover, Discovered
from bridge.vms.vxg import VxgSettings, VxgTarget
from bridge.vms.vxg import discovery as discovering
from bridge.vms.vxg.token import Kind, kind_of
from tests.vms.conftest import CUT, Played, Vault, answer, said, token
from tests.vms.time_passes import PATIENCE

LICENCE = "v3.AbCdEfGhIjKlMn"
GROUP = base64.b64encode(json.dumps({"access": "all", "token": "share.GROUP-INNER-777"}).encode()).decode()


def settings(url: str, **more: Any) -> VxgSettings:
    return VxgSettings.model_validate({"type": "vxg", "url": url, "allow_http": True, "timeout": PATIENCE, **more})


async def found(vms: Played | SimulatedVxg, credentials: str) -> list[Discovered]:
    url = vms.base_url if isinstance(vms, SimulatedVxg) else f"http://127.0.0.1:{vms.port}"
    return list(await VxgTarget.discover(settings(url), credentials, Vault()))


def page(*objects: Any, total: int | None = None, next: str | None = None) -> bytes:
    about = {"limit": 100, "offset": 0, "total_count": total, "next": next, "previous": None}
    return said(200, {"meta": {key: value for key, value in about.items() if value is not None}, "objects": objects})


async def test_a_licence_key_asks_the_admin_api_as_the_reference_writes_it(vms: Played) -> None:
    tokens = {"all": token(), "watch": token(access="watch")}
    vms.otherwise = page({"id": 4711, "name": "Server room door", "status": "active", "access_tokens": tokens}, total=1)
    assert await found(vms, LICENCE) == [
        Discovered("Server room door", "active", {"id": 4711}, {"token": token()}),
    ]
    head = vms.requests[0].decode().split("\r\n")
    assert head[0] == "GET /api/v3/channels/?limit=100&offset=0 HTTP/1.1"
    assert f"Authorization: LKey {LICENCE}" in head


async def test_a_group_token_asks_the_group_api_as_the_reference_writes_it(vms: Played) -> None:
    vms.otherwise = page({"id": 4711, "name": "Gate", "token": token(), "preview": {"url": "x"}, "meta": {}}, total=1)
    assert await found(vms, GROUP) == [Discovered("Gate", "", {"id": 4711}, {"token": token()})]
    head = vms.requests[0].decode().split("\r\n")
    assert head[0] == "GET /api/v5/channels/?limit=100&offset=0 HTTP/1.1"
    assert f"Authorization: SI {GROUP}" in head


async def test_a_token_that_was_copied_without_its_padding_is_sent_with_it(vms: Played) -> None:
    padded = base64.b64encode(json.dumps({"access": "all", "token": "share.PADD"}).encode()).decode()
    assert padded.endswith("=")
    vms.otherwise = page({"id": 4711, "token": token()}, total=1)
    await found(vms, padded.rstrip("="))
    assert f"Authorization: SI {padded}\r\n".encode() in vms.requests[0]


async def test_a_token_of_another_vms_is_said_to_be_one(vms: Played) -> None:
    vms.otherwise = answer(401)
    with pytest.raises(CannotDiscover, match=r"it says that it is for web\.other\.example"):
        await found(vms, token(api="web.other.example"))


async def test_camera_tokens_are_asked_one_by_one_for_their_cameras(vms: Played) -> None:
    vms.script = [said(200, {"name": "Gate"}), said(200, {"name": None})]
    assert await found(vms, f"{token()}\n\n  {token(4712)}\n{token()}\n") == [
        Discovered("Gate", "", {"id": 4711}, {"token": token()}),
        Discovered("", "", {"id": 4712}, {"token": token(4712)}),
    ]
    assert vms.heads == [b"GET /api/v4/channel/ HTTP/1.1"] * 2


async def test_a_token_broken_over_lines_by_a_mail_program_is_one_token(vms: Played) -> None:
    vms.otherwise = said(200, {"name": "Gate"})
    whole = token()
    assert len(await found(vms, f"{whole[:60]}\r\n{whole[60:]}\r\n")) == 1


@pytest.mark.parametrize("scheme", [Kind.LICENCE, Kind.GROUP])
async def test_all_pages_are_read(monkeypatch: pytest.MonkeyPatch, scheme: Kind) -> None:
    monkeypatch.setattr(discovering, "PAGE", 3)
    async with SimulatedVxg(8) as cloud:
        tokens = cloud.cloud.tokens
        cameras = await found(cloud, tokens.license if scheme is Kind.LICENCE else tokens.group)
        assert [each.settings["id"] for each in cameras] == list(range(4711, 4719))
        assert {each.settings["id"]: each.secrets["token"] for each in cameras} == dict(cloud.tokens)


async def test_pages_are_followed_by_next_where_nobody_says_how_many_there_are(vms: Played) -> None:
    first, second = ({"id": number, "token": token(number)} for number in (4711, 4712))
    vms.script = [page(first, next="/api/v5/channels/?offset=1"), page(second)]
    assert [each.settings["id"] for each in await found(vms, GROUP)] == [4711, 4712]
    assert vms.heads[1] == b"GET /api/v5/channels/?limit=100&offset=1 HTTP/1.1"


async def test_a_list_that_repeats_itself_ends(vms: Played) -> None:
    vms.otherwise = page({"id": 4711, "token": token()}, total=1000)
    assert len(await found(vms, GROUP)) == 1
    assert len(vms.requests) == 2


@pytest.mark.parametrize(
    ("said_of_it", "note"),
    [
        ({"token": None}, "gave no token with access all"),
        ({"access_tokens": {"watch": "x"}}, "gave no token with access all"),
        ({"token": "not one"}, "cannot be read"),
        ({"token": token(9999)}, "a token of camera 9999"),
        ({"token": token(access="watch")}, 'access is "watch": read-only'),
    ],
)
async def test_what_is_odd_about_a_cameras_token_is_noted(vms: Played, said_of_it: dict[str, Any], note: str) -> None:
    vms.otherwise = page({"id": 4711, "name": "Gate", **said_of_it}, total=1)
    (camera,) = await found(vms, GROUP)
    assert note in camera.note
    assert bool(camera.secrets) == ("watch" in camera.note)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (said(401, {"errorDetail": f"bad token {GROUP}"}), r"refuses this group token \(401\)"),
        (answer(302, b"", "Location: http://x/"), "answers 302"),
        (answer(200, b"<html>log in</html>"), "does not answer as VXG does"),
        (said(200, {"objects": [{"id": "x"}]}), "does not answer as VXG does"),
        (CUT, "see whether url is right"),
    ],
)
async def test_what_does_not_work_is_said_without_the_credential(vms: Played, reply: bytes | str, why: str) -> None:
    vms.otherwise = reply
    with pytest.raises(CannotDiscover, match=why) as cannot:
        await found(vms, GROUP)
    told = "".join(traceback.format_exception(cannot.value))
    assert GROUP not in told
    assert "GROUP-INNER-777" not in told


@pytest.mark.parametrize(
    ("pasted", "why"),
    [
        ("", "nothing was given"),
        ("hunter2", "line 1 is no credential of VXG"),
        (f"{token()}\nhunter2", "line 2 is no credential of VXG"),
        (f"{LICENCE}\n{GROUP}", "give one group token or one licence key"),
    ],
)
async def test_what_is_no_credential_is_never_sent(vms: Played, pasted: str, why: str) -> None:
    with pytest.raises(CannotDiscover, match=why) as cannot:
        await found(vms, pasted)
    assert "hunter2" not in str(cannot.value)
    assert not vms.requests


async def test_a_licence_key_needs_the_address_and_a_token_brings_it(vms: Played) -> None:
    nowhere = VxgSettings.model_validate({"type": "vxg", "allow_http": True, "timeout": PATIENCE})
    with pytest.raises(CannotDiscover, match="write url: under the VMS"):
        await VxgTarget.discover(nowhere, LICENCE, Vault())
    vms.otherwise = page({"id": 4711, "token": token()}, total=1)
    place = {"access": "all", "token": "share.x", "api": "127.0.0.1", "api_p": vms.port}
    group = base64.b64encode(json.dumps(place).encode()).decode()
    assert len(await VxgTarget.discover(nowhere, group, Vault())) == 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (token(), Kind.CAMERA),
        (GROUP, Kind.GROUP),
        (LICENCE, Kind.LICENCE),
        ("srv.0123456789", Kind.LICENCE),
        ("share.abc.def.ghi", None),
        ("cam:Sesame", None),
        ("", None),
        ("v3.", None),
    ],
)
def test_what_a_credential_is(text: str, kind: Kind | None) -> None:
    assert kind_of(text) is kind
