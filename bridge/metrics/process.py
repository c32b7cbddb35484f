"""What this process takes of the machine, under the names every Prometheus client gives it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

STARTED = time.time()
_STATUS = Path("/proc/self/status")
_DESCRIPTORS = Path("/proc/self/fd")


class ProcessFigures(msgspec.Struct, frozen=True):
    """``cpu``: seconds of processor time, user and system. ``resident``: bytes of memory. None: not told here."""

    cpu: float
    resident: int | None
    descriptors: int | None
    started: float


def figures() -> ProcessFigures:
    times = os.times()
    return ProcessFigures(times.user + times.system, _resident(), _descriptors(), STARTED)


def _resident() -> int | None:
    try:
        text = _STATUS.read_text()
    except OSError:
        return None
    line = next((line for line in text.splitlines() if line.startswith("VmRSS:")), None)
    return int(line.split()[1]) * 1024 if line is not None else None


def _descriptors() -> int | None:
    try:
        return len(os.listdir(_DESCRIPTORS))
    except OSError:
        return None
