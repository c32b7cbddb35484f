"""A message of a broker as a file: tried on paper, found by its topic, and told when it is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mappings
from bridge.cli.ending import Code
from bridge.cli.main import main
from connectors.mqtt.captured import message_of

LEAK = mappings.PROFILES / "zigbee2mqtt" / "s-b1-leak.mqtt"
SITE = """\
version: 1
site: {name: Cellar}
vms: {board: {type: webhook, url: "http://127.0.0.1:9/in"}}
cameras: {stairs: {vms: board}}
connectors: {broker: {type: mqtt, url: "mqtt://127.0.0.1:1"}}
sensors:
  leak:
    {kind: leak, profile: zigbee2mqtt, connector: broker, address: {topic: "zigbee2mqtt/+/Leak 1/#"}, cameras: [stairs]}
"""


def tried(folder: Path, file: Path) -> int:
    (folder / "site.yaml").write_text(SITE)
    return main(["try", str(folder / "site.yaml"), "--connector", "broker", "--json", str(file)])


def test_a_message_goes_through_the_site_by_its_topic(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert tried(tmp_path, LEAK) == Code.DONE
    decided = json.loads(capfd.readouterr().out.splitlines()[0])
    assert {verdict["sensor"] for verdict in decided["verdicts"]} == {"leak"}
    assert [event["title"] for event in decided["events"]] == ["Cellar/Leak 1: Water leak"]


def test_what_is_retained_is_how_things_stood(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "retained.mqtt"
    file.write_bytes(LEAK.read_bytes().replace(b"\n\n", b"\r\nretain: 1\r\n\r\n", 1))
    assert tried(tmp_path, file) == Code.DONE
    decided = json.loads(capfd.readouterr().out.splitlines()[0])
    assert decided["events"] == []
    assert "how it stood" in str(decided["verdicts"])


def test_a_file_without_a_topic_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "odd.mqtt").write_text('{"water_leak": true}')
    assert tried(tmp_path, tmp_path / "odd.mqtt") == Code.FOUND
    assert "write the topic, an empty line" in capfd.readouterr().out


def test_the_bytes_behind_the_empty_line_stay_as_they_are() -> None:
    origin, body = message_of(b"a/b\n\n\r\n\r\n\x00 x\n\n", "10.0.0.9")
    assert (origin.place, dict(origin.attributes), body) == ("a/b", {}, b"\r\n\r\n\x00 x\n\n")
