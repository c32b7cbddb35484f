"""Putting secrets into stores and taking them out: whole or not at all, for their owner alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.config import keeping, private_file
from bridge.config.keeping import CannotKeep, drop, everywhere, keep, names, usual
from bridge.config.secrets import SecretStores, Store
from bridge.config.vault import VARIABLE, new_key
from bridge.secret import SecretMissing, SecretRef

GATE = SecretRef("gate-in")


def stores(folder: Path, **environment: str) -> SecretStores:
    def no_keyring(name: str) -> str | None:
        raise SecretMissing("none here")

    return SecretStores(folder / "secrets", environment=environment, keyring=no_keyring)


def with_vault(folder: Path) -> SecretStores:
    new_key(folder / "key")
    return stores(folder, **{VARIABLE: str(folder / "key")})


def test_a_file_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keep(stores(tmp_path), {"gate-in": "hunter2"}, Store.FILE)
    finally:
        os.umask(before)
    file = tmp_path / "secrets" / "gate-in"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert stores(tmp_path).get(GATE).reveal() == "hunter2"
    assert [each.name for each in file.parent.iterdir()] == ["gate-in"]


def test_a_write_that_fails_leaves_the_old_value_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(stores(tmp_path), {"gate-in": "old"}, Store.FILE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private_file.os, "replace", full)
    with pytest.raises(CannotKeep, match="No space left") as cannot:
        keep(stores(tmp_path), {"gate-in": "hunter2"}, Store.FILE)
    assert "hunter2" not in str(cannot.value)
    assert stores(tmp_path).get(GATE).reveal() == "old"
    assert [each.name for each in (tmp_path / "secrets").iterdir()] == ["gate-in"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root alone gives files away")
def test_what_root_writes_belongs_to_whom_the_folder_belongs_to(tmp_path: Path) -> None:
    """Else the service could not read what an administrator has set."""
    (tmp_path / "secrets").mkdir(mode=0o700)
    os.chown(tmp_path / "secrets", 65534, 65534)
    keep(stores(tmp_path), {"gate-in": "old"}, Store.FILE)
    keep(stores(tmp_path), {"gate-in": "new"}, Store.FILE)
    status = (tmp_path / "secrets" / "gate-in").stat()
    assert (status.st_uid, status.st_gid) == (65534, 65534)


def test_a_new_secret_goes_into_the_vault_where_there_is_one(tmp_path: Path) -> None:
    store = with_vault(tmp_path)
    assert usual(store) is Store.FILE
    keep(store, {"gate-in": "hunter2", "gate-out": "hunter3"}, Store.VAULT)
    assert usual(store) is Store.VAULT
    assert names(store) == {"gate-in", "gate-out"}
    assert not (tmp_path / "secrets").exists()


@pytest.mark.parametrize("store", [Store.ENVIRONMENT, Store.SYSTEMD])
def test_what_starts_the_service_cannot_be_written_from_here(tmp_path: Path, store: Store) -> None:
    with pytest.raises(CannotKeep, match="given to the service at its start"):
        keep(stores(tmp_path), {"gate-in": "hunter2"}, store)
    with pytest.raises(CannotKeep, match="take "):
        drop(stores(tmp_path), "gate-in", store)


@pytest.mark.parametrize("name", ["../site.yaml", "", ".hidden", "a/b", "ey" * 60, "gate in"])
def test_a_name_that_is_none_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotKeep, match="a secret's name is of letters") as cannot:
        keep(stores(tmp_path), {name: "hunter2"}, Store.FILE)
    assert not name or name not in str(cannot.value)
    assert not (tmp_path / "secrets").exists()


def test_a_secret_is_found_in_each_store_that_has_it_in_the_order_of_looking(tmp_path: Path) -> None:
    store = with_vault(tmp_path)
    keep(store, {"gate-in": "of the vault"}, Store.VAULT)
    keep(store, {"gate-in": "of the file"}, Store.FILE)
    environment = {**store.environment, "VMS_BRIDGE_SECRET_GATE_IN": "of the environment"}
    found, refused = everywhere(stores(tmp_path, **environment), "gate-in")
    assert not refused
    assert [each.store for each in found] == [Store.ENVIRONMENT, Store.FILE, Store.VAULT]
    assert [each.secret.reveal() for each in found] == ["of the environment", "of the file", "of the vault"]
    (tmp_path / "secrets" / "gate-in").chmod(0o644)
    found, refused = everywhere(store, "gate-in")
    assert "chmod 600" in refused


def test_dropping_says_whether_it_was_there(tmp_path: Path) -> None:
    store = with_vault(tmp_path)
    keep(store, {"gate-in": "x"}, Store.FILE)
    keep(store, {"gate-in": "x"}, Store.VAULT)
    for each in (Store.FILE, Store.VAULT):
        assert drop(store, "gate-in", each)
        assert not drop(store, "gate-in", each)


def test_the_keyring_is_written_and_emptied_within_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, str] = {}
    monkeypatch.setattr(keeping.keyring, "_put", kept.__setitem__)
    monkeypatch.setattr(keeping.keyring, "_drop", lambda name: kept.pop(name, None) is not None)
    keep(stores(tmp_path), {"gate-in": "hunter2"}, Store.KEYRING)
    assert kept == {"gate-in": "hunter2"}
    assert drop(stores(tmp_path), "gate-in", Store.KEYRING)
    assert not drop(stores(tmp_path), "gate-in", Store.KEYRING)
