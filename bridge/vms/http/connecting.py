"""Making a connection: name, address, proxy, TLS. Whatever fails here, nothing of the request was written."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from bridge.vms.http.answer import NotSent
from bridge.vms.http.origin import Origin
from bridge.vms.http.tls import Trust

_LONGEST_PROXY_HEAD = 16 * 1024
Wire = TypeVar("Wire", bound=asyncio.Protocol)


class Proxy:
    """An HTTP proxy. ``credentials`` gives ``user:password`` when asked, or None; it may raise NotSent."""

    def __init__(self, host: str, port: int, credentials: Callable[[], str | None] = lambda: None) -> None:
        self.host = host
        self.port = port
        self._credentials = credentials

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What it wants to see of us. Raises NotSent."""
        credentials = self._credentials()
        if credentials is None:
            return ()
        return (("Proxy-Authorization", "Basic " + base64.b64encode(credentials.encode()).decode()),)


async def connect(
    origin: Origin, make: Callable[[], Wire], trust: Trust, context: ssl.SSLContext | None, proxy: Proxy | None
) -> Wire:
    """A new connection to ``origin``, over ``proxy`` if there is one. Raises NotSent; the caller bounds the time."""
    loop = asyncio.get_running_loop()
    host, port = (proxy.host, proxy.port) if proxy else (origin.host, origin.port)
    opened = await _open(host, port)
    try:
        if proxy is not None and origin.secure:
            await _tunnel(opened, origin, proxy)
        name = (origin.name or origin.host) if context is not None else None
        transport, connection = await loop.create_connection(make, sock=opened, ssl=context, server_hostname=name)
    except ssl.SSLCertVerificationError as error:
        opened.close()
        raise NotSent(f"{origin}: its certificate is not trusted: {error.verify_message}") from None
    except OSError as error:
        opened.close()
        raise NotSent(f"{origin}: no TLS connection: {_reason(error)}") from None
    except BaseException:
        opened.close()
        raise
    if context is not None:
        try:
            shown = transport.get_extra_info("ssl_object")
            trust.accepts(shown.getpeercert(binary_form=True) if shown is not None else None)
        except NotSent:
            transport.abort()
            raise
    return connection


async def _open(host: str, port: int) -> socket.socket:
    """A connected socket: every address of the name in the resolver's order, none may use up the others' time."""
    loop = asyncio.get_running_loop()
    try:
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotSent(f"the name {host} cannot be resolved: {_reason(error)}") from None
    except UnicodeError:
        raise NotSent("the host's name cannot be written as a network name") from None
    last = "it has no address"
    for family, kind, protocol, _, address in addresses:
        try:
            opened = socket.socket(family, kind, protocol)
        except OSError as error:  # no file left to open, or a family that this machine does not speak
            last = _reason(error)
            continue
        try:
            opened.setblocking(False)
            async with asyncio.timeout(3.0 if len(addresses) > 1 else None):
                await loop.sock_connect(opened, address)
        except TimeoutError:
            opened.close()
            last = "no answer"
        except OSError as error:
            opened.close()
            last = _reason(error)
        except BaseException:
            opened.close()
            raise
        else:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return opened
    raise NotSent(f"no connection to {host} port {port}: {last}")


async def _tunnel(opened: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy for a tunnel (RFC 9110, 9.3.6). Raises NotSent."""
    loop = asyncio.get_running_loop()
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    asked = [f"CONNECT {host}:{origin.port} HTTP/1.1", f"Host: {host}:{origin.port}"]
    asked += [f"{name}: {value}" for name, value in proxy.headers()]
    await loop.sock_sendall(opened, ("\r\n".join(asked) + "\r\n\r\n").encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        data = await loop.sock_recv(opened, 4096)
        answer += data
        if not data or len(answer) > _LONGEST_PROXY_HEAD:
            raise NotSent(f"the proxy {proxy.host} did not answer in HTTP")
        if b"\r\n\r\n" in answer:
            break
    status = answer.split(b"\r\n", 1)[0].split(b" ")
    code = status[1].decode("latin-1") if len(status) > 1 else "?"
    if not (len(code) == 3 and code.startswith("2")):
        asks = "; it asks for user and password" if code == "407" else ""
        raise NotSent(f"the proxy {proxy.host} gives no way to {origin}: it answered {code[:3]}{asks}")
    if not answer.endswith(b"\r\n\r\n"):
        raise NotSent(f"the proxy {proxy.host} said more than it was asked")


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").replace("_", " ").lower()
    return error.strerror or type(error).__name__
