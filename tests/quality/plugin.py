"""``--quality FILE``: a run writes down what its tests have shown; with ``--collect-only``, what they say they show.

Under xdist the claims travel with the reports of each worker, and the run that has the workers writes the file. No
file is written of a run that broke off or in which a worker died: it would tell of less than was found.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.quality.claims import Claim, claims_of

CLAIMED: pytest.StashKey[dict[str, list[Claim]]] = pytest.StashKey()
"""Of the configuration: every test that was collected in this process and shows anything, left out later or not."""

PROPERTY = "shows"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("quality")
    group.addoption(
        "--quality", type=Path, metavar="FILE", help="write down what the tests have shown (docs/quality.md)"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CLAIMED] = {}
    file: Path | None = config.getoption("--quality")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Writing(file), "quality of this run")


def pytest_itemcollected(item: pytest.Item) -> None:
    claims = claims_of(item)
    if claims:
        item.config.stash[CLAIMED][item.nodeid] = claims
        item.user_properties.append((PROPERTY, [list(claim) for claim in claims]))


class Writing:
    """``passed`` is a test whose body passed and whose fixtures did; anything else that was wrong makes it failed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.unlink(missing_ok=True)  # what an earlier run has shown is not what this one does
        self._claims: dict[str, list[list[str]]] = {}
        self._outcomes: dict[str, str] = {}
        self._broken: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when not in ("setup", "call", "teardown"):  # of a worker that died while it ran this test
            self._broken.append(report.nodeid)
            return
        claims = dict(report.user_properties).get(PROPERTY)
        if not isinstance(claims, list):
            return
        self._claims[report.nodeid] = claims
        if report.failed or self._outcomes.get(report.nodeid) == "failed":
            self._outcomes[report.nodeid] = "failed"
        elif report.skipped:
            self._outcomes[report.nodeid] = "skipped"
        elif report.when == "call":
            self._outcomes[report.nodeid] = "passed"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if session.config.getoption("collectonly"):
            claimed = session.config.stash[CLAIMED]
            self._claims = {
                item.nodeid: [list(each) for each in claimed.get(item.nodeid, ())] for item in session.items
            }
            self._outcomes = {test: "collected" for test, claims in self._claims.items() if claims}
        if self._broken or exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return
        told = [
            {"test": test, "outcome": outcome, "shows": self._claims[test]}
            for test, outcome in sorted(self._outcomes.items())
        ]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps({"tests": told}, indent=1) + "\n", "utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        said = f"{self._file}" if self._file.is_file() else "nothing, this run broke off"
        terminalreporter.write_line(f"what the tests have shown: {said}")
