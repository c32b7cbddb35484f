"""What a new user meets first."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ["demo", "test", "check", "faults", "faults-ci", "quality", "bench"]


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """In a folder of its own, so that nothing of this checkout's environment is touched."""
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.needs("make")
@pytest.mark.parametrize("target", TARGETS)
def test_without_python3_venv_the_first_line_says_what_to_install(tmp_path: Path, target: str) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec python3 "$@"\n')
    python.chmod(0o755)
    ran = make(tmp_path, target, f"PYTHON={python}")
    assert ran.returncode != 0
    assert ran.stdout.splitlines()[0] == "Install python3-venv: apt-get install python3-venv"
    assert not (tmp_path / ".venv").exists()


@pytest.mark.needs("make")
def test_the_environment_is_made_once_and_again_when_what_it_needs_changes(tmp_path: Path) -> None:
    stamps = tmp_path / ".venv/stamps"
    stamps.mkdir(parents=True)
    (stamps / "environment").touch()
    first = make(tmp_path, "check", "PIP=echo installing", "BIN=echo")
    assert "installing install -e .[dev]" in first.stdout
    os.utime(tmp_path / "pyproject.toml", (0, 0))
    again = subprocess.run(
        ["make", "check", "PIP=echo installing", "BIN=echo"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert "installing" not in again.stdout
    assert "installing" in make(tmp_path, "check", "PIP=echo installing", "BIN=echo").stdout


@pytest.mark.needs("make")
@pytest.mark.parametrize(("given", "asked"), [([], "demo "), (["FOR=20s"], "demo --for 20s")])
def test_the_demo_needs_no_more_than_its_libraries_and_takes_a_length(
    tmp_path: Path, given: list[str], asked: str
) -> None:
    planned = make(tmp_path, "-n", "demo", *given).stdout
    assert asked in planned
    assert "install -e .[poll,websocket]\n" in planned.replace("'", "")
    assert "[dev" not in planned


@pytest.mark.needs("make")
def test_make_alone_says_what_there_is(tmp_path: Path) -> None:
    shown = make(tmp_path).stdout
    assert all(f"make {target} " in shown for target in TARGETS)


@pytest.mark.needs("bash")
@pytest.mark.parametrize("script", [".ci/run", ".ci/peers"])
def test_the_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True, timeout=20)


def test_what_is_checked_for_every_change_ends_with_the_tests() -> None:
    steps = [line for line in (ROOT / ".ci/run").read_text("utf-8").splitlines() if line.startswith("make ")]
    assert steps == ["make check", "make test", "make faults-ci", "make zoneminder"]
