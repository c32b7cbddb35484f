"""``vms-bridge apply``: does what ``plan`` says."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, wants_json
from bridge.cli.plan import ending, made, options, place

if TYPE_CHECKING:
    from bridge.cli.asking import Place
    from bridge.config.secrets import SecretStores
    from bridge.control.client import Answer
    from bridge.model import Finding
    from bridge.setup.plan import Plan


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "apply",
        "do what plan says: declare event types, reload the service",
        """
        Show the plan of a site, ask, and carry it out: declare the event types its cameras lack, then have the running
        service take the site over, the whole of it or nothing. What a camera's VMS refuses is told, and stops no other
        camera and no reload; run it again once that is mended, and it does what is left.

        Ends with 0 when all is done, with 1 when something could not be done or is wrong, with 4 when the service
        refused the site and goes on as before, with 5 when something is left for a person (a restart).
        """,
        "vms-bridge apply site.yaml",
        "vms-bridge apply site.yaml --yes --json",
    )
    options(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    from bridge.cli import planning
    from bridge.cli.loading import secrets_from, site_from

    site = site_from(arguments.site)
    stores = secrets_from(arguments.secrets, arguments.site)
    if not arguments.yes and (wants_json(arguments) or not sys.stdin.isatty()):
        raise Failure(
            Code.USAGE, "there is nobody to ask, and nothing was done: look at vms-bridge plan, then add --yes"
        )
    where = place(arguments, site)
    plan = made(arguments, site, stores, where)
    as_json = wants_json(arguments)
    if not as_json:
        for line in planning.lines(plan, arguments.site):
            print(line)
    if not plan.to_do:
        if as_json:
            print(json.dumps({**planning.facts(plan), "declared": [], "reloaded": None, "code": int(ending(plan))}))
        return ending(plan)
    if not arguments.yes and not _agreed():
        print("nothing was done")
        return Code.TO_DO
    declared = _declare(plan, stores)
    reloaded, refused = _reload(plan, where)
    code = _code(plan, declared, refused)
    if as_json:
        told = [{"ok": each.ok, "where": each.where, "what": each.what, "remedy": each.remedy} for each in declared]
        done = {"declared": told, "reloaded": reloaded, "refused": refused or None}
        print(json.dumps({**planning.facts(plan), **done, "code": int(code)}))
    else:
        for line in _told(plan, declared, reloaded, refused):
            print(line)
    return code


def _agreed() -> bool:
    try:
        return input("Do this? (yes/no) ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _declare(plan: Plan, stores: SecretStores) -> list[Finding]:
    from bridge.cli.run import run_loop
    from bridge.setup.missing import declare

    if not plan.missing:
        return []
    return run_loop(lambda: declare(plan.site, plan.missing, stores))


def _reload(plan: Plan, where: Place) -> tuple[Answer | None, str]:
    """What the service took over, or why it did not."""
    from bridge.control.client import CallFailed, Client
    from bridge.control.door import DoorError, Nobody

    if plan.reloads is None:
        return None, ""
    try:
        with Client(where.control, 120.0) as client:
            return client.post("/reload", {"digest": plan.site.digest}), ""
    except (CallFailed, DoorError, Nobody) as error:
        return None, str(error)


def _code(plan: Plan, declared: Sequence[Finding], refused: str) -> Code:
    if refused:
        return Code.REFUSED
    if plan.wrong or not all(each.ok for each in declared):
        return Code.FOUND
    return Code.TO_DO if plan.left_by_hand else Code.DONE


def _told(plan: Plan, declared: Sequence[Finding], reloaded: Answer | None, refused: str) -> list[str]:
    said = []
    failed = [each for each in declared if not each.ok]
    done = len(declared) - len(failed)
    if done:
        said.append(f"declared: {done} event type{'s' if done != 1 else ''}")
    said += [f"NOT declared: {each.where}: {each.what}" for each in failed]
    said += list(dict.fromkeys(each.remedy for each in failed if each.remedy))
    if reloaded is not None:
        said.append("reloaded: the service works by this site now")
    if refused:
        said.append(f"NOT reloaded, the service goes on as before: {refused}")
    if not failed and not refused:
        left = plan.wrong
        wrong = f"; {left} thing{'s are' if left != 1 else ' is'} still wrong, see above" if left else ""
        said.append(f"done{wrong}{'; what is marked by hand is left to you' if plan.left_by_hand else ''}")
    return said
