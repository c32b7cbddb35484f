"""Which of the communities a version 1 or 2c message shows."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Sequence

from bridge.secret import SecretMissing, SecretRef, Secrets

log = logging.getLogger("connectors.snmp")

READ_AGAIN_AFTER = 5.0
"""Seconds between two fresh readings of the secrets because a sender showed another community."""


class Communities:
    """Compared in constant time. A changed secret counts at once, or as soon as somebody shows the new one."""

    def __init__(self, refs: Sequence[SecretRef], secrets: Secrets) -> None:
        self._refs = refs
        self._secrets = secrets
        self._missing: set[SecretRef] = set()
        self._read = float("-inf")

    def shown(self, community: bytes) -> SecretRef | None:
        """The name of the secret this is; None when it is none of them."""
        found = self._compare(community, fresh=False)
        if found is None and self._refs and time.monotonic() - self._read >= READ_AGAIN_AFTER:
            self._read = time.monotonic()
            found = self._compare(community, fresh=True)
        return found

    def without(self, data: bytes) -> bytes:
        """The same with every community known to us replaced, for bytes that nobody can read and that are kept."""
        for ref in self._refs:
            try:
                community = self._secrets.get(ref).reveal().encode("utf-8")
            except SecretMissing:
                continue
            if community:
                data = data.replace(community, b"*" * len(community))
        return data

    def _compare(self, community: bytes, fresh: bool) -> SecretRef | None:
        found = None
        for ref in self._refs:
            try:
                wanted = self._secrets.get(ref, fresh).reveal().encode("utf-8")
            except SecretMissing as missing:
                if ref not in self._missing:
                    self._missing.add(ref)
                    log.warning("%s; messages with this community are refused; said once", missing)
                continue
            if hmac.compare_digest(wanted, community):
                found = ref
        return found
