"""The pictures that the journal keeps of an event: those the device sent with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from bridge.cli import asking
from bridge.cli.ending import Failure
from bridge.cli.saving import Folder, NotSaved, file_name

if TYPE_CHECKING:
    from bridge.cli.event_media import Brought
    from bridge.cli.one_event import Told
    from bridge.journal.sqlite import OfflineJournal


def of_the_journal(where: asking.Place, told: Told, folder: Folder | None) -> list[Brought]:
    """Each picture of any revision, saved if there is a folder. Raises OSError when that cannot be written."""
    from bridge.cli.event_media import Brought
    from bridge.cli.one_event import time_of

    pictures = {each["id"]: each for revision in told["revisions"] for each in revision["media"]}
    found = []
    for number, (id, picture) in enumerate(pictures.items(), 1):
        role = picture["role"] or "picture"
        at = told["event"]["occurred_at"]
        brought = Brought(source="journal", kind="picture", name=role, at=at, bytes=picture["size"], remote_id=id)
        found.append(brought)
        if folder is None:
            continue
        name = file_name(
            told["event"]["id"], "device", f"{role}-{number}", time_of(told), picture["content_type"], ".bin"
        )
        try:
            folder.room_for(picture["size"])
            saved = asyncio.run(folder.save(name, _whole(_read(where, id)), picture["size"]))
            brought.file, brought.bytes = saved.file, saved.size
        except (NotSaved, Failure) as error:
            brought.cannot = str(error)
    return found


def _read(where: asking.Place, id: str) -> bytes:
    """Raises Failure."""
    if asking.running(where):
        with asking.service(where) as client:
            return client.stream("/media", id=id).read()
    from bridge.cli.resting import read_only
    from bridge.model import MediaId

    async def ask(journal: OfflineJournal) -> bytes:
        return await journal.media(MediaId(id))

    return read_only(where, ask)


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
