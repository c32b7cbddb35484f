"""Whom to connect to, as whom, and the first word to a broker. Imports the library; the connector imports this when it
runs."""

from __future__ import annotations

import hashlib
import socket
import ssl
from typing import Any

import msgspec
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.secret import SecretRef, Secrets
from connectors.mqtt.client import AheadClient
from connectors.mqtt.settings import MqttSettings
from connectors.outbound import get


class NotConnected(Exception):
    """There is no session; says why. ``refused``: nobody is let in until somebody does something."""

    def __init__(self, why: str, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to connect to, and as whom. Never shown: it holds the password."""

    host: str
    port: int
    client_id: str
    five: bool
    clean: bool
    keep: float
    user: str
    password: str | None
    tls: ssl.SSLContext | None
    fingerprint: str
    keepalive: float
    connect_timeout: float
    in_flight: int
    max_message: int

    def __repr__(self) -> str:
        return f"Broker({self.host}:{self.port})"


def broker_of(settings: MqttSettings, secrets: Secrets, client_id: str, clean: bool, fresh: bool) -> Broker:
    """Everything a connection needs, read anew: certificates and secrets change. Not on the event loop: files are read.
    Raises OSError for what cannot be read."""

    def text(value: SecretRef | str | None) -> str | None:
        return get(value, secrets, fresh) if isinstance(value, SecretRef) else value

    return Broker(
        host=settings.host,
        port=settings.port,
        client_id=client_id,
        five=settings.version == "5",
        clean=clean,
        keep=settings.session,
        user=text(settings.user) or "",
        password=text(settings.password),
        tls=_context(settings, text(settings.key_password)) if settings.secure else None,
        fingerprint=settings.tls.fingerprint,
        keepalive=settings.keepalive,
        connect_timeout=settings.connect_timeout,
        in_flight=settings.in_flight,
        max_message=settings.max_message,
    )


def _context(settings: MqttSettings, key_password: str | None) -> ssl.SSLContext:
    context = settings.tls.context()
    if settings.certificate:
        try:
            context.load_cert_chain(settings.certificate, settings.key or None, lambda: key_password or "")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "no certificate, or not the key to it"
            raise OSError(f"our certificate {settings.certificate} cannot be used: {why}") from None
    return context


def client_of(broker: Broker) -> AheadClient:
    """The library's client, to be driven by whoever has it: it writes nothing by itself."""
    client = AheadClient(
        CallbackAPIVersion.VERSION2,
        client_id=broker.client_id,
        clean_session=None if broker.five else broker.clean,
        protocol=MQTTProtocolVersion.MQTTv5 if broker.five else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.connect_timeout = broker.connect_timeout
    if broker.user:
        client.username_pw_set(broker.user, broker.password)
    if broker.tls is not None:
        client.tls_set_context(broker.tls)
        if not broker.tls.check_hostname:
            client.tls_insecure_set(True)  # whom to trust is in the context, or pinned
    client.on_socket_open = lambda client, userdata, wire: _opened(wire, broker)
    client.on_socket_register_write = lambda *_: None
    return client


def connect(client: AheadClient, broker: Broker) -> None:
    """TCP and TLS, and CONNECT put in line to be written. Raises NotConnected."""
    properties = None
    if broker.five:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0 if broker.clean else min(int(broker.keep), 0xFFFF_FFFE)
        properties.ReceiveMaximum = broker.in_flight
        properties.MaximumPacketSize = broker.max_message + 128 * 1024  # topic and properties are part of a packet
    try:
        client.connect(
            broker.host,
            broker.port,
            keepalive=max(int(broker.keepalive), 1),
            clean_start=broker.clean if broker.five else MQTT_CLEAN_START_FIRST_ONLY,
            properties=properties,
        )
    except ssl.SSLCertVerificationError as error:
        raise NotConnected(f"the certificate of {broker.host} is not trusted: {_verification(error)}") from None
    except ssl.SSLError as error:
        what = error.reason or "the handshake failed"
        raise NotConnected(f"no TLS with {broker.host}: {what.replace('_', ' ').lower()}") from None
    except TimeoutError:
        raise NotConnected(f"{broker.host} does not answer within {broker.connect_timeout:g} s") from None
    except OSError as error:
        raise NotConnected(f"{broker.host}:{broker.port} cannot be reached: {error.strerror or error}") from None
    except ValueError as error:
        raise NotConnected(f"{broker.host} cannot be connected to: {error}") from None


def _opened(wire: Any, broker: Broker) -> None:
    """Nothing was said yet. Raises NotConnected for another certificate than the pinned one."""
    if isinstance(wire, socket.socket):
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if broker.fingerprint and broker.tls is not None:
        certificate = wire.getpeercert(binary_form=True)
        shown = hashlib.sha256(certificate).hexdigest() if certificate else "none"
        if shown != broker.fingerprint:
            what = f"the broker's certificate has the fingerprint {shown}, not the pinned {broker.fingerprint}"
            raise NotConnected(what)


def _verification(error: ssl.SSLCertVerificationError) -> str:
    return error.verify_message or str(error)
