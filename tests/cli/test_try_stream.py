"""A captured stretch of a stream through a whole site, on paper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mappings
from bridge.cli.ending import Code
from bridge.cli.main import main

SITE = """\
version: 1
site: {name: Streams}
vms: {board: {type: webhook, url: "https://board.example/in"}}
cameras: {yard: {vms: board}}
connectors: {camera: {type: http-stream, url: "http://10.0.0.41/ISAPI/Event/notification/alertStream"}}
sensors: {yard: {profile: hikvision, connector: camera, cameras: [yard]}}
"""
CAPTURED = mappings.PROFILES / "hikvision" / "stream-anpr-with-pictures.stream"


def test_its_parts_are_the_messages_a_connector_would_make(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    captured = tmp_path / "captured.stream"
    whole = CAPTURED.read_bytes()
    head, _, parts = whole.partition(b"\r\n\r\n")
    motion = (mappings.PROFILES / "hikvision" / "stream-motion.stream").read_bytes().partition(b"<?xml")
    more = b"-----------------------------7e13971310878\r\nContent-Type: application/xml\r\n\r\n<?xml" + motion[2]
    captured.write_bytes(head + b"\r\n\r\n" + parts + more)
    assert main(["try", str(tmp_path / "site.yaml"), "--sensor", "yard", "--json", str(captured)]) == Code.DONE
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    shown = [event for each in told for event in each.get("events", [])]
    assert [(event["type"], event["state"]) for event in shown] == [
        ("vehicle.identified", "momentary"), ("motion.detected", "active"), ("motion.detected", "restored"),
    ]  # fmt: skip
    assert len(shown[0]["media"]) == 2


def test_what_is_no_stretch_of_a_stream_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    captured = tmp_path / "captured.stream"
    captured.write_bytes(b"--boundary\r\n\r\n<a/>")
    assert main(["try", str(tmp_path / "site.yaml"), "--sensor", "yard", str(captured)]) == Code.FOUND
    assert "write the head of the answer first" in capfd.readouterr().err
