"""``record FOLDER -- COMMAND …`` writes down the conversation of the device that COMMAND is, or makes speak, with the
site in this folder; ``expect FOLDER …`` writes what comes of the conversations. Both for a person to check: see
docs/cases.md.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bridge.config.errors import SiteErrors
from tests.cases.case import Case, with_ports
from tests.cases.house import House, running
from tests.cases.recording import Heard, TcpBetween, UdpBetween
from tests.cases.told import Told

QUIET = 1.0
"""Seconds after which nothing more is expected to come of what was said."""


async def expect(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        case = Case(folder)
        told = await case.play(Path(scratch), QUIET)
        case.write_expected(told)
        print(f"{folder}: {len(told.events)} events, {len(told.rest)} others, {len(told.errors)} errors: check them")


async def record(folder: Path, peers: Mapping[str, str], command: Sequence[str]) -> None:
    """``peers``: host:port of the devices that connectors connect to. In the command ``${NAME}`` is the port at
    which the connector of this name is."""
    case, heard, at = Case(folder), Heard(), datetime.now(UTC).replace(microsecond=0)
    between = {
        name: UdpBetween(heard, name, name not in peers)
        if name in case.datagrams
        else TcpBetween(heard, name, name not in peers, mqtt=kind == "mqtt")
        for name, kind in case.connectors.items()
    }
    with tempfile.TemporaryDirectory() as scratch:
        async with asyncio.TaskGroup() as group:
            ports = {name: await each.listen(group) for name, each in between.items()}
            site = case.site(Path(scratch), ports)
            if isinstance(site, SiteErrors):
                raise SystemExit(site.render())
            for name, place in peers.items():
                host, _, port = place.rpartition(":")
                between[name].target = (host, int(port))
            async with running(site, case.secrets(), at, Path(scratch) / "journal", Told({})) as house:
                for name in between.keys() - peers.keys():
                    between[name].target = await house.bound(name)
                kept = await _while(command, ports, house)
                for each in between.values():
                    each.over = True
            for each in between.values():
                each.close()
    for name in peers:
        heard.lines = [line.replace(f"127.0.0.1:{ports[name]}", f"127.0.0.1:${{{name}}}") for line in heard.lines]
    about = [f"# {line}" for line in f"Recorded on {at:%Y-%m-%d} of: {shlex.join(command)}".splitlines()]
    text = [*about, f"at {at:%Y-%m-%dT%H:%M:%SZ}", *heard.lines]
    text += ["", f"kept {kept}"] if kept else []
    (folder / "conversation.txt").write_text("\n".join(text) + "\n")


async def _while(command: Sequence[str], ports: Mapping[str, int], house: House) -> int:
    """Until the command has ended, and nothing came for a while; how many messages were kept."""
    process = await asyncio.create_subprocess_exec(*(with_ports(each, ports) for each in command))
    await process.wait()
    kept = -1
    while kept != house.kept:
        kept = house.kept
        await asyncio.sleep(QUIET)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.cases", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    expecting = commands.add_parser("expect")
    expecting.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    recording = commands.add_parser("record")
    recording.add_argument("folder", type=Path, metavar="FOLDER")
    recording.add_argument("--peer", action="append", default=[], metavar="NAME=HOST:PORT")
    recording.add_argument("program", nargs="+", metavar="COMMAND")
    arguments = parser.parse_args()
    if arguments.command == "record":
        peers = dict(each.split("=", 1) for each in arguments.peer)
        asyncio.run(record(arguments.folder, peers, arguments.program))
        asyncio.run(expect(arguments.folder))
        return
    for folder in arguments.folders:
        asyncio.run(expect(folder))


if __name__ == "__main__":
    main()
