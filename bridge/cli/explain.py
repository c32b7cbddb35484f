"""``vms-bridge explain``: why a message became these events on these cameras, or why it did not."""

from __future__ import annotations

import argparse
import json
from typing import Any

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, service, wants_json
from bridge.cli.showing import local, table
from bridge.control.client import Answer


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "explain",
        "why a message or event became what it became",
        """
        Tell which sensor a message was taken for and by what, which message of its profile it was, what each rule did,
        which cameras got the event and what became of each delivery; and why no other sensor took it. The same for
        what was dropped: a duplicate, filtered, collapsed, quarantined. Takes the id of a message or an event, or the
        beginning of one. Asks the running service, or reads its journal when no service holds it.
        """,
        "vms-bridge explain 019aa63c2f5d3b1c09fe000004 --site site.yaml",
        "vms-bridge explain 019aa63c2f5d3b1c09fe000004.0 --journal /var/lib/vms-bridge --json",
    )
    parser.add_argument("id", metavar="EVENT|MESSAGE", help="its id, or the beginning of it")
    service(parser)


def run(arguments: argparse.Namespace) -> int:
    where = asking.place(arguments)
    if asking.running(where):
        with asking.service(where) as client:
            found = client.get("/explain", id=arguments.id)
    else:
        found = _resting(where, arguments.id)
    if wants_json(arguments):
        print(json.dumps(found, ensure_ascii=False))
    else:
        print("\n".join(shown(found)))
    return Code.DONE


def _resting(where: asking.Place, id: str) -> Answer:
    import msgspec

    from bridge.cli.resting import read_only
    from bridge.control.search import Readable
    from bridge.explanation import NotFound, explain

    async def ask(journal: Readable) -> bytes:
        return msgspec.json.encode(await explain(journal, where.site, id))

    try:
        found: Answer = json.loads(read_only(where, ask))
    except NotFound as wrong:
        raise Failure(Code.USAGE, str(wrong)) from wrong
    return found


# ----------------------------------------------------------------------------------------------------------- for people

_Told = dict[str, Any]  # what ``bridge.explanation.told`` declares, as JSON


def shown(found: _Told) -> list[str]:
    lines: list[str] = []
    for message in found["messages"]:
        lines += _message(message)
    for event in found["events"]:
        lines += ["", *_event(event)]
    lines += [f"note: {note}" for note in found["notes"]]
    return lines


def _message(message: _Told) -> list[str]:
    where = f" to {message['place']}" if message["place"] else ""
    by = f", showing {message['authenticated']}" if message["authenticated"] else ""
    lines = [
        f"message {message['id']}",
        f"  {local(message['arrived'])} at {message['connector']} from {message['peer']}{where}{by}; "
        f"{message['size']} bytes{' of ' + message['content_type'] if message['content_type'] else ''}",
    ]
    for item in message["items"]:
        lines += [f"  {line}" for line in _item(item)]
    return lines


def _item(item: _Told) -> list[str]:
    lines = [f"item {item['index']}: {_fate(item)}"]
    if item["sensor_now"]:
        lines.append(f"  sensor {item['sensor_now']} ({item['sensor_name']}) by {'; '.join(item['matched_by'])}")
    if item["identity"]:
        lines.append(f"  it says of itself: {_pairs(item['identity'])}")
    if item["problem"]:
        lines.append(f"  read again now: {item['problem']}")
    if item["type"]:
        kind = f" message {item['kind']}" if item["kind"] else ""
        quiet = f"; the profile keeps quiet about it: {item['quiet']}" if item["quiet"] else ""
        condition = f", condition {item['condition']}" if item["condition"] else ""
        lines.append(f"  profile {item['profile']}{kind}: {item['urgency']} {item['type']} {item['state']}{condition}")
        lines.append(f"    {item['title']}{quiet}")
        lines.append(f"    {_pairs(item['fields'])}")
    for rule in item["rules"]:
        did = f"{rule['did']}; " if rule["did"] else ""
        lines.append(f"  rule {rule['rule']}: {did}asked again it {rule['would']}")
    if item["cameras"]:
        key = f" (looked up by {item['camera_key']})" if item["camera_key"] else ""
        lines.append(f"  cameras: {', '.join(item['cameras'])}{key}")
    if item["others"]:
        more = f" (the nearest of {len(item['others']) + item['others_left_out']})" if item["others_left_out"] else ""
        lines.append(f"  why no other sensor{more}:")
        lines += table([(other["sensor"], other["differs"]) for other in item["others"]], 4)
    return lines


def _fate(item: _Told) -> str:
    sensor = f" ({item['sensor']})" if item["sensor"] else ""
    by = f" by {item['rule']}" if item["rule"] else ""
    into = f" into {item['event']}" if item["event"] else ""
    why = f": {item['why']}" if item["why"] else ""
    gone = "" if item["fate"] != "quarantined" or item["in_quarantine"] else " (taken out of quarantine since)"
    return f"{item['fate']}{sensor}{by}{into}{why}{gone}"


def _event(event: _Told) -> list[str]:
    if event["held"]:
        lines = [f"event {event['id']} of {event['sensor']}: held, it is raised when its hold ends"]
    elif not event["type"]:
        lines = [f"event {event['id']}: nothing more is on record"]
    else:
        lines = [
            f"event {event['id']}: {event['urgency']} {event['type']} {event['state']}: {event['title']}",
            f"  occurred {local(event['occurred_at'])} (clock: {event['clock']})",
        ]
    if event["withheld"]:
        lines.append(f"  kept from the cameras by {event['withheld']}")
    if event["closes"]:
        lines.append(f"  closes {event['closes']}")
    lines += [f"  {mark}" for mark in event["marks"]]
    lines += [f"  revision {n}: {', '.join(names)} changed" for n, names in enumerate(event["changes"], 1)]
    rows = [_delivery(each) for each in event["deliveries"]]
    lines += ["  deliveries:", *table(rows, 4)] if rows else ["  no deliveries"]
    parts = [
        (each["fate"], f"{each['message']} item {each['index']}", local(each["arrived"])) for each in event["parts"]
    ]
    if len(parts) > 1:
        lines += [f"  made of {len(parts)}{' and more' if event['parts_left_out'] else ''} items:", *table(parts, 4)]
    return lines


def _delivery(each: _Told) -> tuple[str, ...]:
    attempts = f"{each['attempts']} attempt{'' if each['attempts'] == 1 else 's'}"
    remote = f"there as {each['remote_id']}" if each["remote_id"] else ""
    twice = "possibly twice" if each["possible_duplicate"] else ""
    facts = "; ".join(filter(None, (attempts, each["why"], remote, twice)))
    return each["camera"], each["vms"], each["action"], each["state"], local(each["settled_at"]), facts


def _pairs(values: _Told) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items()) or "nothing"
