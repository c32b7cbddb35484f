"""What stands under a VMS of type digifort and under each of its cameras."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from bridge.model import Action, Delivery, State
from bridge.secret import SecretRef
from bridge.vms.base import CameraSettings
from bridge.vms.http import OutboundSettings, split_url

SAME = "{event}"


def _name(text: str, *holes: str) -> str:
    """Raises ValueError for what is no name of a global event with these holes in it."""
    plain = text
    for hole in holes:
        plain = plain.replace(hole, "x")
    if not plain.isprintable() or "{" in plain or "}" in plain or len(text) > 200:
        raise ValueError(f"write the name of a global event; of braces it may have {' and '.join(holes)}")
    return text


def _names(names: dict[str, str]) -> dict[str, str]:
    for name in names.values():
        if not _name(name, "{camera}"):
            raise ValueError("write the name of a global event for each type")
    return names


ByType = Annotated[dict[str, str], AfterValidator(_names)]


class DigifortSettings(OutboundSettings):
    type: Literal["digifort"] = Field(description="Digifort, through its HTTP API.")
    url: str = Field(
        description="Where its HTTP API answers; usually port 8601.", examples=["https://digifort.harbour.example:8601"]
    )
    allow_http: bool = Field(default=False, description="Says that what is sent may go out without TLS.")
    user: str = Field(description="A user of its own, with rights to global events and cameras.", examples=["bridge"])
    password: SecretRef = Field(description="The password to that, a secret.")
    sign_in: Literal["session", "basic"] = Field(
        default="session",
        description="How it is signed in: a safe session, in which the password itself is never sent; or HTTP Basic.",
    )
    event: str = Field(
        default="Bridge-{camera}",
        min_length=1,
        description="The global event that is triggered; {camera} is the camera's id. It has to be made in Digifort.",
    )
    events: ByType = Field(
        default={},
        description="Of some types of events another; * stands for anything, and the first that fits counts.",
        examples=[{"fire.*": "Bridge-{camera}-Fire"}],
    )
    restored: str = Field(
        default=SAME,
        description="Which one says that a condition is over; {event} is that which said it began, empty none.",
    )
    amended: str = Field(
        default=SAME,
        description="Which one says that an event is corrected; {event} is that which raised it, empty none.",
    )
    message: bool = Field(
        default=True, description="Send the event's text as the operator's message, in the place of the configured one."
    )
    longest_message: int = Field(
        default=255, ge=120, le=4000, description="Characters of that message; how many Digifort takes is not known."
    )

    @field_validator("url")
    @classmethod
    def _whole(cls, text: str) -> str:
        _, path = split_url(text)
        if "?" in path or "/interface" in path.lower():
            raise ValueError("write the address of the HTTP API without /Interface and without ?")
        return text.rstrip("/")

    @field_validator("user")
    @classmethod
    def _plain(cls, text: str) -> str:
        if not text or not text.isprintable() or ":" in text:
            raise ValueError("the user's name has no : in it, and is not empty")
        return text

    @field_validator("event")
    @classmethod
    def _event(cls, text: str) -> str:
        return _name(text, "{camera}")

    @field_validator("restored", "amended")
    @classmethod
    def _besides(cls, text: str) -> str:
        return _name(text, "{camera}", SAME)

    @model_validator(mode="after")
    def _meant(self) -> DigifortSettings:
        if self.url.startswith("http:") and not self.allow_http:
            raise ValueError(
                "url without TLS shows to the network what is sent (with sign_in: basic the password too); write "
                "https://, or add allow_http: true if you mean it"
            )
        return self


class DigifortCamera(CameraSettings):
    id: str = Field(min_length=1, max_length=200, description="Its name in Digifort.", examples=["CAM01"])
    event: str = Field(default="", description="The global event of this camera, when it is not that of the VMS.")
    events: ByType = Field(default={}, description="Of some types another, before those of the VMS.")

    @field_validator("id")
    @classmethod
    def _printable(cls, text: str) -> str:
        if not text.isprintable():
            raise ValueError("the camera's name has an unprintable character in it")
        return text

    @field_validator("event")
    @classmethod
    def _event(cls, text: str) -> str:
        return _name(text, "{camera}")


class Names:
    """Which global event says what, of one camera."""

    def __init__(self, settings: DigifortSettings, camera: DigifortCamera) -> None:
        self._settings = settings
        self._camera = camera.id
        self._by_type: Mapping[str, str] = {**camera.events, **{
            kind: name for kind, name in settings.events.items() if kind not in camera.events
        }}  # fmt: skip
        self._otherwise = camera.event or settings.event

    def of(self, delivery: Delivery) -> str:
        """ "" when none says it."""
        kind = delivery.event.type
        name = next((name for like, name in self._by_type.items() if fnmatchcase(kind, like)), self._otherwise)
        if delivery.event.state is State.RESTORED:
            name = self._settings.restored.replace(SAME, name)
        if delivery.action is Action.AMEND and name:
            name = self._settings.amended.replace(SAME, name)
        return name.replace("{camera}", self._camera)

    def every(self) -> set[str]:
        """All that may be triggered."""
        raised = {self._otherwise, *self._by_type.values()}
        besides = (self._settings.restored, self._settings.amended)
        names = raised | {each.replace(SAME, name) for each in besides for name in raised}
        return {name.replace("{camera}", self._camera) for name in names if name}
