"""What targets that speak HTTP tell a firewall."""

from __future__ import annotations

from bridge.model import Reach
from bridge.vms.http.origin import split_url
from bridge.vms.http.settings import ProxySettings


def reaches(url: str, proxy: ProxySettings | None, *, how_often: str, how_large: str, why: str) -> tuple[Reach, ...]:
    """The connection to ``url``; with a proxy the one to it, which makes the other. ``url`` "": not known here."""
    if proxy is not None:
        through, _ = split_url(proxy.url)
        where = split_url(url)[0].authority if url else "where the secrets say"
        why = f"{why}, through the proxy to {where}"
        return (_line(through.host, through.port, "HTTP CONNECT", how_often, how_large, why),)
    if not url:
        return (_line("?", 443, "HTTPS", how_often, how_large, f"{why}; where, each camera's token says"),)
    to, _ = split_url(url)
    return (_line(to.host, to.port, "HTTPS" if to.secure else "HTTP", how_often, how_large, why),)


def _line(peer: str, port: int, speaks: str, how_often: str, how_large: str, why: str) -> Reach:
    return Reach(
        inbound=False, peer=peer, port=port, speaks=speaks, how_often=how_often, how_large=how_large, why=why
    )  # fmt: skip
