"""A site's worst day: the machine is lost, a new one gets last night's backup. Nothing is shown twice."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from pathlib import Path

from bridge.simulator.faults import Fault, Kind
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.end_to_end.bridge_process import command, running, until
from tests.end_to_end.passes import bare, form, post, said

SITE = """\
version: 1
site: {{name: Lost yard}}
vms:
  cloud: {{type: vxg, url: "{url}", allow_http: true, timeout: 2 s, settle_after: 100 ms}}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  gate: {{profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate], rules: [{{collapse: off}}]}}
"""


async def test_a_site_goes_on_from_its_backup_and_no_event_is_on_the_vms_twice(tmp_path: Path) -> None:
    async with SimulatedVxg(1) as vms:
        write_secrets(tmp_path / "secrets", {"gate": vms.tokens[4711]})
        site = tmp_path / "site.yaml"
        site.write_text(SITE.format(url=vms.base_url))
        tape = tmp_path / "night.tar"
        async with running(tmp_path) as bridge:
            for number in range(5):
                assert (await bridge.post(form("/gate", said(number), number))).status == 200
            await until(lambda: len(vms.events_of(4711)) == 5, lambda: vms.events_of(4711))
            vms.faults.add(Fault(kind=Kind.UNAVAILABLE))
            for number in range(5, 10):
                assert (await bridge.post(post("/gate", bare(said(number))))).status == 200
            code, printed = await command("backup", "--site", str(site), "--into", str(tape), "--json")
            told = json.loads(printed)
            assert (code, told["events"], told["undelivered"], told["pictures"]) == (0, 10, 5, 5), printed
            vms.faults.clear()
            await until(lambda: len(vms.events_of(4711)) == 10, lambda: vms.events_of(4711))
            bridge.signal(signal.SIGKILL)
            await bridge.ends()
        shutil.rmtree(tmp_path / "journal")
        code, printed = await command("restore", str(tape), "--journal", str(tmp_path / "journal"), "--json")
        assert (code, json.loads(printed)["searched"]) == (0, 5), printed
        async with running(tmp_path) as bridge:
            assert (await bridge.post(post("/gate", bare(said(10))))).status == 200
            async with asyncio.timeout(30):
                while (await bridge.status())["deliveries"]["delivered"] < 11:
                    await asyncio.sleep(0.05)
            assert await bridge.stop() == 0
        assert len(vms.events_of(4711)) == 11, "each once: what was open was looked for, and found"
        assert oct(tape.stat().st_mode)[-3:] == "600"
