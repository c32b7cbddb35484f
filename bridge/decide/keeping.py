"""A message as the journal keeps it."""

from __future__ import annotations

import msgspec

from bridge.decide.draft import media_of
from bridge.model import Draft, Item, KeptMedia, KeptMessage, MessageId, Part
from bridge.routing import Routed


def kept(routed: Routed, message_id: MessageId) -> KeptMessage:
    """Pictures as media, once; a body they were taken out of as what remained."""
    message = routed.message
    media: list[KeptMedia] = []
    pictures: list[Part] = []
    for each in routed.items:
        if isinstance(each.item, Item) and isinstance(each.draft, Draft) and each.item.media:
            of_item = media_of(each.item, each.draft, message_id)
            media += [KeptMedia(about, part.data) for about, part in zip(of_item, each.item.media, strict=True)]
            pictures += each.item.media
    if not media:
        return KeptMessage(id=message_id, message=message)
    parts = tuple(
        [
            msgspec.structs.replace(part, data=b"") if any(part.data is one.data for one in pictures) else part
            for part in message.parts
        ]
    )
    body = message.body
    # What stood in the body bears the name of its key; what was fetched from a link has no name.
    inside = any(one.filename and not any(one.data is part.data for part in message.parts) for one in pictures)
    if body and inside and len(routed.items) == 1 and isinstance(routed.items[0].draft, Draft):
        body = routed.items[0].draft.detail
    return KeptMessage(
        id=message_id, message=msgspec.structs.replace(message, parts=parts, body=body), media=tuple(media)
    )
