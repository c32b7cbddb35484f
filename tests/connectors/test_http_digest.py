"""Digest credentials: the standards' own examples, real clients, and senders that are older than either."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path

import httpx
import pytest

from connectors.http import HttpAddress, HttpConnector, digest
from connectors.http.digest import Answered, Gate, Verdict, parse, response_of
from tests.connectors.conftest import Inbox, Vault, Way, http, running
from tests.connectors.http_client import Answer, Sender, connected, post, request
from tests.connectors.test_http_odd_clients import run_curl
from tests.connectors.test_http_senders import basic

GATE: dict[str, object] = {"path": "/gate", "digest": "secret:cam"}
CAM = "cam:o:n e"
curl = pytest.mark.needs("curl")


def vault() -> Vault:
    return Vault(cam=CAM)


def challenge(answer: Answer, algorithm: str = "MD5") -> dict[str, str]:
    """The parameters of the challenge with this algorithm."""
    for each in answer.all["www-authenticate"]:
        said = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', each)}
        if each.startswith("Digest ") and said["algorithm"] == algorithm:
            return said
    raise AssertionError(answer)


def hashed(*texts: str, algorithm: str = "md5") -> str:
    return hashlib.new(algorithm, ":".join(texts).encode()).hexdigest()


def answered(
    said: dict[str, str], count: int = 1, credentials: str = CAM, uri: str = "/gate", method: str = "POST"
) -> str:
    """What a sender answers to a challenge; written after RFC 7616 section 3.4, with nothing of ours."""
    user, _, password = credentials.partition(":")
    algorithm = {"MD5": "md5", "SHA-256": "sha256"}[said["algorithm"]]
    first = hashed(user, said["realm"], password, algorithm=algorithm)
    second = hashed(method, uri, algorithm=algorithm)
    response = hashed(first, said["nonce"], f"{count:08x}", "0a4f113b", "auth", second, algorithm=algorithm)
    return (
        f'Digest username="{user}", realm="{said["realm"]}", nonce="{said["nonce"]}", uri="{uri}", '
        f'algorithm={said["algorithm"]}, qop=auth, nc={count:08x}, cnonce="0a4f113b", response="{response}"'
    )


async def ask(sender: Sender, path: str = "/gate", body: bytes = b"{}", method: str = "POST", **headers: str) -> Answer:
    await sender.write(request(path, body, method, **headers))
    return await sender.answer()


# --------------------------------------------------------------------------------------------- the standards' examples


@pytest.mark.shows("connector:http", "samples")
@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("md5", b"8ca523f5e9506fed4657c9700eebdbec"),
        ("sha-256", b"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616_section_3_9_1(algorithm: str, response: bytes) -> None:
    header = (
        b'Digest username="Mufasa",\r\n realm="http-auth@example.org",\r\n uri="/dir/index.html",\r\n algorithm=%s,\r\n'
        b' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",\r\n nc=00000001,\r\n '
        b'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",\r\n qop=auth,\r\n response="%s",\r\n '
        b'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    ) % (algorithm.upper().encode(), response)
    said = parse(header)
    assert said is not None
    assert said.response == response
    assert response_of(said, "http-auth@example.org", "GET", b"Circle of Life") == response


@pytest.mark.shows("connector:http", "samples")
def test_the_example_of_rfc_2617_section_3_5() -> None:
    said = parse(
        b'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        b'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
        b'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    assert said is not None
    assert response_of(said, "testrealm@host.com", "GET", b"Circle Of Life") == said.response


def test_a_user_in_the_extended_notation_of_rfc_7616_section_3_9_2_is_read() -> None:
    said = parse(b"Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, uri=\"/x\", nonce=a, response=b")
    assert said == Answered("Jäsøn Doe".encode(), b"/x", b"a", b"b")


@pytest.mark.parametrize(
    "value",
    [
        b"Digest",
        b"Basic YTpi",
        b'Digest username="cam"',
        b'Digest username="cam", uri="/gate, nonce="a", response="b',
        b"Digest " + b"a=b," * 2000,
        b'Digest username="' + b"\\" * 3000,
    ],
)
def test_what_is_no_answer_to_a_challenge_is_none(value: bytes) -> None:
    assert parse(value) is None


# -------------------------------------------------------------------------------------------------------- real clients


@pytest.mark.shows("connector:http", "peer", peer="httpx")
async def test_httpx_is_let_in_and_its_next_request_needs_no_second_asking() -> None:
    auth = httpx.DigestAuth("cam", "o:n e")
    async with running(http(GATE, vault=vault())) as way, httpx.AsyncClient(auth=auth) as client:
        url = f"http://127.0.0.1:{way.port}/gate?channel=1&name=a%20b"
        for number in range(3):
            assert (await client.post(url, json={"n": number})).status_code == 200
        assert way.inbox.bodies == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
        assert {message.origin.authenticated for message in way.inbox.messages} == {"cam"}
        assert dict(way.connector.counts) == {"challenged": 1}
        wrong = httpx.DigestAuth("cam", "two")
        assert (await client.post(url, json={}, auth=wrong)).status_code == 401
        assert way.connector.counts["refused"] == 1


@pytest.mark.shows("connector:http", "peer", peer="curl")
@curl
@pytest.mark.parametrize("how", ["--digest", "--anyauth"])
async def test_curl_is_let_in_with_a_long_body(how: str, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(b'{"a":"' + b"x" * 2_000_000 + b'"}')
    async with running(http(GATE, vault=vault())) as way:
        url = f"http://127.0.0.1:{way.port}/gate?a=b"
        said, heard = await run_curl(how, "-u", CAM, "--data-binary", f"@{body}", url)
        assert said.endswith("accepted\n 200"), heard
        assert way.inbox.bodies == [body.read_bytes()]


@curl
async def test_where_both_are_asked_for_curl_may_choose_either() -> None:
    both = {"path": "/gate", "digest": "secret:cam", "basic": "secret:cam"}
    async with running(http(both, vault=vault())) as way:
        for how in ("--digest", "--basic", "--anyauth"):
            said, _ = await run_curl(how, "-u", CAM, "-d", "{}", f"http://127.0.0.1:{way.port}/gate")
            assert said.endswith("accepted\n 200"), how
        assert [message.origin.authenticated for message in way.inbox.messages] == ["cam"] * 3
        assert all(HttpAddress.model_validate(both).matches(message.origin) for message in way.inbox.messages)


# ------------------------------------------------------------------------------------------------------ the challenges


async def test_who_shows_nothing_is_asked_in_every_way_the_path_takes_the_simplest_digest_first() -> None:
    both = {"path": "/gate", "digest": "secret:cam", "basic": "secret:cam"}
    async with running(http(both, {"path": "/d", "digest": "secret:cam"}, vault=vault())) as way:
        asked = (await post(way.port)).all["www-authenticate"]
        assert [re.sub(r'nonce="[0-9a-f]{56}"', 'nonce="…"', each) for each in asked] == [
            'Digest realm="vms-bridge", nonce="…", algorithm=MD5, qop="auth"',
            'Digest realm="vms-bridge", nonce="…", algorithm=SHA-256, qop="auth", charset=UTF-8',
            'Basic realm="vms-bridge", charset="UTF-8"',
        ]
        assert all(each.startswith("Digest ") for each in (await post(way.port, "/d")).all["www-authenticate"])
        assert way.inbox.messages == []


async def test_only_the_algorithms_that_are_offered_are_taken() -> None:
    async with running(http(GATE, vault=vault(), digest={"algorithms": ["sha-256"]})) as way:
        said = challenge(await post(way.port), "SHA-256")
        assert (await post(way.port, Authorization=answered(said | {"algorithm": "MD5"}))).status == 401
        assert (await post(way.port, Authorization=answered(said))).status == 200


async def test_basic_credentials_do_not_open_a_path_that_asks_for_digest_even_once_they_opened_another() -> None:
    async with running(http(GATE, {"path": "/basic", "basic": "secret:cam"}, vault=vault())) as way:
        assert (await post(way.port, "/basic", Authorization=basic(CAM))).status == 200
        assert (await post(way.port, Authorization=basic(CAM))).status == 401


async def test_the_first_request_is_refused_before_its_body_has_come_and_its_connection_stays() -> None:
    async with running(http(GATE, vault=vault())) as way, connected(way.port) as sender:
        whole = request(body=b"a" * 1_000_000)
        await sender.write(whole[:500])
        said = challenge(await sender.answer())
        await sender.write(whole[500:])
        assert (await ask(sender, body=b"b" * 1_000_000, Authorization=answered(said))).status == 200
        assert way.inbox.bodies == [b"b" * 1_000_000]


async def test_a_first_request_that_is_longer_than_may_be_is_not_read_to_its_end() -> None:
    async with running(http(GATE, vault=vault(), max_body="1 kB")) as way, connected(way.port) as sender:
        await sender.write(request(body=b"", Content_Length="100000000"))
        answer = await sender.answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        assert await sender.closed()


# --------------------------------------------------------------------------------------------------- counts and nonces


async def test_the_same_answer_again_is_stale_and_a_higher_count_is_not() -> None:
    async with running(http(GATE, vault=vault())) as way, connected(way.port) as sender:
        said = challenge(await ask(sender))
        assert "stale" not in said
        for count, status in [(1, 200), (1, 401), (3, 200), (2, 401), (3, 401), (4, 200)]:
            answer = await ask(sender, Authorization=answered(said, count))
            assert (count, answer.status) == (count, status)
            assert status == 200 or challenge(answer)["stale"] == "true"
        assert len(way.inbox.messages) == 3
        assert dict(way.connector.counts) == {"challenged": 1, "stale": 3}


async def test_a_sender_that_never_counts_is_let_in_with_each_new_nonce() -> None:
    async with running(http(GATE, vault=vault())) as way, connected(way.port) as sender:
        said = challenge(await ask(sender))
        for _ in range(3):
            assert (await ask(sender, Authorization=answered(said))).status == 200
            said = challenge(await ask(sender, Authorization=answered(said)))
        assert len(way.inbox.messages) == 3


async def test_a_wrong_password_with_an_old_nonce_is_refused_and_not_called_stale() -> None:
    async with running(http(GATE, vault=vault())) as way:
        said = challenge(await post(way.port))
        wrong = await post(way.port, Authorization=answered(said | {"nonce": "0" * 56}, credentials="cam:two"))
        assert (wrong.status, "stale" in challenge(wrong)) == (401, False)
        assert way.connector.counts["refused"] == 1


async def test_after_a_restart_a_sender_with_its_old_nonce_is_told_to_take_a_new_one() -> None:
    async with running(http(GATE, vault=vault())) as way:
        said = challenge(await post(way.port))
    async with running(http(GATE, vault=vault())) as way:
        answer = await post(way.port, Authorization=answered(said))
        assert challenge(answer)["stale"] == "true"
        assert (await post(way.port, Authorization=answered(challenge(answer)))).status == 200


async def test_a_changed_password_counts_at_once() -> None:
    secrets = vault()
    async with running(http(GATE, vault=secrets)) as way:
        said = challenge(await post(way.port))
        assert (await post(way.port, Authorization=answered(said))).status == 200
        secrets.texts["cam"] = "cam:two"
        assert (await post(way.port, Authorization=answered(said, 2))).status == 401
        assert (await post(way.port, Authorization=answered(said, 3, "cam:two"))).status == 200


async def test_several_senders_on_one_path_are_told_apart() -> None:
    secrets = Vault(north="n:one", south="s:one", other="s:two")
    addresses = [{"path": "/gate", "digest": f"secret:{name}"} for name in ("north", "south", "other")]
    async with running(http(*addresses, vault=secrets)) as way:
        for number, credentials in enumerate(("s:two", "n:one", "s:one")):
            said = challenge(await post(way.port))
            assert (await post(way.port, Authorization=answered(said, credentials=credentials))).status == 200
            assert way.inbox.messages[number].origin.authenticated == ("other", "north", "south")[number]


class Hand:
    """A clock that is set by hand; seconds."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def said_to(gate: Gate, count: bytes = b"00000001", nonce: bytes = b"", **other: bytes) -> Answered:
    """A right answer to this gate's newest challenge, or to this nonce."""
    if not nonce:
        found = re.search(rb'nonce="(\w+)"', gate.challenges()[0])
        assert found is not None
        nonce = found[1]
    given = {"username": b"cam", "uri": b"/gate", "qop": b"auth", "count": count, "cnonce": b"x", **other}
    said = Answered(nonce=nonce, response=b"", **given)  # type: ignore[arg-type]
    response = response_of(said, digest.REALM, "POST", b"one")
    return Answered(nonce=nonce, response=response, **given)  # type: ignore[arg-type]


def judged(gate: Gate, said: Answered, target: bytes = b"/gate", method: str = "POST") -> Verdict:
    return gate.judge(said, method, target, "cam:one")


def test_a_nonce_is_stale_when_its_age_has_come_and_one_nobody_gave_always_is() -> None:
    clock = Hand()
    gate = Gate(["md5"], 300.0, clock)
    said = said_to(gate)
    assert judged(gate, said) is Verdict.FITS
    clock.now += 299
    assert judged(gate, said_to(gate, b"2", said.nonce)) is Verdict.FITS
    clock.now += 2
    assert judged(gate, said_to(gate, b"3", said.nonce)) is Verdict.STALE
    for nonce in (b"", b"x", said.nonce[:-1] + b"0", b"f" + said.nonce[1:], said.nonce + b"0"):
        assert judged(gate, said_to(gate, nonce=nonce or b"-")) is Verdict.STALE


def test_counts_are_remembered_for_so_many_nonces_and_a_forgotten_one_opens_nothing_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(digest, "MOST_NONCES", 10)
    gate = Gate(["md5"], 300.0)
    unused = said_to(gate)
    used = [said_to(gate) for _ in range(50)]
    assert [judged(gate, said) for said in used] == [Verdict.FITS] * 50
    assert len(gate._counts) == 10
    assert [judged(gate, said) for said in used] == [Verdict.STALE] * 50
    assert judged(gate, unused) is Verdict.STALE  # whether it was used cannot be told any more
    assert judged(gate, said_to(gate)) is Verdict.FITS


# -------------------------------------------------------------------------------------------------- senders of old


def test_a_sender_older_than_counts_is_let_in() -> None:
    gate = Gate(["md5"], 300.0)
    said = said_to(gate, b"", qop=b"", cnonce=b"")
    assert (
        said.response
        == hashed(hashed("cam", "vms-bridge", "one"), said.nonce.decode(), hashed("POST", "/gate")).encode()
    )  # RFC 2069 section 2.1.2
    assert judged(gate, said) is Verdict.FITS
    assert judged(gate, said) is Verdict.FITS


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        (b"/gate", b"/gate"),
        (b"/gate?a=1&b=%20", b"/gate?a=1&b=%20"),
        (b"http://10.0.0.5:8080/gate?a=1", b"/gate?a=1"),
        (b"HTTPS://bridge/gate", b"/gate"),
        (b"http://bridge", b"/"),
        (b"http://bridge?a=1", b"/?a=1"),
        (b"gate", b"/gate"),
        (b"/a b", b"/a%20b"),
        (b"/%7Egate", b"/~gate"),
    ],
)
def test_the_uri_is_compared_as_it_is_meant(uri: bytes, target: bytes) -> None:
    gate = Gate(["md5"], 300.0)
    assert judged(gate, said_to(gate, uri=uri), target) is Verdict.FITS


@pytest.mark.parametrize("uri", [b"/other", b"/gate?a=2", b"/gate/", b"*", b"http://bridge/other?/gate?a=1"])
def test_an_answer_for_another_place_opens_nothing(uri: bytes) -> None:
    gate = Gate(["md5"], 300.0)
    assert judged(gate, said_to(gate, uri=uri), b"/gate?a=1") is Verdict.WRONG


@pytest.mark.parametrize("count", [b"", b"x", b"-1", b"000000001", b"0x1"])
def test_a_count_that_is_none_opens_nothing(count: bytes) -> None:
    gate = Gate(["md5"], 300.0)
    assert judged(gate, said_to(gate, count)) is Verdict.STALE


@pytest.mark.parametrize("other", [{"qop": b"auth-int"}, {"username": b"cam2"}, {"username": b""}])
def test_what_was_not_asked_for_opens_nothing(other: dict[str, bytes]) -> None:
    gate = Gate(["md5"], 300.0)
    assert judged(gate, said_to(gate, **other)) is Verdict.WRONG
    assert judged(gate, said_to(gate), method="GET") is Verdict.WRONG


@pytest.mark.parametrize("secret", ["", "cam", "cam:"])
def test_a_secret_without_a_password_opens_nothing(secret: str) -> None:
    gate = Gate(["md5"], 300.0)
    for username in (b"", b"cam"):
        said = said_to(gate, username=username)
        response = response_of(said, digest.REALM, "POST", b"")
        shown = Answered(said.username, said.uri, said.nonce, response, "md5", said.qop, said.count, said.cnonce)
        assert gate.judge(shown, "POST", b"/gate", secret) is Verdict.WRONG


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
def test_a_name_and_password_beyond_ascii_are_read_in_either_encoding(charset: str) -> None:
    gate = Gate(["md5"], 300.0)
    said = said_to(gate, username="tür".encode(charset))
    response = response_of(said, digest.REALM, "POST", "schlüssel".encode(charset))
    shown = Answered(said.username, said.uri, said.nonce, response, "md5", said.qop, said.count, said.cnonce)
    assert gate.judge(shown, "POST", b"/gate", "tür:schlüssel") is Verdict.FITS


async def test_neither_password_nor_answer_is_logged_or_kept(caplog: pytest.LogCaptureFixture, inbox: Inbox) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(http(GATE, vault=vault()), inbox) as way:
        said = challenge(await post(way.port))
        header = answered(said)
        await post(way.port, Authorization=header)
        await post(way.port, Authorization=header + " ")
        _nowhere(way, caplog.text, header[-20:-2], CAM.partition(":")[2])


def _nowhere(way: Way[HttpConnector], text: str, *secrets: str) -> None:
    for secret in secrets:
        assert secret not in text
        assert secret not in repr(way.inbox.messages)
