"""Cameras found in a (simulated) VMS get into the site file, their tokens into the store; a first site is written."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.config.load import load
from bridge.config.secrets import SecretStores
from bridge.secret import SecretRef
from bridge.simulator.vxg import SimulatedVxg

NAMES = {4711: "Gate: in", 4712: "Gate out", 4713: "Yard"}
SITE = """\
# The depot.
version: 1
site: {name: Harbour depot}
vms:
  cloud: {type: vxg, url: "URL", allow_http: true}   # the simulated one

cameras:
  mine: {vms: cloud, id: 4712, token: secret:mine}   # the way out
  # more to come

connectors:
  lpr: {type: http, bind: "127.0.0.1:0"}
sensors:
  gate-lpr: {profile: cammra, connector: lpr, address: {path: /gate}, cameras: [mine]}
"""


@pytest.fixture
def vms() -> Iterator[SimulatedVxg]:
    """A VMS on a thread of its own, as the commands have loops of theirs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(what: object) -> None:
        asyncio.run_coroutine_threadsafe(what, loop).result(10)  # type: ignore[arg-type]

    cloud = SimulatedVxg(3)
    wait(cloud.start())
    for number, name in NAMES.items():
        cloud.cloud.store.cameras[number].name = name
    try:
        yield cloud
    finally:
        wait(cloud.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def folder(tmp_path: Path, vms: SimulatedVxg, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.yaml").write_text(SITE.replace("URL", vms.base_url))
    return tmp_path


Ran = tuple[int, str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def ran(*words: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main(list(words))
        told = capsys.readouterr()
        return code, told.out + told.err

    return ran


def stored(folder: Path) -> dict[str, str]:
    return {each.name: each.read_text().strip() for each in (folder / "secrets").iterdir()}


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (each for each in folder.rglob("*") if each.is_file())
    return {str(each): (each.read_bytes(), each.stat().st_mtime_ns) for each in files}


@pytest.mark.parametrize("how", ["group", "licence", "tokens"])
def test_what_is_missing_is_added_and_nothing_else_is_touched(
    folder: Path, vms: SimulatedVxg, run: Callable[..., Ran], how: str
) -> None:
    tokens = vms.cloud.tokens
    asked = {"group": tokens.group, "licence": tokens.license, "tokens": "\n".join(vms.tokens.values())}[how]
    code, told = run("cameras", "import", "--vms", "cloud", stdin=asked)
    assert code == Code.DONE, told
    before = SITE.replace("URL", vms.base_url)
    new = (
        '  gate-in: {vms: cloud, name: "Gate: in", id: 4711, token: secret:gate-in}\n'
        "  yard: {vms: cloud, name: Yard, id: 4713, token: secret:yard}\n"
    )
    assert (folder / "site.yaml").read_text() == before.replace("  # more to come\n", f"  # more to come\n{new}")
    assert stored(folder) == {"mine": vms.tokens[4712], "gate-in": vms.tokens[4711], "yard": vms.tokens[4713]}
    assert not [value for value in (asked, *vms.tokens.values()) if value in told]
    assert run("check", "site.yaml")[0] == Code.DONE
    again = snapshot(folder)
    code, told = run("cameras", "import", "--vms", "cloud", stdin=asked)
    assert (code, "nothing to do" in told) == (Code.DONE, True)
    assert snapshot(folder) == again


def test_the_dry_mode_shows_what_would_be_written_and_writes_nothing(
    folder: Path, vms: SimulatedVxg, run: Callable[..., Ran]
) -> None:
    before = snapshot(folder)
    code, told = run("cameras", "import", "--dry-run", stdin=vms.cloud.tokens.group)
    assert code == Code.DONE
    assert "  yard: {vms: cloud, name: Yard, id: 4713, token: secret:yard}" in told
    assert "would be put into files: gate-in, mine, yard" in told
    assert snapshot(folder) == before
    code, told = run("cameras", "import", "--dry-run", "--json", stdin=vms.cloud.tokens.group)
    last = json.loads(told.splitlines()[-1])
    assert last["dry_run"]
    assert last["secrets"] == {"file": ["gate-in", "mine", "yard"]}
    assert snapshot(folder) == before


def test_the_list_says_what_is_in_the_site(folder: Path, vms: SimulatedVxg, run: Callable[..., Ran]) -> None:
    before = snapshot(folder)
    code, told = run("cameras", "list", "--json", stdin=vms.cloud.tokens.license)
    assert code == Code.DONE
    found = {each["id"]: (each["camera"], each["done"]) for each in map(json.loads, told.splitlines())}
    assert found["4711"] == ("gate-in", "not in the site")
    assert found["4712"][0] == "mine"
    assert snapshot(folder) == before


def test_only_some_are_taken_and_what_is_asked_with_can_be_a_secret(
    folder: Path, vms: SimulatedVxg, run: Callable[..., Ran]
) -> None:
    run("secret", "set", "group", stdin=vms.cloud.tokens.group)
    code, told = run("cameras", "import", "--with", "group", "--only", "yard")
    assert code == Code.DONE, told
    assert set(load(folder / "site.yaml").cameras) == {"mine", "yard"}
    assert run("cameras", "import", "--with", "group", "--only", "garden")[0] == Code.USAGE
    assert "group token" in run("check", "site.yaml")[1]


def test_a_new_token_replaces_the_old_one_when_that_is_asked_for(
    folder: Path, vms: SimulatedVxg, run: Callable[..., Ran]
) -> None:
    run("cameras", "import", stdin=vms.cloud.tokens.group)
    fresh = vms.rotate(4713)
    assert "--refresh replaces it" in run("cameras", "import", stdin=vms.cloud.tokens.group)[1]
    assert stored(folder)["yard"] != fresh
    assert run("cameras", "import", "--refresh", stdin=vms.cloud.tokens.group)[0] == Code.DONE
    assert stored(folder)["yard"] == fresh


def test_tokens_go_into_the_vault_when_there_is_one(
    folder: Path, vms: SimulatedVxg, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("secret", "key", "vault.key")
    monkeypatch.setenv("VMS_BRIDGE_VAULT_KEY_FILE", "vault.key")
    assert run("cameras", "import", "--store", "vault", stdin=vms.cloud.tokens.group)[0] == Code.DONE
    assert not (folder / "secrets").exists()
    assert SecretStores.beside(folder / "site.yaml").get(SecretRef("yard")).reveal() == vms.tokens[4713]


def test_cameras_come_before_sensors_and_a_site_without_them_can_be_added_to(
    folder: Path, vms: SimulatedVxg, run: Callable[..., Ran]
) -> None:
    text = f'version: 1\nvms:\n  cloud: {{type: vxg, url: "{vms.base_url}", allow_http: true}}\n'
    (folder / "site.yaml").write_text(text)
    assert run("cameras", "import", stdin=vms.cloud.tokens.group)[0] == Code.DONE
    assert (folder / "site.yaml").read_text().startswith(f"{text}\ncameras:\n  gate-in: ")


def test_of_a_folder_the_file_with_the_cameras_is_added_to(
    folder: Path, vms: SimulatedVxg, run: Callable[..., Ran]
) -> None:
    site = folder / "site"
    site.mkdir()
    text = (folder / "site.yaml").read_text()
    head, _, tail = text.partition("cameras:\n")
    entries, _, tail = tail.partition("\nconnectors")
    (site / "one.yaml").write_text(f"{head}connectors{tail}")
    (site / "two.yaml").write_text(f"cameras:\n{entries}")
    before = (site / "one.yaml").read_bytes()
    code, told = run("cameras", "import", "--site", "site", stdin=vms.cloud.tokens.group)
    assert code == Code.DONE, told
    assert (site / "one.yaml").read_bytes() == before
    assert set(load(site).cameras) == {"mine", "gate-in", "yard"}
    assert set(stored(site)) == {"mine", "gate-in", "yard"}


@pytest.mark.parametrize(
    ("asked", "code", "why"),
    [
        ("", Code.USAGE, "nothing was given"),
        ("hunter2", Code.REFUSED, "no credential of VXG"),
        ("v3.NotTheRightKey", Code.REFUSED, "refuses this licence key (401)"),
    ],
)
def test_what_is_refused_changes_nothing(
    folder: Path, run: Callable[..., Ran], asked: str, code: Code, why: str
) -> None:
    before = snapshot(folder)
    ended, told = run("cameras", "import", stdin=asked)
    assert (ended, why in told) == (code, True), told
    assert not asked or asked not in told
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    ("words", "site", "why"),
    [
        (["--vms", "clod"], "", "there is no VMS clod in site.yaml; did you mean cloud?"),
        (["--vms", "board"], "", "a VMS of type webhook does not tell which cameras it has"),
        ([], "", "say which VMS: --vms NAME (cloud, board)"),
        ([], "vms: {cloud: {type: vxg}\n", "is not closed"),
        ([], "vms: {cloud: {type: vxg, url: 'http://x'}}\n", "allow_http: true"),
        ([], "version: 1\n", "no section vms"),
    ],
)
def test_a_vms_that_cannot_be_asked_is_said(
    folder: Path, run: Callable[..., Ran], words: list[str], site: str, why: str
) -> None:
    there = (folder / "site.yaml").read_text()
    board = '  board: {type: webhook, url: "https://x.example/"}\n'
    (folder / "site.yaml").write_text(site or there.replace("\ncameras:", f"{board}\ncameras:"))
    code, told = run("cameras", "import", *words, stdin="v3.AbCdEfGhIjKlMn")
    assert (code, why in told) == (Code.USAGE, True), told


# -------------------------------------------------------------------------------------------------------------- init


def test_a_first_site_needs_no_answers_and_passes_check(
    tmp_path: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, told = run("init", "--yes")
    assert code == Code.DONE, told
    code, told = run("check", "site.yaml")
    assert code == Code.DONE, told
    assert "in no store of this machine: secret gate (vms-bridge secret set NAME)" in told


def test_a_first_site_of_what_the_vms_has(
    tmp_path: Path, vms: SimulatedVxg, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--name", "Häfen: 1 # x", "--timezone", "Europe/Prague", "--url", vms.base_url, "--allow-http"]
    words += ["--from", "10.0.0.21", "--path", "/in?x=1#y", "--sensor", "Back door", "--bind", "[::]:8081"]
    code, told = run("init", "depot/site.yaml", "--yes", "--token-stdin", *words, stdin=vms.cloud.tokens.group)
    assert code != Code.DONE, "a path with ? is no path"
    assert not (tmp_path / "depot/site.yaml").exists()
    assert not (tmp_path / "depot/secrets").exists()
    words[words.index("/in?x=1#y")] = "/in"
    code, told = run("init", "depot/site.yaml", "--yes", "--token-stdin", *words, stdin=vms.cloud.tokens.group)
    assert code == Code.DONE, told
    site = load(tmp_path / "depot/site.yaml")
    assert (site.name, str(site.timezone)) == ("Häfen: 1 # x", "Europe/Prague")
    assert set(site.cameras) == {"gate-in", "gate-out", "yard"}
    assert site.sensors["back-door"].cameras == ("gate-in",)
    assert set(stored(tmp_path / "depot")) == {"gate-in", "gate-out", "yard"}
    assert vms.cloud.tokens.group not in told + (tmp_path / "depot/site.yaml").read_text()


def test_a_site_that_is_there_is_not_written_over(folder: Path, run: Callable[..., Ran]) -> None:
    before = snapshot(folder)
    code, told = run("init", "--yes")
    assert (code, "is there already" in told) == (Code.REFUSED, True)
    assert snapshot(folder) == before


def test_where_nobody_can_be_asked_it_says_so(
    tmp_path: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, told = run("init")
    assert (code, "--yes" in told) == (Code.USAGE, True)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--profile", "camra"], "did you mean cammra?"),
        (["--timezone", "Europe/Pragu"], "did you mean Europe/Prague?"),
        (["--url", "http://x.example"], "allow_http: true"),
        (["--bind", "nowhere"], "bind"),
    ],
)
def test_an_answer_that_is_wrong_is_said_and_nothing_is_left(
    tmp_path: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, words: list[str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, told = run("init", "--yes", *words)
    assert (code, why in told) == (Code.USAGE, True), told
    assert list(tmp_path.iterdir()) == []


def test_a_person_is_asked_a_few_questions(
    tmp_path: Path, vms: SimulatedVxg, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answers = iter(["Depot", "", vms.base_url, "yes", "4713, gate*", "", "", "", "", "", "yard"])
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return next(answers)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr("getpass.getpass", lambda question: vms.cloud.tokens.group)
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert main(["init"]) == Code.DONE, asked
    site = load(tmp_path / "site.yaml")
    assert site.name == "Depot"
    assert set(site.cameras) == {"gate-in", "gate-out", "yard"}
    assert site.sensors["gate-reader"].cameras == ("yard",)
    assert next(answers, None) is None
