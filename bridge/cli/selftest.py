"""``vms-bridge selftest``: a site proven from its names to an event found again, and the report for its handover."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, secrets, wants_json

if TYPE_CHECKING:
    from bridge.config.secrets import SecretStores
    from bridge.config.site import Site
    from bridge.proving.report.facts import Report


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "selftest",
        "prove a site, with a test event found again on each camera",
        """
        All that check --online does, and a round trip for each camera: a test event, marked as one, is raised by the
        running service as fire does it, and found again in the VMS with its text. Nothing else is left behind. Where
        the VMS cannot be searched, it says what a person has to look for.

        --report writes the handover report: who is mapped to whom, firewall, credentials, what was tried with its
        times, and what is not proven. The file's name ends in .html, .txt or .json; give it again for another form.

        Without a running service it raises none, and says so; with --alone a service of its own does it, which takes
        nothing from devices, tells nobody but the VMS, and has a journal that is gone afterwards.

        Ends with 0 when nothing is wrong, with 1 when something is, or when no service runs to raise events.
        """,
        "vms-bridge selftest site.yaml",
        "vms-bridge selftest site.yaml --report handover.html --report handover.json",
        "vms-bridge selftest site.yaml --camera gate-in --sensor gate-lpr",
    )
    parser.add_argument("site", type=Path, metavar="SITE", help="the site's file, or its folder of files")
    parser.add_argument(
        "--camera", action="append", default=[], metavar="CAMERA", help="only this one; may be given again"
    )
    parser.add_argument(
        "--sensor", action="append", default=[], metavar="SENSOR", help="only its events; may be given again"
    )
    parser.add_argument(
        "--report",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="the handover report; .html, .txt, .json",
    )
    parser.add_argument(
        "--within", default="30 s", metavar="TIME", help="for each step of a round trip; 30 s unless given"
    )
    parser.add_argument("--alone", action="store_true", help="where no service runs: raise the events without one")
    parser.add_argument(
        "--control", type=Path, metavar="SOCKET", help="the service's control socket, if it is elsewhere"
    )
    secrets(parser)


def run(arguments: argparse.Namespace) -> int:
    from bridge.cli.loading import secrets_from, site_from
    from bridge.cli.proving import probing, summary, told
    from bridge.proving.report.stored import FORMS, as_json, form_of, write

    for file in arguments.report:
        if form_of(file) is None:
            raise Failure(Code.USAGE, f"{file}: the report's name ends in {', '.join(FORMS)}")
        if not file.absolute().parent.is_dir():
            raise Failure(Code.USAGE, f"{file.absolute().parent} is not there")
    site = site_from(arguments.site)
    _known(arguments, site)
    within = _seconds(arguments.within)
    stores = secrets_from(arguments.secrets, arguments.site)
    report = probing(lambda: _proven(arguments, site, stores, within))
    for file in arguments.report:
        try:
            write(report, file)
        except OSError as error:
            raise Failure(Code.REFUSED, f"{file} cannot be written: {error.strerror}") from error
    if wants_json(arguments):
        print(json.dumps(json.loads(as_json(report)), ensure_ascii=False))
    else:
        for line in told(report.lines):
            print(line)
        print(f"{summary(report.lines)}; {report.verdict}")
        for file in arguments.report:
            print(f"written: {file}")
    return Code.FOUND if report.counts["wrong"] else Code.DONE


async def _proven(arguments: argparse.Namespace, site: Site, stores: SecretStores, within: float) -> Report:
    import getpass
    import socket
    from contextlib import AsyncExitStack
    from datetime import UTC, datetime

    from bridge.cli.alone import alone
    from bridge.control.door import NAME
    from bridge.model import CameraId, SensorId
    from bridge.observing import version
    from bridge.proving import hiding
    from bridge.proving.firing import NotRaised, Raiser
    from bridge.proving.lines import Line, Topic, in_order, unknown, wrong
    from bridge.proving.online import Proving
    from bridge.proving.permissions import site_secrets
    from bridge.proving.report.facts import report_of
    from bridge.proving.round_trip import Raises, RoundTrip, RoundTrips, lines_of
    from bridge.setup.privilege import judge

    control: Path = arguments.control or site.journal.path / NAME
    proving = Proving(site, arguments.site, stores, control)
    at = datetime.now(UTC)
    lines: list[Line] = []
    trips: list[RoundTrip] | None = None
    mark = ""
    try:
        lines += await proving.online()
        if proving.told is None and not arguments.alone:
            what = "no test event was raised: no service is running here"
            remedy = "vms-bridge run SITE, and in another shell selftest; or selftest --alone, before there is one"
            lines.append(wrong(Topic.ROUND_TRIP, what, str(control), remedy))
        elif proving.told is not None and proving.told.mode != "take":
            what = "no test event was raised: what is running is a dry run, which sends nothing"
            lines.append(wrong(Topic.ROUND_TRIP, what, str(control), "run the site without --dry-run"))
        else:
            async with AsyncExitStack() as opened:
                raiser: Raises = Raiser(control)
                if proving.told is None:
                    raiser = await opened.enter_async_context(alone(site, stores))
                    what = "the test events were raised by a service of the selftest's own, without ways in"
                    remedy = "try again once the site's service runs: its journal, rights and secrets are not proven"
                    lines.append(unknown(Topic.ROUND_TRIP, what, "", remedy))
                going = RoundTrips(site, proving.targets, raiser, within)
                mark = going.mark
                cameras = [CameraId(each) for each in arguments.camera]
                sensors = [SensorId(each) for each in arguments.sensor]
                trips = await going.go(cameras, sensors, await proving.harm())
            lines += lines_of(trips, proving.places)
    except NotRaised as error:
        lines.append(wrong(Topic.ROUND_TRIP, f"no test event was raised: {error}"))
    finally:
        await proving.close()
    report = report_of(
        site,
        proving.places,
        judge(site, stores),
        in_order(lines),
        trips,
        at=at,
        version=version(),
        machine=socket.gethostname(),
        user=getpass.getuser(),
        mark=mark,
    )
    return hiding.without(report, hiding.values(site_secrets(site), stores))


def _known(arguments: argparse.Namespace, site: Site) -> None:
    """Raises Failure for names that the site does not have."""
    from bridge.config.errors import did_you_mean

    for what, given, known in (("camera", arguments.camera, site.cameras), ("sensor", arguments.sensor, site.sensors)):
        for name in given:
            if name not in known:
                raise Failure(Code.USAGE, f"there is no {what} {name!r} in the site{did_you_mean(name, known)}")


def _seconds(text: str) -> float:
    from bridge.units import seconds

    try:
        found = seconds(text)
    except ValueError as error:
        raise Failure(Code.USAGE, f"--within {text!r}: {error}") from None
    if not 1 <= found <= 3600:
        raise Failure(Code.USAGE, f"--within {text!r}: write 1 s to 1 h")
    return found
