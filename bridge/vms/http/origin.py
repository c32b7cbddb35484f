"""Where requests go: scheme, host and port; and how a URL is taken apart."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

import msgspec


class Origin(msgspec.Struct, frozen=True):
    """``host`` as resolvers want it: IPv6 without brackets. ``authority``: what Host says. ``name``: whom the
    certificate has to name, when that is not ``host``."""

    secure: bool
    host: str
    port: int
    authority: str
    name: str = ""

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.authority}"


def origin(secure: bool, host: str, port: int | None = None) -> Origin:
    """``host``: a name or an address, IPv6 with or without brackets. ``port`` None is the scheme's own."""
    host = host.strip("[]")
    usual = 443 if secure else 80
    shown = f"[{host}]" if ":" in host else host
    port = usual if port is None else port
    return Origin(secure, host, port, shown if port == usual else f"{shown}:{port}")


def network_name(host: str) -> str:
    """A host's name as resolvers take it; an address stays as it is. Raises ValueError: they would fail over it."""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("the host's name cannot be written as a network name") from None


@lru_cache(maxsize=4096)
def split_url(url: str) -> tuple[Origin, str]:
    """(origin, path with query). Raises ValueError with a sentence that does not repeat the URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("this is not a URL; write https://host, with :port when it is not the usual one") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write a whole URL that begins with https:// (or http://)")
    if parts.username is not None or parts.password is not None:
        raise ValueError("leave user and password out of the URL; a secret is written as secret:NAME in a header")
    if parts.fragment:
        raise ValueError("a URL with # cannot be sent; leave that part out")
    host = network_name(parts.hostname)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or any(char <= " " for char in path):
        raise ValueError("percent-encode spaces and other than plain letters in the URL's path")
    return origin(parts.scheme == "https", host, port), path
