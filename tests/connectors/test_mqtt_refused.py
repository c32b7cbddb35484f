"""Brokers that ask who we are: passwords, certificates, access lists; told apart, and told with what to do."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.connectors.authority import Authority
from tests.connectors.conftest import Inbox, Vault
from tests.connectors.mosquitto import Mosquitto, mosquitto, mqtt, program
from tests.connectors.outgoing import at_work

pytestmark = pytest.mark.needs("mosquitto", "mosquitto_pub")

VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])
WRONG, RIGHT = "wrong-word", "right-word"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def passwords(folder: Path) -> tuple[str, ...]:
    """A broker that lets in those who know the word; ``plant/secret`` is for nobody."""
    file, access = folder / "passwords", folder / "access"
    file.touch(0o600)
    subprocess.run([program("mosquitto_passwd"), "-b", str(file), "bridge", RIGHT], check=True, capture_output=True)
    access.write_text("user bridge\ntopic readwrite plant/open\n")
    access.chmod(0o600)
    return ("allow_anonymous false", f"password_file {file}", f"acl_file {access}")


@pytest.mark.shows("connector:mqtt", "credentials", "peer", peer="mosquitto")
@VERSIONS
async def test_a_refused_password_is_said_and_the_right_one_taken_as_soon_as_it_is_there(
    tmp_path: Path, inbox: Inbox, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    vault = Vault(broker=WRONG)
    async with mosquitto(tmp_path, *passwords(tmp_path)) as broker:
        connector = mqtt(
            broker.url, "plant/open", vault=vault, version=version, user="bridge", password="secret:broker"
        )
        async with at_work(connector, inbox) as (link, _):
            said = await link.hear("down: ")
            assert "user and password" in said
            vault.texts["broker"] = RIGHT
            await link.hear("up: ")
            assert vault.fresh
            assert [each for each in link.said if each.startswith("down")] == [said]
    assert WRONG not in f"{link.said} {caplog.text} {connector!r}"


async def test_a_probe_says_whether_the_broker_lets_us_in(tmp_path: Path) -> None:
    async with mosquitto(tmp_path, *passwords(tmp_path)) as broker:

        async def found(word: str) -> tuple[bool, str]:
            login = {"user": "bridge", "password": "secret:broker"}
            (finding,) = await mqtt(broker.url, "plant/open", vault=Vault(broker=word), **login).probe()
            return finding.ok, finding.what

        assert await found(RIGHT) == (True, f"{broker.url} lets us in")
        ok, what = await found(WRONG)
        assert not ok
        assert "refuses" in what or "not in" in what
    (missing,) = await mqtt(broker.url, user="bridge", password="secret:nowhere").probe()
    assert (missing.ok, "nowhere" in missing.what) == (False, True)
    ok, what = await found(RIGHT)
    assert (ok, "cannot be reached" in what) == (False, True)


@pytest.mark.shows("connector:mqtt", "credentials")
async def test_a_topic_the_broker_does_not_give_us_is_said_and_the_others_come(inbox: Inbox) -> None:
    """mosquitto's access list says nothing on subscribing, so this broker is a script."""

    async def strict(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"\x20\x03\x00\x00\x00")  # CONNACK
        await reader.read(1024)
        writer.write(b"\x90\x05\x00\x01\x00\x01\x87")  # SUBACK: QoS 1, not authorised
        writer.write(b"\x32\x10\x00\x0aplant/open\x00\x01\x00x")  # PUBLISH, QoS 1
        await reader.read(1024)
        writer.close()

    server = await asyncio.start_server(strict, "127.0.0.1", 0)
    async with server:
        connector = mqtt(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", "plant/open", "plant/secret")
        async with at_work(connector, inbox) as (link, _):
            assert "plant/secret: not allowed" in await link.hear("topics down: ")
            await inbox.hold(1)
            assert inbox.bodies == [b"x"]


def with_tls(authority: Authority, certificate: str) -> tuple[str, ...]:
    return (
        "allow_anonymous true",
        f"cafile {authority.certificate}",
        f"certfile {authority.folder / certificate}.pem",
        f"keyfile {authority.folder / certificate}.key",
        "require_certificate true",
    )


def secure(broker: Mosquitto) -> str:
    return f"mqtts://127.0.0.1:{broker.port}"


@pytest.mark.shows("connector:mqtt", "peer", peer="mosquitto")
@VERSIONS
async def test_a_client_certificate_lets_us_in_over_tls(
    tmp_path: Path, inbox: Inbox, authority: Authority, version: str
) -> None:
    server, ours = authority.issue("server"), authority.issue("bridge", password="key-word")
    options = ("--cafile", str(authority.certificate), *("--cert", f"{server}.pem", "--key", f"{server}.key"))
    async with mosquitto(tmp_path, *with_tls(authority, "server"), options=options) as broker:
        connector = mqtt(
            secure(broker), "plant/open", vault=Vault(key="key-word"), version=version,
            certificate=f"{ours}.pem", key=f"{ours}.key", key_password="secret:key",
            tls={"ca_file": str(authority.certificate)},
        )  # fmt: skip
        async with at_work(connector, inbox) as (link, _):
            await link.hear("up: ")
            await broker.publish("plant/open", "x" * 100_000)
            await broker.publish("plant/open", "y")
            await inbox.hold(2)
            assert inbox.bodies == [b"x" * 100_000, b"y"]


async def test_a_pinned_certificate_decides_alone(tmp_path: Path, inbox: Inbox, authority: Authority) -> None:
    server, ours = authority.issue("server"), authority.issue("bridge")
    client = {"certificate": f"{ours}.pem", "key": f"{ours}.key"}
    async with mosquitto(tmp_path, *with_tls(authority, "server")) as broker:
        pinned = mqtt(secure(broker), "a", **client, tls={"fingerprint": authority.fingerprint(server)})
        async with at_work(pinned, inbox) as (link, _):
            await link.hear("up: ")
        other = mqtt(secure(broker), "a", **client, tls={"fingerprint": "ab" * 32})
        async with at_work(other, inbox) as (link, _):
            assert "not the pinned" in await link.hear("down: ")


async def test_what_is_wrong_with_a_certificate_is_said(tmp_path: Path, inbox: Inbox, authority: Authority) -> None:
    authority.issue("expired", days=-1)
    ours = authority.issue("bridge")
    client = {"certificate": f"{ours}.pem", "key": f"{ours}.key"}
    trust = {"ca_file": str(authority.certificate)}
    async with mosquitto(tmp_path, *with_tls(authority, "expired")) as broker:
        async with at_work(mqtt(secure(broker), "a", **client, tls=trust), inbox) as (link, _):
            assert "expired" in await link.hear("down: the certificate of 127.0.0.1 is not trusted")
        async with at_work(mqtt(secure(broker), "a", **client), inbox) as (link, _):
            await link.hear("down: the certificate of 127.0.0.1 is not trusted")
    authority.issue("server")
    async with mosquitto(tmp_path, *with_tls(authority, "server")) as broker:
        async with at_work(mqtt(secure(broker), "a", tls=trust), inbox) as (link, _):
            await link.hear("down: ")
        nothing = mqtt(secure(broker), "a", certificate=str(tmp_path / "none.pem"), tls=trust)
        async with at_work(nothing, inbox) as (link, _):
            assert "cannot be used: No such file" in await link.hear("down: our certificate")
        async with at_work(mqtt(broker.url, "a", connect_timeout="1 s"), inbox) as (link, _):
            await link.hear("down: ")
