"""A certificate authority of a test's own, for servers and clients on 127.0.0.1."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM


class Authority:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("vms-bridge test authority")
        certificate = (
            _begun(self._name, self._name, self._key.public_key(), 1)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = folder / "authority.pem"
        self.certificate.write_bytes(certificate.public_bytes(_PEM))

    def issue(self, name: str, days: int = 1, password: str = "") -> Path:
        """NAME.pem and NAME.key; their path without the ending. ``days`` below zero: it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = (
            _begun(_named(name), self._name, key.public_key(), days)
            .add_extension(address, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            hidden = serialization.BestAvailableEncryption(password.encode())
        path = self.folder / name
        path.with_suffix(".pem").write_bytes(certificate.public_bytes(_PEM))
        path.with_suffix(".key").write_bytes(key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, hidden))
        return path

    def fingerprint(self, path: Path) -> str:
        certificate = x509.load_pem_x509_certificate(path.with_suffix(".pem").read_bytes())
        return certificate.fingerprint(hashes.SHA256()).hex()


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - datetime.timedelta(days=30))
        .not_valid_after(until)
    )
