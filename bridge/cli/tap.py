"""``vms-bridge tap``: what passes through a running service, while it passes."""

from __future__ import annotations

import argparse
import json
import time

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, service, wants_json
from bridge.cli.showing import moment
from bridge.control.client import Answer

STAGES = ("message", "item", "event", "answer")


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "tap",
        "what passes through a running service, while it passes",
        """
        Follow a running service: each message as it is kept (its profile's secrets masked), what became of each item in
        it and why, each event and the cameras it goes to, each answer of a VMS and how long it took since the arrival.
        Until Ctrl-C, --for or --most. Costs the service nothing while nobody listens, and never time: who reads too
        slowly is told how many lines were left out.
        """,
        "vms-bridge tap --site site.yaml --sensor gate-lpr",
        "vms-bridge tap --json --journal /var/lib/vms-bridge --what event,answer --camera 'gate-*' --for '10 min'",
    )
    parser.add_argument(
        "--what",
        metavar="STAGES",
        default="item,event,answer",
        help="of message, item, event, answer, with commas between; item,event,answer unless given",
    )
    parser.add_argument("--sensor", help="of this sensor; * stands for anything")
    parser.add_argument("--connector", help="that came in by this connector")
    parser.add_argument("--camera", help="that goes to this camera; * stands for anything")
    parser.add_argument("--for", dest="duration", metavar="TIME", help="end after so long, such as '10 min'")
    parser.add_argument("--most", type=int, metavar="N", help="end after so many lines")
    service(parser)


def run(arguments: argparse.Namespace) -> int:
    unknown = [stage for stage in arguments.what.split(",") if stage not in STAGES]
    if unknown:
        raise Failure(Code.USAGE, f"--what: there is no {unknown[0]!r}; there is {', '.join(STAGES)}")
    if arguments.most is not None and arguments.most < 1:
        raise Failure(Code.USAGE, "--most takes a number from 1")
    ends = time.monotonic() + seconds(arguments.duration) if arguments.duration else None
    shown = 0
    with asking.service(asking.place(arguments)) as client:
        asked = {name: getattr(arguments, name) for name in ("what", "sensor", "connector", "camera")}
        for told in client.listen("/tap", until=ends, **asked):
            print(json.dumps(told, ensure_ascii=False) if wants_json(arguments) else line(told), flush=True)
            shown += told["what"] != "dropped"
            if shown == arguments.most:
                break
    return Code.DONE


def seconds(text: str, option: str = "--for") -> float:
    """Raises Failure."""
    from bridge.units import seconds as read

    try:
        return read(text)
    except ValueError as error:
        raise Failure(Code.USAGE, f"{option}: {error}") from error


def line(told: Answer) -> str:
    """One stage as people read it."""
    what = str(told["what"])
    if what == "dropped":
        return f"         ... {told['lines']} lines left out: this reads too slowly"
    found = moment(told.get("at"))
    at = found.astimezone().strftime("%H:%M:%S.%f")[:-3] if found else ""
    return f"{at} {what:7} {_WORDS[what](told)}"


def _message(told: Answer) -> str:
    where = " ".join(str(each) for each in (told["peer"], told["place"]) if each)
    kind = told["content_type"] or "no content type"
    body = told["body"]
    text = "(no profile masks it: not shown)" if body is None else " ".join(str(body).split())
    return f"{told['connector']} {where}: {kind}, {told['bytes']} bytes, {told['media']} pictures: {text}"


def _item(told: Answer) -> str:
    said = f"{told['connector'] or 'timer'}: {told['fate']}"
    for word, name in (("", "sensor"), ("by ", "rule"), ("into ", "event")):
        if told.get(name):
            said += f" {word}{told[name]}"
    return f"{said}: {told['why']}" if told.get("why") else said


def _event(told: Answer) -> str:
    cameras = told["cameras"]
    to = ", ".join(map(str, cameras)) if isinstance(cameras, list) and cameras else "no camera"
    amends = f" (revision {told['revision']})" if told["revision"] else ""
    return f"{told['sensor']} {told['urgency']} {told['type']} {told['state']}{amends}: {told['title']} -> {to}"


def _answer(told: Answer) -> str:
    took = told["seconds"]
    since = f" after {took:.2f} s" if isinstance(took, int | float) else ""
    why = f": {told['why']}" if told["why"] else ""
    return f"{told['vms']} {told['camera']} {told['outcome']}{since}: {told['title']}{why}"


_WORDS = {"message": _message, "item": _item, "event": _event, "answer": _answer}
