"""What a credential of VXG opens, read from itself alone [1.2, 1.3, 2]."""

from __future__ import annotations

from bridge.vms.base import CameraSettings
from bridge.vms.credentials import Opens
from bridge.vms.vxg.settings import VxgCamera
from bridge.vms.vxg.token import Kind, TokenUnreadable, kind_of, parse

_OWN = "put this camera's own access token there (vms-bridge cameras import does)"


def opens(text: str, camera: CameraSettings | None) -> Opens | None:
    match kind_of(text):
        case Kind.LICENCE:
            return Opens(
                "a licence key",
                "every camera of the account: their tokens, settings, recordings and events",
                f"a running bridge does not need it; {_OWN}",
            )
        case Kind.GROUP:
            return Opens(
                "a group token",
                "every camera of its group, and each one's own token",
                f"a running bridge does not need it; {_OWN}",
            )
        case Kind.CAMERA:
            return _camera(text, camera)
        case None:
            return None


def _camera(text: str, camera: CameraSettings | None) -> Opens | None:
    try:
        token = parse(text)
    except TokenUnreadable:
        return None
    kind = f"the access token of camera {token.camera}"
    short = ""
    if isinstance(camera, VxgCamera) and camera.id != token.camera:
        short = f"it is of camera {token.camera}, and the site file says id: {camera.id}; nothing will be sent with it"
    if token.access == "all":
        what = f"camera {token.camera}: its events and their types, live and recorded video, its settings"
        return Opens(kind, what, "", short, narrowest=True)
    what = f"camera {token.camera}: live and recorded video, to look at"
    access = token.access[:20] if token.access.isprintable() else "?"
    return Opens(kind, what, "", short or f'its access is "{access}"; raising events is documented with "all" alone')
