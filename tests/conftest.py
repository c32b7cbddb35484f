"""What every test may count on: ``@pytest.mark.needs("gcc")`` for programs of the machine, and no silent leaving out.

A test that needs what is not there is skipped on a developer's machine and named in one line at the end; with CI=true
it fails, and so does a run in which anything at all was skipped.
"""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import settings

pytest_plugins = ["tests.quality.plugin"]

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")

# Time is no criterion on shared machines; in CI the same examples each run, so that red means the change.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "here")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*programs): programs of the machine without which the test cannot run")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        missing = [program for program in mark.args if shutil.which(program) is None]
        if not missing:
            continue
        what = f"needs {', '.join(missing)}"
        if IN_CI:
            pytest.fail(f"{what}: not installed, and in CI no test is left out", pytrace=False)
        pytest.skip(what)


def _left_out(reporter: pytest.TerminalReporter) -> list[tuple[str, str]]:
    """(test, why) of everything skipped; from the reports, so that it holds for workers in other processes too."""
    found = []
    for report in reporter.stats.get("skipped", []):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        found.append((report.nodeid, why.removeprefix("Skipped: ")))
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = _left_out(terminalreporter)
    if left_out:
        told = "; ".join(f"{test} ({why})" for test, why in left_out)
        terminalreporter.write_line(f"NOT RUN, {len(left_out)} of the tests: {told}", yellow=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and reporter is not None and session.exitstatus == pytest.ExitCode.OK and _left_out(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
