"""``vms-bridge simulate genetec``: the Web SDK role of a Security Center."""

from __future__ import annotations

import argparse
import json

from bridge.cli.ending import Code
from bridge.cli.options import Subparsers, command, wants_json
from bridge.cli.simulate.serving import listening, ready


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "genetec",
        "a Genetec Security Center",
        """
        The Web SDK role of a Security Center with two cameras, an alarm and the custom event 5000. It knows the user
        bridge with the password "first pass" and the application id AbC123==. Prints one line that begins with
        "ready", then each bookmark, custom event and alarm.
        """,
        "vms-bridge simulate genetec --port 4590",
    )
    listening(parser)


async def run(arguments: argparse.Namespace) -> int:
    import msgspec

    from bridge.simulator.genetec import SimulatedGenetec
    from bridge.simulator.genetec.directory import Made

    as_json = wants_json(arguments)

    def show(made: Made) -> None:
        told = {"what": type(made).__name__.lower(), **msgspec.to_builtins(made)}
        line = " ".join(f"{name}={value}" for name, value in told.items() if name != "what")
        print(json.dumps(told) if as_json else f"{told['what']} {line}", flush=True)

    async with SimulatedGenetec(host=arguments.host, port=arguments.port) as vms:
        vms.on_made = show
        await ready(arguments, {"url": vms.base_url}, f"ready: Genetec's Web SDK at {vms.base_url}")
    return Code.DONE
