"""What an outcome means for a delivery's row, and for its lane once the row is durable."""

from __future__ import annotations

from bridge.journal.sqlite.batch import Settling
from bridge.journal.sqlite.lanes import Lanes
from bridge.journal.sqlite.rows import Rows
from bridge.journal.sqlite.schema import BEGUN, DEAD, DELIVERED, EXPIRED, PENDING
from bridge.model import Ambiguous, Blocked, Delivered, Expired, Rejected, Retry

BLOCKED_FOR = 1.0
"""Seconds a blocked lane rests, so that it is not claimed again before it is parked. Unparking ends the rest."""


def conclude(settling: Settling, rows: Rows, lanes: Lanes) -> None:
    """Add the row of an outcome. Retry says that it was surely not taken, so it is no longer ambiguous; Blocked says
    so of this attempt only."""
    entry, outcome = settling.entry, settling.outcome
    lane = entry.lane
    remote_id, why = "", ""
    match outcome:
        case Delivered():
            state, remote_id, why = DELIVERED, _text(outcome.remote_id), outcome.note
            if not entry.amend:
                lanes.remember(entry, remote_id)
        case Rejected():
            state, why = DEAD, outcome.why
        case Expired():
            state, why = EXPIRED, outcome.why
        case Retry():
            state, why = PENDING, outcome.why
        case Ambiguous():
            state, why = BEGUN, outcome.why
        case Blocked():
            state, why = BEGUN if entry.ambiguous else PENDING, outcome.why
    settling.state = state
    settling.final = state >= DELIVERED
    now = settling.now.utc.timestamp()
    after = 0.0 if isinstance(outcome, Blocked) else rest_of(settling)
    rows.settles.append(
        (
            state,
            now + after if after else None,
            after if after else None,
            now if settling.final else None,
            remote_id,
            _text(why),
            settling.possible_duplicate,
            entry.seq,
        )
    )
    rows.sums.move(entry.state, state)
    if settling.final:
        rows.sums.load((lane.vms, lane.lane.urgency), -entry.size)


def _text(said: str) -> str:
    """Half a surrogate pair, which a VMS may say, is no character that the table would take: the batch would fail, and
    with it what others handed in."""
    return said if said.isascii() else said.encode("utf-8", "replace").decode("utf-8")


def rest_of(settling: Settling) -> float:
    """Seconds until the lane may be claimed again."""
    match settling.outcome:
        case Retry(after=after) | Ambiguous(after=after):
            return max(after, 0.0)
        case Blocked():
            return BLOCKED_FOR
        case _:
            return 0.0


def apply(settling: Settling, lanes: Lanes) -> None:
    """The outcome is durable: the lane goes on."""
    entry = settling.entry
    lane = entry.lane
    if settling.final:
        lane.current = settling.next
        lane.ready_at = 0.0
        if settling.next is not None:
            settling.next.state = BEGUN
            lane.loaded = max(lane.loaded, settling.next.seq)
        return
    entry.state = settling.state
    entry.ambiguous = settling.state == BEGUN
    entry.attempts += 1
    entry.possible_duplicate = settling.possible_duplicate
    lanes.put_back(entry)
    after = rest_of(settling)
    lane.ready_at = settling.now.monotonic + after if after > 0 else 0.0
