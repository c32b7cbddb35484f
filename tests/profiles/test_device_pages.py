"""The pages of devices: their sites can be loaded, and they name every event their profile makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mappings
from tests.profiles.place import PAGES, place

OURS = (
    "cammra",
    "comet",
    "netbotz",
    "omni",
    "ovenmediaengine",
    "plate-recognizer",
    "rekor",
    "room-alert",
    "serverscheck",
    "snmp",
    "ups",
    "visualcortex",
    "zigbee2mqtt",
    "frigate",
    "shelly",
    "axis-mqtt",
    "home-assistant",
    "sparkplug",
)
SILENT = {"device.answer", "server.healthy", "stream.healthy"}
"""Events that are quiet and that nobody would ask for."""


@pytest.mark.parametrize("page", OURS)
def test_the_site_of_a_page_can_be_loaded(page: str, tmp_path: Path) -> None:
    assert place(page, tmp_path).site.sensors


@pytest.mark.parametrize("page", OURS)
def test_a_page_names_every_event_its_profile_makes(page: str) -> None:
    profile = (mappings.PROFILES / f"{page}.yaml").read_text("utf-8")
    types = set(re.findall(r"(?:is:|type:|-) ((?!item)[a-z]+\.[a-z_]+)\}?$", profile, re.MULTILINE)) - SILENT
    text = (PAGES / f"{page}.md").read_text("utf-8")
    assert len(types) >= 3
    assert {each for each in types if f"`{each}`" not in text} == set()
