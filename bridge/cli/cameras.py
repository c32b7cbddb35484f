"""``vms-bridge cameras``: which cameras a credential of the VMS opens, and into the site with them."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, general, secrets, wants_json
from bridge.cli.showing import table
from bridge.cli.stores import PLACES, STORES, site_path

if TYPE_CHECKING:
    from bridge.config.secrets import SecretStores
    from bridge.config.site import Vms
    from bridge.setup.draft import Draft
    from bridge.setup.importing import Import
    from bridge.vms.credentials import Discovered, Discovers


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "cameras",
        "find the cameras of a VMS, and put them into the site",
        """
        Asks the VMS which cameras there are, with what it gave you: for VXG a group token, a licence key, or camera
        access tokens (one a line). It is asked for without echo or read from stdin, used once and kept nowhere; --with
        NAME takes it from a secret instead. Other VMS are asked with the user of the site file. import writes the
        cameras that the site has not into its file, touching nothing else in it, and each one's own token into the
        store. Doing it again changes nothing.
        """,
        "vms-bridge cameras list --vms cloud",
        "vms-bridge cameras import --vms cloud --only 'gate*' --dry-run < group-token.txt",
        "vms-bridge cameras import --vms cloud --store vault",
    )
    what = parser.add_subparsers(dest="what", metavar="list|import", required=True)
    listed = what.add_parser("list", help="what the VMS has, and which of it is in the site")
    imported = what.add_parser("import", help="put them into the site file and the secret store")
    for each in (listed, imported):
        each.add_argument("--vms", metavar="NAME", help="a name under vms; may be left out when there is but one")
        each.add_argument("--site", type=Path, metavar="SITE", help="the site; else VMS_BRIDGE_SITE or site.yaml")
        each.add_argument("--with", dest="secret", metavar="NAME", help="a secret that holds what to ask with")
        each.add_argument(
            "--only", action="append", default=[], metavar="WHICH", help="a camera's number or name, * for anything"
        )
        secrets(each)
        general(each)
    imported.add_argument("--store", choices=STORES, help="where tokens go; a file, or the vault if there is one")
    imported.add_argument("--refresh", action="store_true", help="replace tokens the site has by those of the VMS")
    imported.add_argument("--dry-run", action="store_true", help="say what would be written, and write nothing")


def run(arguments: argparse.Namespace) -> int:
    from bridge.cli.loading import secrets_from
    from bridge.setup.draft import DraftWrong, read_draft

    path = site_path(arguments.site)
    if path is None:
        raise Failure(Code.USAGE, "say which site: --site SITE; vms-bridge init writes a first one")
    try:
        draft = read_draft(path)
        vms = draft.one_vms(arguments.vms)
    except DraftWrong as wrong:
        raise Failure(Code.USAGE, str(wrong)) from wrong
    stores = secrets_from(arguments.secrets, path)
    _tells(vms)
    found = discovered(vms, _credential(arguments, vms, stores), stores, arguments.only)
    return _import(arguments, draft, vms, found, stores)


def discovered(vms: Vms, credential: str, stores: SecretStores, only: Sequence[str] = ()) -> list[Discovered]:
    """What a VMS tells, of these cameras alone. Raises Failure."""
    from bridge.setup.importing import chosen
    from bridge.vms.credentials import CannotDiscover

    target = _tells(vms)
    try:
        found = asyncio.run(target.discover(vms.settings, credential, stores))
    except CannotDiscover as cannot:
        raise Failure(Code.REFUSED, f"vms {vms.id}: {cannot}") from None
    some = chosen(found, only)
    if only and not some:
        raise Failure(Code.USAGE, f"none of the {len(found)} cameras is {' or '.join(only)}")
    return some


def _tells(vms: Vms) -> Discovers:
    """Raises Failure for one that cannot be asked, before anything is pasted for it."""
    from bridge.config.registry import vms_class
    from bridge.vms.credentials import Discovers

    target: object = vms_class(vms.settings.type)
    if not isinstance(target, Discovers):
        raise Failure(Code.USAGE, f"a VMS of type {vms.settings.type} does not tell which cameras it has")
    return target


def _credential(arguments: argparse.Namespace, vms: Vms, stores: SecretStores) -> str:
    from bridge.config.registry import vms_class
    from bridge.secret import SecretMissing, SecretRef
    from bridge.vms.credentials import LogsIn

    if arguments.secret is None:
        target: object = vms_class(vms.settings.type)
        if isinstance(target, LogsIn) and target.logs_in(vms.settings):
            return ""
        from bridge.cli.hidden import hidden

        return hidden("group token, licence key or camera tokens (not shown)", lines=True)
    try:
        return stores.get(SecretRef(arguments.secret.removeprefix("secret:"))).reveal()
    except SecretMissing as missing:
        raise Failure(Code.USAGE, str(missing)) from None


def _import(
    arguments: argparse.Namespace, draft: Draft, vms: Vms, found: Sequence[Discovered], stores: SecretStores
) -> int:
    from bridge.config.keeping import usual
    from bridge.config.secrets import Store
    from bridge.setup.importing import planned

    listing = arguments.what == "list"
    into = Store(arguments.store) if not listing and arguments.store else usual(stores)
    refresh = not listing and arguments.refresh
    plan = planned(str(vms.id), found, draft.said, stores, into, refresh)
    dry = not listing and arguments.dry_run
    if not listing:
        file, before, after = _edited(draft, plan)
        if not dry:
            write(file, before, after, plan, stores)
    tell(plan, draft.path, listing, dry, wants_json(arguments))
    return Code.FOUND if any(line.done == "left out" for line in plan.lines) and not listing else Code.DONE


def _edited(draft: Draft, plan: Import) -> tuple[Path, bytes, str]:
    """The file, its bytes, and the text it should have. Raises Failure."""
    from bridge.config.editing import CannotEdit, with_entries

    file = draft.file_of("cameras", after="vms")
    before = file.read_bytes()
    text = before.decode("utf-8-sig")
    mark = "\ufeff" if before.startswith(b"\xef\xbb\xbf") else ""
    try:
        return file, before, mark + with_entries(text, str(file), "cameras", plan.entries, after="vms")
    except CannotEdit as cannot:
        raise Failure(Code.REFUSED, str(cannot)) from None


def write(file: Path, before: bytes, after: str, plan: Import, stores: SecretStores) -> None:
    """Secrets first: a file that names them is of use only when they are there. Raises Failure."""
    from bridge.config.editing import CannotEdit, write_site
    from bridge.config.keeping import CannotKeep, keep

    try:
        for store, values in plan.secrets.items():
            keep(stores, values, store)
        if plan.entries:
            write_site(file, before, after)
    except (CannotKeep, CannotEdit) as cannot:
        raise Failure(Code.REFUSED, str(cannot)) from None
    except OSError as error:
        raise Failure(Code.REFUSED, f"{file} cannot be written: {error.strerror}") from None


def tell(plan: Import, path: Path, listing: bool, dry: bool, as_json: bool) -> None:
    from bridge.config.editing import entry_line

    if as_json:
        for line in plan.lines:
            done = "not in the site" if listing and line.done == "added" else line.done
            told = {"camera": line.key, "id": line.number, "name": line.name, "done": done, "note": line.note}
            print(json.dumps(told, ensure_ascii=False))
        if not listing:
            kept = {str(store): sorted(values) for store, values in plan.secrets.items()}
            lines = [entry_line(key, fields) for key, fields in plan.entries.items()]
            print(json.dumps({"dry_run": dry, "site": str(path), "lines": lines, "secrets": kept}, ensure_ascii=False))
        return
    rows = [
        [line.number, line.name, "not in the site" if listing and line.done == "added" else line.done, line.note]
        for line in plan.lines
    ]
    for row in table(rows):
        print(row)
    if listing:
        return
    would = "would be added to" if dry else "added to"
    if plan.entries:
        print(f"{would} {path}, under cameras:")
        for key, fields in plan.entries.items():
            print(f"  {entry_line(key, fields)}")
    for store, values in plan.secrets.items():
        print(f"{'would be put' if dry else 'put'} into {PLACES[store]}: {', '.join(sorted(values))}")
    if not plan.entries and not plan.secrets:
        print("nothing to do: the site has them all")
