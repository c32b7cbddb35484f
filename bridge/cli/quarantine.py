"""``vms-bridge quarantine``: what nobody could read or nobody listens for. Looked at, decided anew, or given up."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, service, wants_json
from bridge.cli.showing import chosen, listed, local, must_choose
from bridge.control.client import Answer


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "quarantine",
        "list, replay or drop what nobody could read or nobody listens for",
        """
        What no sensor listens for, and what no profile could read, is kept in quarantine. Once the site has a sensor
        (or a row in its table) for it, it is replayed by itself at the next start or reload. replay does so at once,
        also for what could not be read, once its profile can; what the site still does not know stays. drop gives
        up for good. Both take a choice: an origin, a key (the identity or camera key nobody knew), a message, or --all.
        """,
        "vms-bridge quarantine list --site site.yaml",
        "vms-bridge quarantine replay --site site.yaml --key 'serial=B8A44F*'",
        "vms-bridge quarantine drop --site site.yaml --origin 'lpr 10.0.0.99 *'",
    )
    parser.add_argument("what", choices=["list", "replay", "drop"], metavar="list|replay|drop", help="what to do")
    parser.add_argument("--origin", help="of this connector, sender and place, as list shows it; * stands for anything")
    parser.add_argument("--key", help="not known by this; * stands for anything")
    parser.add_argument("--message", metavar="ID", help="of this message")
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
    must_choose(arguments, choice, arguments.what, "--origin, --key, --message")
    if asking.running(where):
        with asking.service(where) as client:
            done = client.post(f"/quarantine/{arguments.what}", choice or {"all": True})
    elif arguments.what == "replay":
        why = "no service is running to decide them; it replays what its site knows by itself when it starts"
        raise Failure(Code.NO_SERVICE, why)
    else:
        done = {"dropped": _drop_resting(where, arguments)}
    if wants_json(arguments):
        print(json.dumps(done))
    else:
        print(", ".join(f"{what} {count}" for what, count in done.items()))
    return Code.DONE


def _choice(arguments: argparse.Namespace) -> dict[str, str]:
    return chosen(arguments, "origin", "key", "message")


def _row(item: Mapping[str, object]) -> Sequence[object]:
    return (local(item["arrived"]), item["origin"], f"{item['message']}.{item['index']}", item["why"])


def _running(where: asking.Place, arguments: argparse.Namespace) -> Iterator[Answer]:
    with asking.service(where) as client:
        yield from client.lines("/quarantine", limit=str(arguments.limit), **_choice(arguments))


def _resting(where: asking.Place, arguments: argparse.Namespace) -> Iterator[Answer]:
    import msgspec

    from bridge.cli.resting import read_only
    from bridge.control import records, search

    wanted = msgspec.convert({**_choice(arguments), "limit": arguments.limit}, search.Quarantine)

    async def found(journal: search.Readable) -> list[bytes]:
        return [records.line(records.of_quarantined(item)) async for item in search.quarantine(journal, wanted)]

    for line in read_only(where, found):
        yield json.loads(line)


def _drop_resting(where: asking.Place, arguments: argparse.Namespace) -> int:
    import msgspec

    from bridge.cli.resting import writing
    from bridge.control import search
    from bridge.control.acting import drop
    from bridge.journal.contract import Journal

    wanted = msgspec.convert({**_choice(arguments), "limit": search.SCANNED}, search.Quarantine)

    async def do(journal: Journal) -> int:
        return await drop(journal, search.quarantine(journal, wanted))

    return writing(where, do)
