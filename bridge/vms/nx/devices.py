"""Nx's devices as it tells them [8]."""

from __future__ import annotations

from uuid import UUID

import msgspec

from bridge.vms.http import Answer

WITH = "?_with=id,name"
"""Of thousands of devices, no more than is needed [8]."""


class Device(msgspec.Struct):
    id: str
    name: str | None = None

    @property
    def plain_id(self) -> str:
        """Without the braces of older versions; as it is where it is no such id."""
        try:
            return str(UUID(self.id))
        except ValueError:
            return self.id


class _Reply(msgspec.Struct):
    reply: list[Device]


_listed = msgspec.json.Decoder(list[Device] | _Reply).decode


def listed(answer: Answer) -> list[Device] | None:
    """None when it is no list of devices."""
    found = answer.told(_listed)
    return found.reply if isinstance(found, _Reply) else found
