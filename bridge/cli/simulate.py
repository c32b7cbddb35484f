"""``vms-bridge simulate``: a VMS, plate readers or a webhook receiver, to try a bridge with."""

from __future__ import annotations

import argparse
import json
import os
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
    _register_vxg(which)
    _register_reader(which)
    _register_webhook(which)
    _register_zoneminder(which)
    _register_genetec(which)
    _register_digifort(which)
    _register_frigate(which)
    _register_milestone(which)
    _register_nx(which)


def _register_vxg(subparsers: Subparsers) -> None:
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
    _listening(parser)
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


def _register_reader(subparsers: Subparsers) -> None:
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


def _register_webhook(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "webhook",
        "a receiver of webhooks",
        "Prints each request it gets and answers it with 200.",
        "vms-bridge simulate webhook --port 8084",
    )
    _listening(parser)
    parser.add_argument("--status", type=int, default=200, help="answer with this status; 200 unless given")


def _register_zoneminder(subparsers: Subparsers) -> None:
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
    _listening(parser)
    parser.add_argument("--trigger-port", type=int, default=0, metavar="PORT", help="any free one unless given")


def _register_frigate(subparsers: Subparsers) -> None:
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
    _listening(parser)


def _register_genetec(subparsers: Subparsers) -> None:
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
    _listening(parser)


def _register_milestone(subparsers: Subparsers) -> None:
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
    _listening(parser)
    parser.add_argument("--generic-port", type=int, default=0, metavar="PORT", help="any free one unless given")


def _register_nx(subparsers: Subparsers) -> None:
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
    _listening(parser)
    parser.add_argument(
        "--version", choices=("4.2", "5.1", "6.0", "6.1"), default="6.1", help="of the VMS; 6.1 unless given"
    )


def _register_digifort(subparsers: Subparsers) -> None:
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
    _listening(parser)


def _listening(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="any free one unless given")
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1 unless given")


def run(arguments: argparse.Namespace) -> int:
    arguments.parent = os.getppid()
    from contextlib import nullcontext

    from bridge.cli.run import run_loop
    from bridge.simulator.until_told import no_end_yet

    what = {
        "vxg": _vxg,
        "reader": _reader,
        "webhook": _webhook,
        "zoneminder": _zoneminder,
        "genetec": _genetec,
        "digifort": _digifort,
        "frigate": _frigate,
        "milestone": _milestone,
        "nx": _nx,
    }[arguments.what]
    with no_end_yet() if arguments.what != "reader" else nullcontext():
        try:
            return run_loop(lambda: what(arguments))
        except OSError as error:
            raise Failure(Code.REFUSED, str(error)) from error


async def _ready(arguments: argparse.Namespace, facts: dict[str, object], line: str) -> None:
    """Say that whoever waits may begin, for programs or for people, and go on until told to end."""
    from bridge.simulator.until_told import until_told

    print(json.dumps({"what": "ready", **facts}) if wants_json(arguments) else line, flush=True)
    await until_told(arguments.parent)


async def _vxg(arguments: argparse.Namespace) -> int:
    import msgspec

    from bridge.simulator.secret_files import write_secrets
    from bridge.simulator.vxg import Fault, SimulatedVxg

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
        await _ready(
            arguments,
            {"url": vms.base_url, "cameras": list(vms.tokens)},
            f"ready: VXG at {vms.base_url}; cameras {cameras}; {tokens}",
        )
    return Code.DONE


async def _webhook(arguments: argparse.Namespace) -> int:
    from bridge.simulator.webhook import Hook, SimulatedWebhook

    as_json = wants_json(arguments)

    def show(hook: Hook) -> None:
        text = hook.body.decode("utf-8", "replace")
        if as_json:
            print(json.dumps({"what": "hook", "method": hook.method, "path": hook.path, "body": text}), flush=True)
        else:
            print(f"{hook.method} {hook.path} {text[:2000]}", flush=True)

    async with SimulatedWebhook(host=arguments.host, port=arguments.port, status=arguments.status) as hooks:
        hooks.on_hook = show
        await _ready(arguments, {"url": hooks.base_url}, f"ready: webhooks at {hooks.base_url}")
    return Code.DONE


async def _zoneminder(arguments: argparse.Namespace) -> int:
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
        await _ready(
            arguments,
            {"url": vms.base_url, "trigger_port": vms.trigger.port},
            f"ready: ZoneMinder at {vms.base_url}, zmtrigger at port {vms.trigger.port}",
        )
    return Code.DONE


async def _frigate(arguments: argparse.Namespace) -> int:
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
        await _ready(
            arguments,
            {"url": vms.base_url, "cameras": list(cameras)},
            f"ready: Frigate at {vms.base_url}; cameras {', '.join(cameras)}",
        )
    return Code.DONE


async def _genetec(arguments: argparse.Namespace) -> int:
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
        await _ready(arguments, {"url": vms.base_url}, f"ready: Genetec's Web SDK at {vms.base_url}")
    return Code.DONE


async def _milestone(arguments: argparse.Namespace) -> int:
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
        await _ready(
            arguments,
            {"url": vms.base_url, "generic_port": vms.source.port},
            f"ready: XProtect at {vms.base_url}, generic events at port {vms.source.port}",
        )
    return Code.DONE


async def _nx(arguments: argparse.Namespace) -> int:
    from collections.abc import Mapping

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
        await _ready(
            arguments,
            {"url": vms.base_url, "devices": vms.api.devices},
            f"ready: Nx {arguments.version} at {vms.base_url}",
        )
    return Code.DONE


async def _digifort(arguments: argparse.Namespace) -> int:
    from bridge.simulator.digifort import SimulatedDigifort
    from bridge.simulator.digifort.api import Triggered

    as_json = wants_json(arguments)

    def show(triggered: Triggered) -> None:
        told = {"what": "triggered", "event": triggered.event, "message": triggered.message}
        print(json.dumps(told) if as_json else f"{triggered.event}: {triggered.message}", flush=True)

    async with SimulatedDigifort(host=arguments.host, port=arguments.port) as vms:
        vms.on_triggered = show
        await _ready(arguments, {"url": vms.base_url}, f"ready: Digifort at {vms.base_url}")
    return Code.DONE


async def _reader(arguments: argparse.Namespace) -> int:
    import asyncio

    from bridge.simulator.issued import Log
    from bridge.simulator.readers import Reader
    from bridge.simulator.until_told import until_told

    log = Log()
    stop = asyncio.Event()
    reader = Reader(_reader_settings(arguments), log)
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


def _reader_settings(arguments: argparse.Namespace) -> ReaderSettings:
    import base64

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
