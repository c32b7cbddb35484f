"""Requests on paper: shown once, byte for byte, and what would keep them from being sent said beside them."""

from __future__ import annotations

from bridge.cli.telling import Teller
from bridge.cli.wire import Unwritable, missing, written
from bridge.model import VmsId
from bridge.secret import Secrets
from bridge.vms.base import Request, VmsTarget


class Paper:
    """One VMS's requests. ``shown``: how many."""

    def __init__(self, name: VmsId, target: VmsTarget, secrets: Secrets, teller: Teller) -> None:
        self._name = name
        self._target = target
        self._secrets = secrets
        self._teller = teller
        self._once: set[str] = set()
        self._said: set[str] = set()
        self.shown = 0

    def show(self, request: Request) -> None:
        """What a real run sends once (declaring an event type) is shown once."""
        if request.once is not None:
            if request.once in self._once:
                return
            self._once.add(request.once)
        try:
            wire = written(self._target, request)
        except Unwritable as error:
            self._teller.problem(self._name, request.camera, f"{request.purpose}: cannot be written: {error}")
            return
        self._teller.request(self._name, request.camera, request.purpose, wire)
        self.shown += 1
        for why in missing(request, self._secrets):
            if why not in self._said:
                self._said.add(why)
                self._teller.problem(self._name, request.camera, f"could not be sent now: {why}")
