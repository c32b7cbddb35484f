"""Devices nobody has set up yet speak to a port, and what is printed adopts them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import mappings
from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.config.load import load
from bridge.model import ConnectorId, Instant, Message, Origin
from bridge.profiles.compile import compile_profile
from bridge.profiles.compiled import CompiledProfile
from bridge.simulator.http_client import Cut, HttpClient
from tests.end_to_end.bridge_process import COMMAND, ROOT, command
from tests.end_to_end.passes import bare, form, post, said

REST = """\
version: 1
site: {name: Learned yard}
vms: {hook: {type: webhook, url: "http://127.0.0.1:9/in"}}
cameras: {gate: {vms: hook}}
"""
ODD = b'{"gadget": {"serial": "G-1", "api_key": "Planted-Key-1"}, "pressure": 3.2}'


class Learning:
    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    async def send(self, request: bytes) -> int:
        client = HttpClient("127.0.0.1", self.port)
        try:
            return (await client.send(request)).status
        finally:
            client.close()

    async def say(self, stream: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(stream)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def ends(self) -> tuple[int | None, str]:
        async with asyncio.timeout(30):
            printed, _ = await self.process.communicate()
        return self.process.returncode, printed.decode()


@contextlib.asynccontextmanager
async def learning(folder: Path, *words: str) -> AsyncIterator[Learning]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *COMMAND, "learn", "--bind", "127.0.0.1:0", *words, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        async with asyncio.timeout(30):
            line = (await process.stderr.readline()).decode()
        found = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
        assert found, line
        yield Learning(process, int(found[1]))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_what_is_printed_adopts_whoever_a_profile_reads(tmp_path: Path) -> None:
    async with learning(tmp_path, "--most", "4", "--accept") as device:
        assert await device.send(post("/gate", bare(said(1)), user="cam:Sesame-7391")) == 200
        assert await device.send(form("/gate", said(2), 2, user="cam:Sesame-7391")) == 200
        await device.say(bare(said(3)) + bare(said(4)))
        assert await device.send(post("/odd", ODD)) == 200
        code, printed = await device.ends()
    assert code == Code.DONE, printed
    assert "profile cammra reads it: vehicle.identified" in printed
    assert "it shows basic credentials" in printed
    assert "Sesame" not in printed
    assert "it says: gadget, pressure" in printed
    assert "no profile reads it; learn again with --save DIR" in printed
    adopted = printed.replace("[CAMERA]", "[gate]").replace(
        "{type: tcp, bind: 127.0.0.1", "{type: tcp, bind: 127.0.0.2"
    )
    adopted = adopted.replace('{type: tcp, bind: "127.0.0.1', '{type: tcp, bind: "127.0.0.2')
    (tmp_path / "site.yaml").write_text(REST + adopted)
    site = load(tmp_path / "site.yaml")
    assert {(sensor.profile, sensor.connector) for sensor in site.sensors.values()} == {
        ("cammra", "learned-http"), ("cammra", "learned-tcp"),
    }  # fmt: skip
    (tmp_path / "car.json").write_bytes(bare(said(9)))
    words = ("try", str(tmp_path / "site.yaml"), str(tmp_path / "car.json"), "--connector", "learned-http")
    code, shown = await command(*words, "--path", "/gate", "--from", "127.0.0.1")
    assert (code, b"raised" in shown or b"collapsed" in shown) == (0, True), shown


async def test_nothing_is_taken_from_a_sender_unless_it_is_said(tmp_path: Path) -> None:
    async with learning(tmp_path, "--most", "1", "--json") as device:
        assert await device.send(post("/gate", bare(said(1)))) == 503
        code, printed = await device.ends()
    told: dict[str, Any] = json.loads(printed)
    assert code == Code.DONE
    assert [each["profile"] for each in told["speakers"]] == ["cammra"]


async def test_what_no_profile_reads_is_kept_for_profile_new_without_its_credentials(tmp_path: Path) -> None:
    async with learning(tmp_path, "--most", "1", "--accept", "--save", "captured") as device:
        assert await device.send(post("/odd", ODD, user="cam:Sesame-7391")) == 200
        code, printed = await device.ends()
    assert code == Code.FOUND, "nobody could be adopted"
    (kept,) = (tmp_path / "captured").iterdir()
    assert oct(kept.stat().st_mode)[-3:] == "600"
    assert b"Authorization" not in kept.read_bytes()
    words = re.search(r"vms-bridge (profile new \S+ --from \S+)", printed)
    assert words, printed
    named = [str(kept) if word.startswith("captured/") else word for word in words[1].split()]
    code, said_ = await command(*named, "--into", str(tmp_path / "profiles"))
    assert code == 0, said_
    assert "Planted-Key-1" not in "".join(
        each.read_text() for each in (tmp_path / "profiles").rglob("*") if each.is_file()
    )


async def test_it_ends_with_ctrl_c_and_says_what_it_has_heard(tmp_path: Path) -> None:
    async with learning(tmp_path) as device:
        assert await device.send(post("/gate", bare(said(1)))) == 503
        device.process.send_signal(signal.SIGINT)
        code, printed = await device.ends()
    assert code == Code.DONE
    assert "sensors:" in printed


async def test_a_device_that_speaks_tls_is_said_to(tmp_path: Path) -> None:
    async with learning(tmp_path, "--most", "1") as device:
        await device.say(b"\x16\x03\x01\x00\x05hello")
        code, printed = await device.ends()
    assert code == Code.FOUND
    assert "it speaks TLS" in printed


def test_what_is_kept_of_a_flood_is_bounded_and_the_rest_is_counted() -> None:
    from bridge.clock import SystemClock
    from bridge.learning.speakers import Heard, Speakers
    from bridge.model import ConnectorId, Message, Origin

    speakers = Speakers(most_bytes=10_000)
    for number in range(300):
        origin = Origin(f"10.0.{number // 200}.{number % 200}")
        message = Message(connector=ConnectorId("x"), origin=origin, body=b"x" * 999, arrived=SystemClock().now())
        for _ in range(3):
            speakers.add(Heard(way="tcp", message=message))
    kept = [len(heard.message.body) for speaker in speakers.found.values() for heard in speaker.samples]
    assert sum(kept) <= 10_000
    assert (len(speakers.found), speakers.others) == (200, 300)
    assert all(speaker.count == 3 for speaker in speakers.found.values())


async def test_more_connections_than_it_can_hear_are_ended(tmp_path: Path) -> None:
    async with learning(tmp_path, "--most", "1") as device:
        held = [await asyncio.open_connection("127.0.0.1", device.port) for _ in range(64)]
        reader, writer = await asyncio.open_connection("127.0.0.1", device.port)
        async with asyncio.timeout(30):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        for _, each in (*held, (reader, writer)):
            each.close()
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(Cut):
                    if await device.send(post("/gate", bare(said(1)))) == 503:
                        break
                await asyncio.sleep(0.02)
        code, _ = await device.ends()
    assert code == Code.DONE


def test_a_port_that_somebody_has_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["learn", "--bind", f"127.0.0.1:{port}", "--for", "1 s"]) == Code.REFUSED
    assert "cannot listen on" in capsys.readouterr().err


def heard(profile: str) -> bool:
    """Whether its devices speak in a way that learn hears."""
    return bool({"http", "tcp"} & set(compiled(profile).heard_by or {"http"}))


def compiled(profile: str) -> CompiledProfile:
    file = mappings.PROFILES / f"{profile}.yaml"
    return compile_profile(file.read_text("utf-8"), str(file))


OURS = sorted(file.stem for file in mappings.PROFILES.glob("*.yaml"))


def test_a_profile_of_devices_that_speak_otherwise_is_never_suggested() -> None:
    """Home Assistant's would read any text: it is of a broker's messages."""
    from bridge.learning.reading import profiles_in, read
    from bridge.learning.speakers import Heard, Speakers

    assert "home-assistant" in OURS
    assert not heard("home-assistant")
    speakers = Speakers()
    said = Message(
        connector=ConnectorId("learned"),
        origin=Origin("10.0.0.9", "/status"),
        body=b"ON",
        arrived=Instant(datetime.now(UTC), 0.0),
    )
    speakers.add(Heard(way="http", message=said))
    (speaker,) = speakers.found.values()
    assert read(speaker, profiles_in(mappings.PROFILES)).profile == ""
    anyway = compiled("home-assistant")
    anyway.heard_by = frozenset()
    assert read(speaker, {"home-assistant": anyway}).profile == "home-assistant"


@pytest.mark.parametrize("profile", [name for name in OURS if heard(name)])
def test_every_profile_of_ours_is_suggested_for_its_own_examples(profile: str) -> None:
    """Those of its examples that are a single message with an event in it: whatever else could read them reads less."""
    from bridge.learning.reading import profiles_in, read
    from bridge.learning.speakers import Heard, Speakers
    from bridge.profiles.examples import examples_of, read_message

    profiles = profiles_in(mappings.PROFILES)
    right = wrong = 0
    for example in examples_of(mappings.PROFILES / f"{profile}.yaml"):
        speakers = Speakers()
        way = "tcp" if example.file.suffix == ".tcp" else "http"
        speakers.add(Heard(way=way, message=read_message(example.file)))
        (speaker,) = speakers.found.values()
        found = read(speaker, profiles).profile
        right += found == profile
        wrong += found not in (profile, "")
    assert right > 0
    assert wrong <= right // 4, f"{wrong} of its examples were taken for another's, {right} for its own"
