"""The demo as a user runs it: through an outage and a kill, to a ledger that closes."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
async def test_the_demo_survives_an_outage_and_a_kill_and_its_ledger_closes() -> None:
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge.cli.main", "demo", "--for", "10s", stdout=asyncio.subprocess.PIPE
    )
    assert demo.stdout is not None
    try:
        async with asyncio.timeout(110):
            said = (await demo.stdout.read()).decode()
            code = await demo.wait()
    finally:
        if demo.returncode is None:
            demo.kill()
            await demo.wait()
    assert code == 0, said
    assert "—— the VMS goes away for 5 s" in said
    assert "—— SIGKILL to the bridge, pid " in said
    raised = r"(raises|amends) vehicle.identified “.+” → gate-\d #9\d+"
    for reader in (r"json-\d \(web /json/\d\)", r"multipart-\d \(web /multipart/\d\)", r"tcp-\d \(cable\)"):
        assert re.search(f"{reader} → {raised}", said), said
    assert said.rstrip().endswith("the ledger closes")
    for pid in re.findall(r"^ready: .*? pid (\d+)", said, re.MULTILINE):
        assert not Path(f"/proc/{pid}").exists(), "a bridge was left behind"


@pytest.mark.slow
async def test_a_demo_told_to_stop_delivers_what_is_under_way_and_leaves_nothing_behind() -> None:
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge.cli.main", "demo", stdout=asyncio.subprocess.PIPE
    )
    assert demo.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"raised" not in await demo.stdout.readline():
                pass
            demo.terminate()
            said = (await demo.stdout.read()).decode()
            assert await demo.wait() == 0, said
    finally:
        if demo.returncode is None:
            demo.kill()
            await demo.wait()
    assert said.rstrip().endswith("the ledger closes")
