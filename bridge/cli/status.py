"""``vms-bridge status``: how a running service is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence

from bridge.cli import asking
from bridge.cli.ending import Code
from bridge.cli.options import Subparsers, command, service, wants_json
from bridge.cli.showing import ago, local, size, table
from bridge.control.client import Answer


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "status",
        "how a running service is",
        """
        Show a running service: its ways in, its sensors and when each was last heard, its VMS and what waits for them,
        what is wrong now, and the totals. Ends with 0 when nothing is wrong, with 1 when something is.
        """,
        "vms-bridge status --site site.yaml",
        "vms-bridge status --json --journal /var/lib/vms-bridge",
        "vms-bridge status --watch '5 s'",
    )
    parser.add_argument(
        "--watch", nargs="?", const="2 s", metavar="EVERY", help="show it again and again, every 2 s unless given"
    )
    parser.add_argument(
        "--health",
        choices=["live", "ready"],
        help="only whether it is alive, or ready: for a container's health check; ends with 1, saying why, when not",
    )
    service(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.health is not None:
        return _health(arguments)
    if arguments.watch is not None:
        from bridge.cli.watching import watch

        return watch(arguments)
    with asking.service(asking.place(arguments)) as client:
        status = client.get("/status")
    if wants_json(arguments):
        print(json.dumps(status))
    else:
        for line in told(status):
            print(line)
    return Code.FOUND if status.get("conditions") or status.get("parked") else Code.DONE


def _health(arguments: argparse.Namespace) -> int:
    with asking.service(asking.place(arguments), timeout=8.0) as client:
        health = client.ask(f"/health/{arguments.health}")
    why = _list(health, "why")
    print(json.dumps(health) if wants_json(arguments) else "; ".join(map(str, why)) or arguments.health)
    return Code.DONE if health.get("ok") else Code.FOUND


def told(status: Answer) -> list[str]:
    """A status as people read it."""
    lines = [
        f"{status['site']}: {status.get('health') or 'running'}, running since {local(status['started'])} "
        f"({ago(status['started'])}), pid {status['pid']}"
    ]
    lines += _section("ways in", [_connector(each) for each in _list(status, "connectors")])
    sensors = _mapping(status, "sensors")
    heard = sorted(sensors.items(), key=lambda item: str(_of(item[1], "last_heard") or ""), reverse=True)
    rows = [(name, str(_of(each, "name")), _heard(_of(each, "last_heard"))) for name, each in heard[:20]]
    lines += _section("sensors, last heard first", rows)
    if len(sensors) > len(rows):
        lines.append(f"  and {len(sensors) - len(rows)} more (--json shows all)")
    lines += _section("endpoints", [_endpoint(each) for each in _list(status, "endpoints")])
    lines += _section("waiting for", [_waiting(name, each) for name, each in _mapping(status, "vms").items()])
    lines += _section("parked", [(str(each),) for each in _list(status, "parked")])
    wrong = [
        (str(_of(each, "key")), str(_of(each, "why")), f"since {ago(_of(each, 'since'))}")
        for each in _list(status, "conditions")
    ]
    lines += _section("wrong now", wrong)
    lines += _section("for a while", [_standing(each) for each in _list(status, "standing")])
    lines.append("")
    lines.append(f"messages {status['messages']}: {_counts(_mapping(status, 'items'))}")
    lines.append(f"events {status['events']}, amendments {status['amendments']}")
    lines.append(f"deliveries: {_counts(_mapping(status, 'deliveries'))}")
    if any(_mapping(status, "clips").values()):
        lines.append(f"clips: {_counts(_mapping(status, 'clips'))}")
    lines.append(f"journal {size(status['journal_bytes'])}")
    if status.get("observe"):
        lines.append(f"metrics and health on http://{status['observe']}")
    return lines


def _section(title: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    return ["", title, *table(rows, indent=2)] if rows else []


def _connector(each: object) -> tuple[str, ...]:
    up = bool(_of(each, "up"))
    where = str(_of(each, "bound") or "")
    return (
        str(_of(each, "name")),
        str(_of(each, "type")),
        "up" if up else "DOWN",
        where if up else str(_of(each, "why")),
    )


def _endpoint(each: object) -> tuple[str, ...]:
    kind, behind, last = str(_of(each, "type")), _of(each, "behind"), _of(each, "last")
    who = f"{_of(each, 'subscribers')} subscribed on {_of(each, 'bound')}" if kind == "websocket" else ""
    refused = f"{_of(each, 'refused')} refused" if _of(each, "refused") else ""
    return (
        str(_of(each, "name")),
        kind,
        "up" if _of(each, "up") else f"DOWN: {_of(each, 'why')}",
        f"{behind} behind" if behind else "",
        f"last event of {ago(last)}" if last else "nothing told since the start",
        refused,
        who if _of(each, "up") else "",
    )


def _waiting(name: str, sizes: object) -> tuple[str, ...]:
    waiting = {urgency: held for urgency, held in sizes.items() if held} if isinstance(sizes, Mapping) else {}
    return name, ", ".join(f"{urgency} {size(held)}" for urgency, held in waiting.items()) or "nothing"


def _standing(each: object) -> tuple[str, ...]:
    what = "in test mode" if _of(each, "what") == "test" else "out of service"
    return str(_of(each, "sensor")), what, f"until {local(_of(each, 'until'))}", str(_of(each, "why") or "")


def _heard(when: object) -> str:
    return ago(when) if when else "not since the start"


def _counts(counts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _of(record: object, name: str) -> object:
    return record.get(name) if isinstance(record, Mapping) else None


def _list(record: Answer, name: str) -> list[object]:
    found = record.get(name)
    return found if isinstance(found, list) else []


def _mapping(record: Answer, name: str) -> Mapping[str, object]:
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}
