"""The command as a whole: quick, honest in its exit codes, and never a traceback for people."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli.ending import Code, Failure
from bridge.cli.main import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]


def vms_bridge(*words: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "bridge.cli.main", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


def parser_of(name: str) -> argparse.ArgumentParser:
    subparsers = argparse.ArgumentParser(prog="vms-bridge").add_subparsers(dest="command")
    importlib.import_module(f"bridge.cli.{COMMANDS[name][0]}").register(subparsers)
    return subparsers.choices[name]


def examples_of(name: str) -> list[str]:
    epilog = parser_of(name).epilog or ""
    return [line.strip() for line in epilog.splitlines() if line.strip().startswith("vms-bridge ")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_the_same_of_itself_in_the_list_and_in_its_help(name: str) -> None:
    top = argparse.ArgumentParser(prog="vms-bridge")
    subparsers = top.add_subparsers()
    importlib.import_module(f"bridge.cli.{COMMANDS[name][0]}").register(subparsers)
    (listed,) = subparsers._choices_actions
    assert (listed.dest, listed.help) == (name, COMMANDS[name][1])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_examples_that_its_own_parser_takes(name: str) -> None:
    examples = examples_of(name)
    assert examples, f"the epilog of {name} has no line that begins with vms-bridge"
    parser = parser_of(name)
    for example in examples:
        words = shlex.split(re.split(r"\s[|<>&]", example)[0])
        assert words[:2] == ["vms-bridge", name]
        parser.parse_args(words[2:])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_about_the_commands_names_every_one(name: str) -> None:
    assert f"`{name}" in (ROOT / "docs/commands.md").read_text("utf-8")


def test_the_page_about_the_commands_names_every_exit_code() -> None:
    page = (ROOT / "docs/commands.md").read_text("utf-8")
    assert re.findall(r"^\| (\d+) \|", page, re.MULTILINE) == [str(int(code)) for code in Code]


def test_the_list_of_commands_is_shown_without_loading_any(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"^    {name}\s", shown, re.MULTILINE) for name in COMMANDS)


def test_no_command_at_all_shows_the_list_and_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == Code.USAGE
    assert "commands:" in capsys.readouterr().out


def test_a_mistyped_command_is_answered_with_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chekc", "site.yaml"]) == Code.USAGE
    assert "did you mean check?" in capsys.readouterr().err


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check", "--colour", "site.yaml"])
    assert left.value.code == Code.USAGE


def test_a_site_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    ran = vms_bridge("check", tmp_path / "nowhere.yaml")
    assert ran.returncode == Code.USAGE
    assert ran.stderr == f"vms-bridge: {tmp_path}/nowhere.yaml is not there\n"


def test_with_json_an_error_is_json_on_stdout(tmp_path: Path) -> None:
    ran = vms_bridge("check", "--json", tmp_path / "nowhere.yaml")
    assert json.loads(ran.stdout) == {"error": f"{tmp_path}/nowhere.yaml is not there", "code": 2}
    assert not ran.stderr


@pytest.mark.parametrize("words", [["--json", "check"], ["check", "--json"]])
def test_json_may_be_asked_for_before_or_after_the_command(words: list[str], tmp_path: Path) -> None:
    assert json.loads(vms_bridge(*words, tmp_path / "nowhere.yaml").stdout)["code"] == 2


class _Command:
    """A command module that ends as told."""

    def __init__(self, ending: BaseException) -> None:
        self.ending = ending

    def register(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        subparsers.add_parser("check")

    def run(self, arguments: argparse.Namespace) -> int:
        raise self.ending


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        (Failure(Code.REFUSED, "held by process 7"), 4, "vms-bridge: held by process 7\n"),
        (KeyboardInterrupt(), 130, ""),
        (ValueError("odd"), 70, "vms-bridge: internal fault: ValueError: odd (--debug shows where)\n"),
    ],
)
def test_every_ending_has_its_code_and_no_traceback(
    ending: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "bridge.cli.check", _Command(ending))  # type: ignore[arg-type]
    assert main(["check"]) == code
    assert capsys.readouterr().err == said


def test_debug_shows_where_a_fault_of_ours_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bridge.cli.check", _Command(ValueError("odd")))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="odd"):
        main(["--debug", "check"])


def test_a_reader_that_goes_away_is_no_fault() -> None:
    command = f"{shlex.quote(sys.executable)} -m bridge.cli.main schema"
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} | head -c 10"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode in (Code.BROKEN_PIPE, Code.DONE)  # DONE when all of it had fit into the pipe
    assert not ran.stderr
