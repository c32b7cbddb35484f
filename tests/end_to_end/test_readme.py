"""The README tried as a new user would: its site passes the checker, its commands are commands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bridge.cli.main import main
from tests.end_to_end.bridge_process import ROOT, command

README = (ROOT / "README.md").read_text()
_, FIVE_MINUTES = README.split("## Your own site in five minutes", 1)
FIVE_MINUTES = FIVE_MINUTES.split("\n## ", 1)[0]
(SITE,) = re.findall(r"```yaml\n(.*?)```", FIVE_MINUTES, re.DOTALL)
COMMANDS = re.findall(r"^vms-bridge (.*?)(?:\s+#.*)?$", README, re.MULTILINE)
TARGETS = re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    found = tmp_path / "site.yaml"
    found.write_text(SITE)
    return found


async def test_the_site_of_the_readme_is_right(site: Path) -> None:
    code, printed = await command("check", str(site))
    assert code == 0, printed.decode()


@pytest.mark.parametrize("mistake", [("profile: cammra", "profile: camra"), ("cameras: [gate-in]", "cameras: [gate]")])
async def test_and_the_checker_would_have_said_so(site: Path, mistake: tuple[str, str]) -> None:
    site.write_text(SITE.replace(*mistake))
    code, printed = await command("check", str(site))
    assert code == 1
    assert b"site.yaml:" in printed


def test_there_are_commands_to_try() -> None:
    assert len(COMMANDS) >= 5
    assert {"demo", "test"} <= set(TARGETS)


@pytest.mark.parametrize("words", COMMANDS)
def test_each_command_line_is_understood(words: str, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As typed beside the site file; stopped where it would begin to work."""
    monkeypatch.chdir(site.parent)
    name, *rest = shlex.split(words)
    begun: list[object] = []
    module = __import__(f"bridge.cli.{_module(name)}", fromlist=["run"])

    def begin(arguments: object) -> int:
        begun.append(arguments)
        return 0

    monkeypatch.setattr(module, "run", begin)
    assert main([name, *rest]) == 0
    assert len(begun) == 1


def _module(name: str) -> str:
    from bridge.cli.main import COMMANDS as known

    return next(module for each, (module, _) in known.items() if each == name)


def test_the_targets_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in TARGETS:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])


def headings(page: Path) -> set[str]:
    """What may stand behind a # of a link to this page."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    names = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each) for each in re.findall(r"^#+ +(.*)$", text, re.MULTILINE))
    return {re.sub(r"[^\w\- ]", "", name.strip().lower()).replace(" ", "-") for name in names}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        place, _, heading = link.partition("#")
        other = page.parent / place if place else page
        assert other.exists(), link
        assert not heading or heading in headings(other), link


def test_every_page_is_named_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text("utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        if page.relative_to(ROOT).as_posix() != "docs/README.md":
            assert f"({page.relative_to(ROOT / 'docs').as_posix()}" in index, page


def test_every_library_that_is_needed_is_named_with_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {name: wanted for name, wanted in project["optional-dependencies"].items() if name not in ("dev", "bench")}
    _, _, table = README.partition("## What it is built on")
    for extra, wanted in {"": project["dependencies"], **extras}.items():
        for requirement in wanted:
            library = re.split(r"[\[<>=; ]", requirement)[0]
            rows = [row for row in table.splitlines() if re.search(rf"\b{library}\b", row, re.IGNORECASE)]
            assert any(not extra or f"`{extra}`" in row for row in rows), requirement


def test_the_secret_is_written_as_the_readme_says(tmp_path: Path) -> None:
    """The line keeps what is pasted where the bridge looks for it, and nobody else can read it."""
    (line,) = re.findall(r"^vms-bridge (secret set .*?)\s+#", FIVE_MINUTES, re.MULTILINE)
    (tmp_path / "site.yaml").write_text(SITE)
    words = [sys.executable, "-m", "bridge.cli.main", *shlex.split(line)]
    place = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    kept = subprocess.run(words, input=b"token\n", capture_output=True, timeout=30, **place)  # type: ignore[call-overload]
    assert kept.returncode == 0, kept.stderr
    from bridge.config.secrets import SecretStores
    from bridge.secret import SecretRef

    assert SecretStores(tmp_path / "secrets", environment={}).get(SecretRef("gate-in")).reveal() == "token"
    assert sys.platform == "win32" or not (tmp_path / "secrets" / "gate-in").stat().st_mode & 0o077
