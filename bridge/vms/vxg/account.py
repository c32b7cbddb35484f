"""One camera's credential, made ready once per version of its secret."""

from __future__ import annotations

import msgspec

from bridge.model import CameraId
from bridge.secret import SecretMissing, Secrets
from bridge.vms.base import HeaderSecret
from bridge.vms.http import Origin, split_url
from bridge.vms.vxg.settings import VxgCamera, VxgSettings
from bridge.vms.vxg.token import Token, TokenUnreadable, parse


class Unusable(ValueError):
    """This camera's token cannot be used, and why, without a word of it."""


class NoSecret(Unusable):
    """This camera's token is nowhere to be found."""


class Grant(msgspec.Struct, frozen=True):
    """What to go with and where. ``version`` is the secret's."""

    version: str
    origin: Origin
    prefix: str
    authorization: tuple[str, str]
    token: Token

    def __repr__(self) -> str:
        return f"Grant({self.origin}, {self.token!r})"


class Account:
    """``credentials`` names the secret for requests as data."""

    def __init__(self, camera: CameraId, settings: VxgCamera, vms: VxgSettings, secrets: Secrets) -> None:
        self.camera = camera
        self.id = settings.id
        self.ref = settings.token
        self.credentials = (HeaderSecret("Authorization", "Acc {secret}", settings.token),)
        self._secrets = secrets
        self._allow_http = vms.allow_http
        self._base = split_url(vms.url) if vms.url else None
        self._grant: Grant | None = None
        self._unusable: tuple[str, str] | None = None

    def grant(self, fresh: bool = False) -> Grant:
        """The credential of now; ``fresh`` reads its store again. Raises Unusable."""
        try:
            secret = self._secrets.get(self.ref, fresh)
        except SecretMissing as missing:
            raise NoSecret(str(missing)) from None
        grant = self._grant
        if grant is not None and grant.version == secret.version:
            return grant
        if self._unusable is not None and self._unusable[0] == secret.version:
            raise Unusable(self._unusable[1])
        try:
            grant = self._grant = self._read(secret.reveal(), secret.version)
        except (TokenUnreadable, Unusable) as error:
            self._grant = None
            self._unusable = secret.version, f"secret {self.ref} of camera {self.camera}: {error}"
            raise Unusable(self._unusable[1]) from None
        return grant

    def place(self) -> tuple[Origin, str]:
        """(origin, path before /api). Raises Unusable: only the token says where to go, and it cannot be read."""
        if self._base is not None:
            return self._base[0], self._base[1].rstrip("/")
        grant = self.grant()
        return grant.origin, grant.prefix

    def _read(self, text: str, version: str) -> Grant:
        token = parse(text)
        if token.camera != self.id:
            raise Unusable(
                f"this token is of camera {token.camera}, the site file says id: {self.id}; put the right token "
                "into the secret, or the right id into the site file"
            )
        base = self._base
        origin, prefix = token.base(self._allow_http) if base is None else (base[0], base[1].rstrip("/"))
        return Grant(version, origin, prefix, ("Authorization", f"Acc {token.text}"), token)
