"""One word of trouble, said once, by webhook, syslog, mail or MQTT. NotTold: nobody is sure to have it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Protocol

import msgspec

from bridge.model import Delivered
from bridge.secret import SecretMissing, Secrets
from bridge.trouble.settings import (
    FACILITIES,
    TroubleMail,
    TroubleMqtt,
    TroubleSettings,
    TroubleSyslog,
    TroubleWebhook,
)
from bridge.trouble.told import NotTold, Trouble

_ERROR, _NOTICE = 3, 5
"""Severities of RFC 5424, 6.2.1: what holds, and what is over."""


class Way(Protocol):
    async def tell(self, trouble: Trouble) -> None:
        """Say it, once, within the way's time. Raises NotTold."""

    async def close(self) -> None: ...


def way_of(settings: TroubleSettings, secrets: Secrets) -> Way:
    if isinstance(settings, TroubleWebhook):
        return _Webhook(settings, secrets)
    if isinstance(settings, TroubleSyslog):
        return _Syslog(settings)
    if isinstance(settings, TroubleMqtt):
        from bridge.trouble.mqtt import MqttWay

        return MqttWay(settings, secrets)
    assert isinstance(settings, TroubleMail)
    return _Mail(settings, secrets)


class _Webhook:
    """``POST`` of the trouble as JSON; 2xx is told."""

    def __init__(self, settings: TroubleWebhook, secrets: Secrets) -> None:
        from bridge.vms.http import Sender
        from bridge.vms.http.settings import proxy_of
        from bridge.vms.http.tls import Trust

        tls = settings.tls
        self._settings = settings
        self._secrets = secrets
        self._sender = Sender(
            connections=1, reserved=0, trust=Trust(tls.ca_file, tls.fingerprint, tls.verify),
            proxy=proxy_of(settings.proxy, secrets),
        )  # fmt: skip

    async def tell(self, trouble: Trouble) -> None:
        from bridge.vms.base import Request
        from bridge.vms.http.headers import plain_headers
        from bridge.vms.webhook.sending import send

        request = Request(
            method="POST",
            url=self._settings.url,
            headers=(("Content-Type", "application/json"), *plain_headers(self._settings.headers)),
            body=msgspec.json.encode(trouble),
            credentials=self._settings.credentials(),
            purpose="tell of trouble",
        )
        outcome = await send(self._sender, self._secrets, request, self._settings.timeout)
        if not isinstance(outcome, Delivered):
            raise NotTold(getattr(outcome, "why", "it was not taken"))

    async def close(self) -> None:
        await self._sender.close()


class _Syslog:
    """One line of RFC 5424, in a datagram (RFC 5426) or counted in a stream (RFC 6587, 3.4.1)."""

    def __init__(self, settings: TroubleSyslog) -> None:
        self._settings = settings

    async def tell(self, trouble: Trouble) -> None:
        line = syslog_line(trouble, self._settings.facility, socket.gethostname())
        try:
            async with asyncio.timeout(self._settings.timeout):
                if self._settings.transport == "udp":
                    await self._datagram(line)
                else:
                    await self._stream(line)
        except TimeoutError:
            raise NotTold("no answer in time") from None
        except OSError as error:
            raise NotTold(error.strerror or str(error)) from None

    async def _datagram(self, line: bytes) -> None:
        loop = asyncio.get_running_loop()
        where = (self._settings.host, self._settings.port)
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=where)
        transport.sendto(line)
        transport.close()

    async def _stream(self, line: bytes) -> None:
        _, writer = await asyncio.open_connection(self._settings.host, self._settings.port)
        try:
            writer.write(b"%d %s" % (len(line), line))
            await writer.drain()
        finally:
            writer.close()
        await writer.wait_closed()

    async def close(self) -> None: ...


def syslog_line(trouble: Trouble, facility: str, host: str) -> bytes:
    """``<27>1 2026-… HOST vms-bridge - sensor.silent [trouble@32473 …] ﻿title``. 32473 is the number for examples
    (RFC 5612): there is none of ours."""
    severity = _ERROR if trouble.state == "active" else _NOTICE
    priority = FACILITIES.index(facility) * 8 + severity
    facts = (("site", trouble.site), ("key", trouble.key), ("state", trouble.state), ("why", trouble.why))
    data = "".join(f' {name}="{_quoted(value)}"' for name, value in facts)
    at = trouble.at.isoformat(timespec="milliseconds")
    name = "".join(letter for letter in host if "!" <= letter <= "~")[:255] or "-"
    head = f"<{priority}>1 {at} {name} vms-bridge - {trouble.type or '-'} [trouble@32473{data}] "
    return head.encode() + b"\xef\xbb\xbf" + _one_line(f"{trouble.site_name}: {trouble.title}").encode()[:1500]


def _quoted(text: str) -> str:
    """A parameter's value (RFC 5424, 6.3.3)."""
    text = _one_line(text)[:300]
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


class _Mail:
    """A mail by SMTP, in a thread: the standard library's client blocks."""

    def __init__(self, settings: TroubleMail, secrets: Secrets) -> None:
        self._settings = settings
        self._secrets = secrets

    async def tell(self, trouble: Trouble) -> None:
        import smtplib

        try:
            async with asyncio.timeout(self._settings.timeout * 4):  # each step of the talk has its own time-out
                await asyncio.to_thread(self._send, trouble)
        except TimeoutError:
            raise NotTold("no answer in time") from None
        except SecretMissing as missing:
            raise NotTold(str(missing)) from None
        except smtplib.SMTPException as error:
            raise NotTold(f"the mail server refused it: {type(error).__name__}") from None
        except OSError as error:
            raise NotTold(error.strerror or str(error)) from None

    def _send(self, trouble: Trouble) -> None:
        import smtplib
        from email.message import EmailMessage
        from email.utils import format_datetime, make_msgid

        settings = self._settings
        mail = EmailMessage()
        mail["From"], mail["To"] = settings.sender, ", ".join(settings.to)
        mail["Subject"] = _one_line(f"[{trouble.site_name}] {trouble.title}")[:200]
        mail["Date"], mail["Message-ID"] = format_datetime(trouble.at), make_msgid(domain="vms-bridge.invalid")
        lines = [trouble.title, "", f"what: {trouble.type} ({trouble.key}), {trouble.state}", f"why: {trouble.why}"]
        lines += [f"since: {trouble.since.isoformat()}", f"site: {trouble.site_name} ({trouble.site})"]
        lines += ["", *trouble.names]
        mail.set_content("\n".join(lines))
        context = ssl.create_default_context()
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=settings.timeout, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout)
        with server:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.password is not None:
                server.login(settings.user, self._secrets.get(settings.password).reveal())
            server.send_message(mail)

    async def close(self) -> None: ...
