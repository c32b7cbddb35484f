"""The VMS's own record, with a real process: a clip that outlives a kill, and one event seen from both sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.end_to_end.bridge_process import command, running, until
from tests.end_to_end.passes import form, said

SITE = """\
version: 1
site: {{name: Recorded yard}}
vms:
  cloud: {{type: vxg, url: "{url}", allow_http: true, timeout: 2 s, clip: {{after: {after}, urgency: notice}}}}
cameras:
  gate-in: {{vms: cloud, id: 4711, token: secret:gate-in}}
  gate-out: {{vms: cloud, id: 4712, token: secret:gate-out}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  gate-lpr:
    profile: cammra
    connector: lpr
    address: {{path: /gate}}
    cameras: [gate-in, gate-out]
    rules: [{{collapse: "off"}}]
observe: {{bind: "127.0.0.1:0"}}
"""
PICTURE = 2_000


def prepared(folder: Path, vms: SimulatedVxg, after: str = "0 s") -> None:
    write_secrets(folder / "secrets", {"gate-in": vms.tokens[4711], "gate-out": vms.tokens[4712]})
    (folder / "site.yaml").write_text(SITE.format(url=vms.base_url, after=after))


async def told(*words: str) -> tuple[int, list[dict[str, Any]]]:
    code, printed = await command(*words, "--json")
    return code, [json.loads(line) for line in printed.decode().splitlines()]


async def test_a_clip_is_made_after_a_kill_and_only_once(tmp_path: Path) -> None:
    async with SimulatedVxg(cameras=2) as vms:
        vms.cloud.clip_takes = 0.0
        prepared(tmp_path, vms, after="2 s")
        async with running(tmp_path) as bridge:
            assert (await bridge.post(form("/gate", said(1), 1))).status == 200
            await until(lambda: len(vms.record) == 2, lambda: bridge.said())
            assert not vms.cloud.clips, "what the clip shows is not over"
            bridge.process.kill()
            await bridge.ends()
        async with running(tmp_path) as bridge:
            await until(lambda: len(vms.cloud.clips) == 2, lambda: bridge.said())
            status = await bridge.status()
            assert status["deliveries"]["delivered"] == 2
            await bridge.stop()
        titles = [clip.title for clip in vms.cloud.clips.values()]
        times = {clip.event_time for clip in vms.cloud.clips.values()}
        assert len(titles) == 2
        assert times == {event.time for event in vms.record}, "VXG's page shows a clip whose time is the event's"


async def test_an_event_is_found_shown_and_downloaded_beside_a_running_service(tmp_path: Path) -> None:
    async with SimulatedVxg(cameras=2) as vms:
        vms.cloud.event_images, vms.cloud.clip_takes = True, 0.0
        prepared(tmp_path, vms)
        site = ("--site", str(tmp_path / "site.yaml"))
        async with running(tmp_path) as bridge:
            assert (await bridge.post(form("/gate", said(1), 1, PICTURE))).status == 200
            await until(lambda: len(vms.cloud.clips) == 2, lambda: bridge.said())

            code, found = await told("events", "search", "--vms", "--camera", "gate-in", *site)
            assert (code, len(found)) == (0, 1)
            event = found[0]["event"]
            assert (await told("events", *site))[1][0]["id"] == event

            code, (shown,) = await told("events", "show", event, *site)
            assert code == 0, shown
            assert [each["state"] for each in shown["clips"]] == ["made", "made"]
            assert [each["wrong"] for each in shown["vms"]] == [[], []]
            assert (await bridge.status())["clips"] == {"waiting": 0, "made": 2, "gave up": 0}
            assert b'vms_bridge_clips{state="made"} 2' in await bridge.ask("GET", "/metrics")

            for clip in vms.cloud.clips.values():
                clip.title = "renamed by a guard"
            into = tmp_path / "evidence"
            code, brought = await told("events", "media", event, "--to", str(into), "--clip", *site)
            assert code == 0, brought
            assert len(vms.cloud.clips) == 2, "the clips that the service had asked for are taken"
            assert {(each["source"], each["kind"]) for each in brought} >= {
                ("journal", "picture"),
                ("vms", "picture"),
                ("vms", "clip"),
                ("vms", "video"),
            }
            device = next(each for each in brought if each["source"] == "journal")
            assert (into / device["file"]).stat().st_size == device["bytes"]
            assert {path.name for path in into.iterdir()} == {each["file"] for each in brought}
            for path in into.iterdir():
                assert path.stat().st_mode & 0o077 == 0, "evidence is nobody else's business"
            assert await bridge.stop() == 0
