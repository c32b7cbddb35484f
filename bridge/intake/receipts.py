"""What a sender is told: what became of its message, or that it should come again later."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bridge.model import Fate, MessageId, Quarantined, Receipt, ReceiptKind

LATER = 2.0
"""Seconds a sender is asked to wait when nothing better is known."""
MUCH_LATER = 30.0
"""Seconds it is asked to wait for what people have to mend."""

STOPPING = "stopping"
OVERLOADED = "overloaded"
JOURNAL = "journal"
"""Reasons to come again later, as they are counted; the last one says more in its words."""

_KINDS = (
    (Fate.RAISED, ReceiptKind.ACCEPTED),
    (Fate.AMENDED, ReceiptKind.ACCEPTED),
    (Fate.COLLAPSED, ReceiptKind.ACCEPTED),
    (Fate.DUPLICATE, ReceiptKind.DUPLICATE),
    (Fate.FILTERED, ReceiptKind.FILTERED),
)


def kept(fates: Collection[Fate], quarantined: Sequence[Quarantined], message_id: MessageId) -> Receipt:
    """The best that became of any item; a message in which nothing was readable or known is said to be so."""
    for fate, kind in _KINDS:
        if fate in fates:
            return Receipt(kind, message=message_id)
    if not quarantined:
        return Receipt(ReceiptKind.FILTERED, "the message says nothing", message_id)
    first = quarantined[0]
    return Receipt(ReceiptKind.UNKNOWN if first.unknown else ReceiptKind.MALFORMED, first.why, message_id)


def later(why: str, after: float = LATER) -> Receipt:
    """Nothing of it is kept."""
    return Receipt(ReceiptKind.LATER, why, after=after)


def reason(refusal: Receipt) -> str:
    """Why a sender was told "later", as it is counted."""
    return refusal.why if refusal.why in (STOPPING, OVERLOADED) else JOURNAL
