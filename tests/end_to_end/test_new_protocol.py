"""The page "A new protocol in one file", typed as it stands there; then its connector carries a message to a VMS.

What is exchanged: pip installs beside this Python instead of into it and asks no package index; the site's VMS, port
and sender are those of the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.end_to_end.bridge_process import COMMAND, ROOT, WITHIN, Bridge, running, until

PAGE = (ROOT / "docs" / "new-protocol.md").read_text("utf-8")
STEPS = re.findall(r"(?:Save as `([^`]+)`:\n\n)?```(\w+)\n(.*?)```", PAGE, re.DOTALL)
PIP = ("-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index")
FORCED = "<33>1 {} gatehouse doord - - - door=back what=forced\n"


class Typed:
    """A folder in which the page was typed. ``printed``: (a line the page promises, all that was printed)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.beside = folder / "installed"
        self.promised: list[tuple[str, str]] = []
        self.saved: list[str] = []
        self.commands: list[str] = []

    @property
    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": f"{self.beside}{os.pathsep}{ROOT}"}

    def all(self) -> None:
        for file, language, text in STEPS:
            if file:
                place = self.folder / file
                place.parent.mkdir(exist_ok=True)
                place.write_text(text)
                self.saved.append(file)
            elif language == "console":
                printed = ""
                for line in text.splitlines():
                    if line.startswith("$ "):
                        printed = self.type(line[2:])
                    else:
                        self.promised.append((line, printed))

    def type(self, line: str) -> str:
        self.commands.append(line)
        words = {
            ("pip", "install"): (*PIP, "--target", str(self.beside)),
            ("python", "-m"): ("-m",),
        }
        first, second, *rest = shlex.split(line)
        begin = (*COMMAND, second) if first == "vms-bridge" else words[first, second]
        theirs = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        ran = subprocess.run(
            [sys.executable, *begin, *rest],
            cwd=self.folder, env={**theirs, **self.environment}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60,
        )  # fmt: skip
        assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
        return ran.stdout


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Typed:
    typed = Typed(tmp_path_factory.mktemp("protocol"))
    typed.all()
    return typed


@contextlib.asynccontextmanager
async def log_host(bridge: Bridge) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that has been opened as librelp does it."""
    reader, writer = await asyncio.open_connection(*bridge.bound("logs"))
    offers = b"relp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog"
    try:
        async with asyncio.timeout(WITHIN):
            writer.write(b"1 open %d %b\n" % (len(offers), offers))
            head = await reader.readuntil(b"200 OK\n")
            number, command, length, _ = head.split(b" ", 3)
            assert (number, command) == (b"1", b"rsp")
            answered = await reader.readexactly(int(length) - len(b"200 OK\n") + 1)
            assert answered.endswith(b"commands=syslog\n")
            yield reader, writer
    finally:
        writer.close()


def site_at(typed: Typed, vms: SimulatedVxg) -> Path:
    """The site of the page, at this VMS and a free port."""
    site = (typed.folder / "site.yaml").read_text()
    for words, ours in (
        ("url: https://web.harbour.example", f'url: "{vms.base_url}", allow_http: true'),
        ("bind: 0.0.0.0:2514", "bind: 127.0.0.1:0"),
        ("from: 10.0.0.21", "from: 127.0.0.1"),
    ):
        assert words in site
        site = site.replace(words, ours)
    folder = typed.folder / "running"
    folder.mkdir(exist_ok=True)
    (folder / "site.yaml").write_text(site)
    if not (folder / "profiles").exists():
        (folder / "profiles").symlink_to(typed.folder / "profiles")
    write_secrets(folder / "secrets", {"yard": vms.tokens[4711]})
    return folder


def command(number: int, at: datetime) -> bytes:
    said = FORCED.format(at.isoformat()).encode()
    return b"%d syslog %d %b\n" % (number, len(said), said)


def test_every_step_of_the_page_works_and_prints_what_it_says(typed: Typed) -> None:
    assert (len(typed.saved), len(typed.commands), len(typed.promised)) == (5, 4, 4)
    for line, printed in typed.promised:
        assert line in printed, f"{line!r} is not in\n{printed}"


def test_it_is_one_file_and_an_entry_point_and_nothing_of_the_bridge_is_changed(typed: Typed) -> None:
    modules = [path.name for path in typed.beside.rglob("*.py") if path.name != "test_vms_bridge_relp.py"]
    assert modules == ["vms_bridge_relp.py"]
    (points,) = typed.beside.glob("*.dist-info/entry_points.txt")
    assert points.read_text().splitlines() == ["[vms_bridge.connectors]", "relp = vms_bridge_relp:RelpConnector"]
    assert "relp" not in (ROOT / "bridge/config/registry.py").read_text()


async def test_a_dry_run_takes_nothing_and_the_real_run_raises_it_and_answers(typed: Typed) -> None:
    forced_at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    async with SimulatedVxg([4711]) as vms:
        folder = site_at(typed, vms)
        async with running(folder, "--dry-run", environment=typed.environment) as rehearsal:
            async with log_host(rehearsal) as (reader, writer):
                writer.write(command(2, forced_at))
                await rehearsal.line("request")
                writer.write(b"3 close 0\n")
                assert await reader.read() == b"3 rsp 0\n", "a dry run has taken the message"
            assert await rehearsal.stop() == 0
            assert (await rehearsal.line("end"))["taken"] == 0
        requests = [told["request"] for told in rehearsal.told if told["what"] == "request"]
        assert any("Door back: forced" in request for request in requests)
        assert vms.server.contacts == 0

        async with running(folder, environment=typed.environment) as bridge:
            async with log_host(bridge) as (reader, writer):
                writer.write(command(2, forced_at))
                assert await reader.readline() == b"2 rsp 6 200 OK\n"
                assert (await bridge.status())["messages"] == 1, "it was answered before it was kept"
            await until(lambda: len(vms.record) == 1, bridge.said)
            assert await bridge.stop() == 0
        (event,) = vms.record
        assert (event.meta["type"], event.meta["door"]) == ("door.forced", "back")
        assert event.time == forced_at
