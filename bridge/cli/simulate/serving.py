"""What the simulated servers have in common: where they listen, and that they are ready."""

from __future__ import annotations

import argparse
import json

from bridge.cli.options import wants_json


def listening(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="any free one unless given")
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1 unless given")


async def ready(arguments: argparse.Namespace, facts: dict[str, object], line: str) -> None:
    """Say that whoever waits may begin, for programs or for people, and go on until told to end."""
    from bridge.simulator.until_told import until_told

    print(json.dumps({"what": "ready", **facts}) if wants_json(arguments) else line, flush=True)
    await until_told(arguments.parent)
