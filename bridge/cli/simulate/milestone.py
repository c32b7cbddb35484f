"""``vms-bridge simulate milestone``: an XProtect."""

from __future__ import annotations

import argparse
import json

from bridge.cli.ending import Code
from bridge.cli.options import Subparsers, command, wants_json
from bridge.cli.simulate.serving import listening, ready


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "milestone",
        "a Milestone XProtect",
        """
        An XProtect with the cameras Dock and Gate: Event Server, API Gateway and AI Bridge at one port, a data source
        of generic events at another. It knows the user bridge with the password "first pass", and the analytics event
        vms-bridge. Prints one line that begins with "ready", then what is raised.
        """,
        "vms-bridge simulate milestone --port 9090 --generic-port 1235",
    )
    listening(parser)
    parser.add_argument("--generic-port", type=int, default=0, metavar="PORT", help="any free one unless given")


async def run(arguments: argparse.Namespace) -> int:
    from bridge.simulator.http_server import Answer, Asked
    from bridge.simulator.milestone import SimulatedMilestone

    as_json = wants_json(arguments)

    def show(what: str, text: str) -> None:
        print(json.dumps({"what": what, "text": text}) if as_json else f"{what}\n{text}\n", flush=True)

    def raised(asked: Asked, answer: Answer) -> None:
        if asked.method != "GET" and answer.status < 300 and not asked.path.lower().endswith("/token"):
            show(f"{asked.method} {asked.path}", asked.body.decode("utf-8", "replace"))

    simulated = SimulatedMilestone(host=arguments.host, port=arguments.port)
    simulated.source.port = arguments.generic_port
    simulated.source.on_line = lambda line: show("generic event", line.decode("utf-8", "replace").rstrip())
    simulated.on_asked = raised
    async with simulated as vms:
        await ready(
            arguments,
            {"url": vms.base_url, "generic_port": vms.source.port},
            f"ready: XProtect at {vms.base_url}, generic events at port {vms.source.port}",
        )
    return Code.DONE
