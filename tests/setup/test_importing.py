"""Cameras found in a VMS become entries with readable, unique names, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config.document import Plain
from bridge.config.keeping import keep
from bridge.config.secrets import SecretStores, Store
from bridge.secret import SecretMissing
from bridge.setup.importing import Import, chosen, planned
from bridge.vms.credentials import Discovered


def stores(folder: Path, **environment: str) -> SecretStores:
    def no_keyring(name: str) -> str | None:
        raise SecretMissing("none here")

    return SecretStores(folder / "secrets", environment=environment, keyring=no_keyring)


def camera(number: int, name: str = "", token: str | None = None) -> Discovered:
    return Discovered(name, "active", {"id": number}, {"token": token or f"token of {number}"})


def plan(
    found: list[Discovered], store: SecretStores, cameras: dict[str, Plain] | None = None, refresh: bool = False
) -> Import:
    return planned("cloud", found, {"cameras": cameras or {}}, store, Store.FILE, refresh)


def test_names_are_readable_and_unique(tmp_path: Path) -> None:
    named = ["Gate: in (north)", "gate in north", "Vrátnice", "门", "", "gate-in-north-4712", "x" * 300]
    made = plan([camera(4711 + at, name) for at, name in enumerate(named)], stores(tmp_path))
    keys = list(made.entries)
    assert keys[:6] == [
        "gate-in-north", "gate-in-north-4712", "vratnice", "camera-4714", "camera-4715", "gate-in-north-4712-4716"
    ]  # fmt: skip
    assert all(len(key) <= 64 for key in keys)
    assert made.entries["gate-in-north"] == {
        "vms": "cloud", "name": "Gate: in (north)", "id": 4711, "token": "secret:gate-in-north"
    }  # fmt: skip
    assert len({fields["token"] for fields in made.entries.values()}) == len(named)


def test_a_name_cannot_smuggle_lines_or_control_characters_into_the_file(tmp_path: Path) -> None:
    made = plan([camera(1, "Gate\n  evil: {id: 2}\x1b[31m")], stores(tmp_path))
    assert made.entries["gate-evil-id-2-31m"]["name"] == "Gate   evil: {id: 2} [31m"


def test_what_the_site_has_by_its_number_is_not_added_again_whatever_it_is_called(tmp_path: Path) -> None:
    store = stores(tmp_path)
    keep(store, {"mine": "token of 4711"}, Store.FILE)
    there: dict[str, Plain] = {"yard": {"vms": "cloud", "id": 4711, "token": "secret:mine"}}
    made = plan([camera(4711, "Gate")], store, there)
    assert (made.entries, made.secrets) == ({}, {})
    assert (made.lines[0].key, made.lines[0].done) == ("yard", "there already")


def test_the_same_number_in_another_vms_is_another_camera(tmp_path: Path) -> None:
    there: dict[str, Plain] = {"gate": {"vms": "other", "id": 4711, "token": "secret:gate"}}
    made = plan([camera(4711, "Gate")], stores(tmp_path), there)
    assert list(made.entries) == ["gate-4711"]
    assert made.entries["gate-4711"]["token"] == "secret:gate-4711"


def test_a_secret_that_something_else_uses_is_not_taken(tmp_path: Path) -> None:
    store = stores(tmp_path)
    keep(store, {"gate": "cam:password"}, Store.FILE)
    made = plan([camera(4711, "Gate")], store)
    assert made.secrets == {Store.FILE: {"gate-4711": "token of 4711"}}
    sensors: dict[str, Plain] = {"lpr": {"address": {"basic": "secret:yard"}}}
    made = planned("cloud", [camera(1, "Yard")], {"cameras": {}, "sensors": sensors}, store, Store.FILE, False)
    assert made.entries["yard"]["token"] == "secret:yard-1"


def test_after_a_crash_between_the_secrets_and_the_file_it_goes_on_where_it_was(tmp_path: Path) -> None:
    store = stores(tmp_path)
    first = plan([camera(4711, "Gate")], store)
    keep(store, first.secrets[Store.FILE], Store.FILE)
    again = plan([camera(4711, "Gate")], store)
    assert again.entries == first.entries
    assert again.secrets == {}


def test_another_token_is_replaced_only_when_that_is_asked_for(tmp_path: Path) -> None:
    """The one in place may have been chosen because it opens less."""
    store = stores(tmp_path)
    keep(store, {"gate": "old"}, Store.FILE)
    there: dict[str, Plain] = {"gate": {"vms": "cloud", "id": 4711, "token": "secret:gate"}}
    kept = plan([camera(4711)], store, there)
    assert kept.secrets == {}
    assert "--refresh replaces it" in kept.lines[0].note
    assert plan([camera(4711)], store, there, refresh=True).secrets == {Store.FILE: {"gate": "token of 4711"}}


def test_a_token_the_environment_gives_is_not_replaced_behind_its_back(tmp_path: Path) -> None:
    there: dict[str, Plain] = {"gate": {"vms": "cloud", "id": 4711, "token": "secret:gate"}}
    made = plan([camera(4711)], stores(tmp_path, VMS_BRIDGE_SECRET_GATE="old"), there, refresh=True)
    assert made.secrets == {}
    assert "has to be changed there" in made.lines[0].note


def test_a_missing_secret_of_a_camera_in_the_site_is_added(tmp_path: Path) -> None:
    there: dict[str, Plain] = {"gate": {"vms": "cloud", "id": 4711, "token": "secret:gate"}}
    assert plan([camera(4711)], stores(tmp_path), there).secrets == {Store.FILE: {"gate": "token of 4711"}}


def test_a_camera_without_a_token_is_left_out_and_said(tmp_path: Path) -> None:
    made = plan([Discovered("Gate", "", {"id": 1}, {}, "the VMS gave no token")], stores(tmp_path))
    assert made.entries == {}
    assert (made.lines[0].done, made.lines[0].note) == ("left out", "the VMS gave no token")


@pytest.mark.parametrize(
    ("only", "numbers"),
    [([], [1, 2, 12]), (["1"], [1]), (["GATE*"], [1, 2]), (["gate-out"], [2]), (["yard", "1"], [1, 12]), (["x"], [])],
)
def test_cameras_are_chosen_by_number_name_or_key(only: list[str], numbers: list[int]) -> None:
    found = [camera(1, "Gate in"), camera(2, "Gate out"), camera(12, "Yard")]
    assert [each.settings["id"] for each in chosen(found, only)] == numbers


def test_nothing_of_it_shows_a_token(tmp_path: Path) -> None:
    found = camera(1, "Gate", "hunter2")
    assert "hunter2" not in repr(found) + repr(plan([found], stores(tmp_path)))
