"""Trouble is told by other means, to real sockets, until it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest
from pydantic import ValidationError

from bridge.clock import SystemClock
from bridge.config.secrets import SecretStores
from bridge.secret import Secret, SecretRef
from bridge.supervision import Condition, Conditions
from bridge.trouble.second_way import WAITING, SecondWay
from bridge.trouble.settings import TroubleMail, TroubleSettings, TroubleSyslog, TroubleWebhook
from bridge.trouble.told import Trouble
from bridge.trouble.ways import syslog_line
from tests.decide.conftest import site_of

AT = datetime(2026, 1, 5, 9, 0, 0, 250000, tzinfo=UTC)
ALARM = Condition("alarm cloud", "'Fire' for gate-in was not accepted within 100 s", AT, "alarm.waiting")
LINK = Condition("connector lpr", "refused", AT, "link.down")


class Quick(SystemClock):
    """Pauses between tries are over at once."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Stores(SecretStores):
    def get(self, ref: SecretRef, fresh: bool = False) -> Secret:
        return Secret("hunter2", "1")


class Receiver:
    """A TCP server that gives each connection to ``answer``."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()
        self.statuses: list[int] = []
        self.port = 0

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            status = self.statuses.pop(0) if self.statuses else 204
            writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            if status < 300:
                self.got.put_nowait(head + body)

    async def lines(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.got.put_nowait(await reader.read())
        writer.close()

    async def smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        talk = b""
        while line := await reader.readline():
            talk += line
            word = line.strip().upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                talk += await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            await writer.drain()
            if word == b"QUIT":
                break
        self.got.put_nowait(talk)
        writer.close()

    async def next(self) -> bytes:
        async with asyncio.timeout(30):
            return await self.got.get()


@asynccontextmanager
async def receiving(how: Callable[[Receiver], Callable[..., object]]) -> AsyncIterator[Receiver]:
    receiver = Receiver()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await how(receiver)(reader, writer)  # type: ignore[misc]
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


@asynccontextmanager
async def told_by(*settings: TroubleSettings) -> AsyncIterator[tuple[SecondWay, Conditions]]:
    clock = Quick()
    conditions = Conditions(clock)
    site = msgspec.structs.replace(site_of(), trouble=settings)
    way = SecondWay(site, Stores(), clock, conditions)
    running = asyncio.create_task(way.run())
    try:
        yield way, conditions
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def webhook(port: int, **more: object) -> TroubleWebhook:
    return TroubleWebhook.model_validate({"type": "webhook", "url": f"http://127.0.0.1:{port}/in", **more})


async def test_a_webhook_gets_the_trouble_and_its_end_as_documents() -> None:
    async with receiving(lambda receiver: receiver.http) as receiver:
        settings = webhook(receiver.port, headers={"Authorization": "Bearer secret:oncall"}, allow_http=True)
        async with told_by(settings) as (way, _):
            way.announce(ALARM, True, "Alarms wait for VMS cloud")
            way.announce(ALARM, False, "VMS cloud has taken the alarms that waited")
            head, _, body = (await receiver.next()).partition(b"\r\n\r\n")
            assert b"Authorization: Bearer hunter2" in head
            document = json.loads(body)
            assert (document["type"], document["key"], document["state"]) == ("alarm.waiting", "alarm cloud", "active")
            assert document["title"] == "Alarms wait for VMS cloud"
            assert json.loads((await receiver.next()).partition(b"\r\n\r\n")[2])["state"] == "restored"


async def test_it_is_tried_again_until_it_is_told_and_meanwhile_that_is_a_condition() -> None:
    async with receiving(lambda receiver: receiver.http) as receiver:
        receiver.statuses = [500, 503, 404]
        async with told_by(webhook(receiver.port)) as (way, conditions):
            began = []
            conditions.on_change = lambda key, held, how: began.append((key, held is not None))
            way.announce(ALARM, True, "x")
            assert await receiver.next()
            async with asyncio.timeout(30):
                while len(began) < 2:
                    await asyncio.sleep(0.01)
            assert began == [("trouble webhook 1", True), ("trouble webhook 1", False)]


async def test_one_that_is_away_delays_no_other() -> None:
    async with receiving(lambda receiver: receiver.http) as receiver:
        nobody = TroubleSyslog(type="syslog", host="127.0.0.1", port=1, transport="tcp")
        async with told_by(nobody, webhook(receiver.port)) as (way, _):
            way.announce(ALARM, True, "x")
            assert await receiver.next()


async def test_faults_go_only_to_those_who_want_them() -> None:
    async with (
        receiving(lambda receiver: receiver.http) as receiver,
        receiving(lambda receiver: receiver.http) as other,
        told_by(webhook(receiver.port), webhook(other.port, faults=True)) as (way, _),
    ):
        way.announce(LINK, True, "Connector lpr is down")
        way.announce(ALARM, True, "Alarms wait")
        assert b"alarm cloud" in await receiver.next()
        assert b"connector lpr" in await other.next()
        assert b"alarm cloud" in await other.next()


async def test_a_syslog_server_gets_a_counted_line_over_tcp_and_a_datagram_over_udp() -> None:
    async with receiving(lambda receiver: receiver.lines) as receiver:
        settings = TroubleSyslog(type="syslog", host="127.0.0.1", port=receiver.port, transport="tcp")
        async with told_by(settings) as (way, _):
            way.announce(ALARM, True, "Alarms wait")
            count, _, line = (await receiver.next()).partition(b" ")
    assert int(count) == len(line)
    assert line.startswith(b"<27>1 ")

    class Datagrams(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.got: asyncio.Queue[bytes] = asyncio.Queue()

        def datagram_received(self, data: bytes, addr: object) -> None:
            self.got.put_nowait(data)

    transport, datagrams = await asyncio.get_running_loop().create_datagram_endpoint(
        Datagrams, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    async with told_by(TroubleSyslog(type="syslog", host="127.0.0.1", port=port, facility="local0")) as (way, _):
        way.announce(ALARM, False, "Taken")
        async with asyncio.timeout(30):
            assert (await datagrams.got.get()).startswith(b"<133>1 ")
    transport.close()


def test_the_syslog_line_is_as_the_standard_has_it() -> None:
    trouble = Trouble(
        site="depot", site_name="Depot", type="alarm.waiting", key="alarm cloud", state="active",
        title="Alarms wait\nfor VMS", why='said\n"no]"\\', since=AT, at=AT,
    )  # fmt: skip
    assert syslog_line(trouble, "daemon", "ga te") == (
        b"<27>1 2026-01-05T09:00:00.250+00:00 gate vms-bridge - alarm.waiting "
        b'[trouble@32473 site="depot" key="alarm cloud" state="active" why="said \\"no\\]\\"\\\\"] '
        b"\xef\xbb\xbfDepot: Alarms wait for VMS"
    )


async def test_a_mail_says_what_is_wrong_and_lists_the_sensors() -> None:
    async with receiving(lambda receiver: receiver.smtp) as receiver:
        settings = TroubleMail(
            type="mail", host="127.0.0.1", port=receiver.port, security="none", sender="bridge@harbour.example",
            to=("oncall@harbour.example", "chief@harbour.example"), faults=True,
        )  # fmt: skip
        async with told_by(settings) as (way, _):
            many = Condition("silent-behind lpr", "2 sensors", AT, "sensor.silent", ("door-1", "door-2"))
            way.announce(many, True, "2 sensors behind connector lpr: nothing heard\r\nBcc: x@y.example")
            talk = (await receiver.next()).decode()
    assert "RCPT TO:<oncall@harbour.example>" in talk.replace("rcpt", "RCPT")
    assert "Subject: [Depot] 2 sensors behind connector lpr: nothing heard" in talk.replace("\r\n ", " ")
    assert "\nBcc:" not in talk.partition("\r\n\r\n")[0]
    assert "door-1\r\ndoor-2" in talk


async def test_what_waits_is_bounded_and_the_newest_is_kept() -> None:
    nobody = TroubleSyslog(type="syslog", host="127.0.0.1", port=1, transport="tcp", faults=True)
    async with told_by(nobody) as (way, _):
        for number in range(WAITING + 10):
            way.announce(Condition(f"connector c{number}", "refused", AT), True, "x")
        (told,) = way._ways
        assert len(told.waiting) == WAITING
        assert told.waiting[-1].key == f"connector c{WAITING + 9}"


async def test_another_site_keeps_the_ways_that_stay_and_what_waits_for_them() -> None:
    async with receiving(lambda receiver: receiver.http) as receiver:
        nobody = TroubleSyslog(type="syslog", host="127.0.0.1", port=1, transport="tcp")
        async with told_by(nobody) as (way, conditions):
            way.announce(ALARM, True, "x")
            (before,) = way._ways
            way.replace(msgspec.structs.replace(site_of(), trouble=(nobody, webhook(receiver.port))))
            assert way._ways[0] is before
            way.announce(ALARM, False, "y")
            assert b'"restored"' in await receiver.next()
            way.replace(msgspec.structs.replace(site_of(), trouble=()))
            assert not conditions.held()


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "mail", "host": "m", "sender": "a@b", "to": ["x@y\r\nBcc: z@z"]},
        {"type": "mail", "host": "m", "sender": "a@b", "to": []},
        {"type": "mail", "host": "m", "sender": "a@b", "to": ["c@d"], "user": "u"},
        {"type": "mail", "host": "m", "sender": "a@b", "to": ["c@d"], "user": "u", "password": "secret:p",
         "security": "none"},
    ],
)  # fmt: skip
def test_a_mail_that_could_not_be_sent_safely_is_refused_at_check(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TroubleMail.model_validate(wrong)


def test_secrets_in_the_clear_are_refused_unless_meant() -> None:
    with pytest.raises(ValidationError):
        webhook(80, headers={"Authorization": "Bearer secret:oncall"})


async def test_an_alarm_that_was_refused_for_good_goes_every_way_as_one_that_waits_does_and_other_faults_do_not() -> (
    None
):
    refused = Condition("alarm-refused cloud", "'Fire' for gate-in was refused for good: 400", AT, "alarm.refused")
    away = Condition("vms cloud", "no connection", AT, "vms.away")
    async with receiving(lambda receiver: receiver.http) as receiver, told_by(webhook(receiver.port)) as (way, _):
        way.announce(away, True, "VMS cloud takes nothing")
        way.announce(refused, True, "VMS cloud refuses alarms")
        assert json.loads((await receiver.next()).partition(b"\r\n\r\n")[2])["key"] == "alarm-refused cloud"
