"""What a running service, or its journal, tells of the sensors' clocks; and that nothing hangs when it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bridge.proving import running
from bridge.proving.lines import Grade, Topic
from tests.proving.conftest import one

ROOT = Path(__file__).resolve().parents[2]
HANGS = """
import socket, time
socket.getaddrinfo = lambda *_, **__: time.sleep(600)
from bridge.cli.proving import probing
from bridge.proving import routes
from bridge.proving.destinations import Destination
routes.RESOLVE = 0.1
lines, _ = probing(lambda: routes.resolved(Destination(part="vms.x", where="", host="slow.example", port=443)))
print(lines[0].what)
"""


def test_what_is_late_says_nothing_of_a_clock() -> None:
    said = [("door", "late", -900.0), ("door", "device", 0.5), ("door", "arrival", 70.0), ("mute", "arrival", None)]
    assert running._newest(said) == {"door": [0.5, 70.0], "mute": []}


def test_only_the_newest_events_of_a_sensor_count() -> None:
    found = running._newest(("door", "device", float(number)) for number in range(100))
    assert found == {"door": [float(number) for number in range(running.LOOKED_AT)]}


async def test_no_service_and_no_journal_are_no_error(tmp_path: Path) -> None:
    told, lines = await running.status(tmp_path / "control.sock")
    assert told is None
    assert one(lines, Topic.SERVICE, Grade.UNKNOWN)
    assert await running.offsets(tmp_path / "control.sock", tmp_path / "journal", False) == ({}, "")


def test_the_command_ends_though_its_name_server_hangs_for_minutes() -> None:
    ran = subprocess.run([sys.executable, "-c", HANGS], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    assert "not resolved within 0.1 s" in ran.stdout
