"""The exact bytes of a request, got from the target that would send it; values of secrets by their names."""

from __future__ import annotations

from bridge.secret import SecretMissing, Secrets
from bridge.vms.base import Request, VmsTarget

REMOTE_ID = "{id-in-the-VMS}"
"""Stands in what is shown where the VMS's own id of the event goes, which it gives when the event is raised."""


class Unwritable(Exception):
    """The request cannot be written, and why; it holds no secret."""


def written(target: VmsTarget, request: Request) -> bytes:
    """What the target's ``send`` would put on the wire for this request of its ``render``. Makes no connection.

    Raises Unwritable.
    """
    try:
        return target.shown(request)
    except ValueError as error:  # no token to take the host from, a line break in a header
        raise Unwritable(str(error)) from error


def missing(request: Request, secrets: Secrets) -> tuple[str, ...]:
    """Which of the request's secrets nobody has, and where was looked."""
    found = []
    for each in request.credentials:
        try:
            secrets.get(each.secret)
        except SecretMissing as error:
            found.append(str(error))
    return tuple(found)
