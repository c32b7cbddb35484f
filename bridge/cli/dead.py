"""``vms-bridge dead``: deliveries a VMS refused for what they are. Looked at, tried again, or given up."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence

from bridge.cli import asking
from bridge.cli.ending import Code
from bridge.cli.options import Subparsers, command, service, wants_json
from bridge.cli.showing import chosen, listed, local, must_choose
from bridge.control.client import Answer

DONE_TO = {"replay": "replayed", "drop": "dropped"}


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "dead",
        "list, replay or drop what a VMS refused",
        """
        A delivery is dead when the VMS refused it for what it is, so that sending it again would not help. Once the
        reason is gone, replay puts it back into its lane; drop gives it up for good. Both take a choice: an event, a
        sensor, a camera, a VMS, or --all. Works on a running service, or on its journal when no service holds it.
        """,
        "vms-bridge dead list --site site.yaml",
        "vms-bridge dead replay --journal /var/lib/vms-bridge --camera gate-in",
        "vms-bridge dead drop --site site.yaml --all",
    )
    parser.add_argument("what", choices=["list", *DONE_TO], metavar="list|replay|drop", help="what to do")
    parser.add_argument("--event", metavar="ID", help="of this event")
    parser.add_argument("--sensor", help="of this sensor")
    parser.add_argument("--camera", help="to this camera")
    parser.add_argument("--vms", help="to this VMS")
    parser.add_argument("--all", action="store_true", help="every one of them")
    parser.add_argument("--limit", type=int, default=1000, help="list so many at most; 1000 unless given")
    service(parser)


def run(arguments: argparse.Namespace) -> int:
    where = asking.place(arguments)
    if arguments.what == "list":
        running = asking.running(where)
        found = _running(where, arguments) if running else _resting(where, arguments)
        listed(found, wants_json(arguments), _row)
        return Code.DONE
    choice = _choice(arguments)
    must_choose(arguments, choice, arguments.what, "--event, --sensor, --camera, --vms")
    if asking.running(where):
        with asking.service(where) as client:
            count = client.post(f"/dead/{arguments.what}", choice or {"all": True})[DONE_TO[arguments.what]]
    else:
        count = _do_resting(where, arguments)
    if wants_json(arguments):
        print(json.dumps({DONE_TO[arguments.what]: count}))
    else:
        print(f"{DONE_TO[arguments.what]} {count}")
    return Code.DONE


def _choice(arguments: argparse.Namespace) -> dict[str, str]:
    return chosen(arguments, "event", "sensor", "camera", "vms")


def _row(dead: Mapping[str, object]) -> Sequence[object]:
    return (
        local(dead["settled_at"]),
        dead["sensor"],
        dead["camera"],
        dead["event"],
        dead["title"],
        dead["why"],
    )


def _running(where: asking.Place, arguments: argparse.Namespace) -> Iterator[Answer]:
    with asking.service(where) as client:
        yield from client.lines("/deliveries", state="dead", limit=str(arguments.limit), **_choice(arguments))


def _resting(where: asking.Place, arguments: argparse.Namespace) -> Iterator[Answer]:
    import msgspec

    from bridge.cli.resting import read_only
    from bridge.control import records, search

    wanted = msgspec.convert({**_choice(arguments), "limit": arguments.limit}, search.Deliveries)

    async def found(journal: search.Readable) -> list[bytes]:
        return [records.line(records.of_delivery(dead)) async for dead in search.deliveries(journal, wanted)]

    for line in read_only(where, found):
        yield json.loads(line)


def _do_resting(where: asking.Place, arguments: argparse.Namespace) -> int:
    import msgspec

    from bridge.cli.resting import writing
    from bridge.clock import SystemClock
    from bridge.control import search
    from bridge.journal.contract import Journal

    wanted = msgspec.convert({**_choice(arguments), "limit": search.SCANNED}, search.Deliveries)

    async def do(journal: Journal) -> int:
        now = SystemClock().now()
        chosen = dict.fromkeys([(dead.event, dead.camera) async for dead in search.deliveries(journal, wanted)])
        if arguments.what == "replay":
            return sum([await journal.replay(event, camera, now) for event, camera in chosen])
        return sum([await journal.drop(event, camera, "dropped by hand", now) for event, camera in chosen])

    return writing(where, do)
