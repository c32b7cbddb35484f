"""The tables tell what the data holds, the data names tests that there are, and nothing ships with less than is said.

Checked by collecting tests, not by running them: ``make quality`` runs them and writes data and tables anew.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from bridge.cli.quality import QUALITIES, Row, Shown, shown
from tests.quality.__main__ import as_before
from tests.quality.claims import Claim
from tests.quality.evidence import Key, function_of, read
from tests.quality.pages import PAGE, README, ROOT, details, readme_table, with_table
from tests.quality.plugin import CLAIMED
from tests.quality.rows import connectors, made_of, profiles, unknown_of

FIRST_THREE = ("samples", "reconnects", "credentials")
"""Nothing ships without these, where they apply."""
WHOLE = ("mqtt", "modbus", "snmp", "http", "tcp")
"""Connectors that have every quality that applies."""


@pytest.fixture(scope="module")
def table() -> Shown:
    return shown()


def rows(table: Shown) -> Iterator[tuple[str, Row]]:
    yield from ((f"connector:{name}", row) for name, row in table.connectors.items())
    yield from ((f"profile:{name}", row) for name, row in table.profiles.items())


def test_every_connector_and_every_profile_has_a_row(table: Shown) -> None:
    assert list(table.connectors) == connectors()
    assert list(table.profiles) == profiles()
    assert all(list(row.qualities) == list(QUALITIES) for _, row in rows(table))


def test_what_is_written_by_hand_is_in_the_data(table: Shown) -> None:
    """Why a quality does not apply, and what is UNKNOWN. Else: make quality-table."""
    assert made_of(as_before(table)) == table


def test_the_pages_tell_what_the_data_holds(table: Shown) -> None:
    """Else: make quality-table."""
    for page, told in ((README, readme_table(table)), (PAGE, details(table))):
        text = page.read_text("utf-8")
        assert with_table(text, told) == text, f"{page.name} tells something else"


def test_the_tests_that_are_named_are_there_and_say_so(
    table: Shown, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Of those that are not part of this run, a run of its own tells what they say. Else: make quality."""
    named = {
        (Key(subject, name), test)
        for subject, row in rows(table)
        for name, quality in row.qualities.items()
        for test in quality.tests
    }
    assert named
    claimed: dict[str, list[Claim]] = request.config.stash[CLAIMED]
    missing = named - said(claimed)
    files = sorted({test.partition("::")[0] for _, test in missing})
    gone = [file for file in files if not (ROOT / file).is_file()]
    assert not gone, "tests that are named are gone"
    if files:
        missing -= said(collected(files, tmp_path / "collected.json"))
    assert not missing, "these say no more that they show it"


def said(claimed: Mapping[str, Sequence[Claim]]) -> set[tuple[Key, str]]:
    """What each test function claims. How many cases it has may depend on where it runs (KILLS)."""
    return {
        (Key(claim.subject, claim.quality), function_of(test)) for test, claims in claimed.items() for claim in claims
    }


def collected(files: list[str], into: Path) -> dict[str, tuple[Claim, ...]]:
    words = ["--collect-only", "-q", "-p", "no:cacheprovider", "--quality", str(into), *files]
    command = [sys.executable, "-m", "pytest", *words]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert into.is_file(), ran.stdout[-2000:] + ran.stderr[-2000:]
    return {told.test: told.shows for told in read(into).tests}


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "devices").glob("*.md")), ids=lambda page: page.stem)
def test_where_the_page_of_a_device_says_unknown_its_profile_does(page: Path) -> None:
    if "UNKNOWN" in page.read_text("utf-8"):
        assert unknown_of(page.stem)


def test_nothing_ships_without_its_first_three_and_five_connectors_have_all(table: Shown) -> None:
    missing = {}
    for subject, row in rows(table):
        wanted = QUALITIES if subject in {f"connector:{name}" for name in WHOLE} else FIRST_THREE
        lacks = [name for name in wanted if not (row.qualities[name].shown or row.qualities[name].does_not_apply)]
        if lacks:
            missing[subject] = lacks
    assert not missing, "not shown, though it has to be"
