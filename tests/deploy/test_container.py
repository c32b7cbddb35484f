"""The container file and its compose file keep what docs/deploy.md says of them. (Built where there is an engine.)"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.cli.main import _parser

ROOT = Path(__file__).resolve().parents[2]
FILE = (ROOT / "deploy/container/Containerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/container/compose.yaml").read_text("utf-8"))


def last(instruction: str) -> str:
    return re.findall(rf"^\s*{instruction} (.+)$", FILE, re.MULTILINE)[-1]


def test_it_runs_as_a_user_who_is_not_root_and_owns_nothing_but_the_journal() -> None:
    assert last("USER") == "10001:10001"
    assert "install -d -m 0700 -o 10001 -g 10001 /journal" in FILE
    assert "COPY --chown" not in FILE, "the program stays root's"


def test_its_commands_are_ours() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["vms-bridge"]
    words = json.loads(last("CMD"))  # the last CMD is the container's, the one before its health check's
    _, parser = _parser(words[0])
    parser.parse_args(words)
    health = json.loads(re.findall(r"CMD (\[.+\])$", FILE, re.MULTILINE)[0])
    assert health[0] == "vms-bridge"
    _, parser = _parser(health[1])
    assert parser.parse_args(health[1:]).health == "live"


def test_it_has_every_extra_a_site_may_need() -> None:
    """Nothing can be installed into it later. No desktop's keyring is there."""
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])
    (installed,) = re.findall(r"'\.\[(.+)\]'", FILE)
    assert set(installed.split(",")) == extras - {"dev", "bench", "keyring"}


def test_what_it_copies_is_what_the_wheel_is_built_of() -> None:
    copied = {word for words in re.findall(r"^COPY (?!--from)(.+) \S+$", FILE, re.MULTILINE) for word in words.split()}
    assert copied == {"pyproject.toml", "README.md", "LICENSE", "bridge", "connectors", "mappings"}
    assert all((ROOT / name).exists() for name in copied)


def test_the_compose_file_gives_it_a_read_only_root_and_no_capability() -> None:
    service = COMPOSE["services"]["vms-bridge"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["user"] == "10001:10001"
    writable = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
    assert writable == ["journal:/journal"]
    assert (ROOT / "deploy/container" / service["build"]["context"]).resolve() == ROOT


@pytest.mark.parametrize("name", ["Containerfile", "compose.yaml"])
def test_no_secret_is_in_an_image_or_an_environment(name: str) -> None:
    text = (ROOT / "deploy/container" / name).read_text("utf-8")
    assert not re.search(r"(?i)(token|password|secret)\s*[=:]\s*\S*[a-z0-9]{8}", text)
    assert "environment" not in text
