"""The log-in is one for all who need it, and so is its failure."""

from __future__ import annotations

import asyncio

from bridge.secret import Secret
from bridge.vms.http import NotSent, sender_for
from bridge.vms.zoneminder.api import Api
from tests.vms.conftest import Vault, answer, playing
from tests.vms.time_passes import PATIENCE, outwaited
from tests.vms.zoneminder.conftest import settings


async def test_a_zoneminder_that_is_silent_at_the_log_in_is_asked_once_however_many_wait() -> None:
    async with playing() as host:
        host.hold.clear()
        url = f"http://127.0.0.1:{host.port}/zm"
        told = settings(url=url, timeout=PATIENCE, confirm_within=PATIENCE, allow_http=True)
        sender = sender_for(told, Vault())
        api = Api(sender, told, Vault(zm="pass"))

        async def all_of_them() -> list[Secret | BaseException | None]:
            return await asyncio.gather(*(api.token() for _ in range(16)), return_exceptions=True)

        found = await outwaited(all_of_them(), lambda: host.requests)
        assert {type(each) for each in found} == {NotSent}, "nothing was forced: it may be sent again"
        assert len(host.requests) == 1
        host.hold.set()
        host.otherwise = answer(200, b'{"access_token": "t", "access_token_expires": 3600}')
        assert await api.token() == "t", "whoever comes later tries again"
        await sender.close()
