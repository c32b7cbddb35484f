"""What is set for a broker, and how a sensor behind it is told from others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from bridge.model import Origin
from bridge.secret import SecretRef
from bridge.tls import TlsSettings
from bridge.units import Duration, Size
from connectors.base import Address, ConnectorSettings
from connectors.mqtt import topics
from connectors.outbound import TextOrSecret, plain_url

PORTS = {"mqtt": 1883, "mqtts": 8883}

Version = Annotated[Literal["5", "3.1.1"], BeforeValidator(str, json_schema_input_type=Literal["5", "3.1.1", 5])]


class Availability(BaseModel):
    """A topic on which a gateway says whether it is there: its last will, mostly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: str = Field(description="One topic.", examples=["zigbee2mqtt/bridge/state", "frigate/available"])
    down: tuple[str, ...] = Field(
        default=("offline", "stopped", "false", "0"),
        description='What it says when it is away: its text, or the text under "state" in its JSON.',
    )

    @field_validator("topic")
    @classmethod
    def _one(cls, text: str) -> str:
        return topics.exact(text)


class MqttSettings(ConnectorSettings):
    """One session with one broker; it carries every sensor behind it."""

    type: Literal["mqtt"] = "mqtt"
    url: str = Field(
        description="The broker: mqtt://host:1883, or mqtts://host:8883 with TLS.",
        examples=["mqtts://broker.harbour.example"],
    )
    version: Version = Field(default="5", description="The version of MQTT to speak: 5 or 3.1.1.")
    client_id: str = Field(
        default="",
        max_length=200,
        description="The id the broker keeps our session under; no two clients may have the same. Left out: "
        "vms-bridge- and the connector's name.",
        examples=["harbour-bridge"],
    )
    user: TextOrSecret = Field(default="", description="Whom to log in as; it may be a secret.", examples=["bridge"])
    password: SecretRef | None = Field(default=None, description="The password to that, a secret.")
    certificate: str = Field(default="", description="A PEM file with our own certificate, if the broker asks for it.")
    key: str = Field(default="", description="The PEM file with its key; left out: it stands with the certificate.")
    key_password: SecretRef | None = Field(default=None, description="The password of that key, a secret.")
    tls: TlsSettings = Field(default=TlsSettings(), description="Who the broker has to be, where it speaks TLS.")
    topics: tuple[str, ...] = Field(
        default=(),
        description="What to subscribe to besides the sensors' own topics, + and # and $share among it. What no sensor "
        "listens for goes to quarantine.",
        examples=[["zigbee2mqtt/#"]],
    )
    qos: Literal[0, 1] = Field(
        default=1,
        description="1: the broker keeps a message until we have it on disk. What is published with QoS 2 comes with 1 "
        "too. 0: what comes while we are away is lost.",
    )
    session: Duration = Field(
        default=7 * 86_400.0, gt=0, description="How long the broker keeps messages for us while we are away (MQTT 5)."
    )
    retained: Literal["state", "events", "ignore"] = Field(
        default="state",
        description="What the broker tells on subscribing is how things stand. state: it is no event when it is first "
        "seen; later, what began while we were away is raised once. events: as if it were just said.",
    )
    availability: tuple[Availability, ...] = Field(
        default=(),
        description="Topics on which a gateway says whether it is there. While one is away this connector is down.",
        examples=[[{"topic": "zigbee2mqtt/bridge/state"}]],
    )
    in_flight: int = Field(
        default=500,
        ge=1,
        le=65_535,
        description="Messages that wait for their commit at once; the broker has a limit too.",
    )
    keepalive: Duration = Field(
        default=30.0, ge=5, le=3600, description="A broker that is silent for longer, though asked, is away."
    )
    connect_timeout: Duration = Field(default=10.0, gt=0, description="How long connecting may take, TLS in it.")
    max_message: Size = Field(default=8 * 2**20, description="Longest message taken.")
    observe: Literal["subscribe", "wait"] = Field(
        default="subscribe",
        description="What a dry run does. subscribe: it listens too, as a client of its own that takes nothing away. "
        "wait: it does not connect.",
    )

    @field_validator("url")
    @classmethod
    def _plain(cls, text: str) -> str:
        if urlsplit(plain_url(text, "mqtts", "mqtt", "user and password: secret:NAME")).path not in ("", "/"):
            raise ValueError("write mqtt://host:port; topics stand with the sensors, or under topics")
        return text

    @field_validator("client_id")
    @classmethod
    def _printable(cls, text: str) -> str:
        if not text.isprintable():
            raise ValueError("a client id is of letters, digits and signs")
        return text

    @field_validator("topics")
    @classmethod
    def _filters(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(topics.checked, texts))

    @model_validator(mode="after")
    def _whole(self) -> MqttSettings:
        if self.password is not None and not self.user:
            raise ValueError("a log-in needs both user and password")
        if (self.key or self.key_password is not None) and not self.certificate:
            raise ValueError("a key belongs to a certificate: name both")
        if not self.secure and (self.certificate or self.tls != TlsSettings()):
            raise ValueError("certificates need TLS: write url: mqtts://…")
        return self

    @property
    def secure(self) -> bool:
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or PORTS[parts.scheme]

    def secrets(self) -> tuple[SecretRef, ...]:
        """Every secret these settings name, once."""
        values = (self.user, self.password, self.key_password)
        return tuple(dict.fromkeys(value for value in values if isinstance(value, SecretRef)))

    def filters(self, addresses: Sequence[Address]) -> tuple[str, ...]:
        """What is subscribed to for these sensors."""
        of_sensors = [each.topic for each in addresses if isinstance(each, MqttAddress) and each.topic]
        return topics.fewest([*self.topics, *of_sensors, *(each.topic for each in self.availability)])

    def gateways_alone(self, addresses: Sequence[Address]) -> frozenset[str]:
        """The topics of gateways that no sensor hears: what is said there is said of the link, and of nothing else."""
        sensors = [each for each in addresses if isinstance(each, MqttAddress)]
        return frozenset(
            gateway.topic
            for gateway in self.availability
            if not any(not each.topic or topics.matches(each.topic, gateway.topic) for each in sensors)
        )


class MqttAddress(Address):
    """Where a sensor publishes; ``identity`` tells sensors of one topic apart."""

    topic: str = Field(
        default="",
        description="Its topic; + stands for any one level, # for all below. Left out: any that the connector hears.",
        examples=["zigbee2mqtt/Cellar/Leak 1/#", "frigate/reviews"],
    )

    @field_validator("topic")
    @classmethod
    def _filter(cls, text: str) -> str:
        return topics.checked(text) if text else text

    def place(self) -> str | None:
        filter = topics.plain(self.topic)
        return filter if filter and not topics.has_wildcard(filter) else None

    def matches(self, origin: Origin) -> bool:
        return not self.topic or topics.matches(self.topic, origin.place)
