"""A systemd of its own: PID 1 of fresh namespaces, over a folder as its /; it has the unit as it is shipped.

Nothing of the machine is touched: its mounts, process table and control groups are the namespaces' own; /usr, /sys and
/proc/sys are read-only; only the network is shared, so that senders and the simulated VMS are on the same loopback.
Takes root, unshare(1), systemd and version 2 of the control groups.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from tests.faults.service.machine import OFFLINE, WITHIN, Machine, is_root, output

HERE = Path(__file__).parent
SERVICE = "vms-bridge.service"
PYTHON = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
"""The unit lets its process see neither /root nor /home, where a Python of one's own often is."""


def groups() -> Path | None:
    """Where version 2 of the control groups is mounted."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(",") and os.access(place, os.W_OK):
            return Path(place)
    return None


def missing() -> str:
    """What this machine lacks for it; "" when nothing."""
    if sys.platform != "linux" or not is_root():
        return "root on Linux"
    wanted = ("unshare", "nsenter", "systemctl", "pivot_root", PYTHON)
    lacking = [each for each in wanted if shutil.which(each) is None]
    if not Path("/lib/systemd/systemd").exists():
        lacking.append("systemd")
    if groups() is None:
        lacking.append("control groups, version 2")
    if not lacking and subprocess.run([PYTHON, "-c", "import ensurepip, venv"], capture_output=True).returncode:
        lacking.append("python3-venv")
    if not lacking and subprocess.run(["unshare", "-mpf", "--cgroup", "true"], capture_output=True).returncode:
        lacking.append("namespaces")
    return ", ".join(lacking)


class Real:
    def __init__(self, machine: Machine, first: int) -> None:
        self.machine = machine
        self._first = first  # its PID 1, as it is called out here

    def _inside(self, *words: str) -> list[str]:
        return ["nsenter", "-t", str(self._first), "-m", "-p", "-u", "-i", "-C", "-r", "-w", *words]

    async def _systemctl(self, *words: str) -> str:
        code, printed = await output(self._inside("systemctl", "--no-pager", *words))
        assert code == 0, f"systemctl {' '.join(words)}\n{printed}\n{self.said()}"
        return printed.strip()

    async def shown(self, name: str) -> str:
        """A property of the service."""
        return await self._systemctl("show", "--value", "-p", name, SERVICE)

    async def exposure(self) -> float:
        """What ``systemd-analyze security`` says of it, 0 to 10."""
        code, printed = await output(self._inside("systemd-analyze", "security", "--no-pager", SERVICE))
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", printed)
        assert found, f"{code}: {printed}"
        return float(found[1])

    async def start(self) -> None:
        await self._systemctl("start", SERVICE)

    async def kill(self) -> None:
        await self._again("KILL")

    async def freeze(self) -> None:
        await self._again("STOP")

    async def _again(self, number: str) -> None:
        before = int(await self.shown("NRestarts"))
        await self._systemctl("kill", "-s", number, "--kill-who=main", SERVICE)
        async with asyncio.timeout(WITHIN):
            while int(await self.shown("NRestarts")) <= before or await self.shown("ActiveState") != "active":
                await asyncio.sleep(0.1)

    async def reload(self) -> None:
        await self._systemctl("reload", SERVICE)

    async def restart(self) -> None:
        await self._systemctl("restart", SERVICE)

    async def stop(self) -> None:
        await self._systemctl("stop", SERVICE)
        assert await self.shown("Result") == "success"

    async def command(self, *words: str, given: str = "") -> str:
        code, printed = await output(self._inside("/opt/vms-bridge/bin/vms-bridge", *words), given)
        assert code == 0, printed
        return printed

    def said(self) -> str:
        """The unit's lines of the journal, through a file: the log goes where the machine's systemd puts it."""
        ran = subprocess.run(
            self._inside("journalctl", "--no-pager", "-o", "cat", "-u", SERVICE),
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        return ran.stdout


@contextlib.asynccontextmanager
async def booted(machine: Machine, packages: Path) -> AsyncIterator[Real]:
    """Installed by this machine's own pip, from these packages alone; the service is not started yet."""
    above = groups()
    assert above is not None
    (machine.at("/packages")).mkdir()
    for package in packages.glob("*.whl"):
        shutil.copy(package, machine.at("/packages"))
    place = machine.at("/etc/systemd/system")
    place.mkdir(parents=True)
    (place / SERVICE).write_text(machine.unit)
    group = above / f"vms-bridge-test-{uuid.uuid4().hex[:8]}"
    group.mkdir()
    log = machine.at("/boot.log").open("ab")
    words = ["unshare", "--mount", "--pid", "--fork", "--ipc", "--uts", "--cgroup", "--kill-child=KILL"]
    install = " ".join(OFFLINE)
    boot = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group),
        *words, "/bin/sh", str(HERE / "boot.sh"), str(machine.root), PYTHON, install,
        stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    try:
        yield Real(machine, await _up(boot, machine))
    finally:
        with contextlib.suppress(ProcessLookupError):
            boot.send_signal(signal.SIGKILL)  # its child, PID 1 in there, goes with it, and all others with that
        await boot.wait()
        log.close()
        await _removed(group)


async def _up(boot: asyncio.subprocess.Process, machine: Machine) -> int:
    """Until its systemd answers; its PID 1."""
    said = machine.at("/boot.log")
    try:
        async with asyncio.timeout(WITHIN):
            while True:
                assert boot.returncode is None, said.read_text()
                children = Path(f"/proc/{boot.pid}/task/{boot.pid}/children").read_text().split()
                if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd":
                    first = int(children[0])
                    real = Real(machine, first)
                    code, printed = await output(real._inside("systemctl", "is-system-running"))
                    if printed.strip() in ("running", "degraded"):
                        return first
                    assert code is not None
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"systemd does not come up\n{said.read_text()}") from None


async def _removed(group: Path) -> None:
    """The control groups of a systemd that is gone."""
    async with asyncio.timeout(WITHIN):
        while group.exists():
            for each in sorted((each for each in group.rglob("*") if each.is_dir()), reverse=True):
                with contextlib.suppress(OSError):
                    each.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
            await asyncio.sleep(0.05)
