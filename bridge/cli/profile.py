"""``vms-bridge profile``: list and show device profiles, test them against their examples, begin a new one."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, wants_json
from bridge.cli.showing import table

if TYPE_CHECKING:
    from bridge.profiles.compile import CompiledProfile
    from bridge.profiles.grammar import ProfileDocument

KINDS = ("lpr", "access", "fire", "intrusion", "leak", "motion", "pos", "ai", "environment", "device")
WIDEST_NAME = 50
"""Letters of a device's name in the list, so that a line is no wider than 100."""


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "profile",
        "list, show, test and begin device profiles",
        """
        A profile says what the messages of one device model mean. list names them all, those beside the site file
        first, with the number of their examples and what tests have shown of them, and of each type of connector;
        show prints one, with what it reads and what is UNKNOWN of the device; test reads every example beside a
        profile and compares it with what is expected of it; new writes a first profile from one captured message
        (NAME.http, NAME.tcp, NAME.ws, or just a body), with that message, its secrets masked, as the first example.
        test ends with 1 when something differs.
        """,
        "vms-bridge profile list",
        "vms-bridge profile show cammra",
        "vms-bridge profile test cammra",
        "vms-bridge profile test profiles/my-reader.yaml",
        "vms-bridge profile new my-reader --from captured.http --kind lpr",
    )
    what = parser.add_subparsers(dest="what", metavar="list|show|test|new", required=True)
    for name, about in (("list", "every profile there is"), ("show", "one profile"), ("test", "its examples")):
        each = what.add_parser(name, help=about)
        each.add_argument("--site", type=Path, metavar="SITE", default=Path("site.yaml"), help="profiles/ beside it")
        if name == "show":
            each.add_argument("profile", metavar="PROFILE", help="its name, or its file")
        if name == "test":
            each.add_argument("profile", metavar="PROFILE", nargs="*", help="names or files; all of them when left out")
    new = what.add_parser("new", help="a first profile from one captured message")
    new.add_argument("name", metavar="NAME", help="small letters, digits and -")
    new.add_argument("--from", dest="captured", type=Path, required=True, metavar="FILE", help="the captured message")
    new.add_argument("--kind", choices=KINDS, default="device", help="what sort of sensor it is")
    new.add_argument("--called", metavar="TEXT", help="the device as its maker calls it")
    new.add_argument("--into", type=Path, default=Path("profiles"), metavar="DIR", help="profiles unless given")
    for each in what.choices.values():
        from bridge.cli.options import general

        general(each)


def run(arguments: argparse.Namespace) -> int:
    return int({"list": _list, "show": _show, "test": _test, "new": _new}[arguments.what](arguments))


# ------------------------------------------------------------------------------------------------------- list, show


def _files(site: Path) -> dict[str, Path]:
    """By name; a profile of one's own goes before a built-in one."""
    import mappings

    own = site / "profiles" if site.is_dir() else site.parent / "profiles"
    found = {file.stem: file for folder in (mappings.PROFILES, own) for file in sorted(folder.glob("*.yaml"))}
    return dict(sorted(found.items()))


def _file(named: str, site: Path) -> Path:
    from bridge.config.errors import did_you_mean

    if named.endswith((".yaml", ".yml")):
        if not Path(named).is_file():
            raise Failure(Code.USAGE, f"{named} is not there")
        return Path(named)
    files = _files(site)
    if named not in files:
        near = did_you_mean(named, files) or f"; there is {', '.join(files)}"
        raise Failure(Code.USAGE, f"there is no profile {named}{near}")
    return files[named]


def _document(file: Path) -> ProfileDocument:
    from bridge.config.document import parse, plain
    from bridge.profiles.grammar import ProfileDocument

    _compiled(file)  # says what is wrong with it, if anything is
    return ProfileDocument.model_validate(plain(parse(file.read_text("utf-8"), str(file))))


def _compiled(file: Path) -> CompiledProfile:
    from bridge.profiles.compile import ProfileErrors, compile_profile

    try:
        return compile_profile(file.read_text("utf-8"), str(file))
    except ProfileErrors as errors:
        raise Failure(Code.FOUND, str(errors)) from errors
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(Code.USAGE, f"{file} cannot be read: {error}") from error


def _list(arguments: argparse.Namespace) -> int:
    import mappings
    from bridge.cli.quality import legend, shown
    from bridge.profiles.examples import examples_of

    quality = shown()
    rows = [["profile", "kind", "samples", "quality", ""]]
    wrong = False
    for name, file in _files(arguments.site).items():
        try:
            document = _document(file)
        except Failure as failure:
            wrong = True
            rows.append([name, "", "", str(failure).splitlines()[0]])
            if wants_json(arguments):
                print(json.dumps({"profile": name, "error": str(failure)}))
            continue
        count = len(examples_of(file))
        told = quality.profiles.get(name) if file.parent == mappings.PROFILES else None  # one's own was not tested
        if wants_json(arguments):
            said = {"profile": name, "kind": document.kind, "name": document.name, "examples": count}
            print(json.dumps({**said, "quality": told.told() if told else None}))
        shortened = textwrap.shorten(document.name, WIDEST_NAME, placeholder=" …")
        rows.append([name, document.kind, f"{count:>7}", told.letters() if told else "", shortened])
    if wants_json(arguments):
        for name, row in quality.connectors.items():
            print(json.dumps({"connector": name, "quality": row.told()}))
    else:
        rows += [["", "", "", "", ""], ["connector", "", "", "quality", ""]]
        rows += [[name, "", "", row.letters(), ""] for name, row in quality.connectors.items()]
        print("\n".join([*table(rows), "", "quality, shown by tests that ran:", *(f"  {line}" for line in legend())]))
    return Code.FOUND if wrong else Code.DONE


def _show(arguments: argparse.Namespace) -> int:
    file = _file(arguments.profile, arguments.site)
    document = _document(file)
    kinds = {
        name: {
            "about": kind.about,
            "types": list(dict.fromkeys(each.is_ for each in kind.type)),
            "fields": list(kind.fields),
        }
        for name, kind in document.messages.items()
    }
    if wants_json(arguments):
        told = {"profile": document.profile, "name": document.name, "kind": document.kind, "file": str(file)}
        print(
            json.dumps(
                {
                    **told,
                    "unknown": document.unknown,
                    "identity": list(document.identity),
                    "messages": kinds,
                    "text": file.read_text("utf-8"),
                }
            )
        )
        return Code.DONE
    print(f"{document.profile} ({document.kind}): {document.name}")
    print(f"file: {file}")
    if document.about:
        print(document.about)
    for sentence in document.unknown:
        print(f"UNKNOWN: {sentence}")
    print(f"identity: {', '.join(document.identity) or 'none'}")
    for name, kind in kinds.items():
        print(f"\n{name}: {', '.join(kind['types'])}" + (f"\n  {kind['about']}" if kind["about"] else ""))
        print(f"  fields: {', '.join(kind['fields']) or 'none'}")
    return Code.DONE


# ------------------------------------------------------------------------------------------------------------- test


def _test(arguments: argparse.Namespace) -> int:
    named: list[str] = arguments.profile
    files = [_file(each, arguments.site) for each in named] if named else list(_files(arguments.site).values())
    told = list(_tested(files))
    for line in told:
        print(json.dumps(line) if wants_json(arguments) else _as_text(line))
    failed = sum(not line["ok"] for line in told)
    if not wants_json(arguments):
        print(f"{len(told)} examples, {failed or 'none'} failed")
    return Code.FOUND if failed or not told else Code.DONE


def _tested(files: list[Path]) -> Iterator[dict[str, object]]:
    from bridge.profiles.examples import examples_of, run_examples

    for file in files:
        profile = _compiled(file)
        for result in run_examples(profile, examples_of(file)):
            faults = list(result.faults)
            yield {"profile": profile.id, "example": result.example.name, "ok": not faults, "faults": faults}


def _as_text(line: dict[str, object]) -> str:
    faults = line["faults"]
    assert isinstance(faults, list)
    head = f"{line['profile']}/{line['example']}: {'ok' if line['ok'] else 'differs'}"
    return "\n".join([head, *(f"    {fault}" for fault in faults)])


# -------------------------------------------------------------------------------------------------------------- new


def _new(arguments: argparse.Namespace) -> int:
    from bridge.profiles.beginning import Begun, CannotBegin, begin

    try:
        begun: Begun = begin(
            arguments.name, arguments.kind, arguments.called or arguments.name, arguments.captured, arguments.into
        )
    except CannotBegin as error:
        raise Failure(Code.USAGE, str(error)) from error
    if wants_json(arguments):
        print(json.dumps({"profile": str(begun.profile), "example": str(begun.example), "items": begun.items}))
        return Code.DONE
    print(f"{begun.profile}: read {begun.items} item{'s' if begun.items != 1 else ''} as {begun.decoder}")
    print(f"{begun.example}: the message, secrets masked")
    print(f"{begun.expectation}: what the profile makes of it now; correct it to what it should mean")
    print(f"next: edit these, then vms-bridge profile test {begun.profile}")
    return Code.DONE
