"""Version 3 without a socket: whatever comes costs little, and what is learned is bounded."""

from __future__ import annotations

import contextlib
import hashlib
import time
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.model import Position
from connectors.snmp import engine as library
from connectors.snmp.ber import NotBer
from connectors.snmp.connector import boots_name
from connectors.snmp.engine import Refused, Version3
from connectors.snmp.header import header_of
from connectors.snmp.hearing import own_engine
from connectors.snmp.keys import Keys, keys_of
from connectors.snmp.settings import SnmpSettings
from connectors.snmp.users import SnmpUser

SOURCE = ("192.0.2.1", 162)
OWN = bytes.fromhex("80004fb805aabbccdd")
DISCOVERY = bytes.fromhex(
    "304f020103301102044162933a020300ffe30401040201030410300e04000201000201000400040004003025041180001f88804bcb502262d1"
    "016b000000000400a00e02046490e4780201000201003000"
)
"""How net-snmp's snmpinform asks who we are."""
OPEN_TRAP = bytes.fromhex(
    "3081950201033011020440aa0602020300ffe3040100020103041d301b040a80001f8880aabbccdd0102010102032723bf04016e0400040030"
    "5e041180001f88804bcb502262d1016b000000000400a74702043b23b3660201000201003039300d06082b0601020101030043012a3017060a"
    "2b06010603010104010006092b0601060301010503300f060a2b060102010202010103020103"
)
"""linkDown of snmptrap, of the user n without keys, engine 80001f8880aabbccdd01."""
PROVEN_TRAP = bytes.fromhex(
    "3081b702010330110204353bd500020300ffe3040103020103043d303b040a80001f8880aabbccdd0102010102032723c30401750418947652"
    "33b0494b368e56c442d102156127573dc1b9cd05ff0408a8086b1610140f310460413c944837eea81375c0f615838689a8510239822cf254bc"
    "cdf44d0f3f47bf8c8d759026df35f59ee7dca90afa771510d1575cb0ddccedcb987824ec467b14667d78218e511d572a15ae87cb3e7999e614"
    "cf719a50831b9ef9a782cabc9b8a44"
)
"""The same, of the user u with keys authpass12 and privpass12."""
ENGINE = bytes.fromhex("80001f8880aabbccdd01")


def known() -> dict[str, Keys]:
    keyed = SnmpUser.model_validate({"name": "u", "auth_key": "secret:a", "priv_key": "secret:b"})
    plain = SnmpUser.model_validate({"name": "n"})
    return {"u": keys_of(keyed, "authpass12", "privpass12"), "n": keys_of(plain, "", "")}


@pytest.fixture(scope="module")
def ears() -> Version3:
    return Version3(OWN, 1234, known())


@pytest.mark.shows("connector:snmp", "samples")
def test_the_captured_ones_are_heard(ears: Version3) -> None:
    for data in (PROVEN_TRAP, OPEN_TRAP):
        heard = ears.hear(data, header_of(data), SOURCE)
        assert heard.told is not None
        assert (heard.told.trap, heard.answer) == ("1.3.6.1.6.3.1.1.5.3", b"")
    asked = ears.hear(DISCOVERY, header_of(DISCOVERY), SOURCE)
    assert asked.told is None
    assert header_of(asked.answer).engine == OWN
    assert header_of(asked.answer).boots == 1234


@pytest.mark.shows("connector:snmp", "fuzzed")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_changed_bytes_are_heard_or_refused(ears: Version3, data: st.DataObject) -> None:
    made = bytearray(data.draw(st.sampled_from([DISCOVERY, OPEN_TRAP, PROVEN_TRAP])))
    for _ in range(data.draw(st.integers(1, 4))):
        made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Refused, NotBer):
        ears.hear(bytes(made), header_of(bytes(made)), SOURCE)


def test_no_byte_of_a_proven_message_may_be_another(ears: Version3) -> None:
    for at in range(60, len(PROVEN_TRAP), 7):
        made = bytearray(PROVEN_TRAP)
        made[at] ^= 1
        with pytest.raises((Refused, NotBer)):
            ears.hear(bytes(made), header_of(bytes(made)), SOURCE)


def of_engine(number: int) -> bytes:
    return OPEN_TRAP.replace(ENGINE, ENGINE[:-2] + number.to_bytes(2, "big"))


def test_only_so_many_engines_are_learned_without_proof_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(library, "time", SimpleNamespace(monotonic=lambda: now[0], time=time.time))
    ears = Version3(OWN, 1, known())
    for number in range(library.MOST_UNPROVEN):
        ears.hear(of_engine(number), header_of(of_engine(number)), SOURCE)
    with pytest.raises(Refused, match="too many new engines"):
        ears.hear(of_engine(99), header_of(of_engine(99)), SOURCE)
    ears.hear(of_engine(0), header_of(of_engine(0)), SOURCE)
    now[0] = 101.5
    ears.hear(of_engine(99), header_of(of_engine(99)), SOURCE)


def test_the_engine_that_was_silent_longest_is_forgotten_and_learned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "MOST_ENGINES", 3)
    ears = Version3(OWN, 1, known())
    for number in (1, 2, 3, 1, 4, 2):
        assert ears.hear(of_engine(number), header_of(of_engine(number)), SOURCE).told is not None
    assert len(ears._learned) == 3


def test_a_message_without_proof_does_not_move_the_clock_of_an_engine() -> None:
    ears = Version3(OWN, 1, known())
    later = OPEN_TRAP.replace(bytes.fromhex("02010102032723bf"), bytes.fromhex("02017f02032723bf"))
    assert header_of(later).boots == 127
    assert ears.hear(later, header_of(later), SOURCE).told is not None
    assert ears.hear(PROVEN_TRAP, header_of(PROVEN_TRAP), SOURCE).told is not None


def test_the_keys_are_those_of_the_standard() -> None:
    """RFC 3414 A.3: pass phrase maplesyrup, engine 000000000000000000000002."""
    told = {"md5": "526f5eed9fcce26f8964c2930787d82b", "sha": "6695febc9288e36282235fc7151f128497b38f3f"}
    for name, expected in told.items():
        user = SnmpUser.model_validate({"name": "u", "auth": name, "auth_key": "secret:a"})
        master = keys_of(user, "maplesyrup", "").auth
        at = bytes(11) + b"\2"
        assert hashlib.new("sha1" if name == "sha" else name, master + at + master).hexdigest() == expected


def test_keys_are_never_shown() -> None:
    assert repr(known()["u"]) == "Keys(u)"


def test_our_engine_id_is_the_same_at_every_start_and_another_for_each_connector() -> None:
    settings = SnmpSettings.model_validate({"bind": "0.0.0.0:162", "users": [{"name": "n"}]})
    first, again, other = own_engine(settings, "traps"), own_engine(settings, "traps"), own_engine(settings, "more")
    assert first == again != other
    assert 5 <= len(first) <= 32
    given = settings.model_copy(update={"engine": "80001f8804766d73"})
    assert own_engine(given, "traps") == bytes.fromhex("80001f8804766d73")


def test_where_the_number_of_starts_is_kept_has_a_name() -> None:
    assert Position(boots_name("traps"), "5") == Position("snmp traps boots", "5")


def test_bytes_that_the_library_fails_at_cost_only_themselves(ears: Version3) -> None:
    """A context name of 2**63 bytes and more: found by fuzzing, an OverflowError."""
    huge = DISCOVERY.replace(bytes.fromhex("0400a00e"), bytes.fromhex("0488a00e"))
    assert huge != DISCOVERY
    with pytest.raises(Refused, match="the library cannot read it: OverflowError"):
        ears.hear(huge, header_of(huge), SOURCE)
    assert ears.hear(DISCOVERY, header_of(DISCOVERY), SOURCE).answer
