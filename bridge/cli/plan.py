"""``vms-bridge plan``: what is to be done until a site works as its files say. Looks everywhere, changes nothing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code
from bridge.cli.options import Subparsers, command, secrets, wants_json

if TYPE_CHECKING:
    from bridge.cli.asking import Place
    from bridge.config.difference import Compared
    from bridge.config.secrets import SecretStores
    from bridge.config.site import Site
    from bridge.setup.plan import Plan


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "plan",
        "what is missing until a site works as its files say",
        """
        Compare a site file with what the VMS have (event types that are not declared, cameras they refuse or lack),
        with the service that runs it (what a reload would add, change, remove and restart) and with the secrets of
        this machine (missing, or opening more than is needed). Changes nothing; vms-bridge apply does what it says.

        Ends with 0 when there is nothing to do, with 5 when there is something to do, with 1 when something is wrong
        that apply does not mend: a secret is missing, a VMS refuses a camera, or somebody could not be asked.
        """,
        "vms-bridge plan site.yaml",
        "vms-bridge plan site.yaml --offline --json",
    )
    options(parser)


def options(parser: argparse.ArgumentParser) -> None:
    """What ``plan`` and ``apply`` take."""
    parser.add_argument("site", type=Path, metavar="SITE", help="the site's file, or its folder of files")
    secrets(parser)
    parser.add_argument("--offline", action="store_true", help="ask no VMS; the service on this machine is asked")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--journal", type=Path, metavar="DIR", help="where the service was told to have its journal")
    where.add_argument("--control", type=Path, metavar="SOCKET", help="the service's control socket")


def run(arguments: argparse.Namespace) -> int:
    from bridge.cli import planning
    from bridge.cli.loading import secrets_from, site_from

    site = site_from(arguments.site)
    found = made(arguments, site, secrets_from(arguments.secrets, arguments.site), place(arguments, site))
    code = ending(found)
    if wants_json(arguments):
        import json

        print(json.dumps({**planning.facts(found), "code": int(code)}))
    else:
        for line in planning.lines(found, arguments.site):
            print(line)
    return code


def place(arguments: argparse.Namespace, site: Site) -> Place:
    """Where the service of this site is spoken to."""
    from bridge.cli.asking import Place
    from bridge.control.door import NAME

    journal: Path = arguments.journal or site.journal.path
    return Place(arguments.control or journal / NAME, journal, site)


def made(arguments: argparse.Namespace, site: Site, stores: SecretStores, where: Place) -> Plan:
    """Ask the VMS and the service."""
    from bridge.cli.run import run_loop
    from bridge.setup.plan import plan

    service, why, unanswered = _service(where)
    return run_loop(
        lambda: plan(site, stores, offline=arguments.offline, service=service, no_service=why, unanswered=unanswered)
    )


def ending(found: Plan) -> Code:
    if found.wrong:
        return Code.FOUND
    return Code.TO_DO if found.to_do or found.left_by_hand else Code.DONE


def _service(where: Place) -> tuple[Compared | None, str, bool]:
    """What the running service says; or why not, and whether that is because it would not."""
    import msgspec

    from bridge.config.difference import Compared
    from bridge.control.client import CallFailed, Client
    from bridge.control.door import DoorError, Nobody

    try:
        with Client(where.control) as client:
            return msgspec.convert(client.get("/difference"), Compared), "", False
    except Nobody:
        return None, f"no service is running ({where.control}): there is nothing to reload", False
    except CallFailed as failed:
        older = "it is of an older version; restart it" if failed.status == 404 else str(failed)
        return None, f"the running service does not say what a reload would do: {older}", True
    except (DoorError, msgspec.ValidationError) as error:
        return None, f"the running service cannot be asked: {error}", True
