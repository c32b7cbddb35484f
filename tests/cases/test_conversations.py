"""A case says no when what it holds is not so: what the bridge answers, and what comes of it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.config.registry import BUILT_IN, CONNECTORS
from tests.cases.__main__ import record
from tests.cases.case import FOLDER, Case, all_cases
from tests.cases.conversation import Hear, Say, Unreadable, read, written
from tests.cases.player import NotAsRecorded
from tests.cases.recording import Heard, packets

BEGIN = "at 2026-01-05T09:02:16Z\n"


def steps(text: str) -> Sequence[object]:
    return read(BEGIN + text).steps


def changed(folder: Path, case: str, file: str, before: str, after: str) -> Case:
    """A copy of a case in which something is another."""
    copy = folder / "case"
    shutil.copytree(FOLDER / case, copy)
    text = (copy / file).read_text()
    assert before in text
    (copy / file).write_text(text.replace(before, after, 1))
    (folder / "scratch").mkdir()
    return Case(copy)


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", "Tür\tzu \\ \n ".encode(), bytes(range(256)), b"a" * 500 + b"\\" * 300, b"\xff", b" "],
)
def test_what_is_written_down_is_read_as_the_same_bytes(data: bytes) -> None:
    lines = [*written(">", data)]
    assert steps("\n".join(lines)) == (Say(data),)
    assert not [line for line in lines if line != line.rstrip() or len(line) > 120 or not line.isprintable()]


def test_lines_of_one_direction_are_one_piece_until_another_line_comes() -> None:
    told = steps("> a\n# a remark\n>x 62\n\n> c\n< d\n<x .. ** 65 # and why\n")
    assert told[:2] == (Say(b"ab"), Say(b"c"))
    (heard,) = told[2:]
    assert isinstance(heard, Hear)
    assert (heard.begins, bool(heard.pattern.match(b"dx...e")), bool(heard.pattern.match(b"dx..."))) == (
        b"d",
        True,
        False,
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("> a\\q", 2),
        ("kept many", 2),
        (">x 2", 2),
        ("> \\*", 2),
        ("wait 5", 2),
        ("> a\n\ndevice leaves", 4),
        (">x ..", 2),
    ],
)
def test_what_is_no_conversation_is_said_with_its_line(text: str, line: int) -> None:
    with pytest.raises(Unreadable, match=f"line {line}"):
        steps(text)


def test_packets_of_mqtt_stand_each_for_itself() -> None:
    heard = Heard()
    heard.said(True, bytes.fromhex("20 02 00 00 30 08 00 04") + b"leak" + b"\x01\xd0", datagram=False, mqtt=True)
    assert heard.lines == [
        "# CONNACK", ">x 20 02 00 00", "# PUBLISH", ">x 30 08 00 04", "> leak", ">x 01 d0",
    ]  # fmt: skip
    assert [name for _, name in packets(bytes.fromhex("40 02 00"))] == [""]


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("expected.yaml", "restored", "active"),
        ("expected.yaml", "closes: 1", "closes: 2"),
        ("expected.yaml", "2026-01-05 09:02:04", "2026-01-05 09:02:05"),
        ("expected.yaml", "[lobby]", "[]"),
        ("error.txt", "does not match", "matches"),
        ("conversation.txt", "ZONE 03 FIRE", "ZONE 03 WIRE"),
    ],
)
async def test_one_word_that_is_another_is_seen(
    file: str, before: str, after: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.cases.case.WITHIN", 0.5)  # it waits in vain for what is expected
    case = changed(tmp_path, "tcp/frame-over-the-limit", file, before, after)
    told = await case.play(tmp_path / "scratch")
    assert case.differs(told)


async def test_an_event_too_many_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.cases.case.WITHIN", 0.5)
    case = changed(tmp_path, "udp/one-datagram-is-one-message", "conversation.txt", "kept 3", "")
    with (case.folder / "conversation.txt").open("a") as file:
        file.write('\n> {"point":"cellar","of":"leak","on":true}\nkept 4\n')
    told = await case.play(tmp_path / "scratch")
    assert "leak.detected" in case.differs(told)


@pytest.mark.parametrize(
    ("case", "before", "after", "says"),
    [
        ("http/wrong-password", "401 Unauthorized", "200 OK", "says something else"),
        ("tcp-client/greeted-and-told", "LOGIN opensesame", "LOGIN sesame", "says something else"),
        ("http/no-http-at-all", "bridge hangs up", "<x 00", "has hung up"),
        ("snmp/inform-is-answered", "<x a2 48", "<x a2 49", "says something else"),
        ("mqtt/retained-on-connect-is-a-state", "<x 40 02 00 01", "<x 40 02 00 07", "says something else"),
    ],
)
async def test_another_answer_of_ours_is_seen(case: str, before: str, after: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(NotAsRecorded, match=says):
        await changed(tmp_path, case, "conversation.txt", before, after).play(tmp_path / "scratch")


async def test_what_a_device_said_is_a_case_as_soon_as_it_was_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    shutil.copy(FOLDER / "tcp/cut-off-by-the-end/site.yaml", folder)
    device = """if True:
        import socket
        with socket.create_connection(("127.0.0.1", ${yard})) as line:
            line.sendall(b'{"carState":"lost","carID":"7","plateUTF8":"WR 6677"}{')
    """
    await record(folder, {}, [sys.executable, "-c", device])
    case = Case(folder)
    (tmp_path / "scratch").mkdir()
    told = await case.play(tmp_path / "scratch", quiet=0.1)
    assert ([event["title"] for event in told.events], len(told.errors)) == (["WR 6677"], 1)


def test_the_conversation_in_the_documentation_is_one() -> None:
    page = (FOLDER.parent.parent / "docs" / "cases.md").read_text("utf-8")
    (example,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    assert len(read(example).steps) == 3


def test_each_connector_has_cases_that_go_well_and_cases_that_go_wrong() -> None:
    well: set[str] = set()
    wrong: set[str] = set()
    for case in all_cases():
        told = case.connectors.values()
        well.update(told if case.expected else ())
        wrong.update(told if case.errors else ())
    every = set(BUILT_IN[CONNECTORS])
    assert (every - well, every - wrong) == (set(), set())
