"""Many sensors on one port: who a request is from, and who is refused."""

from __future__ import annotations

import base64

import pytest
from pydantic import ValidationError

from bridge.model import Origin
from connectors.http import HttpAddress, HttpConnector
from connectors.http.table import Table
from tests.connectors.conftest import Vault, Way, http, http_addresses, running
from tests.connectors.http_client import connected, post, request


def basic(credentials: str, encoding: str = "utf-8") -> str:
    return "Basic " + base64.b64encode(credentials.encode(encoding)).decode()


def origin(way: Way[HttpConnector]) -> Origin:
    return way.inbox.messages[-1].origin


async def test_the_origin_says_path_and_peer_and_no_header_nobody_asks_for() -> None:
    async with running(http({"path": "/gate"})) as way:
        await post(way.port, "/gate?token=1", X_Site="north", Authorization=basic("a:b"))
        assert origin(way) == Origin("127.0.0.1", "/gate")


async def test_a_path_is_compared_as_it_is_meant_not_as_it_is_escaped() -> None:
    async with running(http({"path": "/in/gate 1"})) as way:
        await post(way.port, "/in/gate%201")
        assert origin(way).place == way.connector._app.table._places.popitem()[0] == "/in/gate 1"  # type: ignore[union-attr]


async def test_two_sensors_on_one_path_are_told_apart_by_their_credentials() -> None:
    vault = Vault(north="cam:one", south="cam:two")
    addresses = {"path": "/gate", "basic": "secret:north"}, {"path": "/gate", "basic": "secret:south"}
    async with running(http(*addresses, vault=vault)) as way:
        for credentials, name in [("cam:two", "south"), ("cam:one", "north"), ("cam:two", "south")]:
            assert (await post(way.port, Authorization=basic(credentials))).status == 200
            assert origin(way).authenticated == name
            fits = [HttpAddress.model_validate(address).matches(origin(way)) for address in addresses]
            assert fits == [name == "north", name == "south"]


@pytest.mark.parametrize(
    "shown",
    ["", basic("cam:wrong"), basic("cam"), basic(""), "Basic", "Basic %%%", "Bearer cam:one", "Digest username=cam"],
)
async def test_wrong_or_missing_credentials_are_refused_and_nothing_is_submitted(shown: str) -> None:
    async with running(http({"path": "/gate", "basic": "secret:north"}, vault=Vault(north="cam:one"))) as way:
        answer = await post(way.port, Authorization=shown)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert way.inbox.messages == []


async def test_an_empty_secret_opens_nothing() -> None:
    async with running(http({"path": "/gate", "basic": "secret:north"}, vault=Vault(north=""))) as way:
        assert (await post(way.port, Authorization=basic(""))).status == 401
        assert (await post(way.port)).status == 401


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
async def test_credentials_are_read_however_the_sender_writes_them(encoding: str, scheme: str) -> None:
    async with running(http({"path": "/gate", "basic": "secret:north"}, vault=Vault(north="kamera:tür:1"))) as way:
        shown = basic("kamera:tür:1", encoding).replace("Basic", scheme).rstrip("=")
        assert (await post(way.port, Authorization=shown)).status == 200


async def test_where_one_sensor_asks_for_nothing_no_one_is_refused() -> None:
    addresses = {"path": "/gate", "basic": "secret:north"}, {"path": "/gate"}
    async with running(http(*addresses, vault=Vault(north="cam:one"))) as way:
        assert (await post(way.port, Authorization=basic("cam:wrong"))).status == 200
        assert origin(way).authenticated is None
        assert (await post(way.port, Authorization=basic("cam:one"))).status == 200
        assert origin(way).authenticated == "north"


async def test_credentials_are_only_asked_of_those_the_path_and_source_are_for() -> None:
    vault = Vault(north="cam:one")
    async with running(http({"path": "/gate", "from": "10.0.0.21", "basic": "secret:north"}, vault=vault)) as way:
        assert (await post(way.port)).status == 200  # from elsewhere: unknown, and quarantined by the intake
        assert (await post(way.port, "/other")).status == 200
        assert [message.origin.authenticated for message in way.inbox.messages] == [None, None]


async def test_a_secret_of_another_path_does_not_open_this_one() -> None:
    vault = Vault(north="cam:one", south="cam:two")
    addresses = {"path": "/n", "basic": "secret:north"}, {"path": "/s", "basic": "secret:south"}
    async with running(http(*addresses, vault=vault)) as way:
        assert (await post(way.port, "/n", Authorization=basic("cam:one"))).status == 200
        assert (await post(way.port, "/s", Authorization=basic("cam:one"))).status == 401


async def test_a_header_can_be_the_credential_and_its_value_is_not_in_the_message() -> None:
    async with running(
        http({"path": "/gate", "header": {"X-Auth-Key": "secret:key"}}, vault=Vault(key="s3cret"))
    ) as way:
        assert (await post(way.port, X_Auth_Key="wrong")).status == 401
        assert (await post(way.port, X_Auth_Key="s3cret")).status == 200
        assert origin(way).authenticated == "key"
        assert origin(way).attributes == {}
        assert "s3cret" not in repr(way.inbox.messages)


async def test_a_bearer_token_is_an_authorization_that_is_a_secret() -> None:
    address = {"path": "/gate", "header": {"Authorization": "secret:token"}}
    async with running(http(address, vault=Vault(token="Bearer abc"))) as way:
        assert (await post(way.port, Authorization="Bearer abc")).status == 200
        assert (await post(way.port, Authorization="Bearer abd")).status == 401


async def test_sensors_are_told_apart_by_a_plain_header() -> None:
    addresses = {"path": "/gate", "header": {"X-Site": "north"}}, {"path": "/gate", "header": {"X-Site": "süd"}}
    async with running(http(*addresses)) as way:
        await post(way.port, X_Site="north", X_Other="unasked")
        assert origin(way).attributes == {"x-site": "north"}
        assert [HttpAddress.model_validate(address).matches(origin(way)) for address in addresses] == [True, False]
        await post(way.port, X_Site="süd")  # as Latin-1
        assert origin(way).attributes == {"x-site": "süd"}


async def test_a_plain_header_decides_whose_credentials_count() -> None:
    addresses = (
        {"path": "/gate", "header": {"X-Site": "north"}, "basic": "secret:north"},
        {"path": "/gate", "header": {"X-Site": "south"}, "basic": "secret:south"},
    )
    async with running(http(*addresses, vault=Vault(north="cam:one", south="cam:two"))) as way:
        assert (await post(way.port, X_Site="north", Authorization=basic("cam:one"))).status == 200
        assert (await post(way.port, X_Site="south", Authorization=basic("cam:one"))).status == 401
        assert (await post(way.port, X_Site="elsewhere")).status == 401  # leaving the header out is no way around


async def test_a_text_in_a_header_that_may_hold_a_secret_is_kept_only_where_a_sensor_asks_for_this_text() -> None:
    addresses = {"path": "/a", "header": {"X-Key": "plain"}}, {"path": "/b", "header": {"X-Key": "secret:key"}}
    async with running(http(*addresses, vault=Vault(key="s3cret"))) as way:
        await post(way.port, "/a", X_Key="plain")
        assert origin(way).attributes == {"x-key": "plain"}
        await post(way.port, "/a", X_Key="old-s3cret")
        assert origin(way).attributes == {}


async def test_a_changed_secret_counts_at_once_and_the_old_one_no_more() -> None:
    vault = Vault(north="cam:one")
    async with running(http({"path": "/gate", "basic": "secret:north"}, vault=vault)) as way:
        assert (await post(way.port, Authorization=basic("cam:one"))).status == 200
        vault.texts["north"] = "cam:two"
        assert (await post(way.port, Authorization=basic("cam:one"))).status == 401
        assert (await post(way.port, Authorization=basic("cam:two"))).status == 200


async def test_a_store_is_read_again_before_a_sender_is_refused_but_not_for_every_refusal() -> None:
    class Lazy(Vault):
        def get(self, ref, fresh=False):  # type: ignore[no-untyped-def]
            if fresh:
                self.texts["north"] = "cam:new"
            return super().get(ref, fresh)

    vault = Lazy(north="cam:old")
    async with running(http({"path": "/gate", "basic": "secret:north"}, vault=vault)) as way:
        assert (await post(way.port, Authorization=basic("cam:new"))).status == 200
        for _ in range(5):
            assert (await post(way.port, Authorization=basic("cam:wrong"))).status == 401
        assert vault.fresh == 1


async def test_while_a_secret_cannot_be_had_senders_keep_their_events() -> None:
    vault = Vault()
    async with running(http({"path": "/gate", "basic": "secret:north"}, vault=vault)) as way:
        answer = await post(way.port, Authorization=basic("cam:one"))
        assert (answer.status, "retry-after" in answer.headers) == (503, True)
        vault.texts["north"] = "cam:one"
        assert (await post(way.port, Authorization=basic("cam:one"))).status == 200


async def test_new_addresses_count_from_the_next_request_on_the_same_connection_too() -> None:
    connector = http({"path": "/gate"}, vault=Vault(north="cam:one"))
    async with running(connector) as way:
        assert (await post(way.port)).status == 200
        connector.readdress(http_addresses({"path": "/gate", "basic": "secret:north"}))
        assert (await post(way.port)).status == 401


async def test_a_device_may_try_its_url() -> None:
    async with running(http({"path": "/gate", "basic": "secret:north"})) as way:
        for method, body in (("GET", "ready"), ("HEAD", "")):
            answer = await _ask(way.port, method, "/gate")
            assert (answer.status, answer.body) == (200, body)
            assert (await _ask(way.port, method, "/other")).status == 404
        assert (await _ask(way.port, "DELETE", "/gate")).status == 405
        assert way.inbox.messages == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_event_in_the_body_of_a_get_is_not_said_to_be_taken(chunked: bool) -> None:
    async with running(http({"path": "/gate"})) as way, connected(way.port) as sender:
        body = request(body=b"2\r\n{}\r\n0\r\n\r\n", method="GET", content_length="", transfer_encoding="chunked")
        await sender.write(body if chunked else request(method="GET"))
        assert (await sender.answer()).status == 405
        await sender.write(request())
        assert (await sender.answer()).status == 200
        assert way.inbox.bodies == [b"{}"]
        assert way.connector.counts["wrong method"] == 1


async def test_where_a_sensor_listens_on_every_path_every_path_is_known() -> None:
    async with running(http({"from": "127.0.0.1"})) as way:
        assert (await _ask(way.port, "GET", "/whatever")).status == 200


async def _ask(port: int, method: str, path: str):  # type: ignore[no-untyped-def]
    async with connected(port) as sender:
        await sender.write(request(path, b"", method))
        return await sender.answer(head=method == "HEAD")


async def test_a_forwarded_header_does_not_change_who_a_sender_is() -> None:
    async with running(http({"path": "/gate"})) as way:
        await post(way.port, X_Forwarded_For="10.0.0.21", Forwarded="for=10.0.0.21")
        assert origin(way).peer == "127.0.0.1"


async def test_over_ipv6_an_ipv4_sender_is_known_by_its_ipv4_address() -> None:
    async with running(http({"path": "/gate", "from": ["127.0.0.0/8", "::1"]}, bind="[::]:0")) as way:
        assert way.connector.bound.startswith("[::]:")
        await post(way.port)
        assert origin(way).peer == "127.0.0.1"


def test_of_ten_thousand_addresses_a_request_meets_those_of_its_path_and_source_only() -> None:
    table = Table(
        http_addresses(
            *({"path": f"/p/{number}", "basic": f"secret:s{number}"} for number in range(10_000)),
            *({"path": "/shared", "from": f"10.1.{number // 250}.{number % 250}"} for number in range(10_000)),
        )
    )
    assert [claim.secret for claim in table.near("/p/77", "10.0.0.1").claims] == ["s77"]
    assert len(table.near("/shared", "10.1.3.4").claims) == 1
    assert not table.near("/shared", "10.2.0.0").claims


def test_a_flood_of_peers_is_not_remembered_without_end() -> None:
    table = Table(http_addresses({"path": "/gate", "from": "10.0.0.0/8"}))
    for number in range(5000):
        table.near("/gate", f"10.0.{number // 256}.{number % 256}")
    assert len(table._places["/gate"]._peers) <= 1024


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"path": "gate"}, "beginning with a slash"),
        ({"path": "/gate?key=1"}, "without a query"),
        ({"from": "gate-cam"}, "neither an address"),
        ({"from": []}, "write an address"),
        ({"basic": "cam:one"}, "never the secret itself"),
        ({"header": {"X-Key": "secret:not a name"}}, "never the secret itself"),
        ({"header": {"Authorization": "Basic abc"}}, "an authorization is a secret"),
        ({"basic": "secret:a", "header": {"X-Key": "secret:b"}}, "one credential"),
        ({"form": "10.0.0.1"}, "Extra inputs"),
    ],
)
def test_a_wrong_address_is_refused_with_what_to_write_instead(address: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        HttpAddress.model_validate(address)


def test_an_address_is_written_back_as_it_was_read() -> None:
    written = {"path": "/gate", "from": ["10.0.0.0/8"], "header": {"x-site": "a", "x-key": "secret:k"}}
    read = HttpAddress.model_validate(written)
    assert read.model_dump(by_alias=True, exclude_defaults=True) == written
    assert HttpAddress.model_validate(read.model_dump(by_alias=True)) == read
