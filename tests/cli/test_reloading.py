"""What people read of a reload before it is done: each part with its place, and what becomes of its connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.cli.planning import few
from bridge.cli.reloading import changes
from bridge.config.difference import difference
from bridge.config.load import load
from bridge.config.places import Places

SITE = """\
version: 1
site: {name: Yard}
vms:
  cloud: {type: vxg, url: "https://web.harbour.example"}
  board: {type: webhook, url: "https://x.example/"}
cameras:
  gate: {vms: cloud, id: 4711, token: secret:gate}
  wall: {vms: board}
connectors:
  lpr: {type: http, bind: "127.0.0.1:8080"}
  cable: {type: tcp, bind: "127.0.0.1:9000"}
sensors:
  one: {profile: cammra, connector: lpr, address: {path: /one}, cameras: [gate]}
  two: {profile: cammra, connector: cable, cameras: [wall]}
"""


def told(folder: Path, *pairs: tuple[str, str]) -> list[str]:
    path = folder / "site.yaml"
    path.write_text(SITE)
    old = load(path)
    text = SITE
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)
    found = difference(old, load(path))
    return [line.replace(f"{folder}/", "") for lines in changes(found, Places(path)) for line in lines]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("path: /one", "path: /door",
         ["~ site.yaml:10: connectors.lpr: is told other addresses; its connections stay",
          "~ site.yaml:13: sensors.one: from its next message on"]),
        ("8080", "8081",
         ["~ site.yaml:10: connectors.lpr: restarts: its connections end once what came over them is kept, and are "
          "made again"]),
        ("4711", "4712",
         ["~ site.yaml:7: cameras.gate: its VMS connects anew; its lanes go on where they stand",
          "~ site.yaml:4: vms.cloud: connects anew; what is being sent ends first, and its lanes go on where they "
          "stand (its cameras differ)"]),
        ('https://x.example/"', 'https://y.example/"',
         ["~ site.yaml:5: vms.board: connects anew; what is being sent ends first, and its lanes go on where they "
          "stand"]),
        ("  two: {profile: cammra, connector: cable, cameras: [wall]}\n", "",
         ["~ site.yaml:11: connectors.cable: is told other addresses; its connections stay",
          "- sensors.two: what it sends is nobody's, and goes into quarantine; what it raised is delivered"]),
        ("name: Yard}", "name: Yard, faults: {cameras: [gate]}}",
         ["~ site.yaml:2: site: name, time zone, faults, where they are told, or journal"]),
        ("sensors:", 'endpoints: {out: {type: webhook, url: "https://z.example/"}}\nsensors:',
         ["+ site.yaml:12: endpoints.out: begins"]),
    ],
)  # fmt: skip
def test_a_reload_is_told_part_by_part(tmp_path: Path, before: str, after: str, lines: list[str]) -> None:
    assert told(tmp_path, (before, after)) == lines


def test_what_comes_and_goes_is_told_with_what_becomes_of_it(tmp_path: Path) -> None:
    lines = told(
        tmp_path,
        ('  board: {type: webhook, url: "https://x.example/"}', '  shelf: {type: webhook, url: "https://x.example/"}'),
        ("wall: {vms: board}", "shop: {vms: shelf}"),
        ("[wall]", "[shop]"),
        ('  cable: {type: tcp, bind: "127.0.0.1:9000"}', '  wire: {type: tcp, bind: "127.0.0.1:9000"}'),
        ("connector: cable", "connector: wire"),
    )
    assert lines == [
        "+ site.yaml:5: vms.shelf: connects",
        "- vms.board: nothing more is sent there; what waits for it stays in the journal",
        "+ site.yaml:8: cameras.shop: takes events",
        "- cameras.wall: nothing more is sent there; what waits for it stays in the journal",
        "+ site.yaml:11: connectors.wire: begins",
        "- connectors.cable: ends, once what it is taking is kept",
        "~ site.yaml:14: sensors.two: from its next message on",
    ]


def test_of_many_alike_the_first_are_shown_and_the_rest_counted() -> None:
    lines = list(few([f"  + sensors.s{number}: is heard" for number in range(10_000)]))
    assert (len(lines), lines[-1]) == (21, "  … and 9,980 more (--json names all)")
