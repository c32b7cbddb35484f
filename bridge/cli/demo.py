"""``vms-bridge demo``: the main job on this machine, with nothing to configure."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, wants_json


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "demo",
        "the main job on this machine, with simulated readers and a simulated VMS",
        """
        Simulated plate readers send over HTTP (JSON and multipart) and TCP; the bridge, a process of its own, raises
        their events on the cameras of a simulated VXG and on a webhook. Everything lives in a temporary folder and on
        loopback, and is gone afterwards.

        With --for, the VMS is away for 5 s and the bridge is killed once; at the end a ledger compares what was said
        with what arrived, and the exit code is 1 if anything was lost, doubled or out of order, or fewer than 1,000
        messages were seen. Without it, it runs until Ctrl-C.
        """,
        "vms-bridge demo",
        "vms-bridge demo --for 20s",
    )
    parser.add_argument("--for", dest="duration", metavar="TIME", help="how long vehicles pass, such as 20s or 2 min")
    parser.add_argument(
        "--rate", type=float, default=50.0, metavar="N", help="messages a second on each way, at least; 50 unless given"
    )


def run(arguments: argparse.Namespace) -> int:
    from bridge.cli.run import run_loop
    from bridge.simulator.demo.child import ChildFailed

    try:
        import httpx  # noqa: F401 - the child asks with it
        import websockets  # noqa: F401

        from bridge.simulator.demo.run import Demo
    except ModuleNotFoundError as missing:
        need = f"the demo needs {missing.name}: pip install 'vms-bridge[poll,websocket]'"
        raise Failure(Code.USAGE, need) from missing

    if not 1 <= arguments.rate <= 5_000:
        raise Failure(Code.USAGE, "--rate takes a number from 1 to 5000")
    demo = Demo(_say(wants_json(arguments)), rate=arguments.rate, seconds=_seconds(arguments.duration))
    try:
        result = run_loop(demo.run)
    except ChildFailed as failed:
        raise Failure(Code.REFUSED, str(failed)) from failed
    return Code.DONE if result.closes else Code.FOUND


def _seconds(text: str | None) -> float | None:
    from bridge.units import seconds

    if text is None:
        return None
    try:
        found = seconds(text)
    except ValueError as error:
        raise Failure(Code.USAGE, f"--for: {error}") from error
    if found < 8:
        raise Failure(Code.USAGE, "--for takes 8 s or more: the VMS alone is away for 5 s of it")
    return found


def _say(as_json: bool) -> Callable[[str], None]:
    def say(line: str) -> None:
        print(json.dumps({"what": "line", "text": line}) if as_json else line, flush=True)

    return say
