"""``vms-bridge check``: every error of a site at once, each with file, line and column and what to write instead."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bridge.cli.ending import Code
from bridge.cli.loading import must_exist, secrets_from
from bridge.cli.options import Subparsers, command, secrets, wants_json


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "check",
        "find everything that is wrong in a site file",
        """
        Read a site as the service would and say everything that is wrong in it. Reaches nothing and changes nothing.
        Warns, too, of secrets that are missing and of credentials that open more than the site needs, as far as the
        secrets are on this machine. Ends with 0 when the site can be run, with 1 when it has errors.
        """,
        "vms-bridge check site.yaml",
        "vms-bridge check --json site.yaml",
    )
    parser.add_argument("site", type=Path, metavar="SITE", help="the site's file, or its folder of files")
    secrets(parser)


def run(arguments: argparse.Namespace) -> int:
    from bridge.cli import privilege
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
    judged = judge(site, secrets_from(arguments.secrets, arguments.site))
    if wants_json(arguments):
        facts = {**counts, **tables, **privilege.facts(judged)}
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
        for line in privilege.lines(judged):
            print(line)
        print("no errors")
    return Code.DONE


def _noun(plural: str, count: int) -> str:
    return plural.removesuffix("s") if count == 1 and plural != "vms" else plural
