"""What a VMS target may know about credentials besides using them: which cameras one opens, and how much.

Both are optional for a target: a class that has ``discover`` can be asked for its cameras (``vms-bridge cameras``), one
that has ``opens`` can say what a credential is good for (``vms-bridge check``). Neither belongs to the running service.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from bridge.secret import Secret, SecretRef, Secrets
from bridge.vms.base import CameraSettings, VmsSettings


class CannotDiscover(Exception):
    """The VMS was not asked, or did not tell; the message says why and what to do, without the credential."""


class Discovered(msgspec.Struct, frozen=True):
    """One camera as its VMS knows it. ``settings``: what stands under the camera in YAML besides its VMS, name and
    secrets. ``secrets``: key in YAML → value; empty when the VMS gave none. ``note``: what is odd about it. ``bare``: a
    camera of this VMS has no credential of its own."""

    name: str
    status: str
    settings: dict[str, int | str]
    secrets: dict[str, str]
    note: str = ""
    bare: bool = False

    def __repr__(self) -> str:
        return f"Discovered({self.name!r}, {self.settings})"


class Opens(msgspec.Struct, frozen=True):
    """``kind``: what the credential is, in words (``a licence key``). ``what``: what it opens, in words. ``beyond``:
    why that is more than the camera it is used for needs, and what to use instead. ``short``: why it is too little.
    ``narrowest``: there is none that opens less and still raises events."""

    kind: str
    what: str
    beyond: str = ""
    short: str = ""
    narrowest: bool = False


def with_pasted(secrets: Secrets, ref: SecretRef | None, credentials: str) -> Secrets:
    """``secrets``, with what a person pasted in the place of ``ref``; as they are where nothing was pasted, or None is
    asked for."""
    pasted = credentials.strip()
    return _Pasted(pasted, ref, secrets) if pasted and ref is not None else secrets


class _Pasted:
    def __init__(self, pasted: str, ref: SecretRef, others: Secrets) -> None:
        self._pasted = Secret(pasted, "pasted")
        self._ref = ref
        self._others = others

    def get(self, ref: SecretRef, fresh: bool = False) -> Secret:
        return self._pasted if ref == self._ref else self._others.get(ref, fresh)


@runtime_checkable
class Discovers(Protocol):
    @staticmethod
    async def discover(settings: VmsSettings, credentials: str, secrets: Secrets) -> Sequence[Discovered]:
        """The cameras that ``credentials`` (as pasted by a person) open, in the VMS's order. Changes nothing there.
        Raises CannotDiscover."""


@runtime_checkable
class LogsIn(Protocol):
    @staticmethod
    def logs_in(settings: VmsSettings) -> bool:
        """Whether its settings say all that is needed to ask for its cameras, so that nothing has to be pasted."""


@runtime_checkable
class KnowsCredentials(Protocol):
    @staticmethod
    def opens(text: str, camera: CameraSettings | None) -> Opens | None:
        """What a credential opens, read from itself alone; None when it is none of this VMS's. ``camera``: which it is
        used for, None when for none."""
