"""``vms-bridge secret``: put secrets into their stores, see which there are, take them out. Shows no value, ever."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, general, wants_json
from bridge.cli.showing import table
from bridge.cli.stores import STORES, site_path

if TYPE_CHECKING:
    from bridge.config.secrets import SecretStores, Store
    from bridge.config.site import Site


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "secret",
        "put secrets into their stores, see which there are, take them out",
        """
        A site file names its secrets (secret:gate-in) and never holds them. They are looked for in the environment
        (VMS_BRIDGE_SECRET_GATE_IN), in systemd's credentials, in files readable by their owner alone (the folder
        secrets beside the site file), in the keyring, and in an encrypted file (secrets.vault beside that folder). set
        reads the value from stdin, or asks for it without echo; it is never an argument. A running service uses the
        new value by itself. list says where each is and what it is for, and ends with 1 when one is missing.
        """,
        "vms-bridge secret set gate-in",
        "vms-bridge secret set gate-in --store vault < token.txt",
        "vms-bridge secret list --site site.yaml",
        "vms-bridge secret delete old-gate",
        "vms-bridge secret key /etc/vms-bridge-vault.key",
    )
    what = parser.add_subparsers(dest="what", metavar="set|list|delete|key", required=True)
    put = what.add_parser("set", help="put one into a store")
    listed = what.add_parser("list", help="names, where each is, what uses it")
    delete = what.add_parser("delete", help="take one out of its store")
    for each in (put, delete):
        each.add_argument("name", metavar="NAME", help="as in secret:NAME")
        each.add_argument(
            "--store", choices=STORES, help="where; set: where it is, else a file (the vault if there is)"
        )
    delete.add_argument("--force", action="store_true", help="even when the site uses it")
    for each in (put, listed, delete):
        which = each.add_mutually_exclusive_group()
        which.add_argument("--site", type=Path, metavar="SITE", help="its site; else VMS_BRIDGE_SITE or site.yaml")
        which.add_argument("--secrets", type=Path, metavar="DIR", help="the folder of secrets, whatever the site")
    key = what.add_parser("key", help="make a key for the encrypted file")
    key.add_argument("file", type=Path, metavar="FILE", help="a new file, readable by its owner alone")
    for each in what.choices.values():
        general(each)


def run(arguments: argparse.Namespace) -> int:
    return int({"set": _set, "list": _list, "delete": _delete, "key": _key}[arguments.what](arguments))


# ------------------------------------------------------------------------------------------------------------- where


def _stores(arguments: argparse.Namespace) -> SecretStores:
    from bridge.config.secrets import SecretStores

    if arguments.secrets is not None:
        return SecretStores(arguments.secrets)
    path = site_path(arguments.site)
    if path is None:
        raise Failure(Code.USAGE, "say whose secrets: --site SITE, or --secrets DIR")
    return SecretStores.beside(path)


def _site(arguments: argparse.Namespace) -> Site | None:
    """The site, when there is one without errors: secrets come before a site is whole."""
    path = None if arguments.secrets is not None else site_path(arguments.site)
    if path is None:
        return None
    from bridge.config.errors import SiteErrors
    from bridge.config.load import load

    try:
        return load(path)
    except SiteErrors:
        return None


def _users(site: Site | None) -> dict[str, list[str]]:
    if site is None:
        return {}
    from bridge.setup.references import references

    return references(site)


# ---------------------------------------------------------------------------------------------------------- commands


def _set(arguments: argparse.Namespace) -> int:
    from bridge.cli.hidden import hidden
    from bridge.config.keeping import CannotKeep, everywhere, keep, usual
    from bridge.config.secrets import NAME, Store

    name = arguments.name
    if NAME.fullmatch(name) is None:  # not repeated: it may be the secret itself
        raise Failure(Code.USAGE, "NAME is the secret's name alone; its value is read from stdin, or asked for")
    stores = _stores(arguments)
    store = Store(arguments.store) if arguments.store else _home(stores, name) or usual(stores)
    value = hidden(f"{name} (not shown)")
    try:
        keep(stores, {name: value}, store)
    except CannotKeep as cannot:
        raise Failure(Code.REFUSED, str(cannot)) from cannot
    found, refused = everywhere(stores, name)
    users = _users(_site(arguments)).get(name, [])
    first = found[0].store if found else None
    kept = next((each.told for each in found if each.store is store), f"the {store}")
    notes = [refused] if refused else []
    if first is not None and first is not store:
        notes.append(f"{found[0].told} has it too and goes before it: the new value is not used until it is gone there")
    if wants_json(arguments):
        told = {"secret": name, "store": str(store), "where": kept, "used_by": users, "notes": notes}
        print(json.dumps(told))
    else:
        print(f"{name} is in {kept}" + (f"; used by {', '.join(users)}" if users else ""))
        for note in notes:
            print(f"but {note}")
    return Code.FOUND if notes else Code.DONE


def _home(stores: SecretStores, name: str) -> Store | None:
    """The store it is in already, if that can be written."""
    from bridge.config.keeping import WRITABLE, everywhere

    found, _ = everywhere(stores, name)
    return next((each.store for each in found if each.store in WRITABLE), None)


def _list(arguments: argparse.Namespace) -> int:
    from bridge.config.keeping import everywhere, names

    stores = _stores(arguments)
    users = _users(_site(arguments))
    rows = []
    wrong = False
    guessed = {name.lower().replace("_", "-").replace(".", "-"): name for name in users}
    listed = {guessed.get(name, name) if name not in users else name for name in names(stores)}
    for name in sorted(listed | set(users)):
        found, refused = everywhere(stores, name)
        where = [each.told for each in found]
        if not found and name in users:
            wrong = True
        wrong = wrong or bool(refused)
        if wants_json(arguments):
            store = str(found[0].store) if found else None
            told = {"secret": name, "store": store, "where": where, "used_by": users.get(name, []), "refused": refused}
            print(json.dumps(told))
        else:
            place = " over ".join(where) if where else "REFUSED" if refused else "MISSING"
            rows.append([name, place, ", ".join(users.get(name, [])) or "not used"])
            if refused:
                rows.append(["", refused, ""])
    for line in table(rows):
        print(line)
    if stores.vault is not None and stores.vault.there:
        wrong = not _opens(stores, wants_json(arguments)) or wrong
    return Code.FOUND if wrong else Code.DONE


def _opens(stores: SecretStores, as_json: bool) -> bool:
    """Whether the vault can be read; says why not."""
    from bridge.secret import SecretMissing

    assert stores.vault is not None
    try:
        stores.vault.read()
    except SecretMissing as closed:
        why = f"the vault {stores.vault.file} is not used: {closed}"
        print(json.dumps({"vault": str(stores.vault.file), "refused": why}) if as_json else why)
        return False
    return True


def _delete(arguments: argparse.Namespace) -> int:
    from bridge.config.keeping import CannotKeep, drop, everywhere
    from bridge.config.secrets import NAME, Store

    name = arguments.name
    if NAME.fullmatch(name) is None:
        raise Failure(Code.USAGE, "NAME is the secret's name alone")
    stores = _stores(arguments)
    users = _users(_site(arguments)).get(name, [])
    if users and not arguments.force:
        raise Failure(Code.REFUSED, f"{name} is used by {', '.join(users)}; take it out there first, or add --force")
    found, _ = everywhere(stores, name)
    # A file is deleted even when it is refused for its rights.
    store = Store(arguments.store) if arguments.store else found[0].store if found else Store.FILE
    try:
        gone = drop(stores, name, store)
    except CannotKeep as cannot:
        raise Failure(Code.REFUSED, str(cannot)) from cannot
    if not gone:
        raise Failure(Code.USAGE, f"there is no secret {name} in the {store}")
    left = [each.told for each in everywhere(stores, name)[0]]
    if wants_json(arguments):
        print(json.dumps({"secret": name, "deleted_from": str(store), "left_in": left}))
    else:
        print(f"{name} is gone from the {store}" + (f"; it is still in {', '.join(left)}" if left else ""))
    return Code.DONE


def _key(arguments: argparse.Namespace) -> int:
    from bridge.config.vault import CREDENTIAL, VARIABLE, new_key

    try:
        new_key(arguments.file)
    except FileExistsError:
        raise Failure(Code.REFUSED, f"{arguments.file} is there already; a vault it opens would be lost") from None
    except OSError as error:
        raise Failure(Code.REFUSED, f"{arguments.file} cannot be written: {error.strerror}") from None
    if wants_json(arguments):
        print(json.dumps({"key": str(arguments.file)}))
    else:
        print(f"{arguments.file} is a new key; keep a copy where the vault's backups are not")
        print(f"give it to the service as LoadCredential={CREDENTIAL}:{arguments.file.resolve()}, or {VARIABLE}")
    return Code.DONE
