"""What is set is checked, and what is wrong says what to write instead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.model import ConnectorId, Origin
from connectors.snmp import SnmpAddress, SnmpPollConnector, SnmpPollSettings, SnmpSettings, names
from connectors.snmp.users import SnmpUser
from tests.connectors.conftest import Vault
from tests.connectors.snmp_peer import hearing, snmp

ROOT = Path(__file__).resolve().parents[2]

HEARING: dict[str, object] = {"bind": "0.0.0.0:162", "communities": ["secret:a"]}
ASKING: dict[str, object] = {"host": "10.0.0.5", "community": "secret:a", "get": ["1.3.6.1.2.1.1.3.0"]}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"communities": []}, "say who is heard"),
        ({"communities": ["public"]}, "never the secret itself"),
        ({"engine": "80"}, "an engine id is 5 to 32 bytes"),
        ({"engine": "0000000000"}, "an engine id is"),
        ({"charset": "klingon"}, "there is no charset klingon"),
        ({"users": [{"name": "a"}, {"name": "a"}]}, "stands there twice"),
        ({"users": [{"name": "a", "priv_key": "secret:b"}]}, "give auth_key"),
        ({"users": [{"name": "a", "auth": "sha"}]}, "an algorithm needs its key"),
        ({"users": [{"name": "a", "auth_key": "secret:a", "priv": "des"}]}, "priv needs its key"),
    ],
)
def test_a_port_that_cannot_be_meant_is_refused(changed: dict[str, object], why: str) -> None:
    SnmpSettings.model_validate(HEARING)
    with pytest.raises(ValidationError, match=why):
        SnmpSettings.model_validate({**HEARING, **changed})


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"get": []}, "say what to ask"),
        ({"get": ["sysUpTime.0"]}, "is no object identifier"),
        ({"version": 3}, "version 3 has a user"),
        ({"community": None}, "has a community"),
        ({"host": "10.0.0.5:161"}, "without port"),
        ({"every": "0 s"}, "write how long"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(changed: dict[str, object], why: str) -> None:
    SnmpPollSettings.model_validate(ASKING)
    with pytest.raises(ValidationError, match=why):
        SnmpPollSettings.model_validate({**ASKING, **changed})


def test_the_level_of_a_user_is_what_it_has_keys_for() -> None:
    assert SnmpUser.model_validate({"name": "a"}).level == "noAuthNoPriv"
    assert SnmpUser.model_validate({"name": "a", "auth_key": "secret:a"}).level == "authNoPriv"
    assert SnmpUser.model_validate({"name": "a", "auth_key": "secret:a", "priv_key": "secret:b"}).level == "authPriv"


def test_an_address_takes_what_it_names() -> None:
    shown, user = Origin("10.0.0.5", "10.0.0.5", "a"), Origin("10.0.0.5", "10.0.0.5", attributes={"user": "bridge"})
    taken = {
        "{}": (True, True), "{from: 10.0.0.0/24}": (True, True), "{from: 10.0.1.0/24}": (False, False),
        "{community: secret:a}": (True, False), "{community: secret:b}": (False, False),
        "{user: bridge}": (False, True), "{user: other}": (False, False),
    }  # fmt: skip
    import yaml

    for text, expected in taken.items():
        address = SnmpAddress.model_validate(yaml.safe_load(text))
        assert (address.matches(shown), address.matches(user)) == expected, text
    assert SnmpAddress.model_validate({"agent": "192.168.7.5"}).place() == "192.168.7.5"
    assert SnmpAddress.model_validate({"from": "10.0.0.5"}).peers() == {"10.0.0.5"}


# ------------------------------------------------------------------------------------------------------------ MIBs

MIB = """\
ACME-MIB DEFINITIONS ::= BEGIN   -- a comment -- and more
IMPORTS enterprises FROM SNMPv2-SMI OBJECT-TYPE FROM MISSING-MIB;
acme  OBJECT IDENTIFIER ::= { enterprises 4242 }
acmeDoors MODULE-IDENTITY LAST-UPDATED "2026" DESCRIPTION "has ::= { a 1 } in it" ::= { acme 1 }
doorState OBJECT-TYPE SYNTAX INTEGER { shut(0), open( 1 ) , forced(2) } MAX-ACCESS read-only
  DESCRIPTION "its state" ::= { acmeDoors 7 }
doorForced NOTIFICATION-TYPE OBJECTS { doorState } STATUS current ::= { acmeDoors 0 3 }
doorOld TRAP-TYPE ENTERPRISE acme VARIABLES { doorState } DESCRIPTION "of version 1" ::= 5
deep OBJECT IDENTIFIER ::= { iso org(3) dod(6) 1 4 1 4242 9 }
orphan OBJECT IDENTIFIER ::= { nobodyKnows 1 }
circleA OBJECT IDENTIFIER ::= { circleB 1 }
circleB OBJECT IDENTIFIER ::= { circleA 1 }
broken OBJECT-TYPE ::= {
END
"""


def test_a_mib_dropped_into_the_folder_gives_names(tmp_path: Path) -> None:
    (tmp_path / "ACME-MIB.txt").write_text(MIB)
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff" * 100)
    known = names.read(str(tmp_path))
    root = "1.3.6.1.4.1.4242"
    assert known.named(f"{root}.1.7.0") == ("doorState", "0")
    assert known.named(f"{root}.1.0.3") == ("doorForced", "")
    assert known.named(f"{root}.0.5") == ("doorOld", "")
    assert known.named(f"{root}.9.1.2") == ("deep", "1.2")
    assert known.named("1.3.6.1.2.1.2.2.1.2.10") == ("ifDescr", "10")
    assert known.named("0.0.1") == ("", "")
    assert [known.word("doorState", value) for value in (0, 1, 2, 3)] == ["shut", "open", "forced", ""]
    assert known.word("doorForced", 1) == ""


def test_without_a_folder_there_are_names_that_everybody_knows() -> None:
    assert names.read("").named("1.3.6.1.6.3.1.1.5.3") == ("linkDown", "")


def test_a_folder_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="nowhere"):
        names.read("/nowhere/at/all")


# ---------------------------------------------------------------------------------------------------- the library


def test_the_library_is_loaded_only_where_it_is_needed() -> None:
    program = (
        "import sys, connectors.snmp; print([name for name in sys.modules if name.startswith(('pysnmp', 'pyasn1'))])"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ran.stdout.strip() == "[]", ran.stderr


async def test_without_the_library_version_2c_is_heard_and_version_3_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("engine", "library", "asking"):
        monkeypatch.delitem(sys.modules, f"connectors.snmp.{name}", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pysnmp"] or ["pysnmp"]:
        monkeypatch.setitem(sys.modules, name, None)
    async with hearing(tmp_path, snmp(users=[])) as port:
        assert port.bound
    with pytest.raises(OSError, match=r"pip install 'vms-bridge\[snmp\]'"):
        async with hearing(tmp_path, snmp()):
            pass
    asking = SnmpPollConnector(ConnectorId("ups"), SnmpPollSettings.model_validate(ASKING), [], Vault(a="x"))
    (finding,) = await asking.probe()
    assert "pip install 'vms-bridge[snmp]'" in finding.what
