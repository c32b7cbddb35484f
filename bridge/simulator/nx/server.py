"""A simulated Nx site on one port, on demand having a bad day. It speaks plain HTTP; a real one TLS with a certificate
of its own on the same port."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.nx.api import Api
from bridge.simulator.nx.users import Users
from bridge.simulator.simulated import Simulated

DEVICES: Mapping[str, str] = {
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301": "Dock",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3302": "Gate",
}


FAILED = {
    401: b'{"error":"4","errorString":"Unauthorized"}',
    500: b'{"error":"3","errorString":"Internal error"}',
}


class SimulatedNx(Simulated):
    """``async with SimulatedNx() as nx: … nx.base_url, nx.api.bookmarks, nx.api.events``.

    ``version``: of the VMS, 4.2, 5.1, 6.0 or 6.1. ``told``: called with each event and bookmark that was taken.
    """

    def __init__(
        self,
        *,
        version: str = "6.1",
        devices: Mapping[str, str] = DEVICES,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 1,
        told: Callable[[Mapping[str, object]], None] | None = None,
    ) -> None:
        self.users = Users()
        self.api = Api(devices, self.users, version)
        super().__init__(host, port, seed, failed=FAILED)
        self._told = told

    def _answer(self, asked: Asked) -> Answer:
        before = len(self.api.events), len(self.api.bookmarks)
        answer = self.api.answer(asked)
        if self._told is not None:
            if len(self.api.events) > before[0]:
                self._told(self.api.events[-1])
            if len(self.api.bookmarks) > before[1]:
                self._told(list(self.api.bookmarks.values())[-1])
        return answer
