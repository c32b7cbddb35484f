"""Rights: of the journal's folder, the site's files and the secrets."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.config.secrets import SecretStores
from bridge.proving import disk, permissions
from bridge.proving.lines import Grade, Topic
from bridge.simulator.secret_files import write_secrets
from tests.proving.conftest import of, one, written


@contextlib.contextmanager
def as_an_ordinary_user() -> Iterator[None]:
    """Root may write anywhere; here it is nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that an ordinary user can get to, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_a_journal_folder_that_cannot_be_written_is_wrong(open_folder: Path) -> None:
    journal = open_folder / "journal"
    journal.mkdir()
    journal.chmod(0o555)
    with as_an_ordinary_user():
        line = one(permissions.of_journal(journal, "journal.path"), Topic.PERMISSIONS, Grade.WRONG)
        (measured,) = disk.speed(journal, "journal.path")
    assert "may not write" in line.what
    assert "0555" in line.remedy
    assert measured.grade is Grade.WRONG
    journal.chmod(0o755)


def test_a_file_in_it_that_belongs_to_another_user_is_wrong(open_folder: Path) -> None:
    journal = open_folder / "journal"
    journal.mkdir()
    journal.chmod(0o777)
    (journal / "journal.db").touch(0o400)
    with as_an_ordinary_user():
        line = one(permissions.of_journal(journal, ""), Topic.PERMISSIONS, Grade.WRONG)
    assert "journal.db" in line.what


def test_a_journal_that_everybody_may_look_into_is_a_warning(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.mkdir(0o700)
    assert not of(permissions.of_journal(journal, ""), Topic.PERMISSIONS, Grade.WARN)
    journal.chmod(0o755)
    assert "chmod 700" in one(permissions.of_journal(journal, ""), Topic.PERMISSIONS, Grade.WARN).remedy


def test_a_file_in_the_place_of_the_folder_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "journal").touch()
    assert one(permissions.of_journal(tmp_path / "journal", ""), Topic.PERMISSIONS, Grade.WRONG)


def test_a_site_that_everybody_may_change_is_a_warning(tmp_path: Path) -> None:
    path = written(tmp_path).path
    path.chmod(0o640)
    assert one(permissions.of_site_files(path), Topic.PERMISSIONS, Grade.OK)
    path.chmod(0o646)
    assert "o-w" in one(permissions.of_site_files(path), Topic.PERMISSIONS, Grade.WARN).remedy


def test_each_secret_is_read_and_what_is_wrong_stands_where_it_is_named(tmp_path: Path) -> None:
    there = written(tmp_path)
    stores = SecretStores(tmp_path / "secrets", environment={})
    used = permissions.site_secrets(there.site)
    missing = one(permissions.of_secrets(used, stores, there.places, used), Topic.SECRETS, Grade.WRONG)
    assert missing.where == f"{there.path}:6: cameras.gate.token"
    write_secrets(tmp_path / "secrets", {"gate": "Sesame"})
    assert (
        "1 secret can be read"
        in one(permissions.of_secrets(used, stores, there.places, used), Topic.SECRETS, Grade.OK).what
    )
    (tmp_path / "secrets" / "gate").chmod(0o640)
    refused = one(permissions.of_secrets(used, stores, there.places, used), Topic.SECRETS, Grade.WRONG)
    assert "chmod 600" in refused.what
    assert "Sesame" not in str(refused)
