"""``vms-bridge fire``: a test event, marked as one, from a sensor of a running service to its cameras."""

from __future__ import annotations

import argparse
import json
import re

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, service, wants_json

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "fire",
        "raise a test event of a sensor on its cameras",
        """
        Let a running service raise a test event of one sensor. It takes the whole way, is marked as a test, and stands
        on the timeline of the sensor's cameras. Ends with 0 once the event is kept.
        """,
        "vms-bridge fire gate-lpr --site site.yaml",
        "vms-bridge fire gate-lpr --site site.yaml --type vehicle.identified --field plate=ABC123 --field lane=2",
    )
    parser.add_argument("sensor", metavar="SENSOR", help="the sensor's name in the site file")
    parser.add_argument(
        "--field", action="append", default=[], metavar="NAME=VALUE", help="what the event says; may be given again"
    )
    parser.add_argument("--type", help="the event's type (a test type of the bridge unless given)")
    parser.add_argument("--urgency", choices=["alarm", "fault", "notice"], help="notice unless given")
    service(parser)


def run(arguments: argparse.Namespace) -> int:
    fields = dict(_field(text) for text in arguments.field)
    body = {"sensor": arguments.sensor, "type": arguments.type, "fields": fields, "urgency": arguments.urgency}
    with asking.service(asking.place(arguments)) as client:
        receipt = client.post("/fire", body)
    if wants_json(arguments):
        print(json.dumps(receipt))
    else:
        why = f": {receipt['why']}" if receipt.get("why") else ""
        message = f" (message {receipt['message']})" if receipt["message"] else ""
        print(f"{receipt['kind']}{why}{message}")
    return Code.DONE if receipt["kind"] == "accepted" else Code.FOUND


def _field(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Failure(Code.USAGE, f"{text!r} is no field: write NAME=VALUE")
    if value in _WORDS:
        return name, _WORDS[value]
    if _NUMBER.fullmatch(value):
        return name, json.loads(value)
    return name, value
