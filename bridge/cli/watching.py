"""``vms-bridge status --watch``: the page again and again, with what came and went per second since the last."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.options import wants_json
from bridge.cli.status import told
from bridge.cli.tap import seconds
from bridge.control.client import Answer

CLEAR = "\x1b[H\x1b[2J"
"""To the upper left, and everything away (ECMA-48); only written to a terminal."""
LEAST = 0.2


def watch(arguments: argparse.Namespace) -> int:
    """Until Ctrl-C. A service that is away (it is being restarted, say) is said to be, and waited for; the first time,
    it has to be there."""
    every = seconds(arguments.watch, "--watch")
    if every < LEAST:
        raise Failure(Code.USAGE, f"--watch takes {LEAST} s or more")
    where = asking.place(arguments)
    before: tuple[float, Answer] | None = None
    first = True
    while True:
        now = time.monotonic()
        try:
            with asking.service(where) as client:
                status = client.get("/status")
        except Failure as failure:
            if first or failure.code is not Code.NO_SERVICE:
                raise
            _show({"what": "away", "why": str(failure)}, [str(failure)], wants_json(arguments))
            before = None
        else:
            lines = [] if wants_json(arguments) else told(status)
            if lines and before is not None:
                lines.insert(1, _rates(before[1], status, now - before[0]))
            _show(status, lines, wants_json(arguments))
            before = (now, status)
        first = False
        time.sleep(every)


def _show(status: Mapping[str, object], lines: list[str], as_json: bool) -> None:
    if as_json:
        print(json.dumps(status), flush=True)
        return
    page = "\n".join(lines)
    print(f"{CLEAR}{page}" if sys.stdout.isatty() else f"{page}\n", flush=True)


def _rates(before: Answer, after: Answer, seconds: float) -> str:
    def per_second(*path: str) -> str:
        return f"{max(0.0, _number(after, path) - _number(before, path)) / max(seconds, 0.001):.1f}/s"

    return (
        f"messages {per_second('messages')}, events {per_second('events')}, "
        f"delivered {per_second('deliveries', 'delivered')}"
    )


def _number(status: Answer, path: tuple[str, ...]) -> float:
    found: object = status
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else 0.0
