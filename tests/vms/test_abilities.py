"""The tables in ``docs/vms`` say of every VMS, each way, what the code says of it. When one fails, its message is what
should stand there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from bridge.config.load import load
from bridge.config.registry import vms_class
from bridge.config.secrets import SecretStores
from bridge.vms.abilities import COLUMNS, Abilities, abilities_of, row, said
from tests.cli.every_target import NOBODY, TARGETS

DOCS = Path(__file__).parents[2] / "docs" / "vms"
PAGES = {
    "vxg": {"VXG Cloud VMS": ["vxg"]},
    "zoneminder": {"ZoneMinder": ["zoneminder-socket", "zoneminder-rest"]},
    "frigate": {"Frigate": ["frigate"]},
    "milestone": {
        "Milestone, `analytics`": ["milestone-analytics"],
        "Milestone, `analytics` with `gateway` and `search: true`": ["milestone-analytics-search"],
        "Milestone, `alarms`": ["milestone-alarms"],
        "Milestone, `events`": ["milestone-events"],
        "Milestone, `bookmarks`": ["milestone-bookmarks"],
        "Milestone, `generic`": ["milestone-generic"],
        "Milestone, `ai-bridge`": ["milestone-ai-bridge"],
    },
    "genetec": {
        "Genetec, `ways: [bookmark]`": ["genetec"],
        "Genetec, `event` and `alarm` among its ways": ["genetec-every-way"],
    },
    "nx": {
        "Nx, `bookmark` or `both`": ["nx-bookmark", "nx-both"],
        "Nx, `event`": ["nx-event", "nx-createEvent"],
    },
    "digifort": {"Digifort": ["digifort", "digifort-basic"]},
    "webhook": {"Webhook": ["webhook"]},
}


@pytest.fixture(scope="module")
def able(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Abilities]:
    """Nobody is asked."""
    folder = tmp_path_factory.mktemp("sites")
    found = {}
    for target in TARGETS:
        path = folder / f"{target.name}.yaml"
        path.write_text(target.site(NOBODY))
        site = load(path)
        (vms,) = site.vms.values()
        cameras = {each.id: each.settings for each in site.cameras.values()}
        made = vms_class(vms.settings.type)(vms.id, vms.settings, cameras, SecretStores(None, environment={}))
        found[target.name] = abilities_of(made)
    return found


def table(able: dict[str, Abilities], ways: Iterable[tuple[str, list[str]]]) -> str:
    lines = [("", *COLUMNS), ("---",) * (len(COLUMNS) + 1)]
    for label, names in ways:
        alike = {row(able[name]) for name in names}
        assert len(alike) == 1, names
        lines.append((label, *alike.pop()))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


@pytest.mark.parametrize("page", PAGES)
def test_each_page_says_what_its_vms_can(able: dict[str, Abilities], page: str) -> None:
    meant = table(able, PAGES[page].items())
    assert meant in (DOCS / f"{page}.md").read_text("utf-8"), meant


def test_the_table_of_all_says_what_each_can(able: dict[str, Abilities]) -> None:
    ways = ((f"[{label}]({page}.md)", names) for page, each in PAGES.items() for label, names in each.items())
    meant = table(able, ways)
    assert meant in (DOCS / "README.md").read_text("utf-8"), meant
    assert {name for each in PAGES.values() for names in each.values() for name in names} == set(able)


def test_in_words_nothing_is_left_out(able: dict[str, Abilities]) -> None:
    assert said(able["milestone-generic"]) == (
        "can: take events; cannot: be searched, back-date, amend, take pictures, list its cameras, tell its events, "
        "give back pictures and video, make clips; event types: by hand: generic events"
    )
    assert said(able["vxg"]) == (
        "can: be searched, back-date, amend, list its cameras, tell its events, give back pictures, clips, video, make "
        "clips; cannot: take pictures; event types: declared by the bridge"
    )
