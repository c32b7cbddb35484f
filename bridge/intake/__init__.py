"""The one door in: a message is read, decided, committed, and only then is its sender given a receipt.

Decisions are made one after the other on the event loop and committed in that order. Memory is changed when a
decision is made, before its commit; when a commit fails, everything decided since is undone by the journal, memory is
thrown away and read anew, and the senders are told "later". The way of a message through the rooms of this house:

- ``reading``: which sensors' items it holds; large ones beside the loop;
- ``order``: behind earlier messages of its sensors that are not decided to the end, and behind its pictures;
- ``intake``: decided, with what ``facts`` are remembered, and its receipt once that is durable;
- ``remainders``, ``pieces``, ``rest``: what is left of it, when it says very much;
- ``firing``, ``timers``: what follows when time has passed.
"""

from bridge.intake.intake import Intake
from bridge.intake.message_ids import MessageIds

__all__ = ["Intake", "MessageIds"]
