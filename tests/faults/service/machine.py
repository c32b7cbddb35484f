"""A machine with the bridge installed on it as deploy/README.md says: a folder with what would stand under /.

The program from a wheel in /opt/vms-bridge, the site and its credentials' sources in /etc/vms-bridge, the journal and
the secrets the service may change in /var/lib.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from bridge.simulator.secret_files import write_secrets

ROOT = Path(__file__).resolve().parents[3]
UNIT = ROOT / "deploy/systemd/vms-bridge.service"
WITHIN = 60.0
"""Seconds until anything that must happen is taken for not happening."""


def read_unit(text: str) -> dict[str, list[str]]:
    """The settings of its [Service], each with its lines; an empty one takes back those before it (systemd.syntax)."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key] = [*found.get(key, []), value] if value else []
    return found


class Machine:
    """``unit``: the text of the unit as this machine's administrator has it."""

    def __init__(self, root: Path, credentials: tuple[str, ...], watchdog: float | None = None) -> None:
        self.root = root
        text = UNIT.read_text("utf-8")
        lines = "\n".join(f"LoadCredential={name}:/etc/vms-bridge/secrets/{name}" for name in credentials)
        self.unit, replaced = re.subn(r"^LoadCredential=.*$", lines, text, flags=re.MULTILINE)
        assert replaced == 1
        if watchdog is not None:
            shorter = f"WatchdogSec={watchdog:g}"
            self.unit, replaced = re.subn(r"^WatchdogSec=.*$", shorter, self.unit, flags=re.MULTILINE)
            assert replaced == 1
        self.service = read_unit(self.unit)
        for folder in ("etc/vms-bridge/secrets", "opt", "var/lib", "run"):
            self.at(f"/{folder}").mkdir(parents=True, exist_ok=True)

    def at(self, place: str) -> Path:
        """Where this place of the machine is."""
        return self.root / place.lstrip("/")

    @property
    def site(self) -> Path:
        return self.at("/etc/vms-bridge/site.yaml")

    @property
    def journal(self) -> Path:
        return self.at("/var/lib/vms-bridge")

    @property
    def program(self) -> Path:
        return self.at("/opt/vms-bridge/bin/vms-bridge")

    def credential(self, name: str, value: str) -> None:
        """What an administrator puts where a LoadCredential line points to."""
        write_secrets(self.at("/etc/vms-bridge/secrets"), {name: value})

    def old_journal(self, script: Path) -> None:
        """A journal of an earlier version, from its dump."""
        self.journal.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self.journal / "journal.db")) as connection:
            connection.executescript(script.read_text("utf-8"))


class Steward(Protocol):
    """What takes care of the service: systemd, or what stands in for it."""

    async def start(self) -> None:
        """Until it has said that it is ready."""

    async def kill(self) -> None:
        """SIGKILL; returns once it has been started anew and is ready."""

    async def freeze(self) -> None:
        """It stands still, and is there; returns once the watchdog has had it killed and started anew."""

    async def reload(self) -> None:
        """Until it has taken the site again."""

    async def restart(self) -> None: ...

    async def stop(self) -> None: ...

    async def command(self, *words: str, given: str = "") -> str:
        """What ``vms-bridge`` with these words prints, run as root on the machine; fails unless it ends with 0."""

    def said(self) -> str:
        """The service's log."""


async def output(words: list[str], given: str = "", **how: object) -> tuple[int, str]:
    """A program to its end: (exit code, all it printed)."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **how,  # type: ignore[arg-type]
    )
    try:
        async with asyncio.timeout(WITHIN):
            printed, _ = await process.communicate(given.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, printed.decode("utf-8", "replace")


# --------------------------------------------------------------------------------------- from a wheel, offline


def wheels(folder: Path) -> Path:
    """The wheel built here, and those of what it needs."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "-q", "-w", str(folder)]
    built = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", str(ROOT)], capture_output=True, text=True, timeout=100
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("vms_bridge-*.whl")
    got = subprocess.run([*pip, str(wheel)], capture_output=True, text=True, timeout=240)
    if got.returncode and "No matching distribution" in got.stderr:
        pytest.skip("needs a package index, for the libraries")  # in CI a failure, like all that is left out
    assert got.returncode == 0, got.stderr
    return folder


def clean_environment() -> dict[str, str]:
    """Nothing of the tests', and nothing that systemd would not give."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def install(machine: Machine, packages: Path) -> None:
    """As deploy/README.md says, from these packages alone."""
    place = machine.at("/opt/vms-bridge")
    run([sys.executable, "-m", "venv", str(place)])
    run([str(place / "bin/pip"), *OFFLINE, "--find-links", str(packages), "vms-bridge"])


OFFLINE = ("--disable-pip-version-check", "install", "-q", "--no-index")


def run(words: list[str]) -> str:
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, env=clean_environment(), cwd="/")
    assert ran.returncode == 0, f"{shlex.join(words)}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
