"""The pages of http-stream, tcp-client and udp: what they show works, and no setting is missing on them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from bridge.config.load import load
from bridge.config.site import Site
from connectors.asking.settings import OAuth2Settings
from connectors.http_poll import HttpPollSettings
from connectors.http_stream import HttpStreamAddress, HttpStreamSettings
from connectors.tcp_client import TcpClientSettings
from connectors.udp import UdpAddress, UdpSettings

DOCS = Path(__file__).resolve().parents[2] / "docs" / "connectors"
HEAD = """\
version: 1
site: {name: Documentation, timezone: Europe/Prague}
vms: {board: {type: webhook, url: "https://board.example/in"}}
cameras: {lobby: {vms: board}, yard-wide: {vms: board}, gate-in: {vms: board}, boiler-room: {vms: board}}
"""
SENSOR = "sensors: {any: {profile: contact, connector: night-list, cameras: [lobby]}}\n"


def blocks(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


def loaded(folder: Path, text: str) -> Site:
    (folder / "site.yaml").write_text(HEAD + text, "utf-8")
    return load(folder / "site.yaml")


@pytest.mark.parametrize(
    ("page", "connectors"),
    [
        ("http-stream.md", {"yard-camera", "gate-camera", "platform"}),
        ("tcp-client.md", {"scale", "panel"}),
        ("udp.md", {"panels"}),
    ],
)
def test_the_samples_are_right(page: str, connectors: set[str], tmp_path: Path) -> None:
    assert {str(name) for name in loaded(tmp_path, blocks(page)[0]).connectors} == connectors


@pytest.mark.parametrize(
    ("page", "sensors"), [("dahua.md", {"gate-alarms", "gate-plates"}), ("hikvision.md", {"yard"})]
)
def test_the_streams_on_the_pages_of_devices_are_right(page: str, sensors: set[str], tmp_path: Path) -> None:
    text = (DOCS.parent / "devices" / page).read_text("utf-8")
    (block,) = [each for each in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "http-stream" in each]
    head = HEAD.replace("cameras: {", "cameras: {yard: {vms: board}, ")
    (tmp_path / "site.yaml").write_text(head + block, "utf-8")
    assert {str(name) for name in load(tmp_path / "site.yaml").sensors} == sensors


def test_a_poll_at_set_times_is_in_the_zone_of_its_site_unless_it_names_one(tmp_path: Path) -> None:
    sample = blocks("http-poll.md")[1]
    night = loaded(tmp_path, "connectors:\n" + sample + SENSOR).connectors
    (settings,) = [each.settings for each in night.values()]
    assert isinstance(settings, HttpPollSettings)
    assert settings.timezone == "Australia/Sydney"
    text = re.sub(r"\n +timezone: .*", "", sample)
    (settings,) = [each.settings for each in loaded(tmp_path, "connectors:\n" + text + SENSOR).connectors.values()]
    assert isinstance(settings, HttpPollSettings)
    assert settings.timezone == "Europe/Prague"


@pytest.mark.parametrize(
    ("page", "model"),
    [
        ("http-stream.md", HttpStreamSettings),
        ("http-stream.md", HttpStreamAddress),
        ("tcp-client.md", TcpClientSettings),
        ("udp.md", UdpSettings),
        ("udp.md", UdpAddress),
        ("http-poll.md", OAuth2Settings),
    ],
)
def test_every_setting_stands_on_its_page(page: str, model: type[BaseModel]) -> None:
    text = (DOCS / page).read_text("utf-8")
    keys = [field.alias or name for name, field in model.model_fields.items()]
    assert [key for key in keys if re.search(rf"\b{key}\b", text) is None] == []
