"""Traps and informs of net-snmp's own programs, over a real port."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from bridge.model import Position, Receipt, ReceiptKind
from connectors.base import Mode
from connectors.snmp import SnmpAddress
from tests.connectors.conftest import ACCEPTED, LATER, Vault
from tests.connectors.snmp_peer import AUTH, IF_INDEX, KEYS, LINK_DOWN, PRIV, USER, Box, hearing, snmp
from tests.connectors.snmp_sender import datagram

pytestmark = pytest.mark.needs("snmptrap", "snmpinform")

ENGINE = "0x8000000001020304"
V1 = ("snmptrap", "-v1", "-c", "public-not")
V2 = ("snmptrap", "-v2c", "-c", "public-not")
INFORM = ("snmpinform", "-v2c", "-c", "public-not", "-t", "20", "-r", "0")
V3 = ("snmptrap", "-v3", "-e", ENGINE, *KEYS)
INFORM_V3 = ("snmpinform", "-v3", *KEYS, "-t", "20", "-r", "0")


@pytest.mark.shows("connector:snmp", "peer", peer="net-snmp")
async def test_a_trap_of_version_2c_becomes_a_document(tmp_path: Path) -> None:
    async with hearing(tmp_path) as port:
        assert await port.run(*V2) == 0
        await port.inbox.hold(1)
    (message,), (told,) = port.inbox.messages, port.inbox.documents
    assert (message.origin.peer, message.origin.place, message.origin.authenticated) == (
        "127.0.0.1",
        "127.0.0.1",
        "traps",
    )
    assert told["varbinds"] == [{"oid": f"{IF_INDEX}.3", "type": "integer", "value": 3, "name": "ifIndex.3"}]
    assert told["values"] == {f"{IF_INDEX}.3": 3, IF_INDEX: 3, "ifIndex": 3}
    del told["varbinds"], told["values"]
    assert told == {
        "snmp": "v2c", "kind": "trap", "trap": LINK_DOWN, "name": "linkDown", "enterprise": "1.3.6.1.6.3.1.1.5",
        "generic": 2, "specific": 0, "source": "127.0.0.1", "agent": "127.0.0.1", "uptime": 0.42,
    }  # fmt: skip
    assert b"public-not" not in message.body, "the community is a secret"


@pytest.mark.shows("connector:snmp", "peer", peer="net-snmp")
async def test_a_trap_of_version_1_is_told_in_the_words_of_version_2(tmp_path: Path) -> None:
    async with hearing(tmp_path) as port:
        told = ("1.3.6.1.4.1.318", "192.168.7.5", "6", "5", "4200", "1.3.6.1.4.1.318.2.3.3.0", "s", "On battery")
        assert await port.run(*V1, told=told) == 0
        assert await port.run(*V1, told=("1.3.6.1.4.1.318", "0.0.0.0", "3", "0", "1", f"{IF_INDEX}.2", "i", "2")) == 0
        await port.inbox.hold(2)
    specific, generic = port.inbox.documents
    assert (specific["trap"], specific["enterprise"]) == ("1.3.6.1.4.1.318.0.5", "1.3.6.1.4.1.318")
    assert (specific["generic"], specific["specific"], specific["uptime"]) == (6, 5, 42.0)
    assert (specific["source"], specific["agent"]) == ("127.0.0.1", "192.168.7.5")
    assert specific["values"]["1.3.6.1.4.1.318.2.3.3"] == "On battery"
    assert port.inbox.messages[0].origin.place == "192.168.7.5", "a sensor may be told by what its relay says of it"
    assert (generic["trap"], generic["name"], generic["agent"]) == ("1.3.6.1.6.3.1.1.5.4", "linkUp", "127.0.0.1")


async def test_another_community_is_not_taken_and_its_sender_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with hearing(tmp_path) as port:
        for _ in range(3):
            await port.run("snmptrap", "-v2c", "-c", "guessed")
        await port.counted("refused", 3)
        await port.run(*V2)
        await port.inbox.hold(1)
    assert len(port.inbox.messages) == 1
    assert len([record for record in caplog.records if "another community" in record.message]) == 1
    assert "guessed" not in caplog.text


async def test_a_changed_community_counts_without_a_restart(tmp_path: Path) -> None:
    vault = Vault(traps="before-it")
    async with hearing(tmp_path, snmp(vault, users=[])) as port:
        vault.texts["traps"] = "public-not"
        await port.run(*V2)
        await port.inbox.hold(1)


# ------------------------------------------------------------------------------------------------------- version 3


@pytest.mark.shows("connector:snmp", "peer", peer="net-snmp")
async def test_an_engine_never_seen_before_is_heard_at_once(tmp_path: Path) -> None:
    async with hearing(tmp_path) as port:
        assert await port.run(*V3) == 0
        await port.inbox.hold(1)
    (message,), (told,) = port.inbox.messages, port.inbox.documents
    assert (told["snmp"], told["user"], told["level"], told["engine"]) == ("v3", "bridge", "authPriv", ENGINE[2:])
    assert (told["trap"], told["values"]["ifIndex"]) == (LINK_DOWN, 3)
    assert message.origin.attributes == {"user": "bridge"}


@pytest.mark.shows("connector:snmp", "peer", peer="net-snmp")
@pytest.mark.parametrize(
    ("auth", "priv"),
    [("MD5", "DES"), ("SHA", "AES"), ("SHA-224", "AES"), ("SHA-384", "AES-192"), ("SHA-512", "AES-256")],
)
async def test_algorithms_of_devices_old_and_new(auth: str, priv: str, tmp_path: Path) -> None:
    names = {"auth": auth.lower().replace("-", ""), "priv": {"AES": "aes128"}.get(priv, priv.lower().replace("-", ""))}
    async with hearing(tmp_path, snmp(users=[{**USER, **names}])) as port:
        await port.run(*V3, "-a", auth, "-x", priv)
        await port.inbox.hold(1)


@pytest.mark.shows("connector:snmp", "peer", peer="net-snmp")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("-A", "another one"), "authentication is wrong"),
        (("-X", "another one"), "cannot be decrypted"),
        (("-l", "authNoPriv"), "its level is authNoPriv"),
        (("-l", "noAuthNoPriv"), "its level is noAuthNoPriv"),
        (("-u", "somebody"), "nobody has told of its user"),
    ],
)
async def test_who_has_not_the_keys_is_not_heard_and_nobody_may_do_without(
    words: tuple[str, ...], why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with hearing(tmp_path) as port:
        await port.run(*V3)  # even when the engine is known
        await port.inbox.hold(1)
        await port.run(*V3, *words)
        await port.counted("refused")
        assert len(port.inbox.messages) == 1
        await port.run(*V3)
        await port.inbox.hold(2)
    assert why in caplog.text
    assert "another one" not in caplog.text


async def test_a_recorded_trap_is_not_heard_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with hearing(tmp_path) as port:
        await port.run(*V3, "-Z", "7,5000")
        await port.inbox.hold(1)
        await port.run(*V3, "-Z", "7,4800")
        await port.run(*V3, "-Z", "6,9000")
        await port.counted("replayed", 2)
        await port.run(*V3, "-Z", "8,3")
        await port.inbox.hold(2)
    assert "it is a recording" in caplog.text


async def test_changed_keys_count_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.snmp.hearing.READ_AGAIN_AFTER", 0.0)
    vault = Vault(traps="public-not", auth="was another", priv="was another")
    async with hearing(tmp_path, snmp(vault)) as port:
        await port.run(*V3)
        await port.counted("refused")
        vault.texts.update(auth="authenticates", priv="encrypts it")
        await port.run(*V3)
        await port.inbox.hold(1)


# ---------------------------------------------------------------------------------------------------------- informs


@pytest.mark.parametrize("inform", [INFORM, INFORM_V3], ids=["v2c", "v3"])
async def test_an_inform_is_answered_when_it_is_kept_and_not_before(inform: tuple[str, ...], tmp_path: Path) -> None:
    box = Box()
    box.open.clear()
    async with hearing(tmp_path, inbox=box) as port:
        sending = asyncio.create_task(port.run(*inform))
        await box.hold(1)
        await asyncio.sleep(0)
        assert port.connector.counts["answered"] == 0
        assert not sending.done()
        box.open.set()
        assert await sending == 0, "it was answered"
    assert port.connector.counts["answered"] == 1
    assert box.documents[0]["kind"] == "inform"


@pytest.mark.parametrize("inform", [INFORM, INFORM_V3], ids=["v2c", "v3"])
async def test_an_inform_that_could_not_be_kept_is_not_answered_and_comes_again(
    inform: tuple[str, ...], tmp_path: Path
) -> None:
    box = Box(receipts=[LATER, LATER])
    async with hearing(tmp_path, inbox=box) as port:
        assert await port.run(*inform, "-t", "1", "-r", "20") == 0
    assert len(box.messages) - len(box.kept) == 2
    assert len({told["inform"] for told in box.documents}) == 1, "one inform, sent again, is known as one"
    assert port.connector.counts["left to the sender"] == 2


async def test_two_informs_that_say_the_same_are_two(tmp_path: Path) -> None:
    async with hearing(tmp_path) as port:
        await port.run(*INFORM)
        await port.run(*INFORM)
    first, second = port.inbox.documents
    assert first["inform"] != second["inform"]


@pytest.mark.parametrize("kind", [ReceiptKind.UNKNOWN, ReceiptKind.MALFORMED, ReceiptKind.DUPLICATE])
async def test_what_is_kept_in_any_way_is_answered(kind: ReceiptKind, tmp_path: Path) -> None:
    async with hearing(tmp_path, inbox=Box(receipts=[Receipt(kind)])) as port:
        assert await port.run(*INFORM) == 0


async def test_a_dry_run_hears_and_answers_nothing(tmp_path: Path) -> None:
    async with hearing(tmp_path, mode=Mode.OBSERVE) as port:
        await port.run(*V2)
        assert await port.run(*INFORM, "-t", "1") == 1, "it got no answer"
        await port.inbox.hold(2)
        await port.counted("messages", 2)
        assert port.connector.taken == 1, "the inform's sender still has it"


async def test_a_trap_that_could_not_be_kept_is_kept_later(tmp_path: Path) -> None:
    box = Box(receipts=[LATER, LATER, ACCEPTED])
    async with hearing(tmp_path, inbox=box) as port:
        await port.run(*V2)
        await port.counted("messages")
    assert [len(box.messages), len(box.kept)] == [3, 1]


# ------------------------------------------------------------------------------------------------------ what is odd


async def test_malformed_datagrams_do_no_harm_and_some_are_kept_for_inspection(tmp_path: Path) -> None:
    async with hearing(tmp_path) as port:
        host, _, number = port.bound.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for junk in (
                b"",
                b"\x30",
                b"\x30\x84\xff\xff\xff\xff",
                b"\x30\x80\x00\x00",
                b"GET / HTTP/1.1",
                b"\x00" * 60_000,
            ):
                for _ in range(20):
                    sender.sendto(junk, (host, int(number)))
        await port.counted("malformed", 120)
        await port.run(*V2)
        await port.inbox.hold(11)
    kept = [message for message in port.inbox.messages if message.content_type == "application/octet-stream"]
    assert len(kept) == 10
    assert port.inbox.messages[-1].body.startswith(b"{")


async def test_what_cannot_be_read_is_kept_without_the_community(tmp_path: Path) -> None:
    async with hearing(tmp_path, snmp(Vault(traps="harbour-traps", auth=AUTH, priv=PRIV))) as port:
        host, _, number = port.bound.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"\x30\x84\x7f\xff\xff\xff\x02\x01\x01\x04\x0dharbour-traps\xa7\x48", (host, int(number)))
        await port.inbox.hold(1)
    (kept,) = port.inbox.messages
    assert kept.body == b"\x30\x84\x7f\xff\xff\xff\x02\x01\x01\x04\x0d*************\xa7\x48"
    assert kept.content_type == "application/octet-stream"


async def test_a_bad_secret_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="fewer than 8 characters"):
        async with hearing(tmp_path, snmp(Vault(traps="x", auth="short", priv="short"))):
            pass
    findings = await snmp(Vault(traps="x", auth="short", priv="short")).probe()
    assert any(not finding.ok and "fewer than 8" in finding.what for finding in findings)


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    async with hearing(tmp_path) as port:
        (finding,) = [each for each in await snmp(bind=port.bound).probe() if port.bound in each.what]
        assert not finding.ok
        with pytest.raises(OSError, match="cannot hear on"):
            async with hearing(tmp_path, snmp(bind=port.bound)):
                pass


async def test_a_dry_run_that_shall_accept_answers_and_counts_it(tmp_path: Path) -> None:
    connector = snmp()
    connector.accept_in_observe = True
    async with hearing(tmp_path, connector, mode=Mode.OBSERVE) as port:
        assert await port.run(*INFORM) == 0
        assert port.connector.taken == 1


async def test_the_number_of_starts_grows_also_when_the_clock_was_set_back(tmp_path: Path) -> None:
    box = Box(receipts=[LATER])
    box.positions = {"snmp traps boots": "2000000000"}
    async with hearing(tmp_path, inbox=box) as port:
        assert await port.run(*INFORM_V3, "-t", "1", "-r", "20") == 0
        assert await port.run(*INFORM_V3) == 0
    kept = [message.position for message in box.messages]
    assert kept[:2] == [Position("snmp traps boots", "2000000001")] * 2, "until it is on disk"
    assert kept[-1] is None


async def test_what_was_received_when_it_is_stopped_is_kept(tmp_path: Path) -> None:
    box = Box()
    box.open.clear()
    async with hearing(tmp_path, inbox=box) as port:
        host, _, number = port.bound.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for each in range(200):
                sender.sendto(datagram(each), (host, int(number)))
        await box.hold(64)
        stopping = asyncio.create_task(port.stop())
        await asyncio.sleep(0)
        box.open.set()
        await stopping
    assert len(box.kept) == 200
    assert not [thread for thread in threading.enumerate() if thread.name == "datagrams"]


@pytest.mark.shows("connector:snmp", "isolation")
async def test_one_sender_s_storm_does_not_delay_another(tmp_path: Path) -> None:
    box = Box()
    box.open.clear()  # the disk is slow: nothing is kept yet
    async with hearing(tmp_path, inbox=box) as port:
        host, _, number = port.bound.rpartition(":")
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as storm,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as fire,
        ):
            fire.bind(("127.0.0.2", 0))
            for each in range(500):
                storm.sendto(datagram(each), (host, int(number)))
            await box.hold(64)
            fire.sendto(datagram(501), (host, int(number)))
            await box.hold(65)
        assert len(box.messages) == 65
        assert box.messages[-1].origin.peer == "127.0.0.2"
        box.open.set()
        await port.counted("messages", 501)


async def test_over_ipv6(tmp_path: Path) -> None:
    async with hearing(tmp_path, snmp(bind="[::1]:0")) as port:
        port.connector.bound = f"udp6:{port.bound}"
        assert await port.run(*INFORM) == 0
    assert port.inbox.messages[0].origin.peer == "::1"


@pytest.mark.shows("connector:snmp", "credentials", "peer", peer="net-snmp")
async def test_a_known_device_that_is_refused_is_a_fault_until_it_is_heard(tmp_path: Path) -> None:
    async with hearing(tmp_path) as port:
        port.connector.readdress([SnmpAddress.model_validate({"from": "127.0.0.1"})])
        for _ in range(2):
            await port.run("snmptrap", "-v2c", "-c", "guessed")
        await port.counted("refused", 2)
        await port.run(*V2)
        await port.inbox.hold(1)
        assert list(port.link.parts) == ["127.0.0.1"]
        down, up = port.link.parts["127.0.0.1"].said
    assert down == "down: what 127.0.0.1 sends is not taken: it shows another community"
    assert up == "up: "
