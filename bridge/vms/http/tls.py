"""Who the other side has to be: the system's authorities, an own one, or one pinned certificate."""

from __future__ import annotations

import hashlib
import ssl

import msgspec

from bridge.vms.http.answer import NotSent


class Trust(msgspec.Struct, frozen=True):
    """``ca_file``: authorities instead of the system's. ``fingerprint``: SHA-256 of the only certificate taken, 64 hex
    digits; without ``ca_file`` it alone decides, so that self-signed ones can be used. ``verify`` False: anybody."""

    ca_file: str = ""
    fingerprint: str = ""
    verify: bool = True

    def context(self) -> ssl.SSLContext:
        """Costs tens of milliseconds (all authorities are read): make it once. Raises NotSent."""
        if (self.fingerprint and not self.ca_file) or not self.verify:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # a pinned certificate is compared in ``accepts``
            return context
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except OSError as error:
            raise NotSent(
                f"the CA file {self.ca_file} cannot be read: {error.strerror or 'no certificate in it'}"
            ) from None

    def accepts(self, certificate: bytes | None) -> None:
        """Compare the certificate (DER) shown with the pinned one. Raises NotSent."""
        if not self.fingerprint:
            return
        shown = hashlib.sha256(certificate).hexdigest() if certificate else "none"
        if shown != self.fingerprint:
            raise NotSent(f"the server's certificate has the fingerprint {shown}, not the pinned {self.fingerprint}")
