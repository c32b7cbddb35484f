"""What each credential of a site opens, and which of it is not needed (least privilege).

Judged by what the credentials say of themselves and by what the site uses; no VMS is asked, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bridge.config.keeping import everywhere, names
from bridge.config.registry import VMS, UnknownType, type_names, vms_class
from bridge.config.secrets import Found, SecretStores, Store
from bridge.config.site import Camera, Site
from bridge.config.vault import CREDENTIAL
from bridge.model import CameraId
from bridge.secret import Secret
from bridge.setup.references import references
from bridge.vms.base import CameraSettings
from bridge.vms.credentials import KnowsCredentials, Opens

_POWERFUL = frozenset({"admin", "administrator", "root", "service", "supervisor", "sysadmin"})
_LOG_INS = (".basic", ".digest")


class Credential(msgspec.Struct, frozen=True):
    """``where``: the store it was found in, "" when in none. ``opens``: in words, "" when it does not say."""

    secret: str
    where: str
    used_by: tuple[str, ...]
    opens: str
    narrowest: bool


class Excess(msgspec.Struct, frozen=True):
    """``path``: the place in the site, "" for what the site does not use."""

    secret: str
    path: str
    message: str


class Idle(msgspec.Struct, frozen=True):
    """A camera's credential that is not needed, as no sensor raises anything on the camera."""

    secret: str
    path: str
    camera: str


class Judgement(msgspec.Struct, frozen=True):
    """``missing``: secrets that no store of this machine has."""

    credentials: tuple[Credential, ...]
    warnings: tuple[Excess, ...]
    idle: tuple[Idle, ...]
    missing: tuple[str, ...]


def judge(site: Site, stores: SecretStores) -> Judgement:
    """Reads every secret the site names, and those that lie beside it unused."""
    used = references(site)
    seeing = _needed_cameras(site)
    credentials: list[Credential] = []
    warnings: list[Excess] = []
    missing: list[str] = []
    idle: list[Idle] = []
    for name, places in used.items():
        found, refused = everywhere(stores, name)
        if refused:
            warnings.append(Excess(name, places[0], refused))
        if not found:
            if not refused:
                missing.append(name)
            credentials.append(Credential(name, "", tuple(places), "", False))
            continue
        first = found[0]
        opened = _opened(site, first.secret, places)
        credentials.append(
            Credential(
                name, first.told, tuple(places), opened.what if opened else "", bool(opened and opened.narrowest)
            )
        )
        warnings += _of_used(site, name, places, found, opened)
        cameras = [(path, camera) for path in places if (camera := _camera_at(site, path)) is not None]
        if cameras and not any(camera.id in seeing for _, camera in cameras):
            idle.append(Idle(name, cameras[0][0], str(cameras[0][1].id)))
    beside = stores.vault.key_beside() if stores.vault is not None and stores.vault.there else None
    if beside is not None:
        message = f"{beside} lies beside the vault it opens: a copy of the folder is a copy of both; put it elsewhere"
        warnings.append(Excess(CREDENTIAL, "", message))
    warnings += _of_unused(stores, sorted(names(stores) - _spellings(used)))
    return Judgement(tuple(credentials), tuple(warnings), tuple(idle), tuple(missing))


def _needed_cameras(site: Site) -> set[CameraId]:
    needed = set(site.fault_cameras)
    for sensor in site.sensors.values():
        needed.update(sensor.cameras)
        if sensor.cameras_by is not None:
            needed.update(camera for row in sensor.cameras_by.table.values() for camera in row)
    return needed


def _camera_at(site: Site, path: str) -> Camera | None:
    parts = path.split(".")
    if parts[0] != "cameras":
        return None
    return site.cameras.get(CameraId(".".join(parts[1:-1])))


def _opened(site: Site, secret: Secret, places: Iterable[str]) -> Opens | None:
    """What it opens where it is used for a camera; elsewhere only what it says of itself by being of a known kind."""
    for path in places:
        camera = _camera_at(site, path)
        if camera is not None:
            return _told(site.vms[camera.vms].settings.type, secret, camera.settings)
    return _any(secret)


def _told(vms_type: str, secret: Secret, camera: CameraSettings | None) -> Opens | None:
    try:
        target: object = vms_class(vms_type)
    except UnknownType:
        return None
    return target.opens(secret.reveal(), camera) if isinstance(target, KnowsCredentials) else None


def _is_strange(site: Site, path: str, secret: Secret) -> bool:
    """Whether it stands for a camera whose VMS knows its credentials when it sees them, and does not know this one."""
    camera = _camera_at(site, path)
    if camera is None:
        return False
    settings = site.vms[camera.vms].settings
    knows = isinstance(vms_class(settings.type), KnowsCredentials)
    return knows and _told(settings.type, secret, camera.settings) is None


def _any(secret: Secret) -> Opens | None:
    return next((found for each in type_names(VMS) if (found := _told(each, secret, None)) is not None), None)


def _of_used(site: Site, name: str, places: list[str], found: list[Found], opened: Opens | None) -> list[Excess]:
    warnings = []
    if len(found) > 1 and found[0].secret.version != found[1].secret.version:
        message = f"the one in {found[0].told} is used; another value is in {found[1].told}, and is not looked at"
        warnings.append(Excess(name, places[0], message))
    of_camera = any(_camera_at(site, path) is not None for path in places)
    if opened is not None and (opened.beyond or not of_camera):
        why = opened.beyond or "it is a camera's, and is used for something else"
        warnings.append(Excess(name, places[0], f"{opened.kind}, which opens {opened.what}: {why}"))
    if opened is not None and opened.short:
        warnings.append(Excess(name, places[0], opened.short))
    strange = next((path for path in places if _is_strange(site, path, found[0].secret)), "")
    if strange:
        message = f"this is nothing that its VMS gives out: copy the credential whole, and vms-bridge secret set {name}"
        warnings.append(Excess(name, strange, message))
    for path in places:
        user, colon, _ = found[0].secret.reveal().partition(":")
        if colon and path.startswith("connectors.") and path.endswith(_LOG_INS) and user.lower() in _POWERFUL:
            message = "logs in as a device's administrator; make a user there that may only read events, and use that"
            warnings.append(Excess(name, path, message))
    return warnings


def _of_unused(stores: SecretStores, unused: list[str]) -> list[Excess]:
    warnings = []
    for name in unused:
        found, _ = everywhere(stores, name)
        if not found:
            continue
        opened = _any(found[0].secret)
        what = f", {opened.kind}, which opens {opened.what}" if opened is not None else ""
        remedy = (
            f"vms-bridge secret delete {name}"
            if found[0].store in (Store.FILE, Store.VAULT)
            else "do not give it to the service"
        )
        warnings.append(Excess(name, "", f"nothing in the site uses it{what} (in {found[0].told}): {remedy}"))
    return warnings


def _spellings(used: Iterable[str]) -> set[str]:
    """Names as they are, and as they would be guessed from a variable's name."""
    return {spelling for name in used for spelling in (name, name.lower().replace("_", "-").replace(".", "-"))}
