"""Pictures that devices keep: fetched by their links before the event is decided, from where the site allows it.

What is fetched belongs to the message's commit: a sender that was not acknowledged still has it. A picture that cannot
be had costs its event the time-out at most and leaves a mark; a host that does not answer is then left alone for a
while, so that not every event waits for it.
"""

from bridge.fetching.fetcher import Fetcher
from bridge.fetching.turns import Pictures, Turn, Turns

__all__ = ["Fetcher", "Pictures", "Turn", "Turns"]
