"""Following a service from the command line: over its real socket, by the real command."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from tests.cli.test_main import ROOT
from tests.control.conftest import Running, running
from tests.control.test_stages import decision
from tests.control.test_tap import head


async def listening(control: Running) -> None:
    async with asyncio.timeout(30):
        while not control.tap._listeners:
            await asyncio.sleep(0.01)


async def test_a_tap_shows_what_passes_and_ends_after_so_many_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bridge.model import Delivered, Rejected

    async with running(tmp_path / "control.sock") as control:
        control.service.site.sensors = {}
        words = ["tap", "--journal", str(tmp_path), "--what", "message,item,event,answer", "--most", "5"]
        ending = asyncio.create_task(asyncio.to_thread(main, words))
        await listening(control)
        control.tap.decided(decision())
        control.tap.settled(head(), Delivered("4711"))
        control.tap.settled(head(), Rejected("400: too long"))
        assert await asyncio.wait_for(ending, 30) == Code.DONE
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["message", "item", "event", "answer", "answer"]
    assert 'lpr 10.0.0.21 /gate: application/json, 19 bytes, 0 pictures: {"plate": "ABC123"}' in lines[0]
    assert "lpr: raised gate-lpr into e1" in lines[1]
    assert "gate-lpr alarm vehicle.identified momentary: Vehicle 1 -> gate-in" in lines[2]
    assert "cloud gate-in delivered after" in lines[3]
    assert lines[4].endswith("Vehicle 1: 400: too long")


async def test_a_tap_ends_after_its_time_even_when_nothing_passes(tmp_path: Path) -> None:
    async with running(tmp_path / "control.sock"):
        words = ["tap", "--journal", str(tmp_path), "--for", "100 ms"]
        assert await asyncio.wait_for(asyncio.to_thread(main, words), 30) == Code.DONE


def test_a_stage_that_is_not_there_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tap", "--journal", str(tmp_path), "--what", "event,wire"]) == Code.USAGE
    assert "there is no 'wire'" in capsys.readouterr().err


async def test_watching_shows_the_status_again_and_again_and_waits_for_a_service_that_is_restarted(
    tmp_path: Path,
) -> None:
    async def line(process: asyncio.subprocess.Process) -> dict[str, object]:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            told: dict[str, object] = json.loads(await process.stdout.readline())
            assert "error" not in told, told
            return told

    words = ["-m", "bridge.cli.main", "status", "--json", "--watch", "200 ms", "--journal", str(tmp_path)]
    async with running(tmp_path / "control.sock"):
        watching = await asyncio.create_subprocess_exec(
            sys.executable, *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        assert (await line(watching))["site"] == "Harbour depot"
        assert (await line(watching))["site"] == "Harbour depot"
    while (await line(watching)).get("what") != "away":
        pass
    async with running(tmp_path / "control.sock"):
        while (await line(watching)).get("site") != "Harbour depot":
            pass
    watching.send_signal(signal.SIGINT)
    _, errors = await asyncio.wait_for(watching.communicate(), 20)
    assert (watching.returncode, errors) == (Code.INTERRUPTED, b"")


def test_watching_a_service_that_was_never_there_ends_at_once(tmp_path: Path) -> None:
    assert main(["status", "--watch", "--journal", str(tmp_path)]) == Code.NO_SERVICE
