"""A secret is found in the first store that has it, refused where others could read it, and shown nowhere."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from bridge.config.secrets import SecretStores
from bridge.secret import SecretMissing, SecretRef

GATE = SecretRef("gate-in")


class Ticking:
    """A monotonic clock in the test's hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def written(folder: Path, value: str | bytes, mode: int = 0o600, name: str = "gate-in") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_bytes(value.encode() if isinstance(value, str) else value)
    file.chmod(mode)
    return file


def no_keyring(name: str) -> str | None:
    raise SecretMissing("none here")


def stores(directory: Path | None = None, clock: Ticking | None = None, **environment: str) -> SecretStores:
    return SecretStores(directory, environment=environment, keyring=no_keyring, monotonic=clock or Ticking())


def test_the_environment_goes_first_then_systemd_then_files_then_the_keyring(tmp_path: Path) -> None:
    files, credentials = tmp_path / "secrets", tmp_path / "credentials"
    written(files, "of the file")
    written(credentials, "of systemd")
    environment = {"VMS_BRIDGE_SECRET_GATE_IN": "of the environment", "CREDENTIALS_DIRECTORY": str(credentials)}
    found = []
    for _ in range(4):
        store = SecretStores(files, environment=dict(environment), keyring=lambda name: f"of the keyring, {name}")
        found.append(store.get(GATE).reveal())
        if len(found) == 3:
            (files / "gate-in").unlink()
        elif environment:
            environment.pop(next(iter(environment)))
    assert found == ["of the environment", "of systemd", "of the file", "of the keyring, gate-in"]


def test_dots_and_dashes_become_underscores_in_the_environment() -> None:
    assert stores(VMS_BRIDGE_SECRET_LPR_1_KEY="x").get(SecretRef("lpr.1-key")).reveal() == "x"


@pytest.mark.parametrize("value", ["abc\n", "abc\r\n", "abc"])
def test_the_line_end_of_a_file_is_not_part_of_the_secret(tmp_path: Path, value: str) -> None:
    written(tmp_path, value)
    assert stores(tmp_path).get(GATE).reveal() == "abc"


def test_spaces_are_part_of_the_secret(tmp_path: Path) -> None:
    written(tmp_path, " a b \n")
    assert stores(tmp_path).get(GATE).reveal() == " a b "


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o622])
def test_a_file_that_others_may_use_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path, "hunter2", mode)
    with pytest.raises(SecretMissing) as refused:
        stores(tmp_path).get(GATE)
    assert str(refused.value) == (
        f"the secret gate-in is refused: others than its owner may use {file} (mode {mode:04o}); run chmod 600 {file}"
    )


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_the_permissions_of_a_systemd_credential_are_systemds_business(tmp_path: Path) -> None:
    written(tmp_path, "abc", 0o440)
    assert stores(CREDENTIALS_DIRECTORY=str(tmp_path)).get(GATE).reveal() == "abc"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hunter2\xff", "is not UTF-8 text"),
        (b"x" * 70_000, "more than 65536 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    written(tmp_path, content)
    with pytest.raises(SecretMissing, match=why) as refused:
        stores(tmp_path).get(GATE)
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
def test_a_pipe_or_a_folder_in_place_of_a_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate-in", 0o600)
    (tmp_path / "folder").mkdir()
    for name in ("gate-in", "folder"):
        with pytest.raises(SecretMissing, match=r"it is not a file|Is a directory"):
            stores(tmp_path).get(SecretRef(name))


def test_a_missing_secret_says_where_was_looked_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing) as missing:
        stores(tmp_path).get(GATE)
    assert str(missing.value) == (
        "there is no secret gate-in; looked in the environment (VMS_BRIDGE_SECRET_GATE_IN), "
        f"systemd credentials (none given), the file {tmp_path / 'gate-in'}, the keyring (none here); "
        f"write it to {tmp_path / 'gate-in'} (chmod 600)"
    )


def test_a_value_is_kept_for_a_second_and_read_again_when_asked(tmp_path: Path) -> None:
    clock = Ticking()
    store = stores(tmp_path, clock)
    written(tmp_path, "old")
    first = store.get(GATE)
    written(tmp_path, "new")
    clock.seconds = 0.9
    assert store.get(GATE) is first
    assert store.get(GATE, fresh=True).reveal() == "new"
    written(tmp_path, "newer")
    clock.seconds = 2.0
    assert store.get(GATE).reveal() == "newer"


def test_a_secret_that_is_gone_is_not_used_any_longer(tmp_path: Path) -> None:
    store = stores(tmp_path)
    written(tmp_path, "old")
    store.get(GATE)
    (tmp_path / "gate-in").unlink()
    for fresh in (True, False):
        with pytest.raises(SecretMissing):
            store.get(GATE, fresh=fresh)


def test_a_version_changes_with_the_value_and_tells_nothing_of_it(tmp_path: Path) -> None:
    store = stores(tmp_path)
    written(tmp_path, "one")
    one, again = store.get(GATE), store.get(GATE, fresh=True)
    written(tmp_path, "two")
    assert one.version == again.version != store.get(GATE, fresh=True).version
    written(tmp_path, "one")
    assert stores(tmp_path).get(GATE).version != one.version, "who can guess the value could check the guess"


def test_a_secret_shows_its_value_nowhere(tmp_path: Path) -> None:
    written(tmp_path, "hunter2")
    store = stores(tmp_path)
    secret = store.get(GATE)
    assert "hunter2" not in f"{secret!r} {secret} {secret.version} {store!r} {vars(store)}"


def test_the_folder_of_a_site_is_beside_its_file(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").touch()
    written(tmp_path / "secrets", "abc")
    assert SecretStores.beside(tmp_path / "site.yaml").get(GATE).reveal() == "abc"
    assert SecretStores.beside(tmp_path).get(GATE).reveal() == "abc"
