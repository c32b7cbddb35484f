"""The firewall table holds every connection a site needs, and never calls a site air-gapped that is not."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.config.load import load
from bridge.config.registry import BUILT_IN, CONNECTORS, VMS, connector_class, vms_class
from bridge.ports import Port, Ports, is_outside, ports_of

SITE = """\
version: 1
site: {name: Harbour depot}
vms:
  cloud: {type: vxg, url: "https://web.harbour.example"}
  wall: {type: webhook, url: "http://10.0.9.9:8123/in/{camera}"}
  own: {type: vxg}
cameras:
  gate-in: {vms: cloud, id: 4711, token: secret:gate-in}
  yard: {vms: wall}
  shed: {vms: own, id: 4713, token: secret:shed}
connectors:
  lpr: {type: http, bind: "0.0.0.0:8080", max_body: 8 MiB}
  open: {type: http, bind: "0.0.0.0:8081"}
  tills: {type: tcp, bind: "10.0.0.2:9000"}
  omni: {type: websocket, url: "wss://omni.local:8443/ws"}
  memory: {type: http-poll, url: "http://10.0.0.21/search.cgi", every: 10 min}
sensors:
  gate: {profile: cammra, connector: lpr, address: {path: /gate, from: 10.0.0.21}, cameras: [gate-in]}
  exit: {profile: cammra, connector: lpr, address: {path: /exit, from: [10.0.1.0/24]}, cameras: [gate-in]}
  any: {profile: cammra, connector: open, address: {path: /any}, cameras: [yard]}
  till: {profile: cammra, connector: tills, address: {from: 10.0.0.30}, cameras: [shed]}
endpoints:
  room: {type: websocket, bind: "127.0.0.1:8090", token: secret:room}
  erp: {type: webhook, url: "https://erp.harbour.example:8443/in", proxy: {url: "http://10.0.0.5:3128"}}
pictures: {fetch: {from: [omni.local, 10.20.0.0/16]}}
observe: {bind: "0.0.0.0:9464"}
trouble:
  - {type: syslog, host: 10.0.0.6}
  - {type: mail, host: mail.lan, sender: bridge@depot.lan, to: [duty@depot.lan]}
"""
SEALED = """\
version: 1
site: {name: Sealed plant}
vms:
  wall: {type: webhook, url: "http://10.0.9.9:8123/in"}
cameras:
  yard: {vms: wall}
connectors:
  lpr: {type: http, bind: "10.0.0.2:8080"}
sensors:
  gate: {profile: cammra, connector: lpr, address: {from: 10.0.0.21}, cameras: [yard]}
"""


def table(folder: Path, text: str = SITE) -> Ports:
    (folder / "site.yaml").write_text(text)
    return ports_of(load(folder / "site.yaml"))


def ends(found: Ports, part: str) -> list[tuple[str, str, int | None]]:
    return [(line.source, line.destination, line.port) for line in found.lines if line.part == part]


def one(found: Ports, part: str) -> Port:
    (line,) = [line for line in found.lines if line.part == part]
    return line


def test_devices_that_connect_are_named_one_by_one_and_as_networks(tmp_path: Path) -> None:
    found = table(tmp_path)
    me = "this machine"
    assert ends(found, "connectors.lpr") == [("10.0.0.21", me, 8080), ("10.0.1.0/24", me, 8080)]
    assert ends(found, "connectors.open") == [("anybody", me, 8081)], "a sensor without from hears everybody"
    assert ends(found, "connectors.tills") == [("10.0.0.30", "this machine (10.0.0.2)", 9000)]


def test_what_the_bridge_connects_to_is_named_with_the_port_it_really_takes(tmp_path: Path) -> None:
    found = table(tmp_path)
    assert ends(found, "connectors.omni") == [("this machine", "omni.local", 8443)]
    assert ends(found, "connectors.memory") == [("this machine", "10.0.0.21", 80)]
    assert one(found, "connectors.memory").how_often == "every 10 min"
    assert ends(found, "vms.cloud") == [("this machine", "web.harbour.example", 443)]
    assert ends(found, "vms.wall") == [("this machine", "10.0.9.9", 8123)]
    assert ends(found, "pictures") == [("this machine", "omni.local", None), ("this machine", "10.20.0.0/16", None)]


def test_a_proxy_is_what_is_connected_to(tmp_path: Path) -> None:
    erp = one(table(tmp_path), "endpoints.erp")
    assert (erp.destination, erp.port) == ("10.0.0.5", 3128)
    assert "erp.harbour.example:8443" in erp.why


def test_the_second_way_for_alarms_is_in_it(tmp_path: Path) -> None:
    found = table(tmp_path)
    syslog, mail = one(found, "trouble[0]"), one(found, "trouble[1]")
    assert (syslog.destination, syslog.port, syslog.protocol) == ("10.0.0.6", 514, "udp")
    assert (mail.destination, mail.port, mail.protocol) == ("mail.lan", 587, "tcp")


def test_what_only_this_machine_may_use_is_not_open_to_anybody(tmp_path: Path) -> None:
    found = table(tmp_path)
    assert one(found, "endpoints.room").source == "this machine (127.0.0.1)"
    assert one(found, "observe").source == "anybody"


def test_names_need_the_resolver(tmp_path: Path) -> None:
    names = one(table(tmp_path), "names")
    assert (names.port, names.protocol) == (53, "udp, tcp")
    assert "omni.local" in names.why
    assert not [line for line in table(tmp_path, SEALED).lines if line.part == "names"]


def test_outside_is_every_end_that_is_not_surely_the_sites_own(tmp_path: Path) -> None:
    found = table(tmp_path)
    assert found.outside == ("web.harbour.example", "?"), "where a camera's token points is not in the files"
    assert not found.air_gapped
    assert table(tmp_path, SEALED).air_gapped


@pytest.mark.parametrize(
    ("peer", "outside"),
    [
        ("10.0.0.1", False), ("192.168.7.0/24", False), ("169.254.1.1", False), ("fd00::9", False), ("::1", False),
        ("8.8.8.8", True), ("2001:4860::1", True), ("0.0.0.0/0", True), ("nvr", False), ("nvr.local", False),
        ("vms.example.com", True), ("local.example.com", True), ("?", True),
    ],
)  # fmt: skip
def test_an_address_or_name_is_outside_unless_it_is_surely_not(peer: str, outside: bool) -> None:
    assert is_outside(peer) is outside


@pytest.mark.parametrize("name", BUILT_IN[CONNECTORS])
def test_every_connector_of_ours_says_what_it_needs(name: str) -> None:
    assert hasattr(connector_class(name), "reaches")


@pytest.mark.parametrize("name", BUILT_IN[VMS])
def test_every_vms_of_ours_says_what_it_needs(name: str) -> None:
    assert hasattr(vms_class(name), "reaches")


def test_a_type_that_says_nothing_is_a_line_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(connector_class("tcp"), "reaches")
    found = table(tmp_path)
    assert "does not say" in one(found, "connectors.tills").why
    assert "?" in found.outside


# ------------------------------------------------------------------------------------------------------ the command


def printed(folder: Path, capsys: pytest.CaptureFixture[str], *words: str, text: str = SITE) -> str:
    (folder / "site.yaml").write_text(text)
    assert main(["ports", str(folder / "site.yaml"), *words]) == Code.DONE
    return capsys.readouterr().out


def test_people_read_a_table_and_whether_the_site_is_air_gapped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "connects to outside its own networks: web.harbour.example, an" in printed(tmp_path, capsys)
    assert "Sealed plant is air-gapped" in printed(tmp_path, capsys, text=SEALED)


def test_csv_and_markdown_and_json_hold_the_same_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(printed(tmp_path, capsys, "--format", "csv"))))
    told: dict[str, Any] = json.loads(printed(tmp_path, capsys, "--json"))
    lines = printed(tmp_path, capsys, "--format", "markdown").splitlines()
    assert len(rows) == len(told["ports"]) == len([line for line in lines if line.startswith("|")]) - 2
    assert [row["asked for by"] for row in rows] == [line["part"] for line in told["ports"]]
    assert told["air_gapped"] is False


def test_the_unit_gets_its_networks_only_when_all_of_them_are_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = printed(tmp_path, capsys, "--systemd", text=SEALED).splitlines()
    assert said == ["IPAddressDeny=any", "IPAddressAllow=localhost 10.0.0.21/32 10.0.9.9/32"]
    (tmp_path / "site.yaml").write_text(SITE)
    assert main(["ports", str(tmp_path / "site.yaml"), "--systemd"]) == Code.FOUND
    assert "is no address" in capsys.readouterr().err


def test_no_secret_is_in_it_or_needed_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "secret" not in printed(tmp_path, capsys, "--json")
