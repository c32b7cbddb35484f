"""Cameras found in a VMS → what to add to the site file, and which secrets to keep. Decides only; writes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial

import msgspec

from bridge.config.document import Plain
from bridge.config.editing import Fields
from bridge.config.keeping import everywhere
from bridge.config.load import slug_of
from bridge.config.secrets import Found, SecretStores, Store
from bridge.setup.references import references_in
from bridge.vms.credentials import Discovered

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a1-\U0010ffff]+")
_REFERENCE = "secret:"
_LONGEST = 48
"""Characters of a key made from a name; a number may be added, 64 are allowed."""


class Line(msgspec.Struct, frozen=True):
    """One camera: its key in the site ("" when it is left out), as the VMS calls it, what is done and why."""

    key: str
    number: str
    name: str
    done: str
    note: str = ""


class Import(msgspec.Struct):
    """``entries``: to be added under cameras. ``secrets``: name → value, by store."""

    lines: list[Line] = []
    entries: dict[str, Fields] = {}
    secrets: dict[Store, dict[str, str]] = {}

    def __repr__(self) -> str:
        return f"Import({len(self.entries)} cameras)"


def chosen(found: Sequence[Discovered], only: Collection[str]) -> list[Discovered]:
    """Those whose number or name fits one of ``only`` (``*`` stands for anything); all when it is empty."""
    if not only:
        return list(found)
    patterns = [each.casefold() for each in only]
    return [
        camera
        for camera in found
        if any(
            fnmatchcase(text.casefold(), pattern)
            for pattern in patterns
            for text in (number_of(camera), shown_name(camera), key_of(camera))
        )
    ]


def planned(
    vms: str,
    found: Iterable[Discovered],
    site: Mapping[str, Mapping[str, Plain]],
    stores: SecretStores,
    into: Store,
    refresh: bool,
) -> Import:
    """``site``: section → name → what stands there, of the site as far as it is written. ``refresh``: replace the
    secrets of cameras that are in the site already."""
    made = Import()
    taken = set(site["cameras"])
    named = references_in(site)
    for camera in found:
        known = _known(vms, camera, site["cameras"])
        if known is not None:
            made.lines.append(_kept(known, camera, site["cameras"][known], stores, into, refresh, made))
        elif not camera.secrets and not camera.bare:
            made.lines.append(Line("", number_of(camera), shown_name(camera), "left out", camera.note))
        else:
            key = _free(camera, lambda key: key not in taken)
            taken.add(key)
            made.lines.append(_added(key, vms, camera, named, stores, into, made))
    return made


def number_of(camera: Discovered) -> str:
    return str(next(iter(camera.settings.values()), ""))


def shown_name(camera: Discovered) -> str:
    """What the VMS calls it, without what no YAML and no terminal should hold."""
    return _UNPRINTABLE.sub(" ", camera.name).strip()[:200]


def key_of(camera: Discovered) -> str:
    """``"Gate: in (north)"`` → ``gate-in-north``; by its number when nothing of the name can be kept."""
    return slug_of(shown_name(camera))[:_LONGEST].rstrip("-") or f"camera-{number_of(camera)}"


def _free(camera: Discovered, free: Callable[[str], bool]) -> str:
    """The first of ``gate-in``, ``gate-in-4711``, ``gate-in-4711-2`` … that is free."""
    key = key_of(camera)
    if free(key):
        return key
    numbered = f"{key}-{number_of(camera)}"
    at, candidate = 1, numbered
    while not free(candidate):
        at += 1
        candidate = f"{numbered}-{at}"
    return candidate


def _known(vms: str, camera: Discovered, cameras: Mapping[str, Plain]) -> str | None:
    """The key under which the site has it already."""
    for key, fields in cameras.items():
        if not isinstance(fields, dict) or fields.get("vms") != vms:
            continue
        if all(fields.get(setting) == value for setting, value in camera.settings.items()):
            return key
    return None


def _added(
    key: str, vms: str, camera: Discovered, named: set[str], stores: SecretStores, into: Store, made: Import
) -> Line:
    fields: dict[str, str | int] = {"vms": vms}
    name = shown_name(camera)
    if name and name != key:
        fields["name"] = name
    fields |= camera.settings
    for setting, value in camera.secrets.items():
        secret = _free(Discovered(key, "", camera.settings, {}), partial(_may_hold, value, named, stores))
        named.add(secret)
        fields[setting] = f"{_REFERENCE}{secret}"
        _keep(secret, value, stores, into, made)
    made.entries[key] = fields
    return Line(key, number_of(camera), name, "added", camera.note)


def _may_hold(value: str, named: set[str], stores: SecretStores, name: str) -> bool:
    """Whether a new secret may have this name: nobody uses it, and no store has another value under it."""
    if name in named:
        return False
    found, refused = everywhere(stores, name)
    return not refused and all(each.secret.reveal() == value for each in found)


def _keep(secret: str, value: str, stores: SecretStores, into: Store, made: Import) -> None:
    found, _ = everywhere(stores, secret)
    if not any(each.secret.reveal() == value for each in found[:1]):
        made.secrets.setdefault(into, {})[secret] = value


def _kept(
    key: str, camera: Discovered, fields: Plain, stores: SecretStores, into: Store, refresh: bool, made: Import
) -> Line:
    """A camera that the site has: its entry stays as it is; a secret that is missing is kept, another one only when
    that is asked for, as it may have been chosen because it opens less."""
    done, notes = "there already", [camera.note] if camera.note else []
    for setting, value in camera.secrets.items():
        reference = fields.get(setting) if isinstance(fields, dict) else None
        if not isinstance(reference, str) or not reference.startswith(_REFERENCE):
            continue
        secret = reference.removeprefix(_REFERENCE)
        found, refused = everywhere(stores, secret)
        if refused:
            notes.append(refused)
        elif not found:
            made.secrets.setdefault(into, {})[secret] = value
            done = "secret added"
        elif found[0].secret.reveal().split() != value.split():
            done = _other(secret, value, found[0], refresh, made, notes) or done
    return Line(key, number_of(camera), shown_name(camera), done, "; ".join(notes))


def _other(secret: str, value: str, present: Found, refresh: bool, made: Import, notes: list[str]) -> str:
    if not refresh:
        notes.append(f"the VMS shows another token than secret {secret} holds; --refresh replaces it")
        return ""
    if present.store in (Store.ENVIRONMENT, Store.SYSTEMD):
        notes.append(f"secret {secret} is given by {present.told}; it has to be changed there")
        return ""
    made.secrets.setdefault(present.store, {})[secret] = value
    return "secret replaced"
