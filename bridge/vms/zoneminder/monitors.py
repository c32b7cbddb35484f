"""ZoneMinder's monitors as its API tells them [3]."""

from __future__ import annotations

import msgspec

from bridge.vms.http import Answer


class Monitor(msgspec.Struct):
    """``Function`` up to 1.36, ``Capturing``, ``Analysing`` and ``Recording`` from 1.37 [7]."""

    Id: int | str
    Name: str | None = None
    Function: str | None = None
    Enabled: int | str | bool | None = None
    Capturing: str | None = None
    Recording: str | None = None


class Status(msgspec.Struct):
    Status: str | None = None


class Held(msgspec.Struct):
    Monitor: Monitor
    Monitor_Status: Status | None = None

    @property
    def status(self) -> str:
        return (self.Monitor_Status.Status if self.Monitor_Status is not None else None) or ""


class _One(msgspec.Struct):
    monitor: Held


class _All(msgspec.Struct):
    monitors: list[Held]


def one(answer: Answer) -> Held | None:
    """None when it is no monitor."""
    try:
        return msgspec.json.decode(answer.body, type=_One).monitor
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def hidden(answer: Answer) -> bool:
    """Whether it is there, and this user may not see it: ``{"monitor":[]}`` (seen by running)."""
    try:
        return bool(msgspec.json.decode(answer.body) == {"monitor": []})
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def listed(answer: Answer) -> list[Held] | None:
    """None when it is no list of monitors."""
    try:
        return msgspec.json.decode(answer.body, type=_All).monitors
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def unfit(monitor: Monitor) -> str:
    """Why no alarm can be forced on it, in words that follow its name; "" when one can [7]."""
    if monitor.Function in ("None", "Monitor"):
        return f"has the function {monitor.Function}, in which no alarm is forced; make it Nodect"
    if monitor.Capturing == "None":
        return "captures nothing (Capturing: None)"
    if monitor.Recording == "None":
        return "records nothing (Recording: None), so that no event comes of an alarm"
    if monitor.Function and str(monitor.Enabled) in ("0", "False"):
        return "is not enabled"
    return ""
