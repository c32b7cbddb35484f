"""Who may do what: the table of section 2 of the reference, and tokens known by their inner token alone."""

from __future__ import annotations

import base64
import json
import re

import pytest

from bridge.simulator.vxg import SimulatedVxg
from tests.simulator.conftest import ask

RAISE = '{"camid":4711,"name":"access_denied","time":"2026-02-03T10:15:30"}'
NOT_AUTHORIZED = b'{"status":401,"errorType":"not_authorized","errorDetail":"Invalid access token"}'
FORBIDDEN = b'{"status":403,"errorType":"forbidden","errorDetail":"Access \'all\' is required"}'


def outer(token: str) -> dict[str, object]:
    found = json.loads(base64.b64decode(token, validate=True))
    assert isinstance(found, dict)
    return found


async def test_a_token_says_its_camera_host_and_port(vms: SimulatedVxg) -> None:
    token = outer(vms.tokens[4711])
    inner = token.pop("token")
    assert token == {"camid": 4711, "cmngrid": 4712, "access": "all", "api": "127.0.0.1", "api_p": vms.server.port}
    assert isinstance(inner, str)
    assert re.fullmatch(r"share\.[A-Za-z0-9_-]+\.[0-9a-f]+t[0-9a-f]+\.[A-Za-z0-9_-]{27}", inner)


async def test_the_same_seed_gives_the_same_tokens() -> None:
    found = []
    for _ in range(2):
        async with SimulatedVxg(cameras=1, seed=5) as vms:
            found.append((outer(vms.tokens[4711])["token"], vms.cloud.tokens.license))
    assert found[0] == found[1]


@pytest.mark.parametrize("scheme", ["Basic", "SI", "LKey", "Bearer"])
async def test_a_camera_token_is_good_under_its_own_scheme_alone(vms: SimulatedVxg, scheme: str) -> None:
    answered = await ask(vms, "POST /api/v2/storage/events/", RAISE, scheme=scheme)
    assert (answered.status, answered.body) == (401, NOT_AUTHORIZED)


async def test_no_credential_is_no_entry(vms: SimulatedVxg) -> None:
    assert (await ask(vms, "POST /api/v2/storage/events/", RAISE, token="")).body == NOT_AUTHORIZED


async def test_any_run_of_spaces_may_follow_the_scheme(vms: SimulatedVxg) -> None:
    assert (await ask(vms, "POST /api/v2/storage/events/", RAISE, scheme="Acc ")).status == 201


async def test_only_the_inner_token_counts(vms: SimulatedVxg) -> None:
    right = outer(vms.tokens[4711])
    other = base64.b64encode(json.dumps({"token": right["token"], "camid": 1}).encode()).decode()
    assert (await ask(vms, "POST /api/v2/storage/events/", RAISE, token=other)).status == 201
    forged = base64.b64encode(json.dumps({**right, "token": str(right["token"])[:-1]}).encode()).decode()
    assert (await ask(vms, "POST /api/v2/storage/events/", RAISE, token=forged)).status == 401


async def test_the_inner_token_may_stand_in_the_query_of_v2_and_v4(vms: SimulatedVxg) -> None:
    inner = outer(vms.tokens[4711])["token"]
    assert (await ask(vms, f"GET /api/v4/channel/?token={inner}", token="")).status == 200
    assert (await ask(vms, f"POST /api/v2/storage/events/?token={inner}", RAISE, token="")).status == 201
    assert (await ask(vms, f"GET /api/v3/channels/?token={inner}", token="")).status == 401


async def test_a_watch_token_may_look_and_not_write(vms: SimulatedVxg) -> None:
    watch = vms.cloud.tokens.watch[4711]
    assert (await ask(vms, "GET /api/v2/storage/events/", token=watch)).status == 200
    answered = await ask(vms, "POST /api/v2/storage/events/", RAISE, token=watch)
    assert (answered.status, answered.body) == (403, FORBIDDEN)


async def test_another_cameras_token_is_refused(vms: SimulatedVxg) -> None:
    other = vms.tokens[4712]
    assert (await ask(vms, "POST /api/v2/storage/events/", RAISE, token=other)).status == 403
    path = "/api/v2/cameras/4711/event_processing/events/"
    assert (await ask(vms, f"POST {path}", '{"name":"x"}', token=other)).status == 403
    await ask(vms, "POST /api/v2/storage/events/", RAISE)
    assert (await ask(vms, "GET /api/v2/storage/events/900001/", token=other)).status == 404


async def test_each_api_has_its_own_credential(vms: SimulatedVxg) -> None:
    tokens = vms.cloud.tokens
    holders = {"Acc": tokens.all[4711], "SI": tokens.group, "LKey": tokens.license}
    allowed = {
        "/api/v2/storage/events/?camid=4711": {"Acc", "SI", "LKey"},
        "/api/v2/cameras/4711/event_processing/events/": {"Acc", "LKey"},
        "/api/v3/channels/": {"LKey"},
        "/api/v3/aliases/": {"LKey"},
        "/api/v4/channel/": {"Acc"},
        "/api/v5/channels/": {"SI"},
    }
    for path, schemes in allowed.items():
        for scheme, token in holders.items():
            status = (await ask(vms, f"GET {path}", token=token, scheme=scheme)).status
            assert status == (200 if scheme in schemes else 401), (path, scheme)


def packed(inner: object, camera: int = 4711) -> str:
    return base64.b64encode(json.dumps({"camid": camera, "access": "all", "token": inner}).encode()).decode()


async def test_a_share_opens_as_much_as_it_says_until_it_ends(vms: SimulatedVxg) -> None:
    key = vms.cloud.tokens.license

    async def share(body: str) -> str:
        made = await ask(vms, "POST /api/v2/cameras/4711/sharings/", body, key, "LKey")
        assert made.status == 201
        told = json.loads(made.body)
        assert set(told) == {"id", "token", "created", "expire"}
        return packed(told["token"])

    narrow = await share('{"enabled":true,"include_public":false,"access":["live","play"]}')
    assert (await ask(vms, "GET /api/v4/channel/", token=narrow)).status == 200
    assert (await ask(vms, "POST /api/v2/storage/events/", RAISE, token=narrow)).status == 403
    whole = await share('{"expire":"2999-01-01T00:00:00","access":["all"]}')
    assert (await ask(vms, "POST /api/v2/storage/events/", RAISE, token=whole)).status == 201
    ended = await share('{"expire":"2026-01-01T00:00:00","access":["all"]}')
    answered = await ask(vms, "POST /api/v2/storage/events/", RAISE, token=ended)
    assert (answered.status, answered.body) == (401, NOT_AUTHORIZED)
    assert (await ask(vms, "POST /api/v2/cameras/4711/sharings/", "{}", vms.tokens[4711])).status == 401


async def test_a_group_opens_its_cameras_alone_until_it_is_gone(vms: SimulatedVxg) -> None:
    key = vms.cloud.tokens.license
    made = json.loads(
        (
            await ask(
                vms, "POST /api/v3/channel_groups/", '{"name":"Yard","channels":[4712],"meta":{"a":"b"}}', key, "LKey"
            )
        ).body
    )
    assert (made["name"], made["channels"], made["meta"]) == ("Yard", [4712], {"a": "b"})
    path, token = f"/api/v3/channel_groups/{made['id']}/", made["token"]
    assert "camid" not in outer(token)

    async def seen() -> list[int]:
        return [
            each["id"]
            for each in json.loads((await ask(vms, "GET /api/v5/channels/", "", token, "SI")).body)["objects"]
        ]

    assert await seen() == [4712]
    assert (await ask(vms, "GET /api/v5/channels/4711/", "", token, "SI")).status == 404
    assert (await ask(vms, f"PUT {path}", '{"channels":[4711]}', key, "LKey")).status == 200
    assert await seen() == [4711]
    assert (await ask(vms, f"PUT {path}", '{"channels":[1]}', key, "LKey")).status == 400
    assert json.loads((await ask(vms, f"GET {path}", "", key, "LKey")).body)["token"] == token
    listed = json.loads((await ask(vms, "GET /api/v3/channel_groups/", "", key, "LKey")).body)
    assert listed["meta"]["total_count"] == 1
    assert (await ask(vms, f"DELETE {path}", "", key, "LKey")).status == 204
    assert (await ask(vms, "GET /api/v5/channels/", "", token, "SI")).status == 401


async def test_a_rotated_token_is_refused_and_the_new_one_taken(vms: SimulatedVxg) -> None:
    old = vms.tokens[4711]
    assert (await ask(vms, "POST /api/v2/storage/events/", RAISE)).status == 201
    new = json.loads((await ask(vms, "POST /simulator/rotate", '{"camera":4711}')).body)["token"]
    assert new == vms.tokens[4711] != old
    assert (await ask(vms, "POST /api/v2/storage/events/", RAISE, token=old)).status == 401
    assert (await ask(vms, "POST /api/v2/storage/events/", RAISE, token=new)).status == 201
    assert (await ask(vms, "POST /simulator/rotate", '{"camera":1}')).status == 400
