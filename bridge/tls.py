"""Who the other side has to be, for everything that connects out: the settings, and the context made of them."""

from __future__ import annotations

import re
import ssl

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class TlsSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    ca_file: str = Field(
        default="",
        description="A PEM file of the authorities to trust instead of the system's.",
        examples=["/etc/vms-bridge/ca.pem"],
    )
    fingerprint: str = Field(
        default="",
        description="SHA-256 of the one certificate to trust, in hex; without ca_file it alone decides.",
        examples=["AB:CD:…"],
    )
    verify: bool = Field(default=True, description="false trusts anybody; needs allow_insecure: true.")
    allow_insecure: bool = Field(default=False, description="Says that you mean verify: false.")

    @field_validator("fingerprint")
    @classmethod
    def _plain(cls, text: str) -> str:
        plain = re.sub(r"[\s:]", "", text).lower()
        if text and re.fullmatch("[0-9a-f]{64}", plain) is None:
            raise ValueError("write the certificate's SHA-256 fingerprint: 64 hex digits, with or without colons")
        return plain

    @model_validator(mode="after")
    def _meant(self) -> TlsSettings:
        if not self.verify and not self.allow_insecure:
            raise ValueError(
                "verify: false trusts anybody who answers; pin the server's certificate with fingerprint instead, "
                "or add allow_insecure: true if you mean it"
            )
        if not self.verify and (self.ca_file or self.fingerprint):
            raise ValueError("verify: false makes ca_file and fingerprint meaningless; leave one or the other out")
        return self

    def context(self) -> ssl.SSLContext:
        """Costs tens of milliseconds (all authorities are read): make it once. A connection to a server whose
        certificate is not the pinned one fails in its handshake, before anything is sent.

        Raises OSError whose ``strerror`` says why the authorities cannot be read.
        """
        if (self.fingerprint and not self.ca_file) or not self.verify:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # a pinned certificate is compared in the handshake
        else:
            try:
                context = ssl.create_default_context(cafile=self.ca_file or None)
            except OSError as error:
                why = error.strerror or "no certificate in it"
                raise OSError(error.errno, f"the CA file {self.ca_file} cannot be read: {why}") from None
        if self.fingerprint:
            context.sslobject_class = _pinned(self.fingerprint)
        return context


def _pinned(fingerprint: str) -> type[ssl.SSLObject]:
    """A connection that ends its handshake only with the pinned certificate."""
    import hashlib

    class Pinned(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert(binary_form=True)
            shown = hashlib.sha256(certificate).hexdigest() if certificate else "none"
            if shown != fingerprint:
                what = f"the server's certificate has the fingerprint {shown}, not the pinned {fingerprint}"
                raise ssl.SSLCertVerificationError(what)

    return Pinned
