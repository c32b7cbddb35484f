"""A reload touches what differs and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.config.difference import Change, difference
from bridge.config.site import Site

from .conftest import SITE

MakeSite = Callable[..., Site]
GATE = SITE[SITE.index("  gate:\n") :]


def test_the_same_text_loaded_twice_differs_in_nothing(site: MakeSite) -> None:
    found = difference(site(), site())
    assert not found
    assert str(found) == "nothing"


def test_other_settings_of_a_connector_restart_it(site: MakeSite) -> None:
    found = difference(site(), site(("2 MiB", "3 MiB")))
    assert found.connectors == Change(changed=("bells",))
    assert (found.connectors_to_restart, found.connectors_to_readdress) == (("bells",), ())
    assert (found.vms_to_rebuild, found.sensors) == ((), Change())


def test_another_address_is_only_told_to_the_connector(site: MakeSite) -> None:
    found = difference(site(), site(("path: /gate", "path: /door")))
    assert (found.connectors_to_restart, found.connectors_to_readdress) == ((), ("bells",))
    assert found.sensors == Change(changed=("gate",))
    assert str(found) == "sensors ~gate; readdress bells"


def test_sensors_come_and_go(site: MakeSite) -> None:
    more = SITE + GATE.replace("  gate:", "  yard:").replace("/gate", "/yard")
    added = difference(site(), site(text=more))
    assert added.sensors == Change(added=("yard",))
    assert added.connectors_to_readdress == ("bells",)
    assert difference(site(text=more), site()).sensors == Change(removed=("yard",))


@pytest.mark.parametrize(
    "change",
    [
        ("name: Gate plate reader", "name: Gate"), ("strangers", "others"), ('!= "allow"', '!= "deny"'),
        ("cameras: [gate-in, gate-wide]", "cameras: [gate-wide]"), ("      - collapse: off\n", ""),
        ("profile: cammra", "profile: cammra\n    location: North"),
        ("profile: cammra", "profile: cammra\n    timezone: Australia/Perth"),
    ],
)  # fmt: skip
def test_whatever_else_a_sensor_says_changes_it_and_leaves_the_connector_alone(
    site: MakeSite, change: tuple[str, str]
) -> None:
    found = difference(site(), site(change))
    assert found.sensors == Change(changed=("gate",))
    assert (found.connectors_to_restart, found.connectors_to_readdress, found.vms_to_rebuild) == ((), (), ())


def test_another_profile_text_changes_its_sensors(site: MakeSite, folder: Path) -> None:
    import mappings

    before = site()
    text = (mappings.PROFILES / "cammra.yaml").read_text("utf-8")
    (folder / "profiles").mkdir()
    (folder / "profiles" / "cammra.yaml").write_text(text + "\n# our own\n", "utf-8")
    assert difference(before, site()).sensors == Change(changed=("gate",))


def test_another_camera_rebuilds_its_vms(site: MakeSite) -> None:
    found = difference(site(), site(("id: 4711", "id: 4713")))
    assert found.cameras == Change(changed=("gate-in",))
    assert found.vms_to_rebuild == ("cloud",)
    assert found.vms == Change()


def test_a_camera_that_is_gone_rebuilds_its_vms(site: MakeSite) -> None:
    without = (
        ("  gate-in: {vms: cloud, id: 4711, token: secret:gate-in}\n", ""),
        ("cameras: [gate-in, gate-wide]", "cameras: [gate-wide]"),
    )
    found = difference(site(), site(*without))
    assert (found.cameras, found.vms_to_rebuild) == (Change(removed=("gate-in",)), ("cloud",))


def test_a_connector_that_restarts_is_not_told_its_addresses_too(site: MakeSite) -> None:
    found = difference(site(), site(("2 MiB", "3 MiB"), ("path: /gate", "path: /door")))
    assert (found.connectors_to_restart, found.connectors_to_readdress) == (("bells",), ())


def test_a_camera_that_moves_rebuilds_both_vms(site: MakeSite) -> None:
    two = ("  cloud: {", "  other: {type: board, url: https://other.example}\n  cloud: {")
    found = difference(site(two), site(two, ("gate-in: {vms: cloud", "gate-in: {vms: other")))
    assert set(found.vms_to_rebuild) == {"cloud", "other"}


def test_a_new_vms_and_connector_are_started_and_an_old_one_stopped(site: MakeSite) -> None:
    more = (
        ("  cloud: {", "  other: {type: board, url: https://other.example}\n  cloud: {"),
        ("  bells: {", "  chimes: {type: bell, bind: 0.0.0.0:8081}\n  bells: {"),
    )
    found = difference(site(), site(*more))
    assert (found.vms.added, found.vms_to_rebuild, found.connectors_to_start) == (("other",), ("other",), ("chimes",))
    back = difference(site(*more), site())
    assert (back.vms.removed, back.vms_to_rebuild, back.connectors_to_stop) == (("other",), (), ("chimes",))


def test_what_a_running_service_cannot_take_over_is_said(site: MakeSite) -> None:
    journal = difference(site(), site(text=SITE + "journal: {limit: 1 GiB}\n"))
    assert (journal.needs_restart, journal.other_site) == (
        ("the journal's settings change: restart the service to use them",),
        False,
    )
    other = difference(site(), site(("name: Harbour depot", "name: Yard")))
    assert other.other_site
    assert "harbour-depot to yard" in other.needs_restart[0]


def test_the_sites_own_lines_are_a_difference(site: MakeSite) -> None:
    found = difference(site(), site(("faults: {cameras: [gate-wide]}", "faults: {cameras: [gate-in]}")))
    assert found
    assert found.site_changed
    assert str(found) == "site ~"
