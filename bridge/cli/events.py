"""``vms-bridge events``: what was told, by which sensor, when; what the VMS has of it; its pictures and video."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, general, secrets, service, wants_json
from bridge.cli.showing import local, table
from bridge.control.client import Answer


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "events",
        "find events, show one, download its pictures and video",
        """
        search shows events, newest first: of a running service, or of its journal when no service holds it; with --vms
        what the VMS themselves have recorded, whoever raised it. Without a word it is search. show tells everything of
        one event: its deliveries, its clips, and what the VMS has under its id, side by side. media downloads what the
        journal and the VMS hold of it: pictures, clips, and recorded video around it. With --json each event comes with
        everything the sensor said. Ends with 0, also when there is none; with 1 when a VMS could not be asked, or has
        it otherwise than the journal.
        """,
        "vms-bridge events --site site.yaml --sensor gate-lpr --since '2 h'",
        "vms-bridge events --json --journal /var/lib/vms-bridge --type 'vehicle.*' --limit 1000",
        "vms-bridge events search --vms --site site.yaml --camera gate-in --tag plate=1AB2345",
        "vms-bridge events show 019aa63c2f5d3b1c09fe000004.0 --site site.yaml",
        "vms-bridge events media 019aa63c2f5d3b1c09fe000004.0 --site site.yaml --to evidence --before '10 s'",
    )
    _search_options(parser)
    what = parser.add_subparsers(dest="what", metavar="search|show|media")
    searching = what.add_parser("search", help="find events", argument_default=argparse.SUPPRESS)
    _search_options(searching)
    show = what.add_parser("show", help="everything of one event", argument_default=argparse.SUPPRESS)
    _one(show)
    show.add_argument("--no-vms", dest="ask_vms", action="store_const", const=False, help="ask no VMS")
    show.add_argument("--vms", dest="ask_vms", action="store_const", const=True, help="fail when they cannot be asked")
    media = what.add_parser("media", help="its pictures, clips and video", argument_default=argparse.SUPPRESS)
    _one(media)
    media.add_argument("--to", metavar="FOLDER", help="where the files go; without it, what there is is only listed")
    media.add_argument("--before", metavar="TIME", help="recorded video from so long before it; 10 s unless given")
    media.add_argument("--after", metavar="TIME", help="to so long after it; 30 s unless given")
    media.add_argument("--clip", action="store_const", const=True, help="ask the VMS to make a clip of that time, too")
    media.add_argument("--most", metavar="SIZE", help="download so much at most; 2 GiB unless given")
    media.add_argument("--wait", metavar="TIME", help="for the clip to be made; 1 min unless given")
    for each in what.choices.values():
        general(each)
    parser.set_defaults(ask_vms=None, to=None, before=None, after=None, clip=None, most=None, wait=None, theirs=None)


def _search_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sensor", help="of this sensor")
    parser.add_argument("--camera", help="that went to this camera")
    parser.add_argument("--type", help="of this type; * stands for anything")
    parser.add_argument("--tag", metavar="NAME[=VALUE]", help="that have this field or tag, with this value")
    parser.add_argument("--since", metavar="WHEN", help="how long ago ('2 h', '3 d') or a date and time")
    parser.add_argument("--until", metavar="WHEN", help="likewise")
    parser.add_argument("--limit", type=int, help="so many at most; 50 unless given")
    parser.add_argument(
        "--vms", dest="ask_vms", action="store_const", const=True, help="ask the VMS (of the last day unless --since)"
    )
    secrets(parser)
    service(parser)


def _one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("event", metavar="EVENT", help="its id, or the beginning of it")
    parser.add_argument("--camera", help="on this camera alone")
    parser.add_argument(
        "--theirs", action="store_const", const=True, help="EVENT is the VMS's own id; say which --camera"
    )
    secrets(parser)
    service(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.what == "show":
        from bridge.cli.event_shown import show

        return show(arguments)
    if arguments.what == "media":
        from bridge.cli.event_media import media

        return media(arguments)
    if arguments.limit is not None and arguments.limit < 1:
        raise Failure(Code.USAGE, "--limit takes a number from 1")
    if arguments.ask_vms:
        from bridge.cli.event_search import search

        return search(arguments)
    return _of_the_journal(arguments)


def _of_the_journal(arguments: argparse.Namespace) -> int:
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
            tag=arguments.tag,
            since=arguments.since,
            until=arguments.until,
            limit=str(arguments.limit or 50),
        )


def _resting(where: asking.Place, arguments: argparse.Namespace) -> Iterator[Answer]:
    from datetime import UTC, datetime

    from bridge.cli.resting import read_only
    from bridge.control import records, search
    from bridge.model import CameraId, SensorId

    now = datetime.now(UTC)
    try:
        since = search.moment(arguments.since, now) if arguments.since else None
        until = search.moment(arguments.until, now) if arguments.until else None
    except ValueError as error:
        raise Failure(Code.USAGE, str(error)) from error
    wanted = search.Events(
        sensor=SensorId(arguments.sensor) if arguments.sensor else None,
        camera=CameraId(arguments.camera) if arguments.camera else None,
        type=arguments.type,
        tag=arguments.tag,
        since=since,
        until=until,
        limit=arguments.limit or 50,
    )

    async def found(journal: search.Readable) -> list[bytes]:
        return [records.line(records.of_event(event)) async for event in search.events(journal, wanted)]

    for line in read_only(where, found):
        yield json.loads(line)


def _row(event: Answer) -> tuple[str, ...]:
    facts = (local(event["occurred_at"]), event["urgency"], event["sensor"], event["type"], event["title"], event["id"])
    return tuple(map(str, facts))
