"""The exact bytes of a request, got from the target that would send it; values of secrets by their names.

A target shows what it sends by ``shown(request) -> bytes``, made by the same code as the real thing; it is not part of
the contract, so a target of a third party may lack it: then the request is described.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from bridge.secret import SecretMissing, Secrets
from bridge.vms.base import HeaderSecret, Request, Signature, VmsTarget

REMOTE_ID = "{id-in-the-VMS}"
"""Stands in what is shown where the VMS's own id of the event goes, which it gives when the event is raised."""


class Unwritable(Exception):
    """The request cannot be written, and why; it holds no secret."""


def written(target: VmsTarget, request: Request) -> bytes:
    """What the target's ``send`` would put on the wire for this request of its ``render``. Makes no connection.

    Raises Unwritable.
    """
    shown = cast("Callable[[Request], bytes] | None", getattr(target, "shown", None))
    if shown is None:
        return described(request)
    try:
        return shown(request)
    except Exception as error:  # a target's own: no token to take the host from, a line break in a header
        raise Unwritable(str(error)) from error


def described(request: Request) -> bytes:
    """A request as it describes itself: no Host, the URL as it is."""
    lines = [f"{request.method} {request.url} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers)]
    for each in _credentials(request):
        place, shown = ("{secret}", f"{{secret:{each.secret}}}")
        if isinstance(each, Signature):
            place, shown = ("{hex}", f"{{hmac of secret:{each.secret}}}")
        lines.append(f"{each.header}: {each.template.replace(place, shown)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + request.body


def missing(request: Request, secrets: Secrets) -> tuple[str, ...]:
    """Which of the request's secrets nobody has, and where was looked."""
    found = []
    for each in _credentials(request):
        try:
            secrets.get(each.secret)
        except SecretMissing as error:
            found.append(str(error))
    return tuple(found)


def _credentials(request: Request) -> tuple[HeaderSecret | Signature, ...]:
    several: Any = getattr(request, "credentials", ())
    return tuple(several) or (() if request.credential is None else (request.credential,))
