"""Everything here runs on both loops: transports differ in what they tell, and when."""

from __future__ import annotations

from tests.vms.http.conftest import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
