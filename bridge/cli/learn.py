"""``vms-bridge learn``: listen on a port, show who speaks, and print the YAML that adopts them."""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, wants_json
from bridge.cli.showing import size
from bridge.cli.tap import seconds

if TYPE_CHECKING:
    from bridge.learning.reading import Reading
    from bridge.learning.speakers import Speaker, Speakers

Found = list[tuple["Speaker", "Reading"]]


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "learn",
        "listen to devices nobody has set up yet, and suggest how",
        """
        Listen on a port for a while, to HTTP and to plain TCP alike, and show who speaks: from where, to which path,
        what kind of content, its first keys. Every profile is tried on what was said; at the end the connectors and
        sensors that adopt those who could be read are printed as YAML, and for the others how to begin a profile.

        Nothing is taken: senders are told to try again, so that they keep what they said, unless --accept. Stop a
        running bridge that has this port first. The values of credentials are never shown or kept.
        """,
        "vms-bridge learn --bind 0.0.0.0:8080 --for '2 min'",
        "vms-bridge learn --bind 0.0.0.0:9000 --accept --save captured > learned.yaml",
    )
    parser.add_argument("--bind", default="0.0.0.0:8080", metavar="ADDRESS:PORT", help="0.0.0.0:8080 unless given")
    parser.add_argument("--for", dest="duration", metavar="TIME", default="2 min", help="2 min unless given")
    parser.add_argument("--most", type=int, metavar="N", help="end after so many messages")
    parser.add_argument("--accept", action="store_true", help="take what is said: its senders will not say it again")
    parser.add_argument("--save", type=Path, metavar="DIR", help="one message of each that no profile reads, as a file")
    parser.add_argument(
        "--profiles", type=Path, default=Path("profiles"), metavar="DIR", help="profiles of one's own; profiles here"
    )


def run(arguments: argparse.Namespace) -> int:
    from bridge.cli.run import run_loop

    if arguments.most is not None and arguments.most < 1:
        raise Failure(Code.USAGE, "--most takes a number from 1")
    lasts = seconds(arguments.duration)
    try:
        speakers, bind = run_loop(lambda: _listen(arguments, lasts))
    except (OSError, ValueError) as error:
        raise Failure(Code.REFUSED, str(getattr(error, "strerror", None) or error)) from error
    return _report(arguments, speakers, bind)


async def _listen(arguments: argparse.Namespace, lasts: float) -> tuple[Speakers, str]:
    import asyncio
    import signal
    import sys

    from bridge.cli.hosting import signals
    from bridge.clock import SystemClock
    from bridge.learning.hearing import Hearing
    from bridge.learning.speakers import Heard, Speakers

    speakers = Speakers()
    enough = asyncio.Event()
    count = 0

    def told(heard: Heard) -> None:
        nonlocal count
        count += 1
        new = speakers.add(heard)
        if new is not None:
            print(f"heard {_who(new)}", file=sys.stderr, flush=True)
        if count == arguments.most:
            enough.set()

    hearing = Hearing(arguments.bind, told, SystemClock(), arguments.accept)
    started = asyncio.Event()
    async with signals(signal.SIGINT, signal.SIGTERM) as came, asyncio.TaskGroup() as group:
        listening = group.create_task(hearing.run(started))
        beginning = group.create_task(started.wait())
        await asyncio.wait([listening, beginning], return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            print(f"listening on {hearing.bound}", file=sys.stderr, flush=True)
            full, asked = group.create_task(enough.wait()), group.create_task(came.get())
            await asyncio.wait([listening, full, asked], timeout=lasts, return_when=asyncio.FIRST_COMPLETED)
            full.cancel()
            asked.cancel()
        beginning.cancel()
        listening.cancel()
    return speakers, hearing.bound


def _report(arguments: argparse.Namespace, speakers: Speakers, bind: str) -> int:
    import mappings
    from bridge.learning.adopting import adopting
    from bridge.learning.reading import profiles_in, read

    profiles = profiles_in(arguments.profiles, mappings.PROFILES)
    found: Found = [(speaker, read(speaker, profiles)) for speaker in speakers.found.values()]
    text = adopting(found, bind)
    saved = _saved(arguments.save, found) if arguments.save is not None else {}
    if wants_json(arguments):
        told = [_told(speaker, reading, saved.get(id(speaker))) for speaker, reading in found]
        print(json.dumps({"bind": bind, "speakers": told, "others": speakers.others, "yaml": text}))
    else:
        for speaker, reading in found:
            for line in _lines(speaker, reading, saved.get(id(speaker))):
                print(f"# {line}")
        if speakers.others:
            print(f"# {speakers.others} messages of still others were not looked at")
        print(text or "# nobody spoke" if not found else text, end="" if text else "\n")
    return Code.DONE if text else Code.FOUND


def _told(speaker: Speaker, reading: Reading, saved: Path | None) -> dict[str, object]:
    import msgspec

    facts = {name: getattr(speaker, name) for name in speaker.__struct_fields__ if name != "samples"}
    return {**facts, **msgspec.to_builtins(reading), "saved": str(saved) if saved else None}


def _who(speaker: Speaker) -> str:
    if speaker.way != "http":
        return f"{speaker.peer} over {'TLS' if speaker.way == 'tls' else 'TCP'}"
    return f"{speaker.peer} {speaker.method} {speaker.place} ({speaker.content_type or 'no content type'})"


def _lines(speaker: Speaker, reading: Reading, saved: Path | None) -> list[str]:
    lines = [f"{_who(speaker)}: {speaker.count} messages, {size(speaker.bytes)}"]
    if reading.keys:
        lines.append(f"  it says: {', '.join(reading.keys)}")
    if speaker.shows:
        lines.append(f"  it shows {speaker.shows} credentials")
    if reading.profile:
        more = f"; so would {', '.join(reading.others)}" if reading.others else ""
        lines.append(f"  profile {reading.profile} reads it: {', '.join(reading.types)}{more}")
    elif speaker.way == "tls":
        lines.append("  it speaks TLS: nobody can read it without a certificate it trusts; try it without TLS first")
    elif saved is not None:
        name = re.sub(r"[^a-z0-9]+", "-", saved.stem.lower()).strip("-")
        lines.append(f"  no profile reads it; begin one: vms-bridge profile new my-{name} --from {saved}")
    else:
        lines.append("  no profile reads it; learn again with --save DIR, and begin one from the message kept there")
    return lines


def _saved(folder: Path, found: Found) -> dict[int, Path]:
    """A message of each that no profile reads, by speaker; readable by its owner alone."""
    from bridge.learning.reading import captured

    kept: dict[int, Path] = {}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for speaker, reading in found:
            if reading.profile or speaker.way == "tls" or not speaker.samples:
                continue
            ending, content = captured(speaker.samples[0])
            where = re.sub(r"[^A-Za-z0-9]+", "-", f"{speaker.peer}{speaker.place}").strip("-")[:80]
            path = folder / f"{where}-{len(kept) + 1}{ending}"
            with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
                file.write(content)
            kept[id(speaker)] = path
    except OSError as error:
        raise Failure(Code.USAGE, f"--save {folder}: {error.strerror}") from error
    return kept
