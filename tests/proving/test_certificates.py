"""TLS as the service will see it: who is trusted, and how long still; against real servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.proving import certificates
from bridge.proving.der import NoCertificate, read
from bridge.proving.destinations import Destination
from bridge.proving.lines import Grade, Line, Topic
from bridge.tls import TlsSettings
from tests.proving.conftest import Authority, Made, deaf, one, web


async def seen(port: int, **tls: object) -> list[Line]:
    settings = TlsSettings.model_validate(tls)
    destination = Destination(
        part="vms.cloud", where="site.yaml:4: vms.cloud", host="127.0.0.1", port=port, tls=settings
    )
    return await certificates.certificate_of(destination, "127.0.0.1", certificates.Contexts(), datetime.now(UTC))


async def test_a_certificate_that_ends_in_three_days_is_foreseen(authority: Authority) -> None:
    root = authority.make(authority=True)
    leaf = authority.make(timedelta(days=3), by=root)
    async with web(leaf) as port:
        line = one(await seen(port, ca_file=str(root.certificate)), Topic.TLS, Grade.WARN)
    assert "ends in 2 days" in line.what
    assert "renew" in line.remedy


async def test_one_that_lasts_is_as_it_should_be_and_says_who_vouches(authority: Authority) -> None:
    root = authority.make(authority=True)
    async with web(authority.make(timedelta(days=8, hours=1), by=root)) as port:
        line = one(await seen(port, ca_file=str(root.certificate)), Topic.TLS, Grade.OK)
    assert "in 8 days" in line.what
    assert str(root.certificate) in line.what


async def test_one_that_has_ended_is_wrong(authority: Authority) -> None:
    root = authority.make(authority=True)
    async with web(authority.make(timedelta(days=-1), by=root)) as port:
        line = one(await seen(port, ca_file=str(root.certificate)), Topic.TLS, Grade.WRONG)
    assert "ended on" in line.what


async def test_one_that_is_not_valid_yet_asks_for_the_clocks(authority: Authority) -> None:
    root = authority.make(authority=True)
    async with web(authority.make(begins=timedelta(days=2), by=root)) as port:
        line = one(await seen(port, ca_file=str(root.certificate)), Topic.TLS, Grade.WRONG)
    assert "begins only" in line.what
    assert "clocks" in line.remedy


async def test_a_self_signed_one_is_said_with_its_fingerprint_and_what_to_write(authority: Authority) -> None:
    made = authority.make()
    async with web(made) as port:
        line = one(await seen(port), Topic.TLS, Grade.WRONG)
        assert "signed itself" in line.what
        assert f"tls: {{fingerprint: {made.fingerprint}}}" in line.remedy
        pinned = one(await seen(port, fingerprint=made.fingerprint), Topic.TLS, Grade.OK)  # what to write works
    assert "pinned" in pinned.what


async def test_an_authority_of_the_sites_own_that_is_not_known_is_named(authority: Authority) -> None:
    root = authority.make(authority=True)
    async with web(authority.make(by=root)) as port:
        line = one(await seen(port), Topic.TLS, Grade.WRONG)
    assert "authority" in line.what
    assert "ca_file" in line.remedy


async def test_another_certificate_than_the_pinned_one_is_wrong(authority: Authority) -> None:
    made, other = authority.make(), authority.make()
    async with web(made) as port:
        line = one(await seen(port, fingerprint=other.fingerprint), Topic.TLS, Grade.WRONG)
    assert made.fingerprint in line.what


async def test_a_pinned_one_that_ends_soon_asks_for_the_new_fingerprint(authority: Authority) -> None:
    made = authority.make(timedelta(days=3))
    async with web(made) as port:
        line = one(await seen(port, fingerprint=made.fingerprint), Topic.TLS, Grade.WARN)
    assert "another fingerprint" in line.remedy


async def test_a_certificate_of_another_name_is_wrong(authority: Authority) -> None:
    root = authority.make(authority=True)
    async with web(authority.make(by=root, for_names=["elsewhere.example"])) as port:
        line = one(await seen(port, ca_file=str(root.certificate)), Topic.TLS, Grade.WRONG)
    assert "another name" in line.what


async def test_trusting_anybody_is_a_warning_even_where_it_works(authority: Authority) -> None:
    async with web(authority.make()) as port:
        lines = await seen(port, verify=False, allow_insecure=True)
    assert any(line.grade is Grade.WARN and "anybody is trusted" in line.what for line in lines)


async def test_a_server_without_tls_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "HANDSHAKE", 0.3)  # it waits for the end of a request
    async with web() as port:
        line = one(await seen(port), Topic.TLS, Grade.WRONG)
    assert "does not speak TLS" in line.what


async def test_a_server_that_never_greets_ends_within_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "HANDSHAKE", 0.2)
    with deaf() as port:
        line = one(await seen(port), Topic.TLS, Grade.WRONG)
    assert "no answer within 0.2 s" in line.what


async def test_a_missing_file_of_authorities_is_wrong(authority: Authority) -> None:
    async with web(authority.make()) as port:
        line = one(await seen(port, ca_file="/nowhere/ca.pem"), Topic.TLS, Grade.WRONG)
    assert "/nowhere/ca.pem" in line.what


def own(made: Made) -> list[Line]:
    return certificates.own(made.certificate, made.key, "connectors.lpr.tls", datetime.now(UTC))


def test_our_own_certificate_is_foreseen_too(authority: Authority) -> None:
    assert "ends in 4 days" in one(own(authority.make(timedelta(days=5))), Topic.TLS, Grade.WARN).what
    assert "devices will not connect" in one(own(authority.make(timedelta(days=-5))), Topic.TLS, Grade.WRONG).remedy


def test_a_key_that_everybody_can_read_is_a_warning(authority: Authority) -> None:
    made = authority.make()
    made.key.chmod(0o644)
    assert str(made.key) in one(own(made), Topic.PERMISSIONS, Grade.WARN).remedy


def test_a_certificate_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    lines = certificates.own(tmp_path / "no.pem", tmp_path / "no.key", "connectors.lpr.tls", datetime.now(UTC))
    assert "no.pem" in one(lines, Topic.TLS, Grade.WRONG).what


def test_the_dates_of_a_certificate_are_read_from_its_own_bytes(authority: Authority) -> None:
    made = authority.make(timedelta(days=365 * 40), timedelta(days=-3))
    found = read(made.der)
    assert found.ends.year >= 2050  # written in another form from 2050 on
    assert found.self_issued
    assert not read(authority.make(by=made).der).self_issued


@given(st.binary(max_size=300))
def test_bytes_that_are_no_certificate_are_refused_and_nothing_else(data: bytes) -> None:
    with pytest.raises(NoCertificate):
        read(data)


def test_a_certificate_that_was_cut_is_refused(authority: Authority) -> None:
    der = authority.make().der
    for length in range(len(der)):
        with pytest.raises(NoCertificate):
            read(der[:length])
