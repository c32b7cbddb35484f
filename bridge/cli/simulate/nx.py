"""``vms-bridge simulate nx``: a site of Nx."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

from bridge.cli.ending import Code
from bridge.cli.options import Subparsers, command, wants_json
from bridge.cli.simulate.serving import listening, ready


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "nx",
        "an Nx Witness site",
        """
        A site of Nx with two devices, over HTTP (a real one has TLS). It knows the user bridge with the password "first
        pass". Prints one line that begins with "ready", then each bookmark and generic event.
        """,
        "vms-bridge simulate nx --port 7001",
        "vms-bridge simulate nx --port 7001 --version 6.0",
    )
    listening(parser)
    parser.add_argument(
        "--version", choices=("4.2", "5.1", "6.0", "6.1"), default="6.1", help="of the VMS; 6.1 unless given"
    )


async def run(arguments: argparse.Namespace) -> int:
    from bridge.simulator.nx import SimulatedNx

    as_json = wants_json(arguments)

    def show(told: Mapping[str, object]) -> None:
        what = "bookmark" if "durationMs" in told else "event"
        title = told.get("name", told.get("caption"))
        devices = told.get("devices") or [told.get("deviceId")]
        where = ", ".join(str(each) for each in devices) if isinstance(devices, list) else ""
        line = f"{what} on {where}: {title}\n{told.get('description')}\n"
        print(json.dumps({"what": what, **told}) if as_json else line, flush=True)

    async with SimulatedNx(version=arguments.version, host=arguments.host, port=arguments.port, told=show) as vms:
        await ready(
            arguments,
            {"url": vms.base_url, "devices": vms.api.devices},
            f"ready: Nx {arguments.version} at {vms.base_url}",
        )
    return Code.DONE
