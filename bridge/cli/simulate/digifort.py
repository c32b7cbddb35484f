"""``vms-bridge simulate digifort``."""

from __future__ import annotations

import argparse
import json

from bridge.cli.ending import Code
from bridge.cli.options import Subparsers, command, wants_json
from bridge.cli.simulate.serving import listening, ready


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "digifort",
        "a Digifort server",
        """
        The HTTP API of a Digifort with the cameras CAM01 and CAM02 and the global events Bridge-CAM01, Bridge-CAM02
        and Bridge-CAM01-Fire. It knows the user Bridge with the password "first pass". Prints one line that begins
        with "ready", then each global event that is triggered.
        """,
        "vms-bridge simulate digifort --port 8601",
    )
    listening(parser)


async def run(arguments: argparse.Namespace) -> int:
    from bridge.simulator.digifort import SimulatedDigifort
    from bridge.simulator.digifort.api import Triggered

    as_json = wants_json(arguments)

    def show(triggered: Triggered) -> None:
        told = {"what": "triggered", "event": triggered.event, "message": triggered.message}
        print(json.dumps(told) if as_json else f"{triggered.event}: {triggered.message}", flush=True)

    async with SimulatedDigifort(host=arguments.host, port=arguments.port) as vms:
        vms.on_triggered = show
        await ready(arguments, {"url": vms.base_url}, f"ready: Digifort at {vms.base_url}")
    return Code.DONE
