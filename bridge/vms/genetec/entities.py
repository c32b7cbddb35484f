"""Cameras as the Directory has them: a report tells their GUIDs alone, names are asked for by GUID [4]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from bridge.vms.genetec.answers import Said, cell, said
from bridge.vms.genetec.api import Api
from bridge.vms.genetec.settings import guid
from bridge.vms.http import Answer

PAGE = 200
MOST_PAGES = 100
BATCH = 10
"""Entities that are read at once, as clients do."""
_FIELDS = "Guid,Name,EntityType,LogicalId,IsOnline"


class NotTold(Exception):
    """It did not answer as the Web SDK does, or says Fail. ``status`` of HTTP."""

    def __init__(self, answer: Answer, told: Said) -> None:
        super().__init__(told.why or f"HTTP {answer.status}")
        self.status = answer.status
        self.why = told.why


class Entity(msgspec.Struct, frozen=True):
    """``online``: None when that is not told."""

    guid: str
    name: str = ""
    kind: str = ""
    logical_id: str = ""
    online: bool | None = None


async def cameras(api: Api) -> list[str]:
    """The GUIDs of all cameras. A page has one row too many where there are more. Raises SendingError, NothingToShow,
    NotTold."""
    found: dict[str, None] = {}
    for page in range(1, MOST_PAGES + 1):
        told = await _asked(api, f"/report/EntityConfiguration?q=EntityTypes@Camera,Page={page},PageSize={PAGE}")
        before = len(found)
        found |= dict.fromkeys(each for row in told.rows if (each := _guid(row)))
        if len(told.rows) <= PAGE or len(found) == before:
            break
    return list(found)


async def read(api: Api, references: Sequence[str]) -> list[Entity]:
    """What the Directory tells of these, as ``q`` has them; those it has not are not among them. Raises SendingError,
    NothingToShow, NotTold when what it answers is no list."""
    found: list[Entity] = []
    for start in range(0, len(references), BATCH):
        batch = references[start : start + BATCH]
        try:
            found += await _read(api, batch)
        except NotTold as error:
            if not error.why or len(batch) == 1:
                raise
            found += await _one_by_one(api, batch)  # one that is gone since spoils the others
    return found


async def _one_by_one(api: Api, references: Sequence[str]) -> list[Entity]:
    found: list[Entity] = []
    for each in references:
        with suppress(NotTold):
            found += await _read(api, [each])
    return found


async def _read(api: Api, references: Sequence[str]) -> list[Entity]:
    asked = ",".join(f"entity={each},{_FIELDS}" for each in references)
    return [_entity(row) for row in (await _asked(api, f"/entity?q={asked}")).rows]


async def _asked(api: Api, path: str) -> Said:
    answer = await api.ask("GET", path)
    told = said(answer)
    if not 200 <= answer.status < 300 or told.status not in ("ok", "partial", "toomanyresults"):
        raise NotTold(answer, told)
    return told


def _entity(row: Mapping[str, object]) -> Entity:
    online = cell(row, "IsOnline").lower()
    return Entity(
        _guid(row),
        cell(row, "Name"),
        cell(row, "EntityType"),
        cell(row, "LogicalId"),
        None if online not in ("true", "false") else online == "true",
    )


def _guid(row: Mapping[str, object]) -> str:
    try:
        return guid(cell(row, "Guid"))
    except ValueError:
        return ""
