"""TLS: who the other end is, whether the service will trust it, and when its certificate ends.

Two handshakes: one that takes anybody, to see what is shown, and one as the service does it, to hear its verdict.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from bridge.proving.der import Certificate, NoCertificate, read
from bridge.proving.destinations import Destination
from bridge.proving.lines import Line, Topic, ok, unknown, warn, wrong
from bridge.tls import TlsSettings

HANDSHAKE = 5.0
FORESEEN = timedelta(days=7)
"""How long before its end a certificate is spoken of."""

# Reasons of OpenSSL (x509_vfy.h).
_NOT_YET, _EXPIRED, _SELF_SIGNED, _SELF_SIGNED_ABOVE, _NO_ISSUER, _NO_ISSUER_HERE = 9, 10, 18, 19, 20, 21
_OTHER_NAME, _OTHER_ADDRESS = 62, 64


class Contexts:
    """One context for all ends with the same settings: making one reads every authority there is."""

    def __init__(self) -> None:
        self._made: dict[TlsSettings, ssl.SSLContext] = {}

    def of(self, settings: TlsSettings) -> ssl.SSLContext:
        """Raises OSError when its authorities cannot be read."""
        if settings not in self._made:
            self._made[settings] = settings.context()
        return self._made[settings]


async def certificate_of(destination: Destination, address: str, contexts: Contexts, now: datetime) -> list[Line]:
    """What there is to say of its certificate. ``address``: where a connection could be made before."""
    settings, where = destination.tls, destination.where
    assert settings is not None
    host = destination.host
    try:
        shown = await _shown(address, destination.port, host, _anybody())
    except (OSError, EOFError, TimeoutError) as error:
        what = f"{destination.authority} does not speak TLS: {_reason(error)}"
        return [wrong(Topic.TLS, what, where, "see whether the port is the one for TLS, and what the server allows")]
    try:
        certificate = read(shown)
    except NoCertificate as error:
        return [wrong(Topic.TLS, f"{host} shows a certificate that cannot be read: {error}", where, "replace it there")]
    print_of = fingerprint(shown)
    if not settings.verify:
        what = f"{host}: anybody is trusted (verify: false); it shows the fingerprint {print_of}"
        remedy = f"compare the fingerprint at the server, then write tls: {{fingerprint: {print_of}}} instead"
        return [warn(Topic.TLS, what, where, remedy), *_dates(host, certificate, where, now, False)]
    if settings.fingerprint and settings.fingerprint != plain(print_of):
        what = f"{host} shows the fingerprint {print_of}, not the one that is pinned"
        remedy = (
            f"if it was renewed (ask at the server) write tls: {{fingerprint: {print_of}}}; else find out who answers"
        )
        return [wrong(Topic.TLS, what, where, remedy)]
    if settings.fingerprint and not settings.ca_file:
        return [*_dates(host, certificate, where, now, True, "pinned by its fingerprint")]
    return await _verdict(destination, address, contexts, certificate, print_of, now)


async def _verdict(
    destination: Destination, address: str, contexts: Contexts, certificate: Certificate, print_of: str, now: datetime
) -> list[Line]:
    settings, where, host = destination.tls, destination.where, destination.host
    assert settings is not None
    try:
        context = contexts.of(settings)
    except OSError as error:
        return [
            wrong(Topic.TLS, error.strerror or str(error), where, "put the PEM file there, readable by the service")
        ]
    try:
        await _shown(address, destination.port, host, context)
    except ssl.SSLCertVerificationError as error:
        return [_distrusted(host, certificate, print_of, error, where, settings)]
    except (OSError, EOFError, TimeoutError) as error:
        what = f"{destination.authority} does not take our way of TLS: {_reason(error)}"
        return [wrong(Topic.TLS, what, where, "see which versions and ciphers the server allows: TLS 1.2 is the least")]
    by = f"vouched for by {settings.ca_file}" if settings.ca_file else "vouched for by this machine's authorities"
    return _dates(host, certificate, where, now, False, by)


def _dates(
    host: str, certificate: Certificate, where: str, now: datetime, pinned: bool, by: str = "not looked at further"
) -> list[Line]:
    day = certificate.ends.strftime("%Y-%m-%d %H:%M UTC")
    left = certificate.ends - now
    renew = "renew it at the server"
    if pinned:
        renew += "; the new one has another fingerprint: write it here the same day"
    if left < timedelta(0):
        if pinned:
            return [warn(Topic.TLS, f"{host}'s certificate ended on {day}; it is taken as it is pinned", where, renew)]
        return [warn(Topic.TLS, f"{host}'s certificate ended on {day}", where, renew)]
    if certificate.begins > now:
        what = f"{host}'s certificate begins only on {certificate.begins:%Y-%m-%d %H:%M UTC}"
        return [warn(Topic.TLS, what, where, "compare the clocks of both machines")]
    if left <= FORESEEN:
        return [warn(Topic.TLS, f"{host}'s certificate ends in {_days(left)}, on {day}", where, renew)]
    return [ok(Topic.TLS, f"{host}'s certificate is {by}, and ends on {day}, in {_days(left)}", where)]


def _distrusted(
    host: str,
    certificate: Certificate,
    print_of: str,
    error: ssl.SSLCertVerificationError,
    where: str,
    tls: TlsSettings,
) -> Line:
    code = getattr(error, "verify_code", 0)
    pin = f"compare the fingerprint at the server, and if it is {print_of} write tls: {{fingerprint: {print_of}}}"
    if code == _EXPIRED:
        what = f"{host}'s certificate ended on {certificate.ends:%Y-%m-%d %H:%M UTC}: the service does not connect"
        return wrong(
            Topic.TLS, what, where, "renew it at the server; if it is valid there, this machine's clock is wrong"
        )
    if code == _NOT_YET:
        what = f"{host}'s certificate begins only on {certificate.begins:%Y-%m-%d %H:%M UTC}"
        return wrong(Topic.TLS, what, where, "compare the clocks of both machines")
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        what = f"{host} shows a certificate of another name: {getattr(error, 'verify_message', '')}"
        return wrong(Topic.TLS, what, where, f"write the name it has in the site, or {pin}")
    if code == _SELF_SIGNED or (certificate.self_issued and code != _SELF_SIGNED_ABOVE):
        what = f"{host} shows a certificate it has signed itself, fingerprint {print_of}"
        return wrong(Topic.TLS, what, where, pin)
    if code in (_SELF_SIGNED_ABOVE, _NO_ISSUER, _NO_ISSUER_HERE):
        known = f"the ones in {tls.ca_file}" if tls.ca_file else "one this machine knows"
        what = f"{host} shows a certificate of an authority that is not {known}"
        remedy = f"write tls: {{ca_file: FILE.pem}} with the site's own authority, or {pin}"
        return wrong(Topic.TLS, what, where, remedy)
    what = f"{host}'s certificate is not trusted: {getattr(error, 'verify_message', '') or error}"
    return wrong(Topic.TLS, what, where, pin)


async def _shown(address: str, port: int, name: str, context: ssl.SSLContext) -> bytes:
    """The certificate (DER) at the end of a handshake. Raises OSError, EOFError, TimeoutError."""
    async with asyncio.timeout(HANDSHAKE):
        _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    if not shown:
        raise EOFError("it shows no certificate")
    return bytes(shown)


def _anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent over it: it is only looked at
    return context


def fingerprint(certificate: bytes) -> str:
    """SHA-256 as people compare it: ``AB:CD:…``."""
    digest = hashlib.sha256(certificate).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def plain(shown: str) -> str:
    return shown.replace(":", "").lower()


def own(certificate: Path, key: Path, where: str, now: datetime) -> list[Line]:
    """Of a certificate that we serve with: when it ends, and whether others may read its key."""
    try:
        found = read(ssl.PEM_cert_to_DER_cert(_first(certificate.read_text("ascii"))))
        mode = key.stat().st_mode
    except (OSError, ValueError) as error:
        what = f"{certificate} and {key} cannot be read: {getattr(error, 'strerror', None) or error}"
        return [wrong(Topic.TLS, what, where, "give PEM files that the service's user can read")]
    lines = _dates(f"our own port ({certificate})", found, where, now, False, "ours")
    if os.name == "posix" and mode & 0o007:
        lines.append(warn(Topic.PERMISSIONS, f"everybody on this machine can read {key}", where, f"chmod o= {key}"))
    if found.ends < now:
        what = f"the certificate of our own port ({certificate}) ended on {found.ends:%Y-%m-%d}"
        lines = [wrong(Topic.TLS, what, where, "renew it: devices will not connect")]
    return lines


def _first(text: str) -> str:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    at = text.find(begin)
    to = text.find(end, at)
    if at < 0 or to < 0:
        raise ValueError("there is no certificate in it")
    return text[at : to + len(end)]


def not_looked_at(destination: Destination, why: str) -> Line:
    what = f"when the certificate at {destination.authority} ends is not looked at: {why}"
    return unknown(Topic.TLS, what, destination.where, "ask whoever keeps it")


def _days(left: timedelta) -> str:
    return f"{left.days} days" if left.days >= 2 else f"{max(left.total_seconds(), 0) / 3600:.0f} hours"


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {HANDSHAKE:g} s"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").replace("_", " ").lower()
    return getattr(error, "strerror", None) or str(error) or "the connection was cut"
