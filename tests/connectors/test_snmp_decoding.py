"""Our decoder reads what the library reads, and nothing hurts it."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import univ
from pysnmp.proto import rfc1902
from pysnmp.proto.api import v1, v2c
from pysnmp.proto.proxy import rfc2576

from connectors.snmp import ber
from connectors.snmp.ber import NotBer
from connectors.snmp.document import Writer
from connectors.snmp.header import header_of
from connectors.snmp.library import varbind_of
from connectors.snmp.notification import Varbind, answer_to, as_version_1, read, version_of

arcs = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8)
oids = st.tuples(st.integers(0, 2), st.integers(0, 39), arcs).map(lambda each: (each[0], each[1], *each[2]))
values = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(rfc1902.Integer32),
    st.binary(max_size=40).map(rfc1902.OctetString),
    oids.map(rfc1902.ObjectIdentifier),
    st.ip_addresses(v=4).map(lambda address: rfc1902.IpAddress(str(address))),
    st.integers(0, 2**32 - 1).map(rfc1902.Counter32),
    st.integers(0, 2**32 - 1).map(rfc1902.Gauge32),
    st.integers(0, 2**32 - 1).map(rfc1902.TimeTicks),
    st.integers(0, 2**64 - 1).map(rfc1902.Counter64),
    st.binary(max_size=50).map(rfc1902.Opaque),
)
version_1_values = values.filter(lambda value: not isinstance(value, rfc1902.Counter64))
varbinds = st.lists(st.tuples(oids, values), max_size=4)
TRAP, UPTIME = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0), (1, 3, 6, 1, 2, 1, 1, 3, 0)
WRITER = Writer()


def dotted(oid: tuple[int, ...]) -> str:
    return ".".join(map(str, oid))


def theirs(value: object) -> object:
    """What the library has read, in our terms."""
    if isinstance(value, rfc1902.IpAddress):
        return value.prettyPrint()
    if isinstance(value, univ.OctetString):
        return value.asOctets()
    if isinstance(value, univ.ObjectIdentifier):
        return dotted(tuple(value))
    return int(value)  # type: ignore[call-overload]


def message(version: object, community: bytes, pdu: object, number: int) -> bytes:
    made = version.Message()  # type: ignore[attr-defined]
    version.apiMessage.set_defaults(made)  # type: ignore[attr-defined]
    version.apiMessage.set_community(made, community)  # type: ignore[attr-defined]
    version.apiMessage.set_pdu(made, pdu)  # type: ignore[attr-defined]
    assert int(made.getComponentByPosition(0)) == number
    return bytes(encoder.encode(made))


def version_2(told: list[tuple[tuple[int, ...], object]], community: bytes = b"c", inform: bool = False) -> bytes:
    pdu = v2c.InformRequestPDU() if inform else v2c.SNMPv2TrapPDU()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_varbinds(pdu, told)
    return message(v2c, community, pdu, 1)


@pytest.mark.shows("connector:snmp", "samples", "fuzzed")
@settings(max_examples=25)
@given(varbinds, oids, st.integers(0, 2**32 - 1), st.binary(max_size=40), st.booleans())
def test_version_2c_is_read_as_the_library_reads_it(
    told: list[tuple[tuple[int, ...], object]], trap: tuple[int, ...], uptime: int, community: bytes, inform: bool
) -> None:
    head = [(UPTIME, rfc1902.TimeTicks(uptime)), (TRAP, rfc1902.ObjectIdentifier(trap))]
    data = version_2([*head, *told], community, inform)
    found = read(data)
    known, _ = decoder.decode(data, asn1Spec=v2c.Message())
    seen = v2c.apiPDU.get_varbinds(v2c.apiMessage.get_pdu(known))
    assert (found.trap, found.uptime, found.community) == (dotted(trap), uptime, community)
    assert [(each.oid, each.value) for each in found.varbinds if type(each.value) is not float] == [
        (dotted(tuple(oid)), theirs(value)) for oid, value in seen[2:] if not ber_float(value)
    ]
    assert found.varbinds == tuple(varbind_of(oid, value) for oid, value in seen[2:])
    assert bool(found.asked) is inform
    document = json.loads(WRITER.notification(found, "192.0.2.1"))
    assert len(document["varbinds"]) == len(told)


def ber_float(value: object) -> bool:
    return isinstance(value, rfc1902.Opaque) and ber.opaque_number(value.asOctets()) is not None


@pytest.mark.shows("connector:snmp", "samples", "fuzzed")
@settings(max_examples=25)
@given(
    oids, st.ip_addresses(v=4), st.integers(0, 6), st.integers(0, 2**31 - 1), st.integers(0, 2**32 - 1),
    st.lists(st.tuples(oids, version_1_values), max_size=3),
)  # fmt: skip
def test_version_1_is_mapped_as_the_library_maps_it(
    enterprise: tuple[int, ...],
    agent: object,
    generic: int,
    specific: int,
    uptime: int,
    told: list[tuple[tuple[int, ...], object]],
) -> None:
    pdu = v1.TrapPDU()
    v1.apiTrapPDU.set_defaults(pdu)
    v1.apiTrapPDU.set_enterprise(pdu, enterprise)
    v1.apiTrapPDU.set_agent_address(pdu, str(agent))
    v1.apiTrapPDU.set_generic_trap(pdu, generic)
    v1.apiTrapPDU.set_specific_trap(pdu, specific)
    v1.apiTrapPDU.set_timestamp(pdu, uptime)
    v1.apiTrapPDU.set_varbinds(pdu, told)
    found = read(message(v1, b"public", pdu, 0))
    mapped = {dotted(tuple(oid)): value for oid, value in v2c.apiPDU.get_varbinds(rfc2576.v1_to_v2(pdu))[:2]}
    assert found.trap == dotted(tuple(mapped[dotted(TRAP)]))  # type: ignore[call-overload]
    assert found.uptime == int(mapped[dotted(UPTIME)])  # type: ignore[call-overload]
    assert (found.generic, found.agent) == (generic, None if str(agent) == "0.0.0.0" else str(agent))
    assert [each.oid for each in found.varbinds] == [dotted(oid) for oid, _ in told]
    if generic == 6:
        assert (found.enterprise, found.specific) == (dotted(enterprise), specific)
        if not dotted(enterprise).endswith(".0"):
            assert as_version_1(found.trap) == (6, dotted(enterprise), specific), "and back again (RFC 3584 3.2)"


@pytest.mark.shows("connector:snmp", "fuzzed")
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for reads in (version_of, read, header_of, answer_to):
        with contextlib.suppress(NotBer):
            reads(data)


@pytest.mark.shows("connector:snmp", "fuzzed")
@given(st.data())
def test_a_changed_byte_is_read_or_refused(data: st.DataObject) -> None:
    made = bytearray(version_2([(UPTIME, rfc1902.TimeTicks(1)), (TRAP, rfc1902.ObjectIdentifier((1, 3, 6))),
                                ((1, 3, 6, 1), rfc1902.OctetString("x" * 30))]))  # fmt: skip
    for _ in range(data.draw(st.integers(1, 3))):
        made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(made[: data.draw(st.integers(0, len(made)))])
    with contextlib.suppress(NotBer):
        WRITER.notification(read(cut), "192.0.2.1")


@settings(max_examples=15)
@given(varbinds)
def test_the_answer_to_an_inform_is_itself_without_errors(told: list[tuple[tuple[int, ...], object]]) -> None:
    data = version_2([(TRAP, rfc1902.ObjectIdentifier((1, 3, 6, 1))), *told], inform=True)
    known, rest = decoder.decode(answer_to(data), asn1Spec=v2c.Message())
    asked, _ = decoder.decode(data, asn1Spec=v2c.Message())
    answer, inform = v2c.apiMessage.get_pdu(known), v2c.apiMessage.get_pdu(asked)
    assert not rest
    assert answer.tagSet == v2c.ResponsePDU.tagSet
    assert int(v2c.apiPDU.get_request_id(answer)) == int(v2c.apiPDU.get_request_id(inform))
    assert int(v2c.apiPDU.get_error_status(answer)) == 0
    assert list(v2c.apiPDU.get_varbinds(answer)) == list(v2c.apiPDU.get_varbinds(inform))


@pytest.mark.parametrize(
    ("octets", "charset", "told"),
    [
        (b"On battery", "", ("text", "On battery")),
        ("Tür".encode(), "", ("text", "Tür")),
        (b"ended\0\0", "", ("text", "ended")),
        (b"two\r\nlines", "", ("text", "two\r\nlines")),
        (b"", "", ("text", "")),
        (b"\x00\x1a\x2b\xff\xfe\x01", "", ("hex", "001a2bfffe01")),
        (b"\x07\xe7\x01\x02\x03\x04\x05\x06", "", ("hex", "07e7010203040506")),
        ("Дверь".encode("cp1251"), "windows-1251", ("text", "Дверь")),
        ("Дверь".encode("cp1251"), "", ("hex", "c4e2e5f0fc")),
    ],
)
def test_octets_are_text_where_they_are_one(octets: bytes, charset: str, told: tuple[str, str]) -> None:
    assert Writer(charset=charset).value(Varbind("1.3", ber.OCTETS, octets)) == told


def test_a_float_in_an_opaque_is_a_number() -> None:
    assert ber.opaque_number(bytes.fromhex("9f780441a00000")) == 20.0
    assert ber.opaque_number(bytes.fromhex("9f79084034000000000000")) == 20.0
    assert math.isnan(ber.opaque_number(bytes.fromhex("9f78047fc00000")) or 0.0)
    assert Writer().value(Varbind("1.3", ber.OPAQUE, math.nan)) == ("number", None)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("3080", "no definite length"),
        ("3085010000000000", "a length of 5 bytes"),
        ("30040201", "would end 2 bytes beyond"),
        ("1f8101", "a tag of several bytes"),
        ("0203020100", "not 0x30"),
    ],
)
def test_what_is_wrong_is_said(data: str, why: str) -> None:
    with pytest.raises(NotBer, match=why):
        version_of(bytes.fromhex(data))


@pytest.mark.parametrize(
    "encoded", ["", "80", "2b80", "2bff", "2b8080808080808001", "2bffffffffff7f", "2b" + "01" * 128]
)
def test_an_object_identifier_that_is_none_is_refused(encoded: str) -> None:
    with pytest.raises(NotBer):
        ber.dotted(bytes.fromhex(encoded))


def test_a_notification_that_does_not_say_which_is_refused() -> None:
    with pytest.raises(NotBer, match=r"snmpTrapOID\.0"):
        read(version_2([(UPTIME, rfc1902.TimeTicks(1))]))


def test_the_community_a_relay_tells_is_not_passed_on() -> None:
    relay = (1, 3, 6, 1, 6, 3, 18, 1, 4, 0)
    told = [(TRAP, rfc1902.ObjectIdentifier((1, 3, 6, 1))), (relay, rfc1902.OctetString("hidden"))]
    assert b"hidden" not in WRITER.notification(read(version_2(told)), "192.0.2.1")


def test_what_a_relay_says_of_the_device_counts() -> None:
    relay, enterprise = (1, 3, 6, 1, 6, 3, 18, 1, 3, 0), (1, 3, 6, 1, 6, 3, 1, 1, 4, 3, 0)
    told = [
        (TRAP, rfc1902.ObjectIdentifier((1, 3, 6, 1, 6, 3, 1, 1, 5, 1))),
        (relay, rfc1902.IpAddress("192.168.7.5")),
        (enterprise, rfc1902.ObjectIdentifier((1, 3, 6, 1, 4, 1, 318))),
    ]
    document = json.loads(WRITER.notification(read(version_2(told)), "192.0.2.1"))
    assert (document["source"], document["agent"]) == ("192.0.2.1", "192.168.7.5")
    assert (document["enterprise"], document["generic"]) == ("1.3.6.1.4.1.318", 0)
