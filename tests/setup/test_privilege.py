"""``check`` says which credential opens more than the site needs, which too little, and which nobody needs at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.cli import privilege
from bridge.cli.main import main
from bridge.config.keeping import keep
from bridge.config.load import load
from bridge.config.secrets import SecretStores, Store
from bridge.config.vault import VARIABLE, new_key
from bridge.secret import SecretMissing
from bridge.setup.privilege import Judgement, judge
from bridge.setup.references import references
from tests.vms.conftest import token

SITE = """\
version: 1
site: {name: Harbour depot, faults: {cameras: [wide]}}
vms:
  cloud: {type: vxg, url: "https://web.harbour.example"}
  board: {type: webhook, url: "https://x.example/", headers: {Authorization: "Bearer secret:hook"}}
cameras:
  gate: {vms: cloud, id: 4711, token: secret:gate}
  wide: {vms: cloud, id: 4712, token: secret:wide}
  spare: {vms: cloud, id: 4713, token: secret:spare}
connectors:
  lpr: {type: http, bind: "127.0.0.1:0"}
sensors:
  gate-lpr: {profile: cammra, connector: lpr, address: {path: /gate, basic: secret:reader}, cameras: [gate]}
"""
LICENCE = "v3.AbCdEfGhIjKlMn"


def stores(folder: Path, **environment: str) -> SecretStores:
    def no_keyring(name: str) -> str | None:
        raise SecretMissing("none here")

    return SecretStores(folder / "secrets", environment=environment, keyring=no_keyring)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site as it should be, but for a camera nobody uses."""
    (tmp_path / "site.yaml").write_text(SITE)
    keep(
        stores(tmp_path),
        {"gate": token(), "wide": token(4712), "spare": token(4713), "reader": "admin:x", "hook": "hooked"},
        Store.FILE,
    )
    return tmp_path


def judged(folder: Path, **environment: str) -> Judgement:
    return judge(load(folder / "site.yaml"), stores(folder, **environment))


def warned(folder: Path, **environment: str) -> list[tuple[str, str]]:
    return [(each.secret, each.message) for each in judged(folder, **environment).warnings]


def test_every_secret_of_a_site_is_found_with_what_names_it(folder: Path) -> None:
    assert references(load(folder / "site.yaml")) == {
        "hook": ["vms.board.headers.Authorization"],
        "gate": ["cameras.gate.token"],
        "wide": ["cameras.wide.token"],
        "spare": ["cameras.spare.token"],
        "reader": ["sensors.gate-lpr.address.basic"],
    }


def test_a_site_with_one_token_per_camera_is_as_it_should_be(folder: Path) -> None:
    found = judged(folder)
    assert found.warnings == ()
    assert found.missing == ()
    assert [each.secret for each in found.credentials if each.narrowest] == ["gate", "wide", "spare"]
    assert "camera 4711: its events" in next(each.opens for each in found.credentials if each.secret == "gate")


def test_a_camera_on_which_nothing_is_raised_needs_no_credential(folder: Path) -> None:
    """The one for faults does."""
    assert [(each.secret, each.camera) for each in judged(folder).idle] == [("spare", "spare")]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (LICENCE, "a licence key, which opens every camera of the account"),
        ("GROUP", "a group token, which opens every camera of its group"),
    ],
)
def test_a_key_to_many_cameras_in_the_place_of_ones_own_is_more_than_needed(folder: Path, value: str, why: str) -> None:
    import base64

    group = base64.b64encode(json.dumps({"access": "all", "token": "share.x"}).encode()).decode()
    keep(stores(folder), {"gate": value.replace("GROUP", group)}, Store.FILE)
    ((secret, message),) = warned(folder)
    assert secret == "gate"
    assert message.startswith(why)
    assert "put this camera's own access token there" in message


def test_a_token_that_may_only_watch_is_too_little(folder: Path) -> None:
    keep(stores(folder), {"gate": token(access="watch")}, Store.FILE)
    assert warned(folder) == [("gate", 'its access is "watch"; raising events is documented with "all" alone')]


def test_a_token_of_another_camera_is_said(folder: Path) -> None:
    keep(stores(folder), {"gate": token(9999)}, Store.FILE)
    ((_, message),) = warned(folder)
    assert "of camera 9999, and the site file says id: 4711" in message


@pytest.mark.parametrize("pasted", ["abc", "ey", "Acc eyJjYW1pZCI6IDQ3MTF9", "4711"])
def test_what_is_no_token_at_all_is_said_before_the_camera_is_parked_for_it(folder: Path, pasted: str) -> None:
    keep(stores(folder), {"gate": pasted}, Store.FILE)
    ((secret, message),) = warned(folder)
    assert secret == "gate"
    assert message == (
        "this is nothing that its VMS gives out: copy the credential whole, and vms-bridge secret set gate"
    )


def test_a_licence_key_left_lying_about_is_said_with_how_to_be_rid_of_it(folder: Path) -> None:
    keep(stores(folder), {"account": LICENCE}, Store.FILE)
    ((secret, message),) = warned(folder)
    assert secret == "account"
    assert message.startswith("nothing in the site uses it, a licence key, which opens every camera of the account")
    assert message.endswith("vms-bridge secret delete account")


def test_a_second_value_that_is_not_looked_at_is_said(folder: Path) -> None:
    ((secret, message),) = warned(folder, VMS_BRIDGE_SECRET_GATE=token(4711, "share.other"))
    assert secret == "gate"
    assert "VMS_BRIDGE_SECRET_GATE" in message
    assert warned(folder, VMS_BRIDGE_SECRET_GATE=token()) == []


def test_a_secret_that_is_not_here_is_missing_and_one_others_may_read_is_refused(folder: Path) -> None:
    (folder / "secrets" / "gate").unlink()
    (folder / "secrets" / "hook").chmod(0o644)
    found = judged(folder)
    assert found.missing == ("gate",)
    assert [each.secret for each in found.warnings] == ["hook"]
    assert "chmod 600" in found.warnings[0].message


def test_a_key_that_lies_beside_the_vault_it_opens_protects_no_copy(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    beside, elsewhere = folder / "key", tmp_path_factory.mktemp("keys") / "key"
    new_key(beside)
    elsewhere.touch(0o600)
    elsewhere.write_text(beside.read_text())
    keep(stores(folder, **{VARIABLE: str(beside)}), {"gate": token()}, Store.VAULT)
    ((_, message),) = warned(folder, **{VARIABLE: str(beside)})
    assert "lies beside the vault it opens" in message
    assert warned(folder, **{VARIABLE: str(elsewhere)}) == []


def test_an_administrators_log_in_at_a_device_is_more_than_needed(folder: Path) -> None:
    """What a device shows us is ours to choose; what we show a device opens the device."""
    site = (folder / "site.yaml").read_text()
    poll = "  poll: {type: http-poll, url: 'https://10.0.0.9/x', digest: secret:device, every: 5 s}\n"
    (folder / "site.yaml").write_text(site.replace("sensors:\n", f"{poll}sensors:\n"))
    keep(stores(folder), {"device": "Admin:pw"}, Store.FILE)
    ((secret, message),) = warned(folder)
    assert (secret, message.split(";")[0]) == ("device", "logs in as a device's administrator")
    keep(stores(folder), {"device": "events:pw"}, Store.FILE)
    assert warned(folder) == []


def test_check_warns_ends_with_0_and_tells_no_value(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(stores(folder), {"gate": LICENCE}, Store.FILE)
    assert main(["check", str(folder / "site.yaml")]) == 0
    told = capsys.readouterr().out
    assert "warning: secret gate (cameras.gate.token): a licence key" in told
    assert "warning: no sensor raises anything on camera spare" in told
    assert told.endswith("no errors\n")
    assert main(["check", "--json", str(folder / "site.yaml")]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {each["secret"] for each in facts["warnings"]} == {"gate", "spare"}
    assert {each["secret"] for each in facts["credentials"]} == {"gate", "wide", "spare", "reader", "hook"}
    for value in (LICENCE, token(4712), "admin:x", "hooked"):
        assert value not in told + json.dumps(facts) + repr(judged(folder))


def test_many_of_a_kind_are_one_line(tmp_path: Path) -> None:
    cameras = "".join(f"  c{at}: {{vms: cloud, id: {at}, token: secret:c{at}}}\n" for at in range(1, 300))
    (tmp_path / "site.yaml").write_text(SITE.replace("connectors:\n", f"{cameras}connectors:\n"))
    lines = privilege.lines(judged(tmp_path))
    assert len(lines) == 1
    assert "and 294 more" in lines[0]
    keep(stores(tmp_path), {f"c{at}": token(at) for at in range(1, 300)}, Store.FILE)
    assert sum("no sensor raises anything" in line for line in privilege.lines(judged(tmp_path))) == 1
