"""``vms-bridge ports``: what a firewall has to let through, for whoever runs the customer's network."""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, wants_json
from bridge.cli.showing import table

if TYPE_CHECKING:
    from bridge.ports import Port, Ports

HEAD = ("from", "to", "protocol", "port", "speaks", "how often", "how large", "for", "asked for by")


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "ports",
        "the firewall table of a site: who connects to whom",
        """
        Print every connection that a site needs, from its file alone: who opens it, to where, protocol and port, how
        often, how large. No secret is read and nothing is asked over the network. The last line says whether anything
        leaves the site's own networks, or that it is air-gapped; a name that does not look like one of the site's own
        counts as outside.

        --systemd prints IPAddressDeny= and IPAddressAllow= for the unit of a site whose addresses are all numbers.
        """,
        "vms-bridge ports site.yaml",
        "vms-bridge ports site.yaml --format markdown > firewall.md",
    )
    parser.add_argument("site", type=Path, metavar="SITE", help="the site's file, or its folder of files")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--format", choices=["table", "csv", "markdown"], default="table", help="table unless given")
    form.add_argument("--systemd", action="store_true", help="lines for the service's unit instead")


def run(arguments: argparse.Namespace) -> int:
    from bridge.cli.loading import site_from
    from bridge.ports import ports_of

    found = ports_of(site_from(arguments.site))
    if arguments.systemd:
        print(_unit(found))
    elif wants_json(arguments):
        import msgspec

        told = {"site": found.site, "air_gapped": found.air_gapped, "outside": found.outside, "ports": found.lines}
        print(json.dumps(msgspec.to_builtins(told), ensure_ascii=False))
    else:
        print({"table": _table, "csv": _csv, "markdown": _markdown}[arguments.format](found))
    return Code.DONE


def _row(line: Port) -> tuple[str, ...]:
    port = "any" if line.port is None else str(line.port)
    where = (line.source, line.destination, line.protocol, port)
    return (*where, line.speaks, line.how_often, line.how_large, line.why, line.part)


def _said(found: Ports) -> str:
    if found.air_gapped:
        return f"{found.site} is air-gapped: no connection leaves its own networks."
    named = ", ".join("an address its files do not say" if each == "?" else each for each in found.outside)
    return f"{found.site} connects to outside its own networks: {named}."


def _table(found: Ports) -> str:
    return "\n".join([*table([HEAD, *map(_row, found.lines)]), "", _said(found)])


def _csv(found: Ports) -> str:
    """RFC 4180, without the last sentence: for programs and spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEAD)
    writer.writerows([_harmless(cell) for cell in _row(line)] for line in found.lines)
    return text.getvalue().rstrip("\r\n")


def _harmless(cell: str) -> str:
    """A spreadsheet takes a cell that begins so for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@" and cell else cell


def _markdown(found: Ports) -> str:
    rows = [HEAD, tuple("---" for _ in HEAD), *map(_row, found.lines)]
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    return "\n".join([*lines, "", _said(found)])


def _unit(found: Ports) -> str:
    """Raises Failure when an end is a name, or anybody."""
    import ipaddress

    allowed = ["localhost"]
    for line in found.lines:
        end = line.source if line.inbound else line.destination
        if end.startswith("this machine"):
            continue
        try:
            allowed.append(str(ipaddress.ip_network(end, strict=False)))
        except ValueError:
            why = f"{line.part}: {end} is no address; systemd filters by numbers alone: name them (from:, an address)"
            raise Failure(Code.FOUND, why) from None
    return "IPAddressDeny=any\nIPAddressAllow=" + " ".join(dict.fromkeys(allowed))
