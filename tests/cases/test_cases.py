"""Every folder of recorded traffic, through the real connector, intake and profile: what it says is expected comes of
it, and nothing else. See ``case`` for what is in a folder, and docs/cases.md for how to add one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import mappings
from tests.cases.case import Case, all_cases


def marked(case: Case) -> object:
    subjects = [f"connector:{kind}" for kind in sorted(set(case.connectors.values()))]
    ours = [profile for profile in sorted(case.profiles) if (mappings.PROFILES / f"{profile}.yaml").is_file()]
    subjects += [f"profile:{profile}" for profile in ours]
    return pytest.param(case, id=case.name, marks=[pytest.mark.shows(each, "cases") for each in subjects])


@pytest.mark.parametrize("case", [marked(case) for case in all_cases()])
async def test_what_was_recorded_becomes_what_it_says(case: Case, tmp_path: Path) -> None:
    told = await case.play(tmp_path)
    assert not (differs := case.differs(told)), differs
