"""``vms-bridge simulate``: a VMS, plate readers or a webhook receiver, to try a bridge with.

One file for each, with ``register(subparsers)`` and ``run(arguments)``; they are in the order of the help.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Coroutine, Mapping
from typing import Protocol

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command
from bridge.cli.simulate import digifort, frigate, genetec, milestone, nx, reader, vxg, webhook, zoneminder


class Simulated(Protocol):
    def register(self, subparsers: Subparsers) -> None: ...

    def run(self, arguments: argparse.Namespace) -> Coroutine[object, object, int]: ...


SIMULATED: Mapping[str, Simulated] = {
    "vxg": vxg,
    "reader": reader,
    "webhook": webhook,
    "zoneminder": zoneminder,
    "genetec": genetec,
    "digifort": digifort,
    "frigate": frigate,
    "milestone": milestone,
    "nx": nx,
}


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "simulate",
        "simulated readers and a simulated VMS, to try things with",
        "Things a bridge talks to, on loopback. Each ends by itself on SIGTERM, on Ctrl-C, or with what started it.",
        "vms-bridge simulate vxg --port 8083 --cameras 4 --secrets ./secrets",
        "vms-bridge simulate reader http://127.0.0.1:8080/gate --multipart",
        "vms-bridge simulate webhook --port 8084",
        "vms-bridge simulate zoneminder --port 8085",
        "vms-bridge simulate frigate --port 8086",
        "vms-bridge simulate genetec --port 4590",
        "vms-bridge simulate digifort --port 8601",
        "vms-bridge simulate milestone --port 9090",
        "vms-bridge simulate nx --port 7001",
    )
    which = parser.add_subparsers(title="what to simulate", metavar="WHAT", dest="what", required=True)
    for each in SIMULATED.values():
        each.register(which)


def run(arguments: argparse.Namespace) -> int:
    arguments.parent = os.getppid()
    from contextlib import nullcontext

    from bridge.cli.run import run_loop
    from bridge.simulator.until_told import no_end_yet

    simulated = SIMULATED[arguments.what]
    with no_end_yet() if simulated is not reader else nullcontext():
        try:
            return run_loop(lambda: simulated.run(arguments))
        except OSError as error:
            raise Failure(Code.REFUSED, str(error)) from error
