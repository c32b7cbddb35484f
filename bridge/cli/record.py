"""``vms-bridge record``: what comes in by a connector, into a file."""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, service, wants_json
from bridge.cli.tap import seconds


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "record",
        "what comes in by a connector, into a file",
        """
        Write every message that comes in by a connector of a running service into a file: its bytes as the intake saw
        them, pictures whole, where it came from and when; what its profile calls a secret is masked, and credentials
        are never part of a message. A message that fits no sensor's address was masked by no profile: it is counted and
        left out. Until Ctrl-C, --for or --most. replay takes the file through a site again.
        """,
        "vms-bridge record lpr --site site.yaml --into monday.jsonl --for '10 min'",
        "vms-bridge record lpr --journal /var/lib/vms-bridge --into one.jsonl --most 1",
    )
    parser.add_argument("connector", metavar="CONNECTOR", help="which one")
    parser.add_argument("--into", type=Path, required=True, metavar="FILE", help="a new file, readable by you alone")
    parser.add_argument("--for", dest="duration", metavar="TIME", help="end after so long, such as '10 min'")
    parser.add_argument("--most", type=int, metavar="N", help="end after so many messages")
    service(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.most is not None and arguments.most < 1:
        raise Failure(Code.USAGE, "--most takes a number from 1")
    ends = time.monotonic() + seconds(arguments.duration) if arguments.duration else None
    counts = {"messages": 0, "unmasked": 0, "dropped": 0}
    with asking.service(asking.place(arguments)) as client:
        told = client.listen("/record", until=ends, connector=arguments.connector)
        try:
            descriptor = os.open(arguments.into, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except OSError as error:
            raise Failure(Code.USAGE, f"{arguments.into}: {error.strerror}; name a new file") from error
        with os.fdopen(descriptor, "w") as file:
            site = str(client_site(arguments))
            head = {"vms_bridge_recording": 1, "site": site, "connector": arguments.connector}
            file.write(json.dumps({**head, "at": datetime.now(UTC).isoformat()}) + "\n")
            try:
                for each in told:
                    if each["what"] == "message":
                        file.write(json.dumps(each) + "\n")
                        file.flush()
                        counts["messages"] += 1
                    elif each["what"] == "unmasked":
                        counts["unmasked"] += 1
                    else:
                        lost = each.get("lines")
                        counts["dropped"] += lost if isinstance(lost, int) else 0
                    if counts["messages"] == arguments.most:
                        break
            except KeyboardInterrupt:  # how it is ended; what was written is whole
                pass
    _say(arguments, counts)
    return Code.FOUND if counts["dropped"] else Code.DONE


def client_site(arguments: argparse.Namespace) -> object:
    """The name of the site that is recorded."""
    with asking.service(asking.place(arguments)) as client:
        return client.get("/status").get("site", "")


def _say(arguments: argparse.Namespace, counts: dict[str, int]) -> None:
    if wants_json(arguments):
        print(json.dumps({"file": str(arguments.into), **counts}))
        return
    print(f"{arguments.into}: {counts['messages']} messages")
    if counts["unmasked"]:
        print(f"{counts['unmasked']} more fit no sensor's address: no profile masks their secrets, they were left out")
    if counts["dropped"]:
        print(f"{counts['dropped']} more came faster than they could be written, and were left out")
