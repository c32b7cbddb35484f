"""The log: lines for people, or (``--log-format json``) one JSON object per line for programs. Always on stderr.

Nothing is logged per message; what is away is said once, and once when it is back (``bridge.supervision``). As JSON
these two carry ``condition`` and ``change``: begins or ends.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

FORMATS = ("text", "json")
EXTRAS = ("condition", "change", "seconds")
"""What a record may carry besides its text."""


class JsonLines(logging.Formatter):
    """``{"at", "level", "logger", "message"}``, and ``exception`` where there is one; never a line end within."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: getattr(record, name) for name in EXTRAS if hasattr(record, name)}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def log_to_stderr(level: str, form: str = "text") -> None:
    """``level``: the least that is shown; ``form``: one of FORMATS."""
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else text)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
