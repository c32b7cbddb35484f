"""The parts of the demo: its site is a good site, its lines say what happened, its child is never left behind."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from bridge.cli.main import main
from bridge.simulator.demo import site
from bridge.simulator.demo.child import Child, ChildFailed
from bridge.simulator.demo.live import Line, Live
from bridge.simulator.readers import Way


def test_every_way_is_asked_for_at_least_the_rate(tmp_path: Path) -> None:
    layout = site.Layout(tmp_path, 1, 2, "http://127.0.0.1:3", "http://127.0.0.1:4")
    settings = site.readers(layout, 50.0)
    others = [site.faces, site.tripwire, site.stream]
    named = {system(index)[0] for system in others for index in range(site.PER_WAY)}
    assert {each.sensor for each in settings} | named == set(site.all_cameras())
    for way in Way:
        messages = sum((4 if each.ai else 3) / each.every for each in settings if each.way is way)
        assert messages >= 50
    batches, streams = site.visualcortex(layout, 50.0), site.ovenmediaengine(layout, 50.0)
    assert 1 / site.scene(50.0).every >= 50
    assert batches.batch / batches.every >= 50
    assert len(streams.streams) / streams.every >= 50
    firsts = sorted(each.first for each in settings)
    assert min(b - a for a, b in itertools.pairwise(firsts)) > 20_000


def test_a_vehicle_is_raised_before_the_next_one_is_seen_so_that_order_is_known(tmp_path: Path) -> None:
    layout = site.Layout(tmp_path, 1, 2, "http://127.0.0.1:3", "http://127.0.0.1:4")
    for each in site.readers(layout, 50.0):
        assert max(each.timing.update, each.timing.reliable if each.ai else 0) < each.every
        assert each.timing.passed + each.timing.lost > each.every


def decided(event: str, cameras: list[str], **more: object) -> Line:
    return msgspec.convert(
        {
            "what": "decided",
            "connector": "lpr",
            "place": "/json/1",
            "message": "m1",
            "verdicts": [{"fate": "raised"}],
            "events": [{"id": event, "sensor": "json-1", "type": "vehicle.identified", "title": "4AB1234 CZE in"}],
            "deliveries": [{"event": event, "revision": 0, "camera": camera} for camera in cameras],
            **more,
        },
        Line,
    )


def test_a_line_says_what_came_what_it_became_and_who_has_it_under_which_id() -> None:
    said: list[str] = []
    live = Live(said.append, each=0.0)
    live.take(decided("e1", ["gate-1", "gate-2"]))
    live.take(Line(what="settled", event="e1", camera="gate-2", outcome="delivered", remote_id="900002"))
    live.take(Line(what="settled", event="e1", camera="gate-1", outcome="retry"))
    assert said == []
    live.take(Line(what="settled", event="e1", camera="gate-1", outcome="delivered", remote_id="900001"))
    assert said == [
        "json-1 (lpr /json/1) → raises vehicle.identified “4AB1234 CZE in” → gate-2 #900002, gate-1 #900001"
    ]
    assert (live.raised, live.amended, live.delivered) == (1, 0, 2)


def test_lines_come_at_a_readable_pace_and_totals_count_all() -> None:
    said: list[str] = []
    live = Live(said.append, each=60.0)
    for number in range(5000):
        live.take(decided(f"e{number}", ["gate-1"]))
        live.take(Line(what="settled", event=f"e{number}", camera="gate-1", outcome="delivered"))
    assert (len(said), live.raised) == (1, 5000)


def test_every_way_has_its_turn_however_much_another_says() -> None:
    said: list[str] = []
    live = Live(said.append, each=60.0)
    for place in [*["/multipart/1"] * 500, "/json/1", "/json/2", *["/multipart/1"] * 500, "10.0.0.7:4711"]:
        live.take(decided(place, ["gate-1"], place=place))
        live.take(Line(what="settled", event=place, camera="gate-1", outcome="delivered"))
    assert [line.split("(lpr ")[1].split(")")[0] for line in said] == ["/multipart/1", "/json/1", "10.0.0.7:4711"]


async def test_a_bridge_that_ends_at_once_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = Child(["run", str(tmp_path / "no such site.yaml")], tmp_path / "log")
    with pytest.raises(ChildFailed, match="no such site"):
        await child.start()
    assert not child.alive


PROGRAM = """
import asyncio, pathlib, sys
from bridge.simulator.demo import child
async def main():
    child.sys.executable = sys.argv[1]
    one = child.Child(["x"], pathlib.Path(sys.argv[2]))
    await one.start()
    print(one.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part of it is Linux")
async def test_the_child_ends_with_a_demo_that_is_killed(tmp_path: Path) -> None:
    stand_in = tmp_path / "bridge"  # says it is ready and stays
    stand_in.write_text("#!/bin/sh\necho ready: here\nexec sleep 60\n")
    stand_in.chmod(0o700)
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(stand_in), str(tmp_path / "log"), stdout=asyncio.subprocess.PIPE
    )
    assert demo.stdout is not None
    async with asyncio.timeout(20):
        pid = int(await demo.stdout.readline())
    demo.kill()
    await demo.wait()
    try:
        async with asyncio.timeout(30):
            while _runs(pid):
                await asyncio.sleep(0.02)
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("words", [["--for", "soon"], ["--for", "3s"], ["--rate", "0"]])
def test_wrong_words_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *words]) == 2
    assert words[0] in capsys.readouterr().err


def test_without_its_libraries_the_demo_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    assert main(["demo"]) == 2
    assert "pip install 'vms-bridge[poll,websocket]'" in capsys.readouterr().err
