"""The credentials the simulated cloud gives out and knows again.

A token is found by its inner token, exactly; what else its JSON says counts for nothing (reference 12.1, rule 1).
"""

from __future__ import annotations

import base64
import binascii
import enum
import random
import string
import time
from collections.abc import Callable, Iterable

import msgspec

ISSUED = 0x6960A000
"""The issue time all simulated tokens claim: 2026-01-09 UTC."""


class Scheme(enum.Enum):
    CAMERA = "Acc"
    GROUP = "SI"
    LICENSE = "LKey"


class Grant(msgspec.Struct, frozen=True):
    """What a credential is good for: ``camera`` for camera tokens only; ``group`` for those of a group that was made,
    None for all cameras; ``write`` when its access is "all"; until ``expires``, in epoch seconds."""

    scheme: Scheme
    camera: int | None = None
    write: bool = False
    group: int | None = None
    expires: float | None = None


class Tokens:
    """Issues, rotates and checks. ``host`` and ``port`` are what tokens tell their holder to speak to."""

    def __init__(self, cameras: Iterable[int], host: str, port: int, seed: int) -> None:
        self._host = host
        self._port = port
        self._chance = random.Random(f"{seed} tokens")  # noqa: S311 - must repeat, guards nothing
        self._share = 0
        self._inner: dict[str, Grant] = {}
        self._seen: dict[bytes, Grant] = {}
        self.license = "v3." + "".join(self._chance.choices(string.ascii_letters + string.digits, k=14))
        self.group = self.of_group(None, None)
        self.all: dict[int, str] = {}
        self.watch: dict[int, str] = {}
        for camera in cameras:
            self.add(camera)

    def add(self, camera: int) -> None:
        self.all[camera] = self._new(camera, "all")
        self.watch[camera] = self._new(camera, "watch")

    def remove(self, camera: int) -> None:
        """Refuse every token of this camera, its shares too."""
        self._drop(lambda grant: grant.camera == camera)
        del self.all[camera], self.watch[camera]

    def of_group(self, group: int | None, expires: float | None) -> str:
        """A new group token; ``group`` None: of all cameras."""
        inner = self._new_inner(Grant(Scheme.GROUP, group=group, expires=expires))
        return _pack({"access": "all", "token": inner, "api": self._host, "api_p": self._port})

    def remove_group(self, group: int) -> None:
        self._drop(lambda grant: grant.group == group)

    def share(self, camera: int, write: bool, expires: float | None) -> tuple[int, str]:
        """(number of the share, its inner token): a credential for one camera that somebody made."""
        inner = self._new_inner(Grant(Scheme.CAMERA, camera, write, expires=expires))
        return self._share, inner

    def _drop(self, which: Callable[[Grant], bool]) -> None:
        self._seen.clear()
        self._inner = {inner: grant for inner, grant in self._inner.items() if not which(grant)}

    def _new_inner(self, grant: Grant) -> str:
        """Four parts as in reference 1.2: ``share``, the share's number, issue time and duration, 27 of signature."""
        self._share += 1
        share = base64.urlsafe_b64encode(b'{"si": %d}' % self._share).decode().rstrip("=")
        signature = "".join(self._chance.choices(string.ascii_letters + string.digits + "-_", k=27))
        inner = f"share.{share}.{ISSUED:x}t{3_156_192_000:x}.{signature}"
        self._inner[inner] = grant
        return inner

    def _new(self, camera: int, access: str) -> str:
        inner = self._new_inner(Grant(Scheme.CAMERA, camera, access == "all"))
        return _pack(
            {
                "camid": camera,
                "cmngrid": camera + 1,
                "access": access,
                "token": inner,
                "api": self._host,
                "api_p": self._port,
            }
        )

    def rotate(self, camera: int) -> str:
        """A new "all" token for a camera; the old one is refused from now on. Raises KeyError: no such camera."""
        old = self.all[camera]
        self.forget(old)
        self.all[camera] = self._new(camera, "all")
        return self.all[camera]

    def forget(self, token: str) -> None:
        """Refuse this token from now on."""
        self._seen.clear()
        for inner in _inner_of(token):
            self._inner.pop(inner, None)

    def restore(self, camera: int, write: bool = True) -> None:
        """Know a camera's present token again after ``forget``."""
        token = self.all[camera] if write else self.watch[camera]
        for inner in _inner_of(token):
            self._inner[inner] = Grant(Scheme.CAMERA, camera, write)

    def of_header(self, authorization: bytes) -> Grant | None:
        """The grant of an Authorization header: a scheme, any run of spaces, a credential. None: not known."""
        grant = self._seen.get(authorization)
        if grant is None:
            scheme, _, credential = authorization.decode("latin-1").strip().partition(" ")
            credential = credential.strip()
            if scheme == Scheme.LICENSE.value:
                grant = Grant(Scheme.LICENSE, None, True) if credential == self.license else None
            else:
                for inner in _inner_of(credential):
                    found = self._inner.get(inner)
                    if found is not None and found.scheme.value == scheme:
                        grant = found
            if grant is not None:
                self._seen[authorization] = grant
        return grant if grant is None or grant.expires is None else _now(grant)

    def of_query(self, inner: str) -> Grant | None:
        """The grant of ``?token=``, which holds the inner token alone."""
        return _now(self._inner.get(inner))


def _now(grant: Grant | None) -> Grant | None:
    """None when it has run out."""
    return None if grant is None or (grant.expires is not None and grant.expires <= time.time()) else grant


def _pack(token: dict[str, object]) -> str:
    return base64.b64encode(msgspec.json.encode(token)).decode()


def _inner_of(token: str) -> list[str]:
    """The inner token, if there is one to be read."""
    try:
        outer = msgspec.json.decode(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        return []
    inner = outer.get("token") if isinstance(outer, dict) else None
    return [inner] if isinstance(inner, str) else []
