"""Rights: may the service read its site and its secrets, may it write its journal, and may others read them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from bridge.config.places import Places
from bridge.config.secrets import SecretStores
from bridge.config.site import Site
from bridge.proving.disk import existing
from bridge.proving.lines import Line, Topic, ok, warn, wrong
from bridge.secret import SecretMissing

_OTHERS_WRITE = stat.S_IWOTH
_OTHERS_READ = stat.S_IROTH | stat.S_IXOTH


def of_journal(folder: Path, where: str) -> list[Line]:
    """The journal's folder, and where it is not there yet the one it will be made in."""
    at = existing(folder)
    if not at.is_dir():
        return [wrong(Topic.PERMISSIONS, f"{at} is not a folder", where, "move it away, or set journal.path")]
    if not _may(at, os.W_OK | os.X_OK) or _read_only(at):
        what = f"{_me()} may not write in {at}, where the journal {'is' if at == folder.absolute() else 'will be'}"
        return [
            wrong(Topic.PERMISSIONS, what, where, f"chown it to the service's user, or set journal.path: {_owner(at)}")
        ]
    locked = [file.name for file in _files(folder) if not _may(file, os.W_OK)]
    if locked:
        what = f"{_me()} may not write {', '.join(locked[:3])} in {folder}"
        return [wrong(Topic.PERMISSIONS, what, where, "chown the folder and all in it to the service's user")]
    lines = [ok(Topic.PERMISSIONS, f"{_me()} may write in {at}", where)]
    if at == folder.absolute() and os.name == "posix":
        status = at.stat()
        if status.st_mode & (_OTHERS_READ | _OTHERS_WRITE):
            what = f"everybody on this machine may look into {folder}: events and pictures are personal data"
            lines.append(warn(Topic.PERMISSIONS, what, where, f"chmod 700 {folder}"))
        if hasattr(os, "geteuid") and os.geteuid() == 0 and status.st_uid != 0:
            what = f"this was tried as root, and the service runs as {_name(status.st_uid)}: its rights may be fewer"
            lines.append(warn(Topic.PERMISSIONS, what, where, f"try it as that user: sudo -u {_name(status.st_uid)} …"))
    return lines


def of_site_files(path: Path) -> list[Line]:
    """That they can be read is shown by their having been read; here: who else may change them."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    open_ones = [file for file in files if os.name == "posix" and file.stat().st_mode & _OTHERS_WRITE]
    if open_ones:
        what = "everybody on this machine may change it, and with it where events and tokens go"
        return [warn(Topic.PERMISSIONS, what, str(file), f"chmod o-w {file}") for file in open_ones]
    return [ok(Topic.PERMISSIONS, "the site can be read, and not be changed by everybody", str(path))]


def of_secrets(names: Iterable[str], stores: SecretStores, places: Places, used: dict[str, list[str]]) -> list[Line]:
    """Each secret of the site is read, as the service would; the stores refuse one that others may read."""
    lines = []
    read = 0
    for name in names:
        try:
            stores.find(name)
        except SecretMissing as missing:
            where = next((_where(places, path) for path in used.get(name, ())), "")
            lines.append(wrong(Topic.SECRETS, str(missing), where, f"vms-bridge secret set {name}"))
        else:
            read += 1
    if read:
        lines.append(
            ok(Topic.SECRETS, f"{read} {'secret' if read == 1 else 'secrets'} can be read, and by nobody else")
        )
    folder = stores.directory
    if folder is not None and folder.is_dir() and os.name == "posix" and folder.stat().st_mode & 0o077:
        what = f"others than its owner may look into {folder}"
        lines.append(warn(Topic.SECRETS, what, str(folder), f"chmod 700 {folder}"))
    return lines


def _where(places: Places, path: str) -> str:
    section, _, rest = path.partition(".")
    name, _, below = rest.rpartition(".")
    return places.of(section, name, below) if name else path


def site_secrets(site: Site) -> dict[str, list[str]]:
    """Secret → the places that name it."""
    from bridge.setup.references import references

    return references(site)


def _may(path: Path, mode: int) -> bool:
    """As the user this runs as in effect."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []


def _read_only(folder: Path) -> bool:
    if not hasattr(os, "statvfs"):
        return False
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _me() -> str:
    return f"user {_name(os.geteuid())}" if hasattr(os, "geteuid") else "this user"


def _owner(folder: Path) -> str:
    status = folder.stat()
    return f"it belongs to {_name(status.st_uid)}, mode {stat.S_IMODE(status.st_mode):04o}"


def _name(user: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(user).pw_name
    except (ImportError, KeyError):
        return str(user)
