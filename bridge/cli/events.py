"""``vms-bridge events``: what was told, by which sensor, when; newest first."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, service, wants_json
from bridge.cli.showing import local, table
from bridge.control.client import Answer


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "events",
        "search the events of a journal",
        """
        Show events, newest first: of a running service, or of its journal when no service holds it. With --json each
        comes with everything the sensor said. Ends with 0, also when there is none.
        """,
        "vms-bridge events --site site.yaml --sensor gate-lpr --since '2 h'",
        "vms-bridge events --json --journal /var/lib/vms-bridge --type 'vehicle.*' --limit 1000",
    )
    parser.add_argument("--sensor", help="of this sensor")
    parser.add_argument("--camera", help="that went to this camera")
    parser.add_argument("--type", help="of this type; * stands for anything")
    parser.add_argument("--since", metavar="WHEN", help="how long ago ('2 h', '3 d') or a date and time")
    parser.add_argument("--limit", type=int, default=50, help="so many at most; 50 unless given")
    service(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.limit < 1:
        raise Failure(Code.USAGE, "--limit takes a number from 1")
    where = asking.place(arguments)
    rows = []
    for event in _running(where, arguments) if asking.running(where) else _resting(where, arguments):
        if wants_json(arguments):
            print(json.dumps(event, ensure_ascii=False))
        else:
            rows.append(_row(event))
    for line in table(rows):
        print(line)
    if not rows and not wants_json(arguments):
        print("no events")
    return Code.DONE


def _running(where: asking.Place, arguments: argparse.Namespace) -> Iterator[Answer]:
    with asking.service(where) as client:
        yield from client.lines(
            "/events",
            sensor=arguments.sensor,
            camera=arguments.camera,
            type=arguments.type,
            since=arguments.since,
            limit=str(arguments.limit),
        )


def _resting(where: asking.Place, arguments: argparse.Namespace) -> Iterator[Answer]:
    from datetime import UTC, datetime

    from bridge.cli.resting import read_only
    from bridge.control import records, search
    from bridge.model import CameraId, SensorId

    try:
        since = search.moment(arguments.since, datetime.now(UTC)) if arguments.since else None
    except ValueError as error:
        raise Failure(Code.USAGE, str(error)) from error
    wanted = search.Events(
        sensor=SensorId(arguments.sensor) if arguments.sensor else None,
        camera=CameraId(arguments.camera) if arguments.camera else None,
        type=arguments.type,
        since=since,
        limit=arguments.limit,
    )

    async def found(journal: search.Readable) -> list[bytes]:
        return [records.line(records.of_event(event)) async for event in search.events(journal, wanted)]

    for line in read_only(where, found):
        yield json.loads(line)


def _row(event: Answer) -> tuple[str, ...]:
    facts = (local(event["occurred_at"]), event["urgency"], event["sensor"], event["type"], event["title"], event["id"])
    return tuple(map(str, facts))
