"""``vms-bridge simulate zoneminder``."""

from __future__ import annotations

import argparse
import json

from bridge.cli.ending import Code
from bridge.cli.options import Subparsers, command, wants_json
from bridge.cli.simulate.serving import listening, ready


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "zoneminder",
        "a ZoneMinder",
        """
        A ZoneMinder with the monitors 1 and 2: its API under /zm/api, and zmtrigger. It knows the user bridge with the
        password "first pass". Prints one line that begins with "ready", then each event when it is over.
        """,
        "vms-bridge simulate zoneminder --port 8085",
    )
    listening(parser)
    parser.add_argument("--trigger-port", type=int, default=0, metavar="PORT", help="any free one unless given")


async def run(arguments: argparse.Namespace) -> int:
    from bridge.simulator.zoneminder import SimulatedZoneMinder
    from bridge.simulator.zoneminder.monitor import Event

    as_json = wants_json(arguments)

    def show(event: Event) -> None:
        if as_json:
            told = {"what": "event", "id": event.id, "monitor": event.monitor, "cause": event.cause}
            print(json.dumps({**told, "notes": event.notes}), flush=True)
        else:
            print(f"event {event.id} of monitor {event.monitor}, {event.cause}:\n{event.notes}\n", flush=True)

    simulated = SimulatedZoneMinder(
        monitors={1: "Dock", 2: "Gate"}, host=arguments.host, port=arguments.port, picture_every=0.2, stays_open=1.0
    )
    simulated.trigger.port = arguments.trigger_port
    simulated.database.on_over = show
    async with simulated as vms:
        await ready(
            arguments,
            {"url": vms.base_url, "trigger_port": vms.trigger.port},
            f"ready: ZoneMinder at {vms.base_url}, zmtrigger at port {vms.trigger.port}",
        )
    return Code.DONE
