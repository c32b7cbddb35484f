"""What came in can be kept in a file and taken through a site again: the same events, and no secret on the way."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from bridge.simulator.secret_files import write_secrets
from tests.end_to_end.bridge_process import Bridge, command, running
from tests.end_to_end.passes import bare, form, post, said
from tests.vms.conftest import playing

SITE = """\
version: 1
site: {{name: Recorded yard}}
vms:
  hook: {{type: webhook, url: "http://127.0.0.1:{port}/vms"}}
cameras:
  gate: {{vms: hook}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  gate-lpr:
    profile: guarded
    connector: lpr
    address: {{path: /gate, basic: secret:reader}}
    cameras: [gate]
    rules: [{{suppress: 1 h, same: [plate]}}]
"""
PROFILE = """\
profile: guarded
name: A reader that tells its password
kind: lpr
decode: [json]
redact: [api.password]
messages:
  car: {type: vehicle.identified, title: "{plate}", fields: {plate: item.plate}}
"""
READER = "cam:Sesame-7391"
TOLD = "Hunter-2-Told-By-The-Device"


async def recording(folder: Path, bridge: Bridge, *words: str) -> asyncio.Task[tuple[int, bytes]]:
    """``record`` under way: the service tells it what comes."""
    site = str(folder / "site.yaml")
    made = asyncio.create_task(command("record", "lpr", "--site", site, "--into", str(folder / "tape.jsonl"), *words))
    async with asyncio.timeout(20):
        while not (folder / "tape.jsonl").exists():
            await asyncio.sleep(0.02)
    return made


def prepared(folder: Path, port: int) -> None:
    write_secrets(folder / "secrets", {"reader": READER})
    (folder / "profiles").mkdir()
    (folder / "profiles/guarded.yaml").write_text(PROFILE)
    (folder / "site.yaml").write_text(SITE.format(port=port))


def car(plate: str) -> bytes:
    return post("/gate", json.dumps({"plate": plate, "api": {"password": TOLD}}).encode(), user=READER)


async def test_a_recording_replayed_gives_the_same_verdicts_and_holds_no_secret(tmp_path: Path) -> None:
    async with playing() as host:
        prepared(tmp_path, host.port)
        tape = tmp_path / "tape.jsonl"
        async with running(tmp_path) as bridge:
            made = await recording(tmp_path, bridge, "--most", "3", "--json")
            for plate in ("ABC1", "ABC1", "XYZ9"):
                assert (await bridge.post(car(plate))).status == 200
            code, printed = await made
            assert (code, json.loads(printed)["messages"]) == (0, 3)
            assert await bridge.stop() == 0
        text = tape.read_text()
        assert oct(tape.stat().st_mode)[-3:] == "600"
        lines = [json.loads(line) for line in text.splitlines()]
        assert [line["place"] for line in lines[1:]] == ["/gate"] * 3
        assert lines[1]["authenticated"] == "reader", "the name of the secret, never its value"
        import base64

        whole = text + "".join(base64.b64decode(line["body"]).decode() for line in lines[1:])
        for secret in (TOLD, READER, READER.partition(":")[2]):
            assert secret not in whole
        sent = len(host.requests)
        words = ("replay", str(tape), "--site", str(tmp_path / "site.yaml"), "--json")
        for more in ((), ("--speed", "1000")):
            code, printed = await command(*words, *more)
            assert code == 0, printed
            told: list[dict[str, Any]] = [json.loads(line) for line in printed.splitlines()]
            fates = [verdict["fate"] for each in told if each["what"] == "decided" for verdict in each["verdicts"]]
            assert fates[:3] == ["raised", "filtered", "raised"], more
            assert len([each for each in told if each["what"] == "request"]) == 2
        assert len(host.requests) == sent, "nothing was sent"


async def test_pictures_are_recorded_whole_and_read_again(tmp_path: Path) -> None:
    async with playing() as host:
        (tmp_path / "site.yaml").write_text(
            SITE.format(port=host.port).replace("guarded", "cammra").replace(", basic: secret:reader", "")
        )
        async with running(tmp_path) as bridge:
            made = await recording(tmp_path, bridge, "--most", "1")
            assert (await bridge.post(form("/gate", said(1), 1, size=50_000))).status == 200
            assert (await made)[0] == 0
            assert await bridge.stop() == 0
        words = ("replay", str(tmp_path / "tape.jsonl"), "--site", str(tmp_path / "site.yaml"), "--json")
        code, printed = await command(*words)
        assert code == 0, printed
        (event,) = [event for line in printed.splitlines() for event in json.loads(line).get("events", [])]
        assert [each["size"] for each in event["media"]] == [50_000]


async def test_what_no_profile_has_masked_is_counted_and_not_recorded(tmp_path: Path) -> None:
    async with playing() as host:
        site = SITE.format(port=host.port).replace("guarded", "cammra")
        (tmp_path / "site.yaml").write_text(site.replace("path: /gate, basic: secret:reader", "from: 10.9.9.9"))
        async with running(tmp_path) as bridge:
            made = await recording(tmp_path, bridge, "--for", "6 s", "--json")
            assert (await bridge.post(post("/gate", bare(said(1))))).status == 200
            code, printed = await made
            assert (code, json.loads(printed)) == (0, {
                "file": str(tmp_path / "tape.jsonl"), "messages": 0, "unmasked": 1, "dropped": 0,
            })  # fmt: skip
            assert await bridge.stop() == 0


async def test_a_file_that_is_no_recording_is_refused_with_its_line(tmp_path: Path) -> None:
    async with playing() as host:
        prepared(tmp_path, host.port)
        tape = tmp_path / "tape.jsonl"
        head = '{"vms_bridge_recording": 1, "site": "x", "connector": "lpr", "at": "now"}\n'
        tape.write_text(head + '{"what": "message"}\n')
        code, printed = await command("replay", str(tape), "--site", str(tmp_path / "site.yaml"))
        assert code == 2
        assert b"tape.jsonl:2: this is no line of a recording" in printed
