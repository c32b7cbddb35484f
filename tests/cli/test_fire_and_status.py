"""Commands that speak to a running service: over its real socket, by the real command."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.cli.status import told
from bridge.model import Receipt, ReceiptKind, Urgency
from tests.control.conftest import running

STATUS = {
    "site": "Harbour depot",
    "digest": "d1",
    "pid": 7,
    "started": "2026-11-21T08:00:00Z",
    "connectors": [
        {"name": "lpr", "type": "http", "up": True, "why": "", "bound": "127.0.0.1:8080"},
        {"name": "tills", "type": "tcp", "up": False, "why": "address already in use", "bound": ""},
    ],
    "sensors": {
        "gate-lpr": {"name": "Gate plate reader", "last_heard": "2026-11-21T08:00:00Z"},
        "leak": {"name": "Server room leak", "last_heard": None},
    },
    "vms": {"cloud": {"alarm": 2048, "notice": 0}},
    "parked": ["gate-in: 401 the token is refused"],
    "conditions": [{"key": "connector tills", "why": "address already in use", "since": "2026-11-21T08:00:00Z"}],
    "messages": 12,
    "items": {"raised": 10, "duplicate": 2},
    "events": 10,
    "amendments": 1,
    "deliveries": {"delivered": 9, "dead": 1},
    "journal_bytes": 123456,
}


def test_a_status_reads_like_a_page() -> None:
    page = "\n".join(told(STATUS))  # type: ignore[arg-type]
    for line in (
        "lpr    http  up    127.0.0.1:8080",
        "tills  tcp   DOWN  address already in use",
        "cloud  alarm 2.0 KiB",
        "gate-in: 401 the token is refused",
        "messages 12: raised 10, duplicate 2",
        "deliveries: delivered 9, dead 1",
        "journal 120.6 KiB",
    ):
        assert line in page
    assert page.index("gate-lpr") < page.index("leak  ")


async def test_a_test_event_is_fired_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path / "control.sock") as control:
        words = ["fire", "gate-lpr", "--journal", str(tmp_path), "--urgency", "alarm"]
        fields = ["plate=ABC123", "lane=2", "open=true", "id=007", "x=1=2"]
        code = await asyncio.to_thread(main, [*words, *(word for field in fields for word in ("--field", field))])
        assert code == Code.DONE
        said = {"plate": "ABC123", "lane": 2, "open": True, "id": "007", "x": "1=2"}
        assert control.service.fired == [("gate-lpr", None, said, Urgency.ALARM)]
        assert "accepted (message m1)" in capsys.readouterr().out
        control.service.receipt = Receipt(ReceiptKind.LATER, "disk full")
        assert await asyncio.to_thread(main, words) == Code.REFUSED
        assert "disk full" in capsys.readouterr().err
        control.service.receipt = Receipt(ReceiptKind.FILTERED, "rule 1")
        assert await asyncio.to_thread(main, [*words, "--json"]) == Code.FOUND
        assert json.loads(capsys.readouterr().out)["kind"] == "filtered"
        assert await asyncio.to_thread(main, ["fire", "gate-lrp", "--journal", str(tmp_path)]) == Code.USAGE
        assert "did you mean gate-lpr" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["status"], ["fire", "gate-lpr"]])
def test_without_a_running_service_the_code_says_so(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--journal", str(tmp_path)]) == Code.NO_SERVICE
    assert "no service is running" in capsys.readouterr().err


def test_a_command_that_is_not_told_which_service_asks_for_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VMS_BRIDGE_SITE", raising=False)
    assert main(["status"]) == Code.USAGE
    assert "--site" in capsys.readouterr().err


def test_a_field_without_a_value_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fire", "gate-lpr", "--journal", str(tmp_path), "--field", "plate"]) == Code.USAGE
    assert "write NAME=VALUE" in capsys.readouterr().err
