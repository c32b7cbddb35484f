"""``vms-bridge init``: a first site file that passes ``check``, out of a few questions or options."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, secrets, wants_json
from bridge.cli.stores import PLACES, STORES

if TYPE_CHECKING:
    from bridge.config.secrets import SecretStores
    from bridge.setup.importing import Import
    from bridge.vms.credentials import Discovered

VMS = "cloud"
MADE_UP = 4711


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "init",
        "write a first site file, with cameras found in the VMS",
        """
        Asks a few questions and writes a site file with one VMS (VXG), its cameras, one port devices send to and one
        sensor; its comments say what else there is. What is given as an option is not asked for. With a group token, a
        licence key or camera tokens, the cameras are found and each one's own token is put into the secret store; what
        was asked with is kept nowhere. --yes asks nothing and takes what is usual.
        """,
        "vms-bridge init",
        "vms-bridge init depot/site.yaml --yes --name 'Harbour depot' --timezone Australia/Sydney",
        "vms-bridge init --yes --url https://web.harbour.example --token-stdin --only 'gate*' < group-token.txt",
    )
    parser.add_argument(
        "site", type=Path, nargs="?", default=Path("site.yaml"), metavar="SITE", help="a new file; site.yaml"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--name", metavar="TEXT", help="what people call the site")
    parser.add_argument("--timezone", metavar="ZONE", help="such as Australia/Sydney; this machine's unless given")
    parser.add_argument("--url", metavar="URL", help="the VMS's address; its tokens say it, too")
    parser.add_argument("--allow-http", action="store_true", help="you mean a VMS without TLS (a simulator, say)")
    parser.add_argument(
        "--token-stdin", action="store_true", help="read the group token, licence key or camera tokens from stdin"
    )
    parser.add_argument("--only", action="append", default=[], metavar="WHICH", help="these cameras; * for anything")
    parser.add_argument("--store", choices=STORES, help="where tokens go; a file, or the vault if there is one")
    parser.add_argument("--bind", metavar="HOST:PORT", help="where devices send to; 0.0.0.0:8080")
    parser.add_argument("--profile", metavar="NAME", help="the device model of the first sensor; cammra")
    parser.add_argument("--sensor", metavar="TEXT", help="what a guard reads of it; Gate reader")
    parser.add_argument("--path", metavar="PATH", help="the path it posts to; /gate")
    parser.add_argument("--from", dest="sender", metavar="ADDRESS", help="the address it sends from; any")
    secrets(parser)


def run(arguments: argparse.Namespace) -> int:
    from bridge.config.load import slug_of
    from bridge.setup.first_site import Answers, first_site

    path: Path = arguments.site
    if path.exists():
        raise Failure(Code.REFUSED, f"{path} is there already, and is not written over")
    if not arguments.yes and not sys.stdin.isatty():
        raise Failure(Code.USAGE, "there is nobody to ask: add --yes, and give as options what is not usual")
    ask = _take_usual if arguments.yes else _ask
    stores = _stores(arguments)
    name = arguments.name or ask("What is the site called?", path.absolute().parent.name or "Site")
    timezone = arguments.timezone or ask("Its time zone?", _timezone())
    url = arguments.url if arguments.url is not None else ask("Address of the VMS (Enter: its tokens say it)", "")
    allow_http = arguments.allow_http or (url.startswith("http:") and not arguments.yes and _without_tls(ask))
    plan = _cameras(arguments, url, allow_http, stores, ask)
    cameras = plan.entries or {"gate": {"vms": VMS, "id": MADE_UP, "token": "secret:gate"}}
    profile = arguments.profile or ask("Which device is the first sensor?", "cammra")
    sensor = arguments.sensor or ask("What shall a guard read of it?", "Gate reader")
    said = Answers(
        name=name,
        timezone=timezone,
        url=url,
        allow_http=allow_http,
        cameras=cameras,
        found=bool(plan.entries),
        bind=arguments.bind or ask("Where do devices send to?", "0.0.0.0:8080"),
        sensor=slug_of(sensor) or "sensor-1",
        sensor_name=sensor,
        profile=profile,
        path=arguments.path or ask("Which path does it post to?", "/gate"),
        sender=arguments.sender if arguments.sender is not None else ask("From which address? (Enter: any)", ""),
        camera=_camera(list(cameras), ask),
    )
    _write(path, first_site(said), plan, stores)
    _tell(path, plan, wants_json(arguments))
    return Code.DONE


# --------------------------------------------------------------------------------------------------------- questions


def _ask(question: str, usual: str) -> str:
    try:
        return input(f"{question} [{usual}] " if usual else f"{question} ").strip() or usual
    except EOFError:
        raise Failure(Code.USAGE, "the answers ended; nothing was written") from None


def _take_usual(question: str, usual: str) -> str:
    return usual


def _without_tls(ask: Callable[[str, str], str]) -> bool:
    return ask("Without TLS every token can be read on the network. Do you mean it? (yes/no)", "no") == "yes"


def _camera(cameras: list[str], ask: Callable[[str, str], str]) -> str:
    if len(cameras) == 1:
        return cameras[0]
    answer = ask(f"On which camera does it raise events? ({', '.join(cameras[:20])})", cameras[0])
    if answer not in cameras:
        from bridge.config.errors import did_you_mean

        raise Failure(Code.USAGE, f"there is no camera {answer}{did_you_mean(answer, cameras)}")
    return answer


def _timezone() -> str:
    """This machine's zone by its IANA name, UTC where that is not told."""
    from zoneinfo import available_timezones

    named = os.environ.get("TZ", "").removeprefix(":")
    place = Path("/etc/localtime")
    linked = str(place.resolve()).partition("zoneinfo/")[2] if place.is_symlink() else ""
    return next((each for each in (named, linked) if each in available_timezones()), "UTC")


# ----------------------------------------------------------------------------------------------------------- cameras


def _stores(arguments: argparse.Namespace) -> SecretStores:
    from bridge.config.secrets import SecretStores

    return SecretStores(arguments.secrets) if arguments.secrets else SecretStores(arguments.site.parent / "secrets")


def _cameras(
    arguments: argparse.Namespace, url: str, allow_http: bool, stores: SecretStores, ask: Callable[[str, str], str]
) -> Import:
    """What the VMS has, when there is something to ask it with. Raises Failure."""
    from bridge.cli.hidden import hidden
    from bridge.config.keeping import usual
    from bridge.config.secrets import Store
    from bridge.setup.importing import Import, planned

    if arguments.token_stdin:
        credential = hidden("token")
    elif arguments.yes:
        return Import()
    else:
        from getpass import getpass

        credential = getpass("Group token, licence key or a camera's token (not shown; Enter: later): ")
        if not credential.strip():
            return Import()
    only = arguments.only
    found = _found(url, allow_http, credential, stores, only)
    if not only and len(found) > 1 and not arguments.yes:
        named = ", ".join(each.name for each in found[:20])
        wanted = ask(f"Which of the {len(found)} cameras? ({named}; names or numbers with commas)", "all")
        only = [] if wanted == "all" else [each.strip() for each in wanted.split(",") if each.strip()]
        from bridge.setup.importing import chosen

        found = chosen(found, only)
    into = Store(arguments.store) if arguments.store else usual(stores)
    plan = planned(VMS, found, {"cameras": {}}, stores, into, refresh=False)
    if not plan.entries:
        raise Failure(Code.REFUSED, "none of its cameras can be used: " + "; ".join(line.note for line in plan.lines))
    return plan


def _found(url: str, allow_http: bool, credential: str, stores: SecretStores, only: list[str]) -> list[Discovered]:
    from pydantic import ValidationError

    from bridge.cli.cameras import discovered
    from bridge.config.registry import vms_class
    from bridge.config.site import Vms
    from bridge.model import VmsId

    try:
        settings = vms_class("vxg").Settings.model_validate({"type": "vxg", "url": url, "allow_http": allow_http})
    except ValidationError as error:
        why = "; ".join(str(each.get("ctx", {}).get("error", each["msg"])) for each in error.errors())
        raise Failure(Code.USAGE, f"--url: {why}") from None
    return discovered(Vms(VmsId(VMS), settings), credential, stores, only)


# ----------------------------------------------------------------------------------------------------------- writing


def _write(path: Path, text: str, plan: Import, stores: SecretStores) -> None:
    """Nothing is left behind of a site that would not pass ``check``. Raises Failure."""
    from bridge.config.errors import SiteErrors
    from bridge.config.keeping import CannotKeep, keep
    from bridge.config.load import load

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise Failure(Code.REFUSED, f"{path} cannot be written: {error.strerror}") from None
    try:
        load(path)
        for store, values in plan.secrets.items():
            keep(stores, values, store)
    except SiteErrors as errors:
        path.unlink()
        raise Failure(Code.USAGE, f"nothing was written, as this is not right:\n{errors.render()}") from None
    except CannotKeep as cannot:
        path.unlink()
        raise Failure(Code.REFUSED, str(cannot)) from None


def _tell(path: Path, plan: Import, as_json: bool) -> None:
    kept = {str(store): sorted(values) for store, values in plan.secrets.items()}
    if as_json:
        print(json.dumps({"site": str(path), "cameras": list(plan.entries), "secrets": kept}))
        return
    count = len(plan.entries)
    print(f"{path} is written" + (f", with {count} camera{'s' if count > 1 else ''} of the VMS" if count else ""))
    for store, names in kept.items():
        print(f"put into {PLACES[store]}: {', '.join(names)}")
    print(f"next: vms-bridge check {path}; vms-bridge run --dry-run {path}; vms-bridge run {path}")
