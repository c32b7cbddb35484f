"""One word of trouble to an MQTT broker: QoS 1, told when the broker has acknowledged it.

A connection for each word: trouble is rare, and one that stands for weeks may be dead when it is needed.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import TYPE_CHECKING

import msgspec

from bridge.secret import SecretMissing, Secrets
from bridge.trouble.settings import TroubleMqtt
from bridge.trouble.told import NotTold, Trouble

if TYPE_CHECKING:
    from paho.mqtt.client import Client
    from paho.mqtt.reasoncodes import ReasonCode

NOBODY = 0x10
"""PUBACK: no matching subscribers (MQTT 5.0, 3.4.2.1)."""


class MqttWay:
    def __init__(self, settings: TroubleMqtt, secrets: Secrets) -> None:
        self._settings = settings
        self._secrets = secrets

    async def tell(self, trouble: Trouble) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout + 1):  # the thread has its own time, and keeps to it
                await asyncio.to_thread(self._publish, msgspec.json.encode(trouble))
        except TimeoutError:
            raise NotTold("no answer in time") from None
        except SecretMissing as missing:
            raise NotTold(str(missing)) from None
        except ModuleNotFoundError:
            raise NotTold("this way needs the library paho-mqtt: pip install 'vms-bridge[mqtt]'") from None
        except ssl.SSLError as error:
            raise NotTold(f"no TLS with the broker: {getattr(error, 'verify_message', '') or error.reason}") from None
        except OSError as error:
            raise NotTold(error.strerror or str(error)) from None

    async def close(self) -> None: ...

    def _publish(self, payload: bytes) -> None:
        """In a thread, for as long as the settings allow. Raises OSError and NotTold."""
        settings = self._settings
        word = _Word(settings, payload)
        client = self._client()
        client.on_connect = word.connected
        client.on_publish = word.published
        client.on_disconnect = word.ended
        client.connect(settings.host, settings.port, keepalive=60)
        client.loop_start()
        try:
            word.over.wait(settings.timeout)
        finally:
            word.over.set()  # what it says of our own goodbye counts no more
            client.disconnect()
            client.loop_stop()
        if word.why is not None:
            raise NotTold(word.why)

    def _client(self) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        settings = self._settings
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False)
        client.connect_timeout = settings.timeout
        if settings.user:
            password = settings.password
            client.username_pw_set(settings.user, None if password is None else self._secrets.get(password).reveal())
        if settings.secure:
            context = settings.tls.context()
            if settings.certificate:
                context.load_cert_chain(settings.certificate)
            client.tls_set_context(context)
            client.tls_insecure_set(not context.check_hostname)  # whom to trust is in the context, or pinned here
            client.on_socket_open = self._pinned
        return client

    def _pinned(self, client: object, userdata: object, wire: object) -> None:
        import hashlib

        wanted = self._settings.tls.fingerprint
        if wanted and isinstance(wire, ssl.SSLSocket):
            certificate = wire.getpeercert(binary_form=True) or b""
            shown = hashlib.sha256(certificate).hexdigest()
            if shown != wanted:
                raise OSError(f"the broker's certificate has the fingerprint {shown}, not the pinned {wanted}")


class _Word:
    """What the library calls back with, in its thread. ``why`` it is not told, None once it is."""

    def __init__(self, settings: TroubleMqtt, payload: bytes) -> None:
        self._settings = settings
        self._payload = payload
        self.why: str | None = "no answer in time"
        self.over = threading.Event()

    def connected(
        self, client: Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        if reason.is_failure:
            self._end(f"the broker refuses us: {reason}")
        else:
            client.publish(self._settings.topic, self._payload, qos=1, retain=self._settings.retain)

    def published(self, client: object, userdata: object, mid: int, reason: ReasonCode, properties: object) -> None:
        if reason.is_failure:
            self._end(f"the broker does not take it: {reason}")
        elif reason.value == NOBODY and not self._settings.retain:
            self._end(f"nobody subscribes to {self._settings.topic}")
        else:
            self._end(None)

    def ended(self, client: object, userdata: object, flags: object, reason: ReasonCode, properties: object) -> None:
        self._end(f"the broker ended the connection: {reason}")

    def _end(self, why: str | None) -> None:
        if not self.over.is_set():
            self.why = why
            self.over.set()
