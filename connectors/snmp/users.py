"""A user of SNMP version 3, as a site writes it: name, keys by reference, and the algorithms."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bridge.secret import SecretRef

Authentication: TypeAlias = Literal["md5", "sha", "sha224", "sha256", "sha384", "sha512"]
Privacy: TypeAlias = Literal[
    "des", "3des", "aes128", "aes192", "aes256", "aes192-cisco", "aes256-cisco",
]  # fmt: skip
Level: TypeAlias = Literal["noAuthNoPriv", "authNoPriv", "authPriv"]


class SnmpUser(BaseModel):
    """What it has keys for is what it must use: a message of this user that is not authenticated, or not encrypted,
    where it could be, is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=32, description="The user's name, as the device has it.")
    auth: Authentication = Field(default="sha256", description="How it is authenticated.")
    auth_key: SecretRef | None = Field(default=None, description="The pass phrase for it, 8 characters or more.")
    priv: Privacy = Field(
        default="aes128",
        description="How it is encrypted. For aes192 and aes256 vendors derive the key in two ways: as Blumenthal "
        "wrote it, or with -cisco as Reeder did.",
    )
    priv_key: SecretRef | None = Field(default=None, description="The pass phrase for it.")

    @model_validator(mode="after")
    def _keys(self) -> SnmpUser:
        if self.priv_key is not None and self.auth_key is None:
            raise ValueError("what is encrypted is authenticated too: give auth_key")
        if self.auth_key is None and {"auth", "priv"} & self.model_fields_set:
            raise ValueError("an algorithm needs its key: give auth_key, and priv_key to encrypt")
        if self.priv_key is None and "priv" in self.model_fields_set:
            raise ValueError("priv needs its key: give priv_key")
        return self

    @property
    def level(self) -> Level:
        if self.auth_key is None:
            return "noAuthNoPriv"
        return "authNoPriv" if self.priv_key is None else "authPriv"

    def secrets(self) -> tuple[SecretRef, ...]:
        return tuple(key for key in (self.auth_key, self.priv_key) if key is not None)
