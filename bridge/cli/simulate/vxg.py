"""``vms-bridge simulate vxg``: a VXG cloud."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command
from bridge.cli.simulate.serving import listening, ready


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "vxg",
        "a VXG cloud",
        """
        A VXG cloud with as many cameras as you like, numbered from 4711. Prints one line that begins with "ready".
        What it holds, faults and outages are at /simulator/ on the same port, for instance
        /simulator/record, /simulator/credentials and POST /simulator/away {"seconds": 5}.
        """,
        "vms-bridge simulate vxg --port 8083 --cameras 4 --secrets ./secrets",
        """vms-bridge simulate vxg --port 8083 --fault '{"kind": "throttled", "probability": 0.1}'""",
    )
    listening(parser)
    parser.add_argument("--cameras", type=int, default=4, metavar="N", help="how many; 4 unless given")
    parser.add_argument(
        "--secrets", type=Path, metavar="DIR", help="write each camera's token there, as camera-4711 and so on"
    )
    parser.add_argument(
        "--group-token", type=Path, metavar="FILE", help="write the token of all cameras together there, for init"
    )
    parser.add_argument(
        "--declare", action="append", default=[], metavar="TYPE", help="an event type every camera has from the start"
    )
    parser.add_argument("--lenient", action="store_true", help="take numbers and long texts in meta, too")
    parser.add_argument(
        "--search-lag", type=float, default=0.0, metavar="SECONDS", help="until the search finds events"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="JSON", help="a fault that is on from the start"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same tokens and faults")
    parser.add_argument("--record-bytes", action="store_true", help="keep each raise as it stood on the wire")


async def run(arguments: argparse.Namespace) -> int:
    import msgspec

    from bridge.simulator.faults import Fault
    from bridge.simulator.secret_files import write_secrets
    from bridge.simulator.vxg import SimulatedVxg

    try:
        faults = [msgspec.json.decode(text, type=Fault) for text in arguments.fault]
    except msgspec.MsgspecError as error:
        raise Failure(Code.USAGE, f"--fault: {error}") from error
    if arguments.cameras < 1:
        raise Failure(Code.USAGE, "--cameras takes a number from 1")
    simulated = SimulatedVxg(
        arguments.cameras,
        host=arguments.host,
        port=arguments.port,
        seed=arguments.seed,
        strict=not arguments.lenient,
        record_bytes=arguments.record_bytes,
        search_lag=arguments.search_lag,
        faults=faults,
        declared=arguments.declare,
    )
    async with simulated as vms:
        if arguments.secrets:
            write_secrets(arguments.secrets, {f"camera-{camera}": token for camera, token in vms.tokens.items()})
        if arguments.group_token:
            write_secrets(arguments.group_token.parent, {arguments.group_token.name: vms.cloud.tokens.group})
        numbers = list(vms.tokens)
        cameras = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
        tokens = (
            f"tokens in {arguments.secrets}" if arguments.secrets else f"tokens at {vms.base_url}/simulator/credentials"
        )
        await ready(
            arguments,
            {"url": vms.base_url, "cameras": list(vms.tokens)},
            f"ready: VXG at {vms.base_url}; cameras {cameras}; {tokens}",
        )
    return Code.DONE
