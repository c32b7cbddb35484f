"""How a command ends: the exit codes scripts can trust, and the failure that carries one."""

from __future__ import annotations

import enum


class Code(enum.IntEnum):
    """The same for every command; docs/commands.md is the page about it."""

    DONE = 0
    FOUND = 1
    """The command did its work and found something wrong: a site with errors, a test event nobody kept."""
    USAGE = 2
    """The command line, or the configuration it needs, is not usable."""
    NO_SERVICE = 3
    """No service is running there to be asked."""
    REFUSED = 4
    """A running service, a journal or the system did not let it be done."""
    TO_DO = 5
    """The command did its work and found something that is still to be done: a plan that is not applied."""
    INTERNAL = 70
    """A fault of ours."""
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class Failure(Exception):
    """Ends the command with this code; the text, for people, says what happened and what to do."""

    def __init__(self, code: Code, why: str) -> None:
        super().__init__(why)
        self.code = code
