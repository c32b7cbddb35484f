"""``vms-bridge test-mode`` and ``vms-bridge inhibit``: a sensor is tested, or out of service, for a while."""

from __future__ import annotations

import argparse
import json

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, service, wants_json
from bridge.cli.showing import local
from bridge.control.client import Answer

LONGEST = 366 * 86400.0


def options(parser: argparse.ArgumentParser, why: str) -> None:
    """What both commands take."""
    parser.add_argument("sensor", metavar="SENSOR", help="the sensor's name in the site file")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--for", dest="lasts", metavar="TIME", help="for how long: 30m, 2h, 3d")
    which.add_argument("--end", action="store_true", help="end it now")
    parser.add_argument("--why", default="", metavar="TEXT", help=why)
    service(parser)


def ask(arguments: argparse.Namespace, path: str, what: str) -> int:
    """Tell the running service, and people what holds from now on."""
    lasts = 0.0 if arguments.end else lasting(arguments.lasts)
    body = {"sensor": arguments.sensor, "seconds": lasts, "why": arguments.why}
    with asking.service(asking.place(arguments)) as client:
        answer = client.post(path, body)
    print(json.dumps(answer) if wants_json(arguments) else _told(arguments.sensor, what, answer))
    return Code.DONE


def lasting(text: str) -> float:
    """``"30m"`` → 1800.0. Raises Failure."""
    from bridge.units import seconds  # brings pydantic, which asking for help does not need

    short = text.strip()
    try:
        found = seconds(f"{short}in" if short.endswith("m") else short)
    except ValueError:
        found = 0.0
    if not 1.0 <= found <= LONGEST:
        raise Failure(Code.USAGE, f"{text!r} is no time: write 30m, 2h or 3d, a year at most")
    return found


def _told(sensor: str, what: str, answer: Answer) -> str:
    if "ended" in answer:
        return f"{sensor} is no longer {what}" if answer["ended"] else f"{sensor} was not {what}"
    why = f": {answer['why']}" if answer.get("why") else ""
    return f"{sensor} is {what} until {local(answer['until'])}{why}"


def register_test_mode(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "test-mode",
        "flag a sensor's events as tests for a while",
        """
        For so long every event of the sensor is a test: it takes the whole way and stands on the timeline, with TEST
        before its title and the flag in its metadata. It opens and closes no conditions and uses up no window of a
        rule. What belongs to a real event that is open stays real. It ends by itself, also over a restart.
        """,
        "vms-bridge test-mode server-room-leak --for 30m --site site.yaml",
        "vms-bridge test-mode server-room-leak --end --site site.yaml",
    )
    options(parser, "who tests, or what; shown in status")


def register_inhibit(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "inhibit",
        "take a sensor out of service for a while",
        """
        For so long nothing new of the sensor is raised, alarms neither, and its silence is no fault. What is withheld
        is on record with the reason. Restores of earlier events go through. It ends by itself, also over a restart.
        """,
        'vms-bridge inhibit server-room-leak --for 2h --why "pipe works" --site site.yaml',
        "vms-bridge inhibit server-room-leak --end --site site.yaml",
    )
    options(parser, "the reason, needed; stands wherever something of it is withheld")
