"""A service has room for the connections its ports take, whatever a shell or systemd begins with."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import pytest

from bridge.simulator.secret_files import write_secrets
from tests.end_to_end.bridge_process import COMMAND, running, until
from tests.end_to_end.passes import form, said
from tests.vms.conftest import playing

BEGUN_WITH = 128
OPENED = 200

SITE = """\
version: 1
site: {{name: Crowded yard}}
vms:
  hook: {{type: webhook, url: "http://localhost:{port}/vms"}}
cameras:
  gate: {{vms: hook}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0", body_timeout: 10 min}}
sensors:
  gate-lpr: {{profile: cammra, connector: lpr, address: {{path: /gate, basic: secret:reader}}, cameras: [gate]}}
"""

LIMITED = f"""\
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({BEGUN_WITH}, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
os.execv(sys.executable, [sys.executable, *{COMMAND!r}, *sys.argv[1:]])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files under /proc")
async def test_more_connections_than_a_process_may_begin_with_leave_room_for_other_senders(tmp_path: Path) -> None:
    wrapper = tmp_path / "limited.py"
    wrapper.write_text(LIMITED)
    async with contextlib.AsyncExitStack() as stack:
        host = await stack.enter_async_context(playing())
        write_secrets(tmp_path / "secrets", {"reader": "cam:Sesame-7391"})
        (tmp_path / "site.yaml").write_text(SITE.format(port=host.port))
        bridge = await stack.enter_async_context(running(tmp_path, program=(str(wrapper),)))
        for _ in range(OPENED):
            _, writer = await asyncio.open_connection(*bridge.bound("lpr"))
            stack.callback(writer.close)
        files = Path(f"/proc/{bridge.process.pid}/fd")
        await until(lambda: len(os.listdir(files)) > OPENED, lambda: f"{len(os.listdir(files))} open: {bridge.said()}")
        answer = await bridge.post(form("/gate", said(1), 1, user="cam:Sesame-7391"))
        assert answer.status == 200
        await until(lambda: host.requests, bridge.said)
