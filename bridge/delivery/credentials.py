"""Which secrets a camera or a VMS depends on, and whether one of them has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.model import CameraId, Delivery
from bridge.secret import SecretMissing, SecretRef, Secrets
from bridge.vms.base import VmsTarget

MISSING = ""
"""The version of a secret that no store has."""

_DEEPEST = 4


def named_in(settings: object, depth: int = 0) -> set[SecretRef]:
    """The secrets that settings refer to, whichever fields hold them."""
    if isinstance(settings, SecretRef):
        return {settings}
    inside: Iterable[object] = ()
    if isinstance(settings, Mapping):
        inside = settings.values()
    elif isinstance(settings, list | tuple):
        inside = settings
    elif not isinstance(settings, str | bytes | int | float | None):
        inside = getattr(settings, "__dict__", {}).values()
    return {ref for value in inside for ref in named_in(value, depth + 1)} if depth < _DEEPEST else set()


def of_camera(target: VmsTarget, camera: CameraId) -> set[SecretRef]:
    """The secrets in a camera's settings."""
    return named_in(target.cameras.get(camera))


def of_delivery(target: VmsTarget, delivery: Delivery) -> set[SecretRef]:
    """The secrets that the requests of a delivery name."""
    return {each.secret for request in target.render(delivery) for each in request.credentials}


def version(secrets: Secrets, ref: SecretRef, fresh: bool) -> str:
    try:
        return secrets.get(ref, fresh).version
    except SecretMissing:
        return MISSING
