"""The camera access token: Base64 of JSON that says whose it is and where to go with it [1.2]."""

from __future__ import annotations

import base64
import binascii
import enum
import re

import msgspec

from bridge.vms.http.origin import Origin, origin

CLASSIC_HOST = "web.skyvr.videoexpertsgroup.com"
"""Where a token without ``api`` belongs [1.1]."""

_SPACE = re.compile(r"\s+")
_HOST = re.compile(r"\[?[A-Za-z0-9_.:-]+\]?")
_PATH = re.compile(r"[A-Za-z0-9_.~/-]*")
_LICENCE = re.compile(r"(v[0-9]{1,2}|srv)\.[A-Za-z0-9._-]{4,200}")
_NOT_ONE = "this is no access token: it has to be the Base64 text that VXG shows, unchanged"


class TokenUnreadable(ValueError):
    """It is no camera access token; the message says in what way and repeats nothing of it."""


class Token(msgspec.Struct, frozen=True):
    """``text``: as it goes into the header, padded and without spaces. ``inner``: the part that must never be shown
    either. ``host``: "" where it does not say one."""

    text: str
    inner: str
    camera: int
    access: str
    host: str
    http_port: int | None
    https_port: int | None
    path: str

    def __repr__(self) -> str:
        return f"Token(camera {self.camera}, access {self.access})"

    def base(self, allow_http: bool) -> tuple[Origin, str]:
        """(origin, path before /api): https, unless plain http is allowed and all the token names is an HTTP port."""
        secure = not allow_http or self.https_port is not None or self.http_port is None
        host = self.host or CLASSIC_HOST
        return origin(secure, host, self.https_port if secure else self.http_port), self.path


class _Json(msgspec.Struct):
    token: str
    access: str = ""
    camid: int | None = None
    api: str | None = None
    api_p: int | None = None
    api_sp: int | None = None
    path: str | None = None


class Kind(enum.Enum):
    """What a credential of VXG is, and how it is shown to the VMS [2]."""

    CAMERA = "Acc"
    GROUP = "SI"
    LICENCE = "LKey"


def kind_of(text: str) -> Kind | None:
    """None: nothing that VXG gives out. A licence key is told by how those seen look [2], a token by what it holds."""
    try:
        said = _decoded(_padded(text))
    except TokenUnreadable:
        return Kind.LICENCE if _LICENCE.fullmatch(_SPACE.sub("", text)) else None
    return Kind.GROUP if said.camid is None else Kind.CAMERA


def parse(text: str) -> Token:
    """Raises TokenUnreadable. Base64 with or without padding, any spaces and line breaks in it [1.2]."""
    plain = _padded(text)
    said = _decoded(plain)
    if not said.access:  # VXG's own SDK refuses such a one
        raise TokenUnreadable(_NOT_ONE)
    if said.camid is None:
        raise TokenUnreadable("this is a group token; a camera's own access token is needed")
    return _token(plain, said, said.camid)


def parse_group(text: str) -> Token:
    """A group's token, which has no ``camid`` [2]; ``camera`` is 0. Raises TokenUnreadable."""
    plain = _padded(text)
    said = _decoded(plain)
    if said.camid is not None:
        raise TokenUnreadable("this is a camera's access token, not a group's")
    return _token(plain, said, 0)


def _padded(text: str) -> str:
    """As VXG gives it out: a double click selects it without the ``=`` at its end."""
    plain = _SPACE.sub("", text)
    return plain + "=" * (-len(plain) % 4)


def _decoded(plain: str) -> _Json:
    if plain.startswith("share."):
        raise TokenUnreadable("this is the inner token alone; copy the whole access token, which begins with ey")
    try:
        return msgspec.json.decode(base64.b64decode(plain, validate=True), type=_Json)
    except (binascii.Error, ValueError):  # msgspec's errors are ValueErrors, and may quote what they read
        raise TokenUnreadable(_NOT_ONE) from None


def _token(plain: str, said: _Json, camera: int) -> Token:
    host = said.api or ""
    inserted = (said.path or "").strip("/")
    path = f"/{inserted}" if inserted else ""
    ports = [port for port in (said.api_p, said.api_sp) if port is not None]
    if (host and not _HOST.fullmatch(host)) or not _PATH.fullmatch(path) or not all(0 < port < 65536 for port in ports):
        raise TokenUnreadable("the address in this token is not one; give the VMS's url in the site file")
    return Token(plain, said.token, camera, said.access, host, said.api_p, said.api_sp, path)
