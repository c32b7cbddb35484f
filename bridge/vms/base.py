"""The contract of a VMS target.

A target turns a delivery into requests as data, sends one request once, and searches. It never retries, sleeps or
remembers deliveries: that is the delivery room's. It knows ``model``, never connectors or the journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from bridge.model import CameraId, Delivery, Findings, Outcome, Reach, Search, VmsId
from bridge.secret import SecretRef, Secrets
from bridge.units import Duration, Size


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a VMS can do, so that nothing else asks which VMS it is.

    ``picture``: it takes the bytes of ``Delivery.pictures``, which are filled for it alone. ``settle_after``: seconds
    until what it took is found by its search. ``longest_text``: characters a text value may have, 0 for no limit known.
    ``lists``: where it can be asked for its cameras at all, its settings are enough for that. ``media``: what of its
    own record it gives back, in words. ``by_hand``: what a person has to make in it first, in words.
    """

    search: bool
    backdate: bool
    amend: bool
    picture: bool
    settle_after: float = 0.0
    longest_text: int = 0
    lists: bool = True
    media: tuple[str, ...] = ()
    by_hand: str = ""


class VmsSettings(BaseModel):
    """Base of every target's settings. Limits that every VMS has stand here."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    CANNOT: ClassVar[Mapping[str, str]] = {"clip": "a VMS of this type cannot be asked to make clips"}
    """Settings that some have, and why the others have not."""

    type: str = Field(description="Which VMS this is, for example vxg or webhook.")
    connections: int = Field(default=16, ge=2, le=256, description="Requests in flight at most, alarms included.")
    alarm_connections: int = Field(default=4, ge=1, le=64, description="Of these, how many are kept for alarms.")
    timeout: Duration = Field(default=10.0, description="How long one request may take, all in all.")
    late_after: Duration = Field(
        default=3600.0, description="Where the VMS cannot back-date: a notice older than this is not sent any more."
    )
    budget: dict[str, Size] = Field(
        default={"notice": 256 * 2**20, "fault": 64 * 2**20},
        description="Bytes of undelivered events kept per urgency; beyond it the oldest end as expired. Alarms: none.",
    )


class CameraSettings(BaseModel):
    """Base of every target's camera settings; ``vms`` names the VMS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vms: str = Field(description="The VMS this camera belongs to, a name under vms.")
    name: str = Field(default="", description="What people call this camera; its key when left out.")


class HeaderSecret(msgspec.Struct, frozen=True):
    """A header whose value holds a secret: ``template`` has ``{secret}`` where the value goes."""

    header: str
    template: str
    secret: SecretRef


class Signature(msgspec.Struct, frozen=True):
    """An HMAC over the body, put into ``header``; ``template`` has ``{hex}`` where the digest goes."""

    header: str
    template: str
    secret: SecretRef
    algorithm: str = "sha256"


PLAIN = "PLAIN"
"""The ``method`` of a request that is no HTTP: its body is written as it is to a socket, ``tcp://host:port`` or
``udp://host:port`` in ``url``, and is all there is on the wire."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request as data: HTTP, or ``PLAIN``. Holds the names of credentials, never their values, so it may be shown.

    ``url`` is absolute, or a path when the base comes out of the camera's credential. ``headers`` are those sent
    besides Host, Content-Length and the credential's. ``purpose`` says in words what it is for. ``once``: sent only
    until it has succeeded under this key in this process (declaring an event type). ``raises``: this is the step
    that makes the event; the steps before it are idempotent. When one after it fails the delivery stays in doubt; Retry
    from there says that the rest is missing and that this target knows so, until its process ends.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    credentials: tuple[HeaderSecret | Signature, ...] = ()
    camera: CameraId | None = None
    purpose: str = ""
    once: str | None = None
    raises: bool = False


class Reaching(Protocol):
    """What a target's class may have besides: what its settings mean for a firewall, asked by ``ports``. Without it,
    the table says that it is not known."""

    @classmethod
    def reaches(cls, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings]) -> Sequence[Reach]:
        """Every connection that these settings need; reads no secret, asks nobody."""


class VmsTarget(Protocol):
    """One configured VMS. Declared under the entry point group ``vms_bridge.vms``. May be ``Reaching``."""

    Settings: ClassVar[type[VmsSettings]]
    Camera: ClassVar[type[CameraSettings]]

    def __init__(
        self, name: VmsId, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings], secrets: Secrets
    ) -> None: ...

    @property
    def can(self) -> Capabilities: ...

    @property
    def cameras(self) -> Mapping[CameraId, CameraSettings]:
        """The cameras it was made for: who depends on which secret is read from their settings."""

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        """The requests that make this delivery, in order; pure, the same bytes each time. Never raises for a
        delivery of a camera of this VMS."""

    def shown(self, request: Request) -> bytes:
        """The exact bytes ``send`` would write for a request of ``render``, with ``{secret:NAME}`` where a secret
        goes. Makes no connection. Raises ValueError when it could not be sent at all, saying why."""

    async def send(self, request: Request, urgent: bool = False) -> Outcome:
        """Send one request once. Never raises; every answer and every failure is an outcome."""

    async def find(self, delivery: Delivery) -> Search:
        """Look for the delivery in the VMS by its event id; Unanswered where the VMS cannot be searched."""

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        """Reach the VMS and try each camera's credential; changes nothing there."""

    async def close(self) -> None:
        """Close every connection."""
