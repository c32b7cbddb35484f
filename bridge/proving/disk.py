"""The journal's disk: is there room, what kind of disk is it, and how long does it take to keep one thing for good."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import msgspec

from bridge.config.site import FaultLimits, JournalSettings
from bridge.proving.lines import Line, Topic, ok, warn, wrong
from bridge.units import said_size

ROUNDS = 25
LONGEST = 2.0
"""Seconds that measuring may take; it ends with the round in which they are over."""
NOTICED, TOO_SLOW = 0.030, 0.250
"""Seconds of one fsync (the median): a good disk takes 1 to 10 ms, and an alarm waits for one before it goes out."""
BLOCK = 4096

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_OVER_A_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "glusterfs"})
"""SQLite's log needs memory that processes share, which these do not give (https://sqlite.org/wal.html, 1)."""


class Speed(msgspec.Struct, frozen=True):
    """Seconds of one write of 4 KiB with fsync."""

    median: float
    slowest: float
    rounds: int


def existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there: where it will be made."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def room(journal: JournalSettings, limits: FaultLimits, where: str) -> list[Line]:
    folder = existing(journal.path)
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        what = f"how much room there is in {folder}, the system does not tell: {error.strerror}"
        return [wrong(Topic.DISK, what, where, "see whether the disk is there")]
    said = f"{_size(usage.free)} of {_size(usage.total)} are free where the journal is ({folder})"
    if usage.free <= journal.reserve:
        what = f"{said}: no more than the reserve for alarms, {said_size(journal.reserve)}; notices are refused"
        return [wrong(Topic.DISK, what, where, "make room, or give the journal another disk")]
    if usage.free < limits.disk_low:
        what = f"{said}, less than disk_low, {said_size(limits.disk_low)}"
        return [warn(Topic.DISK, what, where, "make room, or give the journal another disk")]
    if usage.free < journal.limit:
        what = f"{said}, less than the {said_size(journal.limit)} that the journal may take"
        return [warn(Topic.DISK, what, where, "set journal.limit to what the disk can hold, or make room")]
    return [ok(Topic.DISK, said, where)]


def kind(folder: Path, where: str, mounts: Path = Path("/proc/self/mountinfo")) -> list[Line]:
    """What file system the journal is on, where that matters; nothing where the system does not tell."""
    return kind_lines(file_system(existing(folder), mounts), folder, where)


def kind_lines(system: str, folder: Path, where: str) -> list[Line]:
    if system in _IN_MEMORY:
        what = f"{folder} is in memory ({system}): what is accepted is lost with the next power cut"
        return [wrong(Topic.DISK, what, where, "put journal.path on a disk")]
    if system in _OVER_A_NETWORK:
        what = f"{folder} is on a network file system ({system}), on which SQLite's log is not safe"
        return [wrong(Topic.DISK, what, where, "put journal.path on a disk of this machine")]
    if system == "overlay":
        what = f"{folder} is in a container's own layer (overlay), which goes with the container"
        return [warn(Topic.DISK, what, where, "put the journal on a volume")]
    return []


def file_system(folder: Path, mounts: Path) -> str:
    """Its type ("ext4"), "" where it is not known. Format: proc(5), /proc/pid/mountinfo."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    best, found = -1, ""
    for line in lines:
        before, dash, after = line.partition(" - ")
        words = before.split(" ")
        if not dash or len(words) < 5:
            continue
        at = Path(words[4].encode().decode("unicode_escape"))
        if folder.resolve().is_relative_to(at) and len(at.parts) >= best:
            best, found = len(at.parts), after.split(" ")[0]
    return found


def measured(folder: Path) -> Speed:
    """Write and fsync small blocks in a file without a name: nothing is left, however this ends. Raises OSError."""
    took: list[float] = []
    end = time.monotonic() + LONGEST
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        while len(took) < ROUNDS and time.monotonic() < end:
            began = time.monotonic()
            file.write(bytes(BLOCK))
            os.fsync(file.fileno())
            took.append(time.monotonic() - began)
    return Speed(statistics.median(took), max(took), len(took))


def speed(folder: Path, where: str) -> list[Line]:
    at = existing(folder)
    try:
        found = measured(at)
    except OSError as error:
        what = f"nothing can be written in {at}: {error.strerror}"
        return [wrong(Topic.DISK, what, where, "let the service's user write there, see whether the disk is read-only")]
    return [speed_line(found, where)]


def speed_line(found: Speed, where: str) -> Line:
    longest = f"{_ms(found.slowest)} at the longest of {found.rounds}"
    said = f"keeping 4 KiB for good (fsync) takes {_ms(found.median)}, {longest}"
    if found.median > TOO_SLOW:
        return wrong(
            Topic.DISK, said, where, "use a local SSD; each event waits for one fsync before it is acknowledged"
        )
    if found.median > NOTICED:
        return warn(Topic.DISK, said, where, "expect fewer events a second; a local SSD takes 1 to 10 ms")
    return ok(Topic.DISK, said, where, found.median)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
