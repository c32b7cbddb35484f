"""Where a message came from, as an address names it: single hosts and networks, IPv4 and IPv6."""

from __future__ import annotations

import functools
import ipaddress
from typing import Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@functools.lru_cache(maxsize=8192)
def plain(peer: str) -> str:
    """A peer's address as it is compared and shown: an IPv4 address that came over an IPv6 socket as IPv4, no zone."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


class Sources:
    """One or more addresses or networks, written ``10.0.0.21``, ``10.0.0.0/24`` or a list of them."""

    __slots__ = ("hosts", "networks", "texts")

    def __init__(self, texts: tuple[str, ...]) -> None:
        """Raises ValueError when a text is neither an address nor a network."""
        hosts: list[str] = []
        networks: list[Network] = []
        for text in texts:
            try:
                network = ipaddress.ip_network(text.strip(), strict=False)
            except ValueError:
                raise ValueError(
                    f"{text} is neither an address like 10.0.0.21 nor a network like 10.0.0.0/24"
                ) from None
            if network.num_addresses == 1:
                hosts.append(plain(str(network.network_address)))
            else:
                networks.append(network)
        self.texts = texts
        self.hosts = frozenset(hosts)
        self.networks = tuple(networks)

    @classmethod
    def parse(cls, value: object) -> Sources:
        if isinstance(value, Sources):
            return value
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list | tuple) or not texts or not all(isinstance(text, str) for text in texts):
            raise ValueError("write an address like 10.0.0.21, a network like 10.0.0.0/24, or a list of them")
        return cls(tuple(texts))

    def named(self) -> frozenset[str]:
        """All of them, when they are single hosts; empty when a network is among them."""
        return frozenset() if self.networks else self.hosts

    def cover(self, peer: str) -> bool:
        """Whether this peer (as ``plain`` gives it) is one of them."""
        return peer in self.hosts or (bool(self.networks) and self._in_a_network(peer))

    def _in_a_network(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self.networks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sources) and (self.hosts, self.networks) == (other.hosts, other.networks)

    def __hash__(self) -> int:
        return hash((self.hosts, self.networks))

    def __repr__(self) -> str:
        return f"Sources({', '.join(self.texts)})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(lambda sources: [*sources.texts])
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        one = {"type": "string", "examples": ["10.0.0.21", "10.0.0.0/24"]}
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}
