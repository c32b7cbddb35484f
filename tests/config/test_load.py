"""A site file becomes a site: everything resolved, defaults filled in, nothing left to look up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bridge.config.errors import SiteErrors
from bridge.config.load import load, slug_of
from bridge.config.site import Site
from bridge.decide.rules import CollapseOff, Select
from bridge.secret import SecretRef

from .conftest import SITE

MakeSite = Callable[..., Site]


def test_everything_a_site_says_is_in_it(site: MakeSite) -> None:
    made = site()
    assert (made.id, made.name, made.timezone) == ("harbour-depot", "Harbour depot", ZoneInfo("Australia/Sydney"))
    assert made.fault_cameras == ("gate-wide",)
    assert made.vms["cloud"].settings.url == "https://board.example"  # type: ignore[index,attr-defined]
    camera = made.cameras["gate-in"]  # type: ignore[index]
    assert (camera.vms, camera.settings.id, camera.settings.token) == ("cloud", 4711, SecretRef("gate-in"))  # type: ignore[attr-defined]
    assert made.connectors["bells"].settings.max_body == 2 * 2**20  # type: ignore[index,attr-defined]
    sensor = made.sensors["gate"]  # type: ignore[index]
    assert (sensor.name, sensor.profile, sensor.connector) == ("Gate plate reader", "cammra", "bells")
    assert sensor.cameras == ("gate-in", "gate-wide")
    assert sensor.address.source == "10.0.0.21"  # type: ignore[attr-defined]
    strangers, second, whole = sensor.rules
    assert isinstance(strangers, Select)
    assert isinstance(second, Select)
    assert (strangers.name, second.name, whole) == ("strangers", "rule 2", CollapseOff())
    assert strangers.expression.evaluate({"event": {"fields": {"list": "deny"}}}) is True


def test_what_is_left_out_comes_from_the_profile_the_site_and_the_key(site: MakeSite) -> None:
    sensor = site(("    name: Gate plate reader\n", "")).sensors["gate"]  # type: ignore[index]
    assert (sensor.name, sensor.kind, sensor.timezone.key) == ("gate", "lpr", "Australia/Sydney")
    assert (sensor.location, sensor.address.identity) == ("", {})


def test_a_sensor_may_have_a_zone_of_its_own(site: MakeSite) -> None:
    made = site(("    profile: cammra\n", "    profile: cammra\n    timezone: Australia/Perth\n"))
    assert made.sensors["gate"].timezone == ZoneInfo("Australia/Perth")  # type: ignore[index]


def test_no_stays_text(site: MakeSite) -> None:
    assert site(("name: Gate plate reader", "name: NO")).sensors["gate"].name == "NO"  # type: ignore[index]


def test_the_id_is_given_or_made_of_the_name(site: MakeSite) -> None:
    assert site(("name: Harbour depot", "name: Café 24/7")).id == "cafe-24-7"
    assert site(("name: Harbour depot", "name: Harbour depot, id: hd-1")).id == "hd-1"
    assert slug_of("  Æther – 港  ") == "ther"
    with pytest.raises(SiteErrors, match="no id can be made of this name; write id: my-site under site"):
        site(("name: Harbour depot", "name: 港"))


def test_the_journal_is_beside_the_site_unless_it_says_where(site: MakeSite) -> None:
    assert site().journal.path == Path("journal")
    made = site(text=SITE + "journal: {path: /var/lib/x, limit: 2 GiB, retention: 7 d, quarantine_per_origin: 5}\n")
    journal = made.journal
    assert (journal.path, journal.limit, journal.retention) == (Path("/var/lib/x"), 2 * 2**30, 7 * 86400.0)
    assert (journal.quarantine_per_origin, journal.reserve) == (5, 64 * 2**20)


def test_a_profile_of_ones_own_beside_the_site_goes_before_a_built_in_one(site: MakeSite, folder: Path) -> None:
    built_in = site()
    import mappings

    text = (mappings.PROFILES / "cammra.yaml").read_text("utf-8")
    (folder / "profiles").mkdir()
    (folder / "profiles" / "cammra.yaml").write_text(text + "\n# our own\n", "utf-8")
    own = site()
    assert own.profiles["cammra"].digest != built_in.profiles["cammra"].digest  # type: ignore[index]
    assert own.digest != built_in.digest


def test_profiles_may_be_somewhere_else(folder: Path, site: MakeSite) -> None:
    site()
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "cammra.yaml").write_text("profile: x\n")
    with pytest.raises(SiteErrors, match=r"^elsewhere/cammra\.yaml:"):
        load(Path("site.yaml"), profiles_dir=Path("elsewhere"))


@pytest.mark.parametrize("name", ["../cammra", "/etc/passwd", ".", "", "profiles/cammra"])
def test_a_profile_is_a_name_and_never_a_path(site: MakeSite, name: str) -> None:
    with pytest.raises(SiteErrors, match="there is no profile"):
        site(("profile: cammra", f'profile: "{name}"'))


def test_the_digest_changes_with_what_is_said_and_not_with_how(site: MakeSite) -> None:
    digest = site().digest
    assert site(("version: 1\n", "# a comment\nversion: 1\n\n")).digest == digest
    assert site(("{path: /gate, from: 10.0.0.21}", '{from: "10.0.0.21", path: /gate}')).digest == digest
    assert site(("/gate", "/gate2")).digest != digest
    assert site(("2 MiB", "3 MiB")).digest != digest


def test_a_folder_of_files_is_one_site(folder: Path, site: MakeSite) -> None:
    whole = site()
    head, sensors = SITE.split("sensors:\n")
    top, cameras = head.split("cameras:\n  gate-in")
    Path("parts").mkdir()
    Path("parts/10-top.yaml").write_text(f"{top}cameras:\n  gate-in{cameras}")
    Path("parts/20-gate.yaml").write_text(f"version: 1\nsensors:\n{sensors}")
    Path("parts/30-more.yaml").write_text("cameras:\n  yard: {vms: cloud, id: 1, token: secret:yard}\n")
    made = load(Path("parts"))
    assert set(made.cameras) == {"gate-in", "gate-wide", "yard"}
    assert set(made.sensors) == set(whole.sensors)
    assert made.journal.path == Path("parts/journal")


def test_a_folder_without_a_site_is_said(folder: Path) -> None:
    with pytest.raises(SiteErrors, match=r"there is no \*\.yaml file in this folder"):
        load(folder)


def test_a_site_without_sensors_may_collect_what_nobody_listens_for(site: MakeSite) -> None:
    assert site(text=SITE.split("sensors:\n")[0] + "sensors:\n").sensors == {}


def test_secrets_are_names_in_a_site_and_in_its_repr(site: MakeSite) -> None:
    assert "secret" not in repr(site().digest)
    assert site().cameras["gate-in"].settings.token == "gate-in"  # type: ignore[index,attr-defined]


@pytest.mark.parametrize("count", [1000])
def test_a_thousand_sensors_load_and_share_what_is_the_same(folder: Path, count: int) -> None:
    head = SITE.split("sensors:\n")[0]
    sensors = "".join(
        f"  gate-{n}:\n    profile: cammra\n    connector: bells\n    address: {{path: /gate/{n}, from: 10.0.0.21}}\n"
        f'    cameras: [gate-in]\n    rules:\n      - select: event.type == "vehicle.identified"\n'
        for n in range(count)
    )
    Path("site.yaml").write_text(f"{head}sensors:\n{sensors}")
    made = load(Path("site.yaml"))
    assert len(made.sensors) == count
    assert len({id(sensor.rules[0].expression) for sensor in made.sensors.values()}) == 1  # type: ignore[union-attr]
    assert len(made.profiles) == 1
