"""``vms-bridge simulate reader``: a CAMMRA plate reader."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, wants_json

if TYPE_CHECKING:
    from bridge.simulator.issued import Log
    from bridge.simulator.readers import ReaderSettings


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "reader",
        "a CAMMRA plate reader",
        """
        A plate reader that sends passing vehicles (new, update, reliable, lost) in real time, and sends again what
        was not acknowledged. The address says how: http:// or tcp://.
        """,
        "vms-bridge simulate reader http://127.0.0.1:8080/gate --multipart --every 5",
        "vms-bridge simulate reader tcp://127.0.0.1:9100 --vehicles 10 --faster 5",
        "vms-bridge simulate reader http://127.0.0.1:8080/gate --quirk updated --quirk profiles=3",
    )
    parser.add_argument("to", metavar="URL", help="http://host:port/path or tcp://host:port")
    parser.add_argument("--multipart", action="store_true", help="a form with the picture apart, not JSON with base64")
    parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="between vehicles; 2 unless given")
    parser.add_argument("--burst", type=int, default=1, metavar="N", help="vehicles that come at once; 1 unless given")
    parser.add_argument("--vehicles", type=int, metavar="N", help="stop after so many")
    parser.add_argument("--faster", type=float, default=1.0, metavar="TIMES", help="each pass so many times as fast")
    parser.add_argument("--no-ai", action="store_true", help="an older app: no reliable, update is the best there is")
    parser.add_argument("--block-every", type=int, default=0, metavar="N", help="each Nth vehicle is on the block list")
    parser.add_argument("--serial", default="B8A44F000001", help="the camera's serial number (its MAC)")
    parser.add_argument("--device", default="defaultID", help="the device id the installer typed")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="number of the first vehicle")
    parser.add_argument("--user", metavar="NAME:PASSWORD", help="basic credentials")
    parser.add_argument("--picture-bytes", type=int, default=0, metavar="N", help="size of each picture")
    parser.add_argument("--heartbeat", type=float, default=0.0, metavar="SECONDS", help="between heartbeats; none at 0")
    parser.add_argument(
        "--quirk",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="what real readers do, such as updated or car_reset=5; a wrong one lists them",
    )
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="write what was issued there at the end, as JSON lines"
    )


async def run(arguments: argparse.Namespace) -> int:
    from bridge.simulator.issued import Log
    from bridge.simulator.readers import Reader
    from bridge.simulator.until_told import until_told

    log = Log()
    stop = asyncio.Event()
    reader = Reader(_settings(arguments), log)
    running = asyncio.create_task(reader.run(stop, drain=10.0))
    told = asyncio.create_task(until_told(arguments.parent))
    try:
        await asyncio.wait([running, told], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await running
    finally:
        told.cancel()
        await asyncio.wait([told])
    if arguments.log:
        log.write(arguments.log)
    _tell(log, wants_json(arguments), arguments.to)
    return Code.DONE if all(each.acknowledged or each.written for each in log.issued) else Code.FOUND


def _tell(log: Log, as_json: bool, to: str) -> None:
    taken = sum(each.acknowledged or each.written for each in log.issued)
    facts = {"messages": len(log.issued), "taken": taken, "sent": log.sent, "refused": log.refused, "cut": log.cut}
    if as_json:
        print(json.dumps({"what": "sent", **facts}))
    else:
        print(f"{taken} of {len(log.issued)} messages were taken by {to} ({log.refused} refusals, {log.cut} cuts)")


def _settings(arguments: argparse.Namespace) -> ReaderSettings:
    import msgspec

    from bridge.simulator.payloads import Quirks
    from bridge.simulator.readers import ReaderSettings, Way
    from bridge.simulator.vehicles import Timing

    place = urlsplit(arguments.to)
    if place.scheme not in ("http", "tcp") or place.hostname is None or place.port is None:
        raise Failure(Code.USAGE, f"{arguments.to}: write http://host:port/path or tcp://host:port")
    quirks = {}
    for text in arguments.quirk:
        name, _, value = text.partition("=")
        quirks[name.replace("-", "_")] = value or "true"
    unknown = set(quirks) - set(Quirks.__struct_fields__)
    if unknown:
        known = ", ".join(Quirks.__struct_fields__)
        raise Failure(Code.USAGE, f"--quirk: there is no {', '.join(sorted(unknown))}; there are {known}")
    way = Way.TCP if place.scheme == "tcp" else Way.MULTIPART if arguments.multipart else Way.JSON
    user = base64.b64encode(arguments.user.encode()).decode() if arguments.user else ""
    try:
        settled = msgspec.convert(quirks, Quirks, strict=False)
    except msgspec.ValidationError as error:
        raise Failure(Code.USAGE, f"--quirk: {error}") from error
    return ReaderSettings(
        sensor=arguments.to,
        way=way,
        host=place.hostname,
        port=place.port,
        path=(place.path or "/") + (f"?{place.query}" if place.query else ""),
        serial=arguments.serial,
        device=arguments.device,
        authorization=f"Basic {user}" if user else "",
        first=arguments.first,
        every=arguments.every,
        burst=arguments.burst,
        vehicles=arguments.vehicles,
        timing=Timing().faster(arguments.faster),
        ai=not arguments.no_ai,
        block_every=arguments.block_every,
        picture_bytes=arguments.picture_bytes,
        heartbeat=arguments.heartbeat,
        quirks=settled,
    )
