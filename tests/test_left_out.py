"""A test that cannot run is named at the end, and in CI it is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
TESTS = """
import pytest

@pytest.mark.needs("no-such-program")
def test_with_the_program(): pass

def test_without(): pass
"""


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["one process", "workers"])
@pytest.mark.parametrize("ci", ["", "true"])
def test_what_did_not_run_is_said_and_in_ci_it_fails(tmp_path: Path, ci: str, workers: list[str]) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text("utf-8"))
    (tmp_path / "test_one.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), *workers]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(
        [*command, "test_one.py"],
        cwd=tmp_path,
        env={**environment, "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if ci:
        assert ran.returncode == 1
        assert "needs no-such-program" in ran.stdout
    else:
        assert ran.returncode == 0
        assert "NOT RUN, 1 of the tests: test_one.py::test_with_the_program (needs no-such-program)" in ran.stdout
        assert ran.stdout.splitlines()[-1].startswith("1 passed, 1 skipped")


def test_in_ci_a_plain_skip_fails_too(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text("utf-8"))
    (tmp_path / "test_one.py").write_text(
        "import pytest\n\ndef test_it(): pytest.skip('no time')\n\ndef test_two(): pass\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        "test_one.py",
    ]
    ran = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "CI": "true"}, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 1
    assert "test_it (no time)" in ran.stdout
