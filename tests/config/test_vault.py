"""The encrypted file: opened by its key alone, changed by nobody without it, and never a question asked."""

from __future__ import annotations

import base64
import multiprocessing
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from bridge.config import vault as vaults
from bridge.config.secrets import SecretStores, Store
from bridge.config.vault import CREDENTIAL, VARIABLE, Vault, new_key
from bridge.secret import SecretMissing, SecretRef

ROOT = Path(__file__).resolve().parents[2]
GATE = SecretRef("gate-in")


def opened(folder: Path, key: Path | None = None) -> Vault:
    """A vault in this folder; its key is made when there is none."""
    key = key or folder / "key"
    if not key.exists():
        new_key(key)
    return Vault(folder / "secrets.vault", {VARIABLE: str(key)})


def stores(folder: Path, **environment: str) -> SecretStores:
    def no_keyring(name: str) -> str | None:
        raise SecretMissing("none here")

    return SecretStores(folder / "secrets", environment=environment, keyring=no_keyring)


def test_what_is_put_in_is_found_by_whoever_has_the_key(tmp_path: Path) -> None:
    opened(tmp_path).put("gate-in", "hunter2")
    opened(tmp_path).put("gate-out", "hunter3")
    found = stores(tmp_path, **{VARIABLE: str(tmp_path / "key")}).find("gate-in")
    assert (found.store, found.secret.reveal()) == (Store.VAULT, "hunter2")
    assert found.told == f"the vault {tmp_path / 'secrets.vault'}"
    assert dict(opened(tmp_path).read()) == {"gate-in": "hunter2", "gate-out": "hunter3"}


def test_neither_names_nor_values_nor_a_second_writing_of_the_same_can_be_read_in_the_file(tmp_path: Path) -> None:
    vault = opened(tmp_path)
    vault.put("gate-in", "hunter2")
    first = vault.file.read_bytes()
    vault.put("gate-in", "hunter2")
    second = vault.file.read_bytes()
    for data in (first, second):
        sealed = base64.b64decode(data.split(b"\n")[1])
        assert b"hunter2" not in data + sealed
        assert b"gate-in" not in data + sealed
    assert first != second
    assert vault.file.stat().st_mode & 0o077 == 0
    assert "hunter2" not in repr(vault.read()) + repr(vault) + repr(vars(vault))


def test_everything_else_goes_before_the_vault(tmp_path: Path) -> None:
    opened(tmp_path).put("gate-in", "of the vault")
    (tmp_path / "secrets").mkdir()
    file = tmp_path / "secrets" / "gate-in"
    file.touch(0o600)
    file.write_text("of the file")
    store = stores(tmp_path, **{VARIABLE: str(tmp_path / "key")})
    assert store.get(GATE).reveal() == "of the file"
    file.unlink()
    assert store.get(GATE, fresh=True).reveal() == "of the vault"


def test_a_systemd_credential_goes_before_the_file_of_the_key(tmp_path: Path) -> None:
    opened(tmp_path).put("gate-in", "hunter2")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (tmp_path / "key").rename(credentials / CREDENTIAL)
    new_key(tmp_path / "another")
    environment = {"CREDENTIALS_DIRECTORY": str(credentials), VARIABLE: str(tmp_path / "another")}
    assert stores(tmp_path, **environment).get(GATE).reveal() == "hunter2"


@pytest.mark.parametrize("at", [20, 30, -3])
def test_a_changed_file_opens_for_nobody(tmp_path: Path, at: int) -> None:
    vault = opened(tmp_path)
    vault.put("gate-in", "hunter2")
    data = bytearray(vault.file.read_bytes())
    data[at] = data[at] ^ 1 if chr(data[at] ^ 1).isalnum() else ord("Q")
    vault.file.write_bytes(data)
    with pytest.raises(SecretMissing, match=r"does not open with this key, or was changed|is damaged"):
        opened(tmp_path).read()


def test_the_line_that_says_what_it_is_cannot_be_exchanged_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = opened(tmp_path)
    vault.put("gate-in", "hunter2")
    monkeypatch.setattr(vaults, "FIRST_LINE", b"vms-bridge vault 2\n")
    vault.file.write_bytes(vault.file.read_bytes().replace(b"vault 1", b"vault 2"))
    with pytest.raises(SecretMissing, match="does not open"):
        opened(tmp_path).read()


def test_another_key_does_not_open_it_and_does_not_write_over_it(tmp_path: Path) -> None:
    vault = opened(tmp_path)
    inside, more = "hunter2", "hunter9"
    vault.put("gate-in", inside)
    before = vault.file.read_bytes()
    other = opened(tmp_path, tmp_path / "other")
    with pytest.raises(SecretMissing) as missing:
        other.put("gate-in", more)
    told = "".join(traceback.format_exception(missing.value))
    assert inside not in told
    assert more not in told
    assert (tmp_path / "key").read_text().strip() not in told
    assert vault.file.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    opened(tmp_path).put("gate-in", "hunter2")
    (tmp_path / "key").chmod(mode)
    store = stores(tmp_path, **{VARIABLE: str(tmp_path / "key")})
    with pytest.raises(SecretMissing, match="others than its owner may use"):
        store.get(GATE)


@pytest.mark.parametrize("text", ["", "password", "00" * 31, "zz" * 32])
def test_a_password_is_no_key(tmp_path: Path, text: str) -> None:
    opened(tmp_path).put("gate-in", "hunter2")
    (tmp_path / "key").write_text(text)
    with pytest.raises(SecretMissing, match="its key is not one") as missing:
        opened(tmp_path).key()
    assert not text or text not in str(missing.value)


def test_without_a_key_the_vault_is_said_to_be_closed_and_nobody_is_asked(tmp_path: Path) -> None:
    """With nothing on stdin and no terminal, as a service."""
    opened(tmp_path).put("gate-in", "hunter2")
    code = (
        "from pathlib import Path\nfrom bridge.config.secrets import SecretStores\n"
        "from bridge.secret import SecretMissing, SecretRef\n"
        "try: SecretStores(Path('secrets')).get(SecretRef('gate-in'))\nexcept SecretMissing as missing: print(missing)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=20,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert f"the vault secrets.vault (it has no key: give one as systemd credential {CREDENTIAL}" in ran.stdout


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    new_key(tmp_path / "key")
    before = (tmp_path / "key").read_text()
    with pytest.raises(FileExistsError):
        new_key(tmp_path / "key")
    assert (tmp_path / "key").read_text() == before


def test_a_change_by_another_process_is_seen_and_an_unchanged_file_is_not_decrypted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = opened(tmp_path)
    vault.put("gate-in", "old")
    assert vault.read()["gate-in"] == "old"
    again = vault.read()
    assert vault.read() is again
    opened(tmp_path).put("gate-in", "new")
    assert vault.read()["gate-in"] == "new"
    vault.file.unlink()
    assert not vault.read()


def _put_some(folder: str, first: int) -> None:
    for number in range(first, first + 10):
        Vault(Path(folder) / "secrets.vault", {VARIABLE: f"{folder}/key"}).put(f"gate-{number}", str(number))


def test_two_commands_at_once_lose_none_of_their_secrets(tmp_path: Path) -> None:
    opened(tmp_path)
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_put_some, args=(str(tmp_path), first)) for first in (0, 10)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert [each.exitcode for each in both] == [0, 0]
    assert dict(opened(tmp_path).read()) == {f"gate-{number}": str(number) for number in range(20)}


@pytest.mark.skipif(os.name != "posix", reason="locks of files are POSIX's")
def test_while_another_command_changes_it_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr(vaults, "LOCK_WAIT", 0.05)
    vault = opened(tmp_path)
    vault.put("a", "1")
    held = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SecretMissing, match="is being changed by another command"):
            vault.put("b", "2")
        assert dict(vault.read()) == {"a": "1"}, "reading waits for nobody"
    finally:
        os.close(held)
    vault.put("b", "2")
    assert dict(vault.read()) == {"a": "1", "b": "2"}


def test_dropping_takes_one_out_and_leaves_the_others(tmp_path: Path) -> None:
    vault = opened(tmp_path)
    vault.put_all({"a": "1", "b": "2"})
    assert vault.drop("a")
    assert not vault.drop("a")
    assert dict(opened(tmp_path).read()) == {"b": "2"}


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(tmp_path).put("gate-in", "hunter2")
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(SecretMissing, match=r"the vault .* \(not installed: pip install vms-bridge\[vault\]\)"):
        stores(tmp_path, **{VARIABLE: str(tmp_path / "key")}).get(GATE)


def test_the_library_is_loaded_only_for_a_vault(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom bridge.config.secrets import SecretStores\nfrom bridge.secret import SecretRef\n"
        "SecretStores().get(SecretRef('gate-in'))\nassert 'cryptography' not in sys.modules"
    )
    environment = {"VMS_BRIDGE_SECRET_GATE_IN": "x", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=20)
    assert ran.returncode == 0, ran.stderr
