"""The systemd unit keeps its own promises, as far as they can be seen without a systemd that runs here."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.main import _parser
from bridge.simulator.secret_files import write_secrets
from tests.end_to_end.bridge_process import COMMAND, running, until
from tests.end_to_end.passes import form, said
from tests.vms.conftest import playing

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy/systemd/vms-bridge.service"
EXPOSED = 2.0
"""The most that ``systemd-analyze security`` may say; 10 is a service without any fence."""


def lines(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)


def analyze(*words: str) -> str:
    ran = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60)
    return ran.stdout + ran.stderr


@pytest.mark.needs("systemd-analyze")
def test_the_unit_is_exposed_to_little() -> None:
    told = analyze("security", "--offline=true", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert found, told
    assert float(found[1]) <= EXPOSED


@pytest.mark.needs("systemd-analyze")
def test_the_unit_has_no_line_that_systemd_does_not_know(tmp_path: Path) -> None:
    program = UNIT.read_text("utf-8").replace("/opt/vms-bridge/bin/vms-bridge", sys.executable)
    (tmp_path / UNIT.name).write_text(program)
    told = analyze("verify", str(tmp_path / UNIT.name))
    assert UNIT.name not in told, told


def test_what_the_unit_starts_is_a_command_of_ours() -> None:
    (start,) = lines("ExecStart")
    program, *words = shlex.split(start)
    assert program.endswith("/vms-bridge")
    assert words[0] == "run"
    _, parser = _parser("run")
    journal, _, files = (f"/var/lib/{name}" for name in lines("StateDirectory")[0].split())
    asked = parser.parse_args(words)
    assert (str(asked.journal), str(asked.secrets)) == (journal, files)


def test_who_is_killed_leaves_no_memory_with_secrets_behind() -> None:
    assert lines("LimitCORE") == ["0"]


def test_the_watchdog_waits_longer_than_a_pulse_needs_to_be_called_stuck() -> None:
    from bridge.metrics.pulse import EVERY, STUCK_AFTER

    (allowed,) = lines("WatchdogSec")
    assert lines("Type") == ["notify"]
    assert float(allowed) > STUCK_AFTER + EVERY


# --------------------------------------------------------------------------- which system calls the unit lets it make


def named(filter_: str) -> set[str]:
    """The calls of a set like @system-service, those of the sets in it too."""
    found: set[str] = set()
    for line in analyze("syscall-filter", filter_).splitlines()[1:]:
        name = line.strip().partition("#")[0].strip()
        if name.startswith("@"):
            found |= named(name)
        elif name:
            found.add(name)
    return found


def allowed() -> set[str]:
    calls: set[str] = set()
    for line in lines("SystemCallFilter"):
        sets = {call for each in line.lstrip("~").split() for call in named(each)}
        calls = calls - sets if line.startswith("~") else calls | sets
    return calls


def called(trace: Path) -> Iterator[str]:
    for line in trace.read_text("utf-8", "replace").splitlines():
        found = re.match(r"(?:\d+ +)?([a-z_0-9]+)\(", line)
        if found:
            yield found[1]


SITE = """\
version: 1
site: {{name: Traced yard}}
vms:
  hook: {{type: webhook, url: "http://localhost:{port}/vms"}}
cameras:
  gate: {{vms: hook}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
  yard: {{type: tcp, bind: "127.0.0.1:0"}}
sensors:
  gate-lpr: {{profile: cammra, connector: lpr, address: {{path: /gate, basic: secret:reader}}, cameras: [gate]}}
observe: {{bind: "127.0.0.1:0"}}
"""


@pytest.mark.needs("strace", "systemd-analyze")
async def test_the_service_makes_no_call_that_the_unit_forbids(tmp_path: Path) -> None:
    """Started, given pictures, reloaded, backed up and stopped, under a stand-in for systemd's socket."""
    trace = tmp_path / "trace"
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notified.bind(str(tmp_path / "notify"))
    wrapper = tmp_path / "traced.py"
    wrapper.write_text(
        "import os, sys\n"
        f"words = ['strace', '-f', '-qq', '-o', {str(trace)!r}, sys.executable, *{COMMAND!r}, *sys.argv[1:]]\n"
        "os.execvp('strace', words)\n"
    )
    async with playing() as host:
        write_secrets(tmp_path / "secrets", {"reader": "cam:Sesame-7391"})
        (tmp_path / "site.yaml").write_text(SITE.format(port=host.port))
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
        async with running(tmp_path, program=(str(wrapper),), environment=environment) as bridge:
            traced = int((await bridge.status())["pid"])
            for number in range(3):
                assert (await bridge.post(form("/gate", said(number), number, user="cam:Sesame-7391"))).status == 200
            await bridge.ask("GET", "/metrics")
            await bridge.ask("GET", "/backup")
            os.kill(traced, signal.SIGHUP)
            await bridge.says("reloaded:")
            await until(lambda: len(host.requests) >= 3, lambda: host.requests)
            os.kill(traced, signal.SIGTERM)
            assert await bridge.ends() == 0
    notified.close()
    made = set(called(trace))
    assert {"fsync", "sendto", "accept4"} & made, "it was traced"
    # SQLite gives its files to the database's owner when it runs as root (robustFchown in os_unix.c), as this may.
    assert made - allowed() - {"execve"} <= ({"fchown"} if os.geteuid() == 0 else set())
