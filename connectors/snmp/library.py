"""What we say in the words of the library, pysnmp, and it in ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyasn1.codec.ber import encoder
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.proto.rfc1902 import OctetString

from connectors.snmp import ber
from connectors.snmp.keys import Keys
from connectors.snmp.notification import Varbind, value_of
from connectors.snmp.users import Authentication, Privacy

AUTHENTICATION: Final[Mapping[Authentication, Any]] = {
    "md5": config.USM_AUTH_HMAC96_MD5,
    "sha": config.USM_AUTH_HMAC96_SHA,
    "sha224": config.USM_AUTH_HMAC128_SHA224,
    "sha256": config.USM_AUTH_HMAC192_SHA256,
    "sha384": config.USM_AUTH_HMAC256_SHA384,
    "sha512": config.USM_AUTH_HMAC384_SHA512,
}
PRIVACY: Final[Mapping[Privacy, Any]] = {
    "des": config.USM_PRIV_CBC56_DES,
    "3des": config.USM_PRIV_CBC168_3DES,
    "aes128": config.USM_PRIV_CFB128_AES,
    "aes192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    "aes256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
    "aes192-cisco": config.USM_PRIV_CFB192_AES,
    "aes256-cisco": config.USM_PRIV_CFB256_AES,
}


def add_user(engine: SnmpEngine, keys: Keys, at: bytes | None) -> None:
    """Make a user known to the library, for the engine ``at``, or (None) for those it asks."""
    user = keys.user
    auth = None if user.auth_key is None else AUTHENTICATION[user.auth]
    priv = None if user.priv_key is None else PRIVACY[user.priv]
    config.add_v3_user(
        engine,
        user.name,
        config.USM_AUTH_NONE if auth is None else auth,
        OctetString(keys.auth) if auth is not None else None,
        config.USM_PRIV_NONE if priv is None else priv,
        OctetString(keys.priv) if priv is not None else None,
        securityEngineId=None if at is None else OctetString(at),
        authKeyType=config.USM_KEY_TYPE_MASTER,
        privKeyType=config.USM_KEY_TYPE_MASTER,
    )


def varbind_of(oid: Any, value: Any) -> Varbind:
    """The library's name and value as ours."""
    data = bytes(encoder.encode(value))
    kind, start, stop = ber.head(data, 0, len(data))
    return Varbind(".".join(map(str, tuple(oid))), kind, value_of(kind, data, start, stop))
