"""Who is trusted, and the way through a proxy."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from pathlib import Path

import pytest

from bridge.vms.http import NotSent, ProxySettings, Sender, TlsSettings
from bridge.vms.http.connecting import Proxy
from bridge.vms.http.origin import origin
from bridge.vms.http.tls import Trust
from tests.vms.conftest import Played, answer, playing

CERTIFICATE = Path(__file__).with_name("test-only.pem")
FINGERPRINT = hashlib.sha256(
    ssl.PEM_cert_to_DER_cert("-----BEGIN CERTIFICATE" + CERTIFICATE.read_text().split("-----BEGIN CERTIFICATE")[1])
).hexdigest()


def server_side() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


async def get(trust: Trust, vms: Played, host: str = "localhost", proxy: Proxy | None = None) -> int:
    sender = Sender(trust=trust, proxy=proxy)
    try:
        first = await sender.send("GET", origin(True, host, vms.port), "/")
        await sender.send("GET", origin(True, host, vms.port), "/")
        return first.status
    finally:
        await sender.close()


async def test_a_certificate_no_authority_signed_is_refused_before_anything_is_sent() -> None:
    async with playing(server_side()) as vms:
        with pytest.raises(NotSent, match="not trusted"):
            await get(Trust(), vms)
        assert vms.requests == []


async def test_an_own_authority_is_trusted_for_its_names_alone() -> None:
    trust = Trust(ca_file=str(CERTIFICATE))
    async with playing(server_side()) as vms:
        assert await get(trust, vms) == 200
        assert vms.connections == 1
    async with playing(server_side(), "127.0.0.2") as other:
        with pytest.raises(NotSent, match="not trusted"):
            await get(trust, other, "127.0.0.2")
        assert other.requests == []


async def test_a_pinned_certificate_is_trusted_whoever_signed_it_and_no_other() -> None:
    async with playing(server_side()) as vms:
        assert await get(Trust(fingerprint=FINGERPRINT), vms) == 200
        with pytest.raises(NotSent, match=f"has the fingerprint {FINGERPRINT}, not the pinned 00"):
            await get(Trust(fingerprint="00" * 32), vms)
        assert len(vms.requests) == 2


async def test_with_an_authority_too_both_must_agree() -> None:
    async with playing(server_side()) as vms:
        assert await get(Trust(str(CERTIFICATE), FINGERPRINT), vms) == 200
        with pytest.raises(NotSent, match="pinned"):
            await get(Trust(str(CERTIFICATE), "00" * 32), vms)


async def test_anybody_is_trusted_when_that_is_meant() -> None:
    async with playing(server_side()) as vms:
        assert await get(Trust(verify=False), vms) == 200


async def test_no_tls_on_the_other_side_is_surely_not_sent(vms: Played) -> None:
    vms.greeting = b""
    sender = Sender()

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.harbour.example ESMTP\r\n")
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    with pytest.raises(NotSent, match="no TLS connection"):
        await sender.send("GET", origin(True, "127.0.0.1", server.sockets[0].getsockname()[1]), "/")
    server.close()
    await sender.close()


async def test_a_ca_file_that_is_not_there_is_said() -> None:
    sender = Sender(trust=Trust(ca_file="/nowhere/ca.pem"))
    with pytest.raises(NotSent, match=r"/nowhere/ca\.pem cannot be read"):
        await sender.send("GET", origin(True, "localhost", 1), "/")
    await sender.close()


async def test_trusting_anybody_has_to_be_meant() -> None:
    with pytest.raises(ValueError, match="allow_insecure: true if you mean it"):
        TlsSettings.model_validate({"verify": False})
    assert not TlsSettings.model_validate({"verify": False, "allow_insecure": True}).verify
    with pytest.raises(ValueError, match="64 hex digits"):
        TlsSettings.model_validate({"fingerprint": "AB:CD"})
    spelled = ":".join(FINGERPRINT[i : i + 2] for i in range(0, 64, 2)).upper()
    assert TlsSettings.model_validate({"fingerprint": spelled}).fingerprint == FINGERPRINT


# ------------------------------------------------------------------------------------------------------------- proxy


async def test_plain_http_goes_to_the_proxy_with_the_whole_url(vms: Played) -> None:
    sender = Sender(proxy=Proxy("127.0.0.1", vms.port, lambda: "bridge:open sesame"))
    await sender.send("POST", origin(False, "vms.invalid", 8083), "/in", (), b"{}")
    await sender.close()
    assert vms.requests == [
        b"POST http://vms.invalid:8083/in HTTP/1.1\r\nHost: vms.invalid:8083\r\n"
        b"Proxy-Authorization: Basic YnJpZGdlOm9wZW4gc2VzYW1l\r\nContent-Length: 2\r\n\r\n{}"
    ]


class Tunnel:
    """A proxy that opens a tunnel to one place, whatever is asked, once it has seen what it wants."""

    def __init__(self, port: int, reply: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.asked: list[bytes] = []
        self._port = port
        self._reply = reply

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self._reply)
        if b" 200 " not in self._reply:
            writer.close()
            return
        there, away = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(_pump(reader, away), _pump(there, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()


async def test_https_goes_through_a_tunnel_that_sees_nothing_of_it() -> None:
    async with playing(server_side()) as vms:
        tunnel = Tunnel(vms.port)
        server = await asyncio.start_server(tunnel.serve, "127.0.0.1", 0)
        proxy = Proxy("127.0.0.1", server.sockets[0].getsockname()[1], lambda: "bridge:x")
        assert await get(Trust(ca_file=str(CERTIFICATE)), vms, "localhost", proxy) == 200
        server.close()
        assert tunnel.asked == [
            f"CONNECT localhost:{vms.port} HTTP/1.1\r\nHost: localhost:{vms.port}\r\n"
            "Proxy-Authorization: Basic YnJpZGdlOng=\r\n\r\n".encode()
        ]
        assert b"Proxy-Authorization" not in vms.requests[0]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "answered 407; it asks for user and password"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "answered 503"),
        (b"", "did not answer in HTTP"),
    ],
)
async def test_a_proxy_that_gives_no_way_is_surely_not_sent(reply: bytes, why: str) -> None:
    async with playing(server_side()) as vms:
        server = await asyncio.start_server(Tunnel(vms.port, reply).serve, "127.0.0.1", 0)
        with pytest.raises(NotSent, match=why):
            await get(Trust(), vms, "localhost", Proxy("127.0.0.1", server.sockets[0].getsockname()[1]))
        server.close()
        assert vms.connections == 0


async def test_a_proxy_is_http_and_its_log_in_is_whole() -> None:
    with pytest.raises(ValueError, match="http://host:port"):
        ProxySettings.model_validate({"url": "https://proxy.example:3128"})
    with pytest.raises(ValueError, match="both user and password"):
        ProxySettings.model_validate({"url": "http://proxy.example:3128", "user": "x"})
    with pytest.raises(ValueError, match="leave user and password out"):
        ProxySettings.model_validate({"url": "http://x:y@proxy.example:3128"})


async def test_a_connection_through_tls_is_kept_and_checked_like_any_other() -> None:
    async with playing(server_side()) as vms:
        vms.script = [answer(200, b"x", "Connection: close")]
        assert await get(Trust(ca_file=str(CERTIFICATE)), vms) == 200
        assert vms.connections == 2
