"""``vms-bridge schema``: the JSON Schema of a site file, so that editors complete and check while one writes."""

from __future__ import annotations

import argparse
import json

from bridge.cli.ending import Code
from bridge.cli.options import Subparsers, command


def register(subparsers: Subparsers) -> None:
    command(
        subparsers,
        "schema",
        "print the JSON Schema of a site file, for editors",
        """
        Print the JSON Schema of a site file, with the settings of every connector and VMS that is installed. Put
        "# yaml-language-server: $schema=site.schema.json" into the first line of the site and the editor knows it.
        """,
        "vms-bridge schema > site.schema.json",
    )


def run(arguments: argparse.Namespace) -> int:
    from bridge.config.schema import site_schema

    print(json.dumps(site_schema(), indent=2, ensure_ascii=False))
    return Code.DONE
