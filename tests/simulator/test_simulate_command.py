"""``vms-bridge simulate`` as processes: they say when they are ready and end when they should."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.cli.main import main
from tests.simulator.conftest import ask_raw

MAIN = [sys.executable, "-m", "bridge.cli.main"]
Process = asyncio.subprocess.Process


@pytest.fixture
async def started() -> AsyncIterator[list[Process]]:
    """Processes to be ended whatever happens."""
    processes: list[Process] = []
    yield processes
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def start(started: list[Process], *words: str) -> Process:
    process = await asyncio.create_subprocess_exec(*MAIN, *words, stdout=asyncio.subprocess.PIPE)
    started.append(process)
    return process


async def line(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode()


async def ended(process: Process) -> int:
    async with asyncio.timeout(20):
        return await process.wait()


async def test_a_vxg_says_where_it_is_keeps_its_tokens_private_and_ends_on_sigterm(
    tmp_path: Path, started: list[Process]
) -> None:
    secrets = tmp_path / "secrets"
    process = await start(
        started, "simulate", "vxg", "--cameras", "2", "--secrets", str(secrets), "--declare", "seen", "--json"
    )
    ready = json.loads(await line(process))
    assert (ready["what"], ready["cameras"]) == ("ready", [4711, 4712])
    token = (secrets / "camera-4711").read_text()
    assert (secrets / "camera-4711").stat().st_mode & 0o777 == 0o600
    assert secrets.stat().st_mode & 0o777 == 0o700
    port = int(ready["url"].rpartition(":")[2])
    body = b'{"camid":4711,"name":"seen","time":"2026-02-03T10:15:30"}'
    head = f"POST /api/v2/storage/events/ HTTP/1.1\r\nAuthorization: Acc {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    assert (await ask_raw(port, head.encode() + body)).status == 201
    process.terminate()
    assert await ended(process) == 0


async def test_a_simulator_ends_with_the_process_that_started_it(started: list[Process]) -> None:
    # Its parent is a shell of ours, killed without a chance to say anything.
    command = " ".join([*MAIN, "simulate", "vxg", "--cameras", "1"])
    shell = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", f"{command} & echo $!; wait", stdout=asyncio.subprocess.PIPE
    )
    started.append(shell)
    child = int(await line(shell))
    try:
        assert (await line(shell)).startswith("ready: VXG at http://127.0.0.1:")
        shell.kill()
        await shell.wait()
        assert shell.stdout is not None
        async with asyncio.timeout(20):
            assert await shell.stdout.read() == b""  # the pipe closes when the last that holds it has ended
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise


async def test_a_reader_sends_to_a_webhook_and_counts_what_was_taken(tmp_path: Path, started: list[Process]) -> None:
    hooks = await start(started, "simulate", "webhook")
    address = (await line(hooks)).split()[-1]
    reader = await start(
        started, "simulate", "reader", f"{address}/gate", "--vehicles", "1", "--faster", "100", "--user", "a:b",
        "--quirk", "updated", "--log", str(tmp_path / "issued"), "--json",
    )  # fmt: skip
    assert json.loads(await line(reader)) == {
        "what": "sent", "messages": 4, "taken": 4, "sent": 4, "refused": 0, "cut": 0
    }  # fmt: skip
    assert await ended(reader) == 0
    states = []
    for _ in range(4):
        shown = await line(hooks)
        assert shown.startswith("POST /gate {")
        states.append(json.loads(shown.removeprefix("POST /gate ").replace("…", ""))["carState"])
    assert states == ["new", "updated", "reliable", "lost"]
    assert len((tmp_path / "issued").read_text().splitlines()) == 4


def test_wrong_words_are_answered_with_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["vxg", "--fault", '{"kind":"odd"}'], "--fault:"),
        (["vxg", "--cameras", "0"], "--cameras takes a number from 1"),
        (["reader", "ftp://x"], "write http://host:port/path or tcp://host:port"),
        (["reader", "http://127.0.0.1:1/", "--quirk", "odd"], "there is no odd; there are no_plate"),
    ):
        assert main(["simulate", *words]) == 2
        assert said in capsys.readouterr().err
