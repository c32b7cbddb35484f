"""Other ends of one's own: TLS servers with certificates of any age, servers that never answer; and sites for them."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bridge.config.load import load
from bridge.config.places import Places
from bridge.config.site import Site
from bridge.proving.certificates import fingerprint
from bridge.proving.lines import Grade, Line, Topic
from tests.free_port import free_port

NOW = datetime.now(UTC)


@dataclass
class Made:
    """A certificate and its key in files."""

    certificate: Path
    key: Path
    name: x509.Name
    private: ec.EllipticCurvePrivateKey
    der: bytes

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.der)


class Authority:
    """Makes certificates in a folder; ``by`` None signs itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def make(
        self,
        ends: timedelta = timedelta(days=300),
        begins: timedelta = timedelta(days=-30),
        *,
        by: Made | None = None,
        for_names: Sequence[str] = ("127.0.0.1", "localhost"),
        authority: bool = False,
    ) -> Made:
        self._count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test {self._count}")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(by.name if by else name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + begins)
            .not_valid_after(NOW + ends)
            .add_extension(x509.SubjectAlternativeName([_general(each) for each in for_names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        signed = builder.sign(by.private if by else key, hashes.SHA256())
        files = self._folder / f"{self._count}.pem", self._folder / f"{self._count}.key"
        files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        files[1].chmod(0o600)
        return Made(*files, name, key, signed.public_bytes(serialization.Encoding.DER))


def _general(name: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "certificates"
    folder.mkdir()
    return Authority(folder)


@contextlib.asynccontextmanager
async def web(made: Made | None = None, clock: timedelta | None = timedelta(0)) -> AsyncIterator[int]:
    """A server that answers 404 to all, with a ``Date`` this far from ours (None: no date); its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            date = "" if clock is None else f"Date: {format_datetime(datetime.now(UTC) + clock, usegmt=True)}\r\n"
            writer.write(f"HTTP/1.1 404 Not Found\r\n{date}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        writer.close()

    context = None
    if made is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.certificate, made.key)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port where connections are neither taken nor refused: its queue is full."""
    with contextlib.ExitStack() as opened:
        listening = opened.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        for _ in range(3):
            filling = opened.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(("127.0.0.1", port))
        yield port


@contextlib.contextmanager
def deaf() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield listening.getsockname()[1]


def closed_port() -> int:
    return free_port()


SITE = """\
version: 1
site: {{name: Proven yard, timezone: Europe/Oslo}}
vms:
  cloud: {vms}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
connectors:
  lpr: {connector}
sensors:
  gate-lpr: {{name: Gate, kind: lpr, profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate]}}
"""


@dataclass
class Written:
    """A site in a folder of its own."""

    path: Path
    site: Site
    places: Places


def written(
    folder: Path,
    vms: str = '{type: vxg, url: "https://127.0.0.1:9"}',
    connector: str = '{type: http, bind: "127.0.0.1:0"}',
) -> Written:
    path = folder / "site.yaml"
    path.write_text(SITE.format(vms=vms, connector=connector))
    return Written(path, load(path), Places(path))


def of(lines: Sequence[Line], topic: Topic, grade: Grade | None = None) -> list[Line]:
    return [line for line in lines if line.topic is topic and grade in (None, line.grade)]


def one(lines: Sequence[Line], topic: Topic, grade: Grade) -> Line:
    """The only line of this topic and grade."""
    found = of(lines, topic, grade)
    assert len(found) == 1, lines
    return found[0]
