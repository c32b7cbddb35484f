"""``vms-bridge simulate frigate``."""

from __future__ import annotations

import argparse
import json

from bridge.cli.ending import Code
from bridge.cli.options import Subparsers, command, wants_json
from bridge.cli.simulate.serving import listening, ready


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "frigate",
        "a Frigate",
        """
        A Frigate with the cameras loading_dock and front_gate. It knows the user bridge with the password "first pass".
        Prints one line that begins with "ready", then each event when its description was written.
        """,
        "vms-bridge simulate frigate --port 8086",
    )
    listening(parser)


async def run(arguments: argparse.Namespace) -> int:
    from bridge.simulator.frigate import SimulatedFrigate
    from bridge.simulator.frigate.events import Event

    as_json = wants_json(arguments)

    def show(event: Event) -> None:
        if as_json:
            told = {"what": "event", "id": event.id, "camera": event.camera, "label": event.label}
            print(json.dumps({**told, "sub_label": event.sub_label, "description": event.description}), flush=True)
        else:
            print(f"event {event.id} on {event.camera}, {event.label}: {event.sub_label}", flush=True)
            print(f"{event.description}\n", flush=True)

    cameras = ("loading_dock", "front_gate")
    async with SimulatedFrigate(cameras=cameras, host=arguments.host, port=arguments.port) as vms:
        vms.table.on_written = show
        await ready(
            arguments,
            {"url": vms.base_url, "cameras": list(cameras)},
            f"ready: Frigate at {vms.base_url}; cameras {', '.join(cameras)}",
        )
    return Code.DONE
