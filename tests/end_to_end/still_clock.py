"""``python -m tests.end_to_end.still_clock run …``: the command with a wall clock that stands still and message ids
that count from the start, so that two runs of the same messages make the same events. Everything else is as it is:
monotonic time goes on, sockets and files are real.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, tzinfo
from types import SimpleNamespace
from typing import Any

import bridge.clock
import bridge.intake.message_ids
import connectors.framing.connection
import connectors.http.app
from bridge.cli.main import main

MOMENT = datetime(2026, 2, 3, 10, 15, 30, 250000, tzinfo=UTC)


class _Still(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return MOMENT


if __name__ == "__main__":
    modules: list[Any] = [bridge.clock, connectors.http.app, connectors.framing.connection]
    for module in modules:
        assert module.datetime is datetime
        module.datetime = _Still
    ids: Any = bridge.intake.message_ids
    ids.os = SimpleNamespace(urandom=bytes)  # so many zeros
    sys.exit(main(sys.argv[1:]))
