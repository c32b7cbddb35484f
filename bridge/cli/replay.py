"""``vms-bridge replay``: a recording through a site again, on paper."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, secrets, wants_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.cli.telling import Teller
    from bridge.config.site import Site
    from bridge.model import Message
    from bridge.secret import Secrets


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "replay",
        "a recording through a site again, on paper",
        """
        Take what record wrote through a site as it is now, and show what each message would become and the exact
        requests; nothing is sent, kept or listened to. Messages are judged at the times they came at, so that holds,
        debounces and repeats come out as they would have, at once. With --speed they pass in real time (1), or so many
        times as fast, through the dry run of the whole service. Ends with 1 when an item cannot be read or is nobody's.
        """,
        "vms-bridge replay monday.jsonl --site site.yaml",
        "vms-bridge replay monday.jsonl --site site.yaml --speed 10 --json",
    )
    parser.add_argument("recording", type=Path, metavar="FILE", help="what vms-bridge record wrote")
    parser.add_argument("--site", type=Path, default=Path("site.yaml"), metavar="SITE", help="site.yaml unless given")
    parser.add_argument("--connector", metavar="CONNECTOR", help="as if it had come in by this one")
    parser.add_argument("--speed", type=float, metavar="TIMES", help="1 is real time; at once unless given")
    secrets(parser)


def run(arguments: argparse.Namespace) -> int:
    from msgspec.structs import replace

    from bridge.cli.loading import secrets_from, site_from
    from bridge.cli.recording import read
    from bridge.cli.run import run_loop
    from bridge.cli.telling import Teller
    from bridge.cli.trial import Trial
    from bridge.model import ConnectorId

    if arguments.speed is not None and arguments.speed <= 0:
        raise Failure(Code.USAGE, "--speed takes a number above 0")
    site = site_from(arguments.site)
    stores = secrets_from(arguments.secrets, arguments.site)
    messages: Iterable[Message] = read(arguments.recording)
    if arguments.connector is not None:
        if arguments.connector not in site.connectors:
            raise Failure(Code.USAGE, f"the site has no connector {arguments.connector}")
        connector = ConnectorId(arguments.connector)
        messages = (replace(message, connector=connector) for message in messages)
    teller = Teller(wants_json(arguments))
    if arguments.speed is not None:
        speed: float = arguments.speed
        return run_loop(lambda: _in_time(site, stores, teller, messages, speed))

    async def at_once() -> bool:
        return Trial(site, stores, teller).run(messages)

    return Code.DONE if run_loop(at_once) else Code.FOUND


async def _in_time(site: Site, stores: Secrets, teller: Teller, messages: Iterable[Message], speed: float) -> int:
    import asyncio
    import tempfile

    from msgspec.structs import replace

    from bridge.cli.hosting import started
    from bridge.cli.paper import Paper
    from bridge.cli.rehearsal import PaperTarget, Rehearsal
    from bridge.clock import SystemClock
    from bridge.model import ReceiptKind, VmsId
    from bridge.service import Service
    from bridge.vms.base import VmsTarget
    from connectors.base import Mode

    def on_paper(name: VmsId, target: VmsTarget) -> VmsTarget:
        return PaperTarget(target, Paper(name, target, stores, teller))

    clock = SystemClock()
    rehearsal = Rehearsal(teller, None)
    bad = 0
    with tempfile.TemporaryDirectory(prefix="vms-bridge-replay-") as folder:
        deaf = replace(site, connectors={}, endpoints={}, observe=None)
        starting = Service.start(
            deaf, stores, journal_path=Path(folder), mode=Mode.OBSERVE, wrap_target=on_paper, observer=rehearsal
        )
        service = await started(starting)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(service.run(), name="service")
            began = clock.now().monotonic
            for message in messages:
                await clock.sleep(max(0.0, began + message.arrived.monotonic / speed - clock.now().monotonic))
                receipt = await service.intake.submit(replace(message, arrived=clock.now()))
                bad += receipt.kind in (ReceiptKind.UNKNOWN, ReceiptKind.MALFORMED, ReceiptKind.LATER)
            await rehearsal.settled_down()
            await service.stop(5.0)
            await running
    held = f"; {rehearsal.held} events still held were not shown" if rehearsal.held else ""
    teller.end(
        f"replay: {rehearsal.messages} messages, {rehearsal.events} events{held}; nothing was sent",
        {"messages": rehearsal.messages, "events": rehearsal.events, "held": rehearsal.held},
    )
    return Code.FOUND if bad else Code.DONE
