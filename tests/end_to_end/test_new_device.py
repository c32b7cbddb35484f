"""The page "A new device in ten minutes", typed as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bridge.cli.main import main
from tests.end_to_end.bridge_process import ROOT

PAGE = (ROOT / "docs" / "new-device.md").read_text()
STEPS = re.findall(r"(?:Save as `([^`]+)`:\n\n)?```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def typed(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    name, *rest = shlex.split(words)
    assert name == "vms-bridge"
    code = main(rest)
    printed = capsys.readouterr()
    assert code == 0, printed
    return printed.out


def test_every_step_of_the_page_works_and_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    saved = commands = 0
    for file, language, text in STEPS:
        if file:
            if language == "http":
                head, body = text.rstrip("\n").split("\n\n", 1)
                text = head.replace("\n", "\r\n") + "\r\n\r\n" + body
            (tmp_path / file).write_text(text, newline="")
            saved += 1
            continue
        assert language == "console"
        printed = ""
        for line in text.splitlines():
            if line.startswith("$ "):
                printed = typed(line[2:], capsys)
                commands += 1
            else:
                assert line in printed, f"{line!r} is not in\n{printed}"
    assert (saved, commands) == (4, 4)
    kept = "".join(each.read_text("latin-1") for each in tmp_path.rglob("profiles/**/*") if each.is_file())
    assert "DC-0042" in kept
    assert "hunter2" not in kept
