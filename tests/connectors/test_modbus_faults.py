"""Devices that refuse, fall silent, answer late or with what is no answer: each is one fault with its cause, and never
an event of a point."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from connectors.modbus import ModbusSettings, polling
from connectors.modbus.line import Gone, Line, Odd, Refused, Silent
from connectors.modbus.plan import Block
from connectors.modbus.points import Span
from tests.connectors.conftest import Bookshelf
from tests.connectors.modbus_devices import Panel, bits_answer, black_hole, modbus, panel, scripted, settled
from tests.connectors.outgoing import Told, at_work, until


@pytest.fixture(scope="module")
def server() -> Iterator[Panel]:
    with panel() as made:
        yield made


@pytest.fixture
def device(server: Panel) -> Panel:
    server.as_new()
    return server


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LONGEST_BACKOFF", 0.05)


def states(inbox: Bookshelf) -> list[bool]:
    return [json.loads(message.body)["on"] for message in inbox.kept]


def other_than_up(link: Told) -> list[str]:
    return [each for each in link.said if not each.startswith("up")]


# ------------------------------------------------------------------------------------------------------ exception codes


@pytest.mark.parametrize(
    ("code", "name"),
    [(1, "illegal function"), (2, "illegal data address"), (3, "illegal data value"), (4, "server device failure")],
)
async def test_an_exception_is_a_fault_that_names_unit_address_and_exception(
    device: Panel, code: int, name: str
) -> None:
    device.refuses = {3: code}
    inbox = Bookshelf()
    connector = modbus({"holding_register": 17, "unit": 3}, {"coil": 0, "unit": 4}, port=device.port)
    async with at_work(connector, inbox) as (link, _):
        assert await link.hear("unit 3 points down") == (
            f"unit 3 points down: holding_register 17: {name} (exception {code})"
        )
        await inbox.hold(1)
        device.refuses = {}
        await link.hear("unit 3 points up")
        await inbox.hold(2)
    assert len(other_than_up(link)) == 2


async def test_many_addresses_that_are_refused_are_one_fault(device: Panel) -> None:
    device.holes = set(range(0, 200, 20))
    inbox = Bookshelf()
    wanted = [{"input_register": number} for number in (*range(0, 200, 20), 7)]
    async with at_work(modbus(*wanted, port=device.port), inbox) as (link, _):
        await link.hear("and 7 more")
        await inbox.hold(1)
    said = [each for each in other_than_up(link) if "down" in each]
    assert {each.partition(":")[0] for each in said} == {"unit 1 points down"}


async def test_busy_is_no_fault_unless_it_lasts(device: Panel) -> None:
    inbox = Bookshelf()
    async with at_work(modbus({"coil": 0}, port=device.port), inbox) as (link, _):
        await inbox.hold(1)
        for _ in range(3):
            device.refuses = {1: 6}
            await settled(device, 2)
            device.refuses = {}
            await settled(device)
        assert other_than_up(link) == []
        device.refuses = {1: 6}
        await link.hear("server device busy (exception 6)")


@pytest.mark.parametrize(("code", "name"), [(10, "gateway path unavailable"), (11, "failed to respond")])
async def test_a_unit_that_its_gateway_does_not_reach_is_silent_and_the_others_go_on(
    device: Panel, code: int, name: str
) -> None:
    inbox = Bookshelf()
    async with at_work(modbus({"coil": 0, "unit": 5}, {"coil": 1, "unit": 6}, port=device.port), inbox) as (link, _):
        await inbox.hold(2)
        device.refuses = {5: code}
        await link.hear(f"unit 5 down: does not answer its gateway: gateway {'path' if code == 10 else 'target'}")
        assert name in link.said[-1]
        device.coils(False, True)
        await inbox.hold(3)
        device.refuses = {}
        await link.hear("unit 5 up")


# -------------------------------------------------------------------------------------------------------------- silence


@pytest.mark.shows("connector:modbus", "reconnects")
async def test_a_device_that_cannot_be_reached_is_said_once_and_is_polled_when_it_is_back() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        inbox = Bookshelf()
        connector = modbus({"coil": 0}, port=port)
        async with at_work(connector, inbox) as (link, _):
            await link.hear("cannot be connected to")
            await until(lambda: connector.counts["failed"] >= 5)
            assert len(link.said) == 1


async def test_a_port_that_answers_no_syn_is_said_within_the_time_out() -> None:
    with black_hole() as port:
        async with at_work(modbus({"coil": 0}, port=port, timeout="300 ms"), Bookshelf()) as (link, _):
            assert "cannot be connected to within 0.3 s" in await link.hear("down")


@pytest.mark.shows("connector:modbus", "reconnects")
async def test_a_connection_that_is_closed_is_made_again_and_what_changed_meanwhile_is_told() -> None:
    on, closing = 0, asyncio.Event()

    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        if closing.is_set():
            writer.close()
            return
        writer.write(bits_answer(question, on))

    async with scripted(answer) as device:
        inbox = Bookshelf()
        async with at_work(modbus({"coil": 0}, port=device.port, timeout="1 s"), inbox) as (link, _):
            await inbox.hold(1)
            closing.set()
            await link.hear("closed the connection")
            on = 1
            closing.clear()
            await inbox.hold(2)
            assert link.said[-1].startswith("up")
    assert states(inbox) == [False, True]
    assert [each.partition(":")[0] for each in link.said] == ["up", "down", "up"]


async def test_a_half_open_connection_is_made_anew() -> None:
    """The other end is gone without a word: nothing is refused, nothing comes."""
    mute: set[int] = set()

    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        if id(writer) not in mute:
            writer.write(bits_answer(question, 1))

    async with scripted(answer) as device:
        inbox = Bookshelf()
        writers: list[asyncio.StreamWriter] = []
        answers = device.answer

        async def remembered(question: bytes, writer: asyncio.StreamWriter) -> None:
            if writer not in writers:
                writers.append(writer)
            await answers(question, writer)

        device.answer = remembered
        async with at_work(modbus({"coil": 0}, port=device.port, timeout="100 ms"), inbox) as (link, _):
            await inbox.hold(1)
            mute.add(id(writers[0]))
            await link.hear("down")
            await link.hear("up", 2)
    assert device.connections >= 2
    assert "unit 1 does not answer within 0.1 s" in next(each for each in link.said if "down" in each)
    assert states(inbox) == [True]


async def test_of_two_units_the_silent_one_is_a_fault_and_the_other_is_polled_as_before() -> None:
    silent, values = {7}, {7: 0, 8: 0}

    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        if question[6] not in silent:
            writer.write(bits_answer(question, values[question[6]]))

    async with scripted(answer) as device:
        inbox = Bookshelf()
        both = ({"coil": 0, "unit": 7}, {"coil": 0, "unit": 8})
        async with at_work(modbus(*both, port=device.port, timeout="500 ms"), inbox) as (link, _):
            assert await link.hear("unit 7 down") == "unit 7 down: does not answer within 0.5 s"
            await inbox.hold(1)
            values[8] = 1
            await until(lambda: states(inbox) == [False, True])
            silent.clear()
            await link.hear("unit 7 up")
            silent.update((7, 8))
            await link.hear("is there, but unit 7, 8 does not answer")
    assert device.connections < 60


async def test_a_question_that_got_lost_is_asked_again_at_once_and_is_no_fault() -> None:
    lost = 2

    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal lost
        lost -= 1
        if lost < 0:
            writer.write(bits_answer(question, 1))

    async with scripted(answer) as device:
        inbox = Bookshelf()
        connector = modbus({"coil": 0}, port=device.port, timeout="1 s", poll="10 min")
        async with at_work(connector, inbox) as (link, _):
            await inbox.hold(1)
    assert other_than_up(link) == []


async def test_a_silent_unit_is_asked_ever_less_often_while_its_neighbour_is_polled_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polling, "LONGEST_BACKOFF", 15.0)

    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        if question[6] == 8:
            writer.write(bits_answer(question, 0))

    async with scripted(answer) as device:
        both = ({"coil": 0, "unit": 7}, {"coil": 0, "unit": 8})
        async with at_work(modbus(*both, port=device.port, timeout="100 ms", poll="10 ms"), Bookshelf()) as (link, _):
            await link.hear("unit 7 down")
            asked = len(device.questions)
            await until(lambda: len(device.questions) > asked + 50)
    later = [question[6] for question in device.questions[asked:]]
    assert later.count(7) <= 3
    assert later.count(8) >= 45


async def test_what_changed_while_a_device_could_not_be_asked_says_for_how_long() -> None:
    on, mute = 0, False

    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        if not mute:
            writer.write(bits_answer(question, on))

    async with scripted(answer) as device:
        inbox = Bookshelf()
        async with at_work(modbus({"coil": 0}, port=device.port, timeout="100 ms"), inbox) as (link, _):
            await inbox.hold(1)
            mute = True
            await link.hear("down")
            on, mute = 1, False
            await inbox.hold(2)
    assert re.fullmatch(r"not read for \d+ s", json.loads(inbox.kept[-1].body)["unwatched"])


# ------------------------------------------------------------------------------------------- answers that are none


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one() -> None:
    """Over TCP by its transaction; a value of another question never becomes this one's."""
    late: list[bytes] = []

    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        if question[9] == 100:  # the first one waits until the next question
            late.append(bits_answer(question, 0, 99))
        else:
            writer.write(b"".join(late) + bits_answer(question, 0, 7))
            late.clear()

    async with scripted(answer) as device:
        inbox = Bookshelf()
        wanted = ({"input_register": 100, "change": 1, "unit": 1}, {"input_register": 0, "change": 1, "unit": 2})
        async with at_work(modbus(*wanted, port=device.port, timeout="60 ms"), inbox) as (link, _):
            await link.hear("unit 1 down")
            await until(lambda: len(inbox.kept) >= 1)
            asked = len(device.questions)
            await until(
                lambda: sum(each[9] == 100 for each in device.questions[asked:]) >= 3
            )  # answered late each time
            answered = len(device.questions)
            await until(lambda: len(device.questions) > answered + 1)  # and that was read
    assert [(json.loads(each.body)["unit"], json.loads(each.body)["value"]) for each in inbox.kept] == [(2, 7)]


async def test_over_rtu_what_comes_too_late_is_thrown_away_with_the_connection() -> None:
    """RTU has no transaction numbers: the late 99 of register 0 would look like register 100's."""
    answers = {0: bytes.fromhex("0104020063f919"), 100: bytes.fromhex("0104020007f8f2")}
    slow = True

    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        if question[3] == 0 and slow:
            await asyncio.sleep(0.15)
        writer.write(answers[question[3]])

    async with scripted(answer, length=8) as device:
        inbox = Bookshelf()
        wanted = ({"input_register": 0, "change": 1}, {"input_register": 100, "change": 1})
        connector = modbus(*wanted, port=device.port, framing="rtu", timeout="100 ms")
        async with at_work(connector, inbox) as (link, _):
            await link.hear("does not answer")
            slow = False
            await inbox.hold(2)
    read = {json.loads(each.body)["register"]: json.loads(each.body)["value"] for each in inbox.kept}
    assert read == {0: 99, 100: 7}
    assert len(inbox.kept) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda q: bytes([0xFF, 0xFF]) + bits_answer(q, 1)[2:], id="another transaction"),
        pytest.param(lambda q: bits_answer(q, 1)[:6] + b"\x09" + bits_answer(q, 1)[7:], id="another unit"),
        pytest.param(lambda q: bits_answer(q, 1)[:2] + b"\x00\x07" + bits_answer(q, 1)[4:], id="another protocol"),
        pytest.param(lambda q: q[:4] + b"\x00\x05" + q[6:7] + b"\x04\x02\x00\x01", id="another function"),
        pytest.param(lambda q: q[:4] + b"\x00\x04" + q[6:7] + b"\x02\x01\x01", id="another function of bits"),
        pytest.param(lambda q: q[:4] + b"\x00\x05" + q[6:7] + b"\x01\x02\x01\x01", id="more than was asked for"),
        pytest.param(lambda q: q[:4] + b"\x00\x03" + q[6:7] + b"\x01\x00", id="nothing of what was asked for"),
        pytest.param(lambda q: q[:4] + b"\x00\x04" + q[6:7] + b"\x01\x09\x01", id="a count that is a lie"),
        pytest.param(lambda q: q[:4] + b"\x00\x03" + q[6:7] + b"\x7b\x00", id="a function nobody knows"),
        pytest.param(lambda q: q[:4] + b"\x00\x00", id="an empty frame"),
        pytest.param(lambda q: q[:4] + b"\xff\xff" + q[6:7], id="a length without end"),
        pytest.param(lambda q: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", id="another language"),
        pytest.param(lambda q: b"\x00" * 4096, id="zeros without end"),
        pytest.param(lambda q: bytes(range(256)) * 300, id="a flood"),
    ],
)
async def test_what_is_no_answer_is_a_fault_and_no_event_and_is_over_with_the_first_right_one(
    wrong: object, caplog: pytest.LogCaptureFixture
) -> None:
    right = True

    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(bits_answer(question, 0) if right else wrong(question))  # type: ignore[operator]

    async with scripted(answer) as device:
        inbox = Bookshelf()
        with caplog.at_level(logging.WARNING):
            async with at_work(modbus({"coil": 0}, port=device.port, timeout="60 ms"), inbox) as (link, _):
                await inbox.hold(1)
                right = False
                await link.hear("down")
                right = True
                await link.hear("up", 2)
    assert states(inbox) == [False]
    assert caplog.records == []


@pytest.mark.shows("connector:modbus", "fuzzed")
@pytest.mark.parametrize("framing", ["tcp", "rtu"])
async def test_any_bytes_for_an_answer_are_an_answer_or_one_of_our_reasons(framing: str) -> None:
    """Right answers with some of their bytes changed, cut, or with others between; what is read of it is never 1."""
    chance = random.Random(5)

    async def answer(question: bytes, writer: asyncio.StreamWriter) -> None:
        right = bytearray(bits_answer(question, 0) if framing == "tcp" else bytes.fromhex("0101010051 88"))
        for _ in range(chance.randrange(4)):
            place = chance.randrange(len(right) - 1 if framing == "tcp" else len(right))  # the value stays
            match chance.randrange(3):
                case 0:
                    right[place] = chance.randrange(256)
                case 1:
                    right[place:place] = chance.randbytes(chance.choice((1, 2, 300)))
                case _:
                    del right[place]
        writer.write(bytes(right))

    block = Block(1, "coil", 0, 1, (Span(1, "coil", 0, 1),))
    found: Counter[str] = Counter()
    async with scripted(answer, None if framing == "tcp" else 8) as device:
        line = Line(ModbusSettings(host="127.0.0.1", port=device.port, framing=framing, timeout=0.02))
        for _ in range(60):
            try:
                assert list(await line.read(block)) == [False]
                found["right"] += 1
            except (Gone, Silent, Refused, Odd) as wrong:
                found[type(wrong).__name__] += 1
                line.close()
        line.close()
    assert found["right"] > 5
    assert found.total() - found["right"] > 5
