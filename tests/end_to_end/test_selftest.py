"""``selftest`` against a real service and a simulated VMS: it finds its own event, and only that is left behind."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from bridge.simulator.vxg.store import Raised
from bridge.simulator.webhook import SimulatedWebhook
from tests.end_to_end.bridge_process import command, running, until
from tests.end_to_end.passes import form, said

SITE = """\
version: 1
site: {{name: Proven yard, timezone: Europe/Oslo}}
vms:
  cloud: {{type: vxg, url: "{cloud}", allow_http: true, settle_after: 100 ms{more}}}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
  yard: {{vms: cloud, id: 4712, token: secret:yard}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  gate-lpr: {{name: Gate reader, profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate, yard]}}
"""


def beside(folder: Path, vms: SimulatedVxg, text: str = SITE, more: str = "") -> Path:
    site = folder / "site.yaml"
    site.write_text(text.format(cloud=vms.base_url, more=more))
    write_secrets(folder / "secrets", {"gate": vms.tokens[4711], "yard": vms.tokens[4712]})
    return site


def tags(event: Raised) -> dict[str, str]:
    found: dict[str, str] = json.loads(event.posted)["meta"]
    return found


async def selftest(site: Path, *words: str) -> tuple[int, dict[str, Any]]:
    code, printed = await command("selftest", str(site), "--json", *words)
    told: dict[str, Any] = json.loads(printed)
    return code, told


def as_it_should_be(code: int, lines: list[dict[str, Any]]) -> bool:
    """Nothing is wrong, and the exit code says so; but for this machine's disk, which may be memory, or slow."""
    wrong = {line["topic"] for line in lines if line["grade"] == "wrong"}
    assert code == (1 if wrong else 0)
    return wrong <= {"disk"}


def grades(told: dict[str, Any], topic: str) -> list[str]:
    return [line["grade"] for line in told["lines"] if line["topic"] == topic]


async def test_each_camera_is_proven_by_one_event_and_nothing_else_is_left(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = beside(tmp_path, vms)
        async with running(tmp_path) as bridge:
            page = tmp_path / "handover.html"
            code, told = await selftest(site, "--report", str(page), "--report", str(tmp_path / "handover.json"))
            assert as_it_should_be(code, told["lines"]), told
            status = await bridge.status()
            assert status["events"] == 1
            assert not status["parked"]
            assert await bridge.stop() == 0
        assert sorted(event.camera for event in vms.record) == [4711, 4712]
        assert all(tags(event)["test"] == "true" and tags(event)["selftest"] == told["mark"] for event in vms.record)
        raised = {str(event.id) for event in vms.record}
    assert {trip["remote_id"] for trip in told["trips"]} == raised
    assert all(trip["grade"] == "ok" and trip["note"] == "with its text" for trip in told["trips"])
    for trip in told["trips"]:
        assert 0 < trip["kept"] <= trip["delivered"] <= trip["found"]
    if not told["counts"]["wrong"]:
        assert told["verdict"] == "proven: a test event was found again on each of 2 cameras"
    assert "Gate reader" in page.read_text()
    for token in vms.tokens.values():
        assert token not in page.read_text() + json.dumps(told) + (tmp_path / "handover.json").read_text()
    code, printed = await command("report", str(tmp_path / "handover.json"))
    assert code == 0
    assert told["trips"][0]["event"] in printed.decode()
    code, _ = await command("report", str(tmp_path / "handover.json"), "--to", str(tmp_path / "again.html"))
    assert (code, (tmp_path / "again.html").read_text()) == (0, page.read_text())


async def test_only_the_camera_that_is_asked_for_is_looked_at(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = beside(tmp_path, vms)
        async with running(tmp_path) as bridge:
            code, told = await selftest(site, "--camera", "yard", "--sensor", "gate-lpr")
            assert await bridge.stop() == 0
    assert as_it_should_be(code, told["lines"]), told
    assert [trip["camera"] for trip in told["trips"]] == ["yard"]
    if not told["counts"]["wrong"]:
        assert told["verdict"] == "nothing found wrong; 1 of 2 cameras proven by a round trip"


async def test_without_a_service_it_says_so_and_raises_nothing(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        code, told = await selftest(beside(tmp_path, vms))
        assert code == 1
        assert grades(told, "round trip") == ["wrong"]
        assert grades(told, "cameras") == ["ok"] * 4
        assert not vms.record
    assert not (tmp_path / "journal").exists()


async def test_alone_it_raises_them_itself_and_says_what_that_does_not_prove(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = beside(tmp_path, vms)
        before = sorted(tmp_path.rglob("*"))
        code, told = await selftest(site, "--alone")
        assert sorted(event.camera for event in vms.record) == [4711, 4712]
    assert as_it_should_be(code, told["lines"]), told
    assert [trip["grade"] for trip in told["trips"]] == ["ok", "ok"]
    assert grades(told, "round trip") == ["unknown", "ok", "ok"]
    assert sorted(tmp_path.rglob("*")) == before


async def test_alone_it_takes_nothing_from_devices_and_tells_nobody_else(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms, SimulatedWebhook() as hooks:
        site = beside(tmp_path, vms)
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            port = listening.getsockname()[1]
            extra = f'endpoints:\n  erp: {{type: webhook, url: "{hooks.base_url}/in", begin: oldest}}\n'
            site.write_text(site.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}") + extra)
            code, told = await selftest(site, "--alone")
        assert (code, grades(told, "ports")) == (1, ["wrong"])  # the way in is another's, and was not needed
        assert [trip["grade"] for trip in told["trips"]] == ["ok", "ok"]
        assert not hooks.record


async def test_a_refused_token_is_wrong_and_no_event_waits_for_it(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = beside(tmp_path, vms)
        vms.rotate(4711)
        vms.rotate(4712)
        async with running(tmp_path) as bridge:
            code, told = await selftest(site)
            assert (await bridge.status())["events"] == 0
            assert await bridge.stop() == 0
    assert code == 1
    assert grades(told, "cameras") == ["wrong", "wrong"]
    assert grades(told, "round trip") == ["unknown", "unknown"]


async def test_a_camera_that_a_test_event_would_park_gets_none(tmp_path: Path) -> None:
    types = ["vehicle_identified", "vehicle_unidentified"]
    async with SimulatedVxg(2, declared=types) as vms:
        site = beside(tmp_path, vms, more=", declare_types: false")
        async with running(tmp_path) as bridge:
            code, told = await selftest(site)
            status = await bridge.status()
            assert (status["events"], status["parked"]) == (0, [])
            assert await bridge.stop() == 0
    assert (code, grades(told, "event types")) == (1, ["wrong"]), "and it is said that the type has to be declared"
    assert grades(told, "round trip") == ["unknown", "unknown"]
    assert "bridge.test" in told["trips"][0]["note"]


async def test_an_event_the_vms_took_and_does_not_show_is_wrong(tmp_path: Path) -> None:
    async with SimulatedVxg(2, search_lag=60.0) as vms:
        site = beside(tmp_path, vms)
        async with running(tmp_path) as bridge:
            code, told = await selftest(site, "--camera", "gate", "--within", "1 s")
            assert await bridge.stop() == 0
    assert code == 1
    (trip,) = told["trips"]
    assert (trip["grade"], trip["found"]) == ("wrong", None)
    assert trip["delivered"] is not None


async def test_a_vms_that_cannot_be_searched_asks_a_person_to_look(tmp_path: Path) -> None:
    async with SimulatedWebhook() as hooks:
        (tmp_path / "site.yaml").write_text(
            SITE.format(cloud="", more="")
            .replace(
                'type: vxg, url: "", allow_http: true, settle_after: 100 ms',
                f'type: webhook, url: "{hooks.base_url}/in"',
            )
            .replace("id: 4711, token: secret:gate", "id: north")
            .replace("id: 4712, token: secret:yard", "id: south")
        )
        async with running(tmp_path) as bridge:
            code, told = await selftest(tmp_path / "site.yaml")
            assert await bridge.stop() == 0
    assert as_it_should_be(code, told["lines"]), told
    assert [trip["grade"] for trip in told["trips"]] == ["unknown", "unknown"]
    assert 'ask a person to look there for "TEST Gate reader: test event"' in told["trips"][0]["note"]
    assert told["trips"][0]["delivered"] is not None


async def test_a_port_of_the_running_service_is_its_own_and_a_strangers_is_wrong(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = beside(tmp_path, vms)
        async with running(tmp_path) as bridge:
            port = bridge.bound("lpr")[1]
            # The file names the port now that the service has; it is one state of the site behind.
            site.write_text(site.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
            code, printed = await command("check", "--online", "--json", str(site))
            told = json.loads(printed)
            assert as_it_should_be(code, told["online"]), told
            lines = [line for line in told["online"] if line["topic"] == "ports"]
            assert [(line["grade"], "our own running service" in line["what"]) for line in lines] == [("ok", True)]
            assert any("another state of the site" in line["what"] for line in told["online"])
            other = tmp_path / "other"
            other.mkdir()
            (other / "site.yaml").write_text(site.read_text())
            write_secrets(other / "secrets", {"gate": vms.tokens[4711], "yard": vms.tokens[4712]})
            code, printed = await command("check", "--online", str(other / "site.yaml"))
            assert code == 1
            assert b"is taken by python" in printed
            assert b"site.yaml:9: connectors.lpr.bind" in printed
            assert await bridge.stop() == 0


async def test_names_the_site_does_not_have_and_forms_there_are_not_are_usage_errors(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = beside(tmp_path, vms)
    for words, told in (
        (["--camera", "gaet"], "did you mean gate"),
        (["--report", str(tmp_path / "x.pdf")], ".html"),
        (["--within", "soon"], "--within"),
    ):
        code, printed = await command("selftest", str(site), *words)
        assert code == 2
        assert told in printed.decode()
    code, _ = await command("report", str(tmp_path / "none.json"))
    assert code == 2


async def test_a_secret_that_is_said_anywhere_is_in_no_form_of_what_is_handed_over(tmp_path: Path) -> None:
    """Here by a sensor's name; it could be a device that says back what it was told."""
    async with SimulatedVxg(2) as vms:
        site = beside(tmp_path, vms)
        site.write_text(site.read_text().replace("{path: /gate}", "{path: /gate, basic: secret:reader}"))
        site.write_text(site.read_text().replace("name: Gate reader", "name: Reader Sesame-7391"))
        write_secrets(tmp_path / "secrets", {"reader": "cam:Sesame-7391"})
        files = [tmp_path / f"handover{form}" for form in (".html", ".txt", ".json")]
        words = [word for file in files for word in ("--report", str(file))]
        _, printed = await command("selftest", str(site), "--alone", *words)
        _, online = await command("check", "--online", "--json", str(site))
    told = [printed.decode(), *(file.read_text() for file in files)]
    assert all("Reader (hidden)" in each and "Sesame" not in each for each in told)
    assert b"Sesame" not in online


async def test_a_devices_wrong_clock_is_known_from_its_events_while_the_service_runs_and_after(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms:
        site = beside(tmp_path, vms)
        async with running(tmp_path) as bridge:
            ahead = time.time_ns() // 1_000_000 + 90_000
            assert (await bridge.post(form("/gate", said(1, at=ahead), 1))).status == 200
            await until(lambda: len(vms.record) == 2, bridge.said)
            for words in ("measured by the running service", "as the journal has it"):
                code, printed = await command("check", "--online", "--json", str(site))
                assert code == 1
                lines = [line for line in json.loads(printed)["online"] if line["topic"] == "clocks"]
                (wrong,) = [line for line in lines if line["grade"] == "wrong"]
                assert "Gate reader's clock is" in wrong["what"]
                assert f"ahead of ours ({words})" in wrong["what"]
                assert wrong["where"] == f"{site}:11: sensors.gate-lpr"
                if bridge.process.returncode is None:
                    assert await bridge.stop() == 0
