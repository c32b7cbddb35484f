"""``vms-bridge check``: every error of a site at once, each with file, line and column and what to write instead."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code
from bridge.cli.loading import must_exist, secrets_from
from bridge.cli.options import Subparsers, command, secrets, wants_json

if TYPE_CHECKING:
    from bridge.config.secrets import SecretStores
    from bridge.config.site import Site
    from bridge.proving.lines import Line


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "check",
        "find everything that is wrong in a site file",
        """
        Read a site as the service would and say everything that is wrong in it. Reaches nothing and changes nothing.
        Says what each VMS can and what it cannot: be searched, back-date, amend, take pictures and so on. Warns, too,
        of secrets that are missing and of credentials that open more than the site needs, as far as the secrets are on
        this machine. Ends with 0 when the site can be run, with 1 when it has errors.

        --online looks outside as well, and changes nothing there: names, ways, certificates and when they end, each
        camera's token, clocks, disk, ports, rights, devices that are asked; ends with 1 when something of it is wrong.
        """,
        "vms-bridge check site.yaml",
        "vms-bridge check --online site.yaml",
        "vms-bridge check --json site.yaml",
    )
    parser.add_argument("site", type=Path, metavar="SITE", help="the site's file, or its folder of files")
    parser.add_argument("--online", action="store_true", help="reach VMS, devices and disk, too; see docs/handover.md")
    parser.add_argument("--control", type=Path, metavar="SOCKET", help="for --online: the service's control socket")
    secrets(parser)


def run(arguments: argparse.Namespace) -> int:
    from bridge.cli import able, privilege
    from bridge.config.errors import SiteErrors
    from bridge.config.load import load
    from bridge.setup.privilege import judge

    must_exist(arguments.site)
    try:
        site = load(arguments.site)
    except SiteErrors as errors:
        if wants_json(arguments):
            told = [
                {"file": e.file, "line": e.line, "column": e.column, "path": e.path, "message": e.message}
                for e in errors.errors
            ]
            print(json.dumps({"ok": False, "errors": told}))
        else:
            print(errors.render())
        return Code.FOUND
    counts = {
        "vms": len(site.vms),
        "cameras": len(site.cameras),
        "connectors": len(site.connectors),
        "sensors": len(site.sensors),
        "profiles": len(site.profiles),
        **({"endpoints": len(site.endpoints)} if site.endpoints else {}),
    }
    tables = {"tables": [{"what": t.what, "file": t.file, "rows": t.rows, "encoding": t.encoding} for t in site.tables]}
    stores = secrets_from(arguments.secrets, arguments.site)
    judged = judge(site, stores)
    abilities = able.found(site, stores)
    found = _online(arguments, site, stores) if arguments.online else ()
    if wants_json(arguments):
        facts = {**counts, **tables, **able.facts(abilities), **privilege.facts(judged), **_told(found)}
        print(json.dumps({"ok": True, "site": site.name, "digest": site.digest, **facts}))
    else:
        print(
            f"{arguments.site}: {site.name}: "
            + ", ".join(f"{count} {_noun(what, count)}" for what, count in counts.items())
        )
        for table in site.tables:
            noun = table.what if table.what == "sensors" else "rows of cameras"
            encoding = "" if table.encoding == "utf-8" else f", read as {table.encoding}"
            print(f"{table.file}: {table.rows} {noun}{encoding}")
        for line in (*able.lines(abilities, site), *privilege.lines(judged)):
            print(line)
        print("no errors")
        if found:
            from bridge.cli import proving

            for line in (*proving.told(found), proving.summary(found)):
                print(line)
    return Code.FOUND if any(line.grade == "wrong" for line in found) else Code.DONE


def _online(arguments: argparse.Namespace, site: Site, stores: SecretStores) -> tuple[Line, ...]:
    """What there is to say of everything outside the file, without a secret in it."""
    from bridge.cli.proving import probing
    from bridge.control.door import NAME
    from bridge.proving import hiding
    from bridge.proving.online import Proving
    from bridge.proving.permissions import site_secrets

    async def lines() -> tuple[Line, ...]:
        proving = Proving(site, arguments.site, stores, arguments.control or site.journal.path / NAME)
        try:
            return await proving.online()
        finally:
            await proving.close()

    hidden = hiding.values(site_secrets(site), stores)
    return tuple(hiding.without(line, hidden) for line in probing(lines))


def _told(found: tuple[Line, ...]) -> dict[str, object]:
    if not found:
        return {}
    import msgspec

    from bridge.proving.lines import counts

    return {"online": msgspec.to_builtins(found), "counts": counts(found)}


def _noun(plural: str, count: int) -> str:
    return plural.removesuffix("s") if count == 1 and plural != "vms" else plural
