"""A captured SNMP datagram as a file: tried on paper, and made the example of a new profile, without its community."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mappings
from bridge.cli.ending import Code
from bridge.cli.main import main
from connectors.snmp import notification
from connectors.snmp.captured import datagram

CAPTURED = mappings.PROFILES / "ups" / "on-battery-v1.snmp"
SITE = """\
version: 1
site: {name: Server room}
vms: {board: {type: webhook, url: "http://127.0.0.1:9/in"}}
cameras: {rack: {vms: board}}
connectors: {traps: {type: snmp, bind: "127.0.0.1:0", communities: [secret:traps]}}
sensors:
  ups: {kind: device, profile: ups, connector: traps, address: {agent: 192.168.7.5, from: 10.0.0.9}, cameras: [rack]}
"""


def test_a_datagram_goes_through_the_site_as_its_connector_would_take_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    words = ["try", str(tmp_path / "site.yaml"), "--connector", "traps", "--from", "10.0.0.9", "--json", str(CAPTURED)]
    assert main(words) == Code.DONE
    decided = json.loads(capfd.readouterr().out.splitlines()[0])
    assert decided["verdicts"][0]["sensor"] == "ups"
    assert decided["events"][0]["title"] == "UPS 192.168.7.5 on battery, 23 minutes left"


def test_a_file_that_is_no_datagram_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "odd.snmp").write_text("not hex")
    words = ["try", str(tmp_path / "site.yaml"), "--connector", "traps", str(tmp_path / "odd.snmp")]
    assert main(words) == Code.FOUND
    assert "hexadecimal digits" in capfd.readouterr().err


def test_a_new_profile_keeps_the_datagram_without_its_community(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert notification.read(datagram(CAPTURED.read_text())).community == b"public"
    words = ["profile", "new", "box", "--kind", "device", "--from", str(CAPTURED)]
    assert main(words) == Code.DONE
    (kept,) = tmp_path.rglob("captured.snmp")
    told = notification.read(datagram(kept.read_text()))
    assert (told.community, told.specific) == (b"xxxxxx", 1)
    assert main(["profile", "test", str(next(tmp_path.rglob("box.yaml")))]) == Code.DONE
