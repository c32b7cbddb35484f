"""The handover report: the same facts in three forms, nothing in it that acts, and no secret."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.load import load
from bridge.config.places import Places
from bridge.config.secrets import SecretStores
from bridge.proving import hiding
from bridge.proving.lines import Grade, Line, Topic, ok, unknown, wrong
from bridge.proving.report.facts import Report, report_of
from bridge.proving.report.page import as_page
from bridge.proving.report.sections import printable
from bridge.proving.report.stored import NotReadable, as_json, read, write
from bridge.proving.report.text import as_text
from bridge.proving.round_trip import RoundTrip
from bridge.setup.privilege import judge
from bridge.simulator.secret_files import write_secrets

EVIL = "</td></table><script>alert(1)</script><img src=x onerror=alert(2)> & \"quoted\" 'single'"
SITE = """\
version: 1
site: {name: "Depot <b>&</b>", timezone: Australia/Sydney, faults: {cameras: [gate]}}
vms:
  cloud: {type: vxg, url: "https://vms.example"}
cameras:
  gate: {vms: cloud, id: 4711, token: secret:gate}
connectors:
  lpr: {type: http, bind: "0.0.0.0:8080"}
sensors:
  gate-lpr:
    name: %s
    kind: lpr
    location: "North <i>gate</i>"
    profile: cammra
    connector: lpr
    address: {path: /gate}
    cameras: [gate]
    rules:
      - {select: event.fields.list_mode != "allow"}
      - {suppress: 10 min, same: [plate]}
    supervise: {silent_after: 10 min}
"""
INNER = "share.VERY-SECRET-INNER"
TOKEN = base64.b64encode(json.dumps({"token": INNER, "access": "all", "camid": 4711}).encode()).decode()
AT = datetime(2026, 11, 21, 7, 30, 5, tzinfo=UTC)


def report(folder: Path, *, lines: tuple[Line, ...] | None = None, tried: bool = True) -> Report:
    folder.mkdir(exist_ok=True)
    (folder / "site.yaml").write_text(SITE % json.dumps(EVIL))
    write_secrets(folder / "secrets", {"gate": TOKEN})
    site = load(folder / "site.yaml")
    trip = RoundTrip(
        sensor="gate-lpr", camera="gate", vms="cloud", grade=Grade.OK, title=f"TEST {EVIL}", event="0001.0",
        remote_id="900001", at=AT, kept=0.01, delivered=0.2, found=0.3, note="with its text",
    )  # fmt: skip
    said = lines or (
        ok(Topic.ROUTES, "vms.example:443 is reached", "site.yaml:4: vms.cloud.url", 0.012),
        unknown(Topic.SENSORS, f"nothing was heard of {EVIL}", "", "open the door"),
    )
    stores = SecretStores.beside(folder / "site.yaml")
    return report_of(
        site, Places(folder / "site.yaml"), judge(site, stores), said, (trip,) if tried else None, at=AT,
        version="0.1.0", machine="box", user="vms-bridge", mark="abc123",
    )  # fmt: skip


class Page(HTMLParser):
    """Every tag in its place, what the text says, and what would be loaded or run."""

    VOID = frozenset({"meta", "br", "hr"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def page(told: Report) -> Page:
    parser = Page()
    parser.feed(as_page(told))
    parser.close()
    assert parser.open == []
    return parser


def test_the_page_is_well_formed_and_nothing_in_it_runs_or_is_loaded(tmp_path: Path) -> None:
    found = page(report(tmp_path))
    assert found.tags <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "dl", "dt", "dd", "section", "table",
        "thead", "tbody", "tr", "th", "td", "span", "div",
    }  # fmt: skip
    assert found.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "scope"}
    text = as_page(report(tmp_path))
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|https?://(?!vms\.example)", text)


def test_what_an_adversary_calls_its_sensor_is_text_and_nothing_else(tmp_path: Path) -> None:
    found = page(report(tmp_path))
    assert found.text.count(EVIL) >= 3
    assert "script" not in found.tags
    assert "North <i>gate</i>" in found.text


@given(st.text(max_size=60))
def test_no_text_at_all_breaks_out_of_its_place(text: str) -> None:
    line = wrong(Topic.TLS, text, text, text)
    shell = Report(
        site=text, site_id=text, digest=text, at=AT, timezone=text, version=text, machine=text, user=text, tried=True,
        mark=text, vms=(), cameras=(), sensors=(), ports=(), outside=(text,), credentials=(), excess=(text,),
        lines=(line,), trips=(),
    )  # fmt: skip
    found = page(shell)
    assert not found.tags & {"script", "img", "a", "svg", "iframe"}
    assert printable(text) in found.text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", as_text(shell))


def test_the_report_says_who_is_shown_where_and_what_is_not_proven(tmp_path: Path) -> None:
    told = report(tmp_path)
    for text in (as_text(told), page(told).text):
        flat = " ".join(text.split())
        for words in (
            "2026-11-21 18:30:05+11:00", "Australia/Sydney", "gate-lpr", "lpr (http), cammra", "vms.example", "4711",
            "8080", "cameras.gate.token", "0.30 s",
            'event.fields.list_mode != "allow"', "silent after 10 min", "unknown", "open the door", "Signatures",
            "camera 4711: its events and their types",
        ):  # fmt: skip
            assert words in flat, words


def test_a_report_without_round_trips_says_so(tmp_path: Path) -> None:
    told = report(tmp_path, tried=False)
    assert told.verdict == "nothing found wrong; no round trip was made"
    assert "no round trip was made" in as_text(told)


def test_one_wrong_line_makes_it_not_ready(tmp_path: Path) -> None:
    told = report(tmp_path, lines=(wrong(Topic.TLS, "x"),))
    assert told.verdict == "NOT READY: 1 wrong"
    assert report(tmp_path).verdict == "proven: a test event was found again on each of 1 cameras"


def test_no_form_holds_a_secret(tmp_path: Path) -> None:
    told = report(tmp_path)
    for text in (as_text(told), as_page(told), as_json(told)):
        assert TOKEN not in text
        assert INNER not in text


def test_what_a_server_says_back_of_a_secret_is_taken_out(tmp_path: Path) -> None:
    echoed = wrong(Topic.CAMERAS, f"refused: Acc {TOKEN}; inner {INNER}", "camera gate")
    told = report(tmp_path, lines=(echoed,))
    assert INNER in as_text(told)
    stores = SecretStores.beside(tmp_path / "site.yaml")
    clean = hiding.without(told, hiding.values(["gate"], stores))
    for text in (as_text(clean), as_page(clean), as_json(clean)):
        assert TOKEN not in text
        assert INNER not in text
        assert hiding.HIDDEN in text
    assert clean.at == told.at


def test_a_log_in_is_hidden_in_every_form_it_travels_in(tmp_path: Path) -> None:
    write_secrets(tmp_path / "secrets", {"cam": "admin:Sesame-7391", "odd": "wrong"})
    stores = SecretStores(tmp_path / "secrets", environment={})
    hidden = hiding.values(["cam", "odd", "missing"], stores)
    basic = base64.b64encode(b"admin:Sesame-7391").decode().rstrip("=")
    line = hiding.without(wrong(Topic.SENSORS, f"Sesame-7391 {basic} admin wrong"), hidden)
    assert "Sesame" not in line.what
    assert basic not in line.what
    assert line.grade is Grade.WRONG  # a word of ours, even if it is somebody's password
    assert " admin " in line.what


def test_a_stored_report_is_read_again_as_it_was(tmp_path: Path) -> None:
    told = report(tmp_path)
    write(told, tmp_path / "r.json")
    again = read(tmp_path / "r.json")
    assert again == told
    assert as_page(again) == as_page(told)
    assert as_json(again) == as_json(told)


def test_the_names_in_the_json_stay(tmp_path: Path) -> None:
    told = json.loads(as_json(report(tmp_path)))
    assert list(told) == [
        "format", "site", "site_id", "digest", "at", "timezone", "version", "machine", "user", "tried", "mark", "vms",
        "cameras", "sensors", "ports", "outside", "credentials", "excess", "lines", "trips", "verdict", "counts",
    ]  # fmt: skip
    assert list(told["lines"][0]) == ["topic", "grade", "what", "where", "remedy", "seconds"]
    assert list(told["trips"][0]) == [
        "sensor", "camera", "vms", "grade", "title", "event", "remote_id", "at", "kept", "delivered", "found", "note",
    ]  # fmt: skip
    assert told["at"] == "2026-11-21T18:30:05+11:00"
    assert told["counts"] == {"ok": 1, "warn": 0, "wrong": 0, "unknown": 1}


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": 1}', "not json", "\x00"])
def test_what_is_no_report_is_refused_with_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(NotReadable, match="is no report"):
        read(tmp_path / "r.json")


def test_a_report_of_another_format_is_refused(tmp_path: Path) -> None:
    write(msgspec.structs.replace(report(tmp_path / "site"), format=7), tmp_path / "r.json")
    with pytest.raises(NotReadable, match="format 7"):
        read(tmp_path / "r.json")
