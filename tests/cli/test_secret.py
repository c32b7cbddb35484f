"""``vms-bridge secret``: values come in by stdin or unseen, and never out again."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge.cli.ending import Code
from bridge.cli.main import main
from bridge.config.secrets import SecretStores
from bridge.secret import SecretRef
from tests.cli.conftest import Folder, token

ROOT = Path(__file__).resolve().parents[2]


class Ran:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Folder):  # type: ignore[no-untyped-def]
    """The command beside the site, with this on stdin."""
    monkeypatch.chdir(folder.path)

    def ran(*words: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main(["secret", *words])
        return Ran(code, *capsys.readouterr())

    return ran


def test_a_value_piped_in_is_in_the_store_and_in_nothing_that_is_said(run, folder: Folder) -> None:  # type: ignore[no-untyped-def]
    ran = run("set", "gate-in", stdin="hunter2\n")
    assert ran.code == Code.DONE
    assert ran.out == "gate-in is in the file secrets/gate-in; used by cameras.gate-in.token\n"
    assert "hunter2" not in ran.out + ran.err
    assert SecretStores.beside(folder.site).get(SecretRef("gate-in")).reveal() == "hunter2"
    assert (folder.secrets / "gate-in").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", [token(4711), "gate-in=hunter2", "hunter2!"])
def test_a_value_in_the_place_of_the_name_is_refused_and_not_repeated(run, name: str) -> None:  # type: ignore[no-untyped-def]
    for words in (["set", name], ["delete", name]):
        ran = run(*words, stdin="x")
        assert ran.code == Code.USAGE
        assert name not in ran.out + ran.err


def test_a_value_has_no_place_on_the_command_line(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SystemExit) as left:
        run("set", "gate-in", "hunter2")
    assert left.value.code == Code.USAGE


def test_nothing_is_not_a_secret(run, folder: Folder) -> None:  # type: ignore[no-untyped-def]
    assert run("set", "gate-in", stdin="\n").code == Code.USAGE
    assert SecretStores.beside(folder.site).get(SecretRef("gate-in")).reveal() == token(4711)


def test_a_new_value_goes_where_the_old_one_is(run, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    assert run("key", "vault.key").code == Code.DONE
    monkeypatch.setenv("VMS_BRIDGE_VAULT_KEY_FILE", str(folder.path / "vault.key"))
    assert run("set", "yard", "--store", "vault", stdin="one").code == Code.DONE
    assert run("set", "yard", stdin="two").out == "yard is in the vault secrets.vault\n"
    assert not (folder.secrets / "yard").exists()
    assert run("set", "gate-in", stdin="three").out.startswith("gate-in is in the file")
    assert run("set", "new", stdin="four").out == "new is in the vault secrets.vault\n"
    assert run("key", "vault.key").code == Code.REFUSED


def test_a_value_that_another_store_hides_is_said(run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("VMS_BRIDGE_SECRET_GATE_IN", "old")
    ran = run("set", "gate-in", stdin="new")
    assert ran.code == Code.FOUND
    assert "but the environment (VMS_BRIDGE_SECRET_GATE_IN) has it too and goes before it" in ran.out


def test_the_list_says_where_each_is_what_for_and_what_is_missing(run, folder: Folder) -> None:  # type: ignore[no-untyped-def]
    (folder.secrets / "gate-wide").unlink()
    (folder.secrets / "old").write_text("x")
    (folder.secrets / "old").chmod(0o644)
    ran = run("list")
    assert ran.code == Code.FOUND
    rows = [line.split("  ") for line in ran.out.splitlines()]
    told = {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in rows if row[0]}
    assert told["gate-in"] == ["the file secrets/gate-in", "cameras.gate-in.token"]
    assert told["gate-wide"] == ["MISSING", "cameras.gate-wide.token"]
    assert told["reader"] == ["the file secrets/reader", "sensors.gate-lpr.address.basic"]
    assert told["old"] == ["REFUSED", "not used"]
    assert "run chmod 600 secrets/old" in ran.out
    found = [json.loads(line) for line in run("list", "--json").out.splitlines()]
    assert {each["secret"]: each["store"] for each in found} == {
        "gate-in": "file", "gate-wide": None, "old": None, "reader": "file"
    }  # fmt: skip
    assert not [value for value in folder.planted() if value in ran.out + json.dumps(found)]


def test_a_list_of_what_is_all_there_ends_with_0(run) -> None:  # type: ignore[no-untyped-def]
    assert run("list").code == Code.DONE


def test_a_vault_that_does_not_open_is_said(run, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    run("key", "vault.key")
    monkeypatch.setenv("VMS_BRIDGE_VAULT_KEY_FILE", str(folder.path / "vault.key"))
    run("set", "yard", "--store", "vault", stdin="one")
    monkeypatch.delenv("VMS_BRIDGE_VAULT_KEY_FILE")
    ran = run("list")
    assert ran.code == Code.FOUND
    assert "the vault secrets.vault is not used: it has no key" in ran.out


def test_a_secret_in_use_is_deleted_only_by_force(run, folder: Folder) -> None:  # type: ignore[no-untyped-def]
    ran = run("delete", "gate-in")
    assert ran.code == Code.REFUSED
    assert "used by cameras.gate-in.token" in ran.err
    assert (folder.secrets / "gate-in").exists()
    assert run("delete", "gate-in", "--force").code == Code.DONE
    assert not (folder.secrets / "gate-in").exists()
    assert run("delete", "gate-in", "--force").code == Code.USAGE


def test_what_the_environment_gives_is_not_ours_to_delete(run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("VMS_BRIDGE_SECRET_SPARE", "x")
    ran = run("delete", "spare")
    assert ran.code == Code.REFUSED
    assert "take VMS_BRIDGE_SECRET_SPARE out of what starts the service" in ran.err


def test_secrets_can_be_set_before_there_is_a_site_without_errors(run, folder: Folder) -> None:  # type: ignore[no-untyped-def]
    folder.site.write_text("version: 1\nvms: {\n")
    assert run("set", "gate-in", stdin="hunter2").code == Code.DONE
    folder.site.unlink()
    assert run("set", "gate-in", stdin="hunter2").code == Code.USAGE
    assert run("set", "gate-in", "--secrets", "secrets", stdin="hunter2").code == Code.DONE


def test_a_person_is_asked_and_what_is_typed_is_not_shown(folder: Folder) -> None:
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge.cli.main", "secret", "set", "gate-in"],
        cwd=folder.path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=child, stdout=child, stderr=child,
        start_new_session=True, close_fds=True,
    )  # fmt: skip
    os.close(child)
    seen = b""
    typed = False
    until = time.monotonic() + 30
    try:
        while time.monotonic() < until:
            ready, _, _ = select.select([parent], [], [], 1)
            try:
                data = os.read(parent, 1024) if ready else b""
            except OSError:  # the other end is closed
                break
            seen += data
            if not typed and b"(not shown)" in seen:
                os.write(parent, b"hunter2\n")
                typed = True
        assert process.wait(30) == Code.DONE, seen
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(parent)
    assert b"hunter2" not in seen
    assert SecretStores.beside(folder.site).get(SecretRef("gate-in")).reveal() == "hunter2"
