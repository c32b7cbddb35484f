"""What stands under a VMS of type frigate and under each of its cameras."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.secret import SecretRef
from bridge.units import Duration, Size
from bridge.vms.base import CameraSettings, HeaderSecret
from bridge.vms.http import OutboundSettings, split_url
from bridge.vms.http.headers import checked_headers, plain_headers, secret_headers

LONGEST_LABEL = 20
"""Characters of the column [3]."""
_COOKIE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

Score = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Scores(BaseModel):
    """How sure an event is to Frigate, which shows it and filters by it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alarm: Score = Field(default=1.0, description="Of alarms.")
    fault: Score = Field(default=0.8, description="Of faults.")
    notice: Score = Field(default=0.6, description="Of notices.")


class FrigateSettings(OutboundSettings):
    type: Literal["frigate"] = Field(description="Frigate NVR.")
    url: str = Field(
        description="Where it is: port 8971 with a log-in, or 5000 without one, which has to stay in its network.",
        examples=["https://frigate.harbour.example:8971"],
    )
    allow_http: bool = Field(default=False, description="Says that secrets may go out without TLS.")
    user: str = Field(default="", description="Whom to log in as; it needs the role admin.", examples=["bridge"])
    password: SecretRef | None = Field(default=None, description="The password to that, a secret.")
    cookie: str = Field(default="frigate_token", description="The log-in's cookie, Frigate's setting auth.cookie_name.")
    headers: dict[str, str] = Field(
        default={},
        description="Headers that a proxy before Frigate wants; secret:NAME in a value is replaced by that secret.",
        examples=[{"X-Proxy-Secret": "secret:frigate-proxy"}],
    )
    label: Literal["type", "kind", "urgency"] = Field(
        default="type",
        description="What becomes Frigate's label, by which it filters and sorts into alerts and detections.",
    )
    labels: dict[str, str] = Field(
        default={},
        description="Labels of your own for some of these.",
        examples=[{"vehicle.identified": "plate"}],
    )
    scores: Scores = Field(default=Scores(), description="The score of an event, by its urgency.")
    duration: Duration = Field(default=30.0, description="How long an event lasts (whole seconds).")
    open_ended: bool = Field(
        default=False,
        description="What is on stays open in Frigate until its restore ends it; otherwise it lasts for duration too.",
    )
    include_recording: bool = Field(default=True, description="Keep the recording of it, where the camera records.")
    pre_capture: Duration | None = Field(
        default=None,
        description="How long before it is told an event begins (whole seconds); Frigate knows this from 0.18 on. "
        "Left out, the camera's own record.event_pre_capture.",
    )
    id_in_sub_label: bool = Field(
        default=True,
        description="Leave the event's id behind the title in the sub-label. false: taken out again when the "
        "description stands, by one more request.",
    )
    description_limit: Size = Field(
        default=16 * 2**10, description="How much of an event goes into the description; all of it is in the journal."
    )
    visible_within: Duration = Field(
        default=5.0, description="How long it is waited until a created event is in Frigate's database."
    )
    settle_after: Duration = Field(
        default=5.0, description="How long after an event was created the search surely finds it."
    )

    @field_validator("url")
    @classmethod
    def _whole(cls, text: str) -> str:
        _, path = split_url(text)
        if "?" in path:
            raise ValueError("write the address of its web pages without ?")
        return text.rstrip("/").removesuffix("/api")

    @field_validator("cookie")
    @classmethod
    def _is_cookie(cls, name: str) -> str:
        if _COOKIE.fullmatch(name) is None:
            raise ValueError("a cookie's name is made of letters, digits, - and _")
        return name

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        return checked_headers(headers)

    @field_validator("labels")
    @classmethod
    def _labels(cls, labels: dict[str, str]) -> dict[str, str]:
        for label in labels.values():
            if not 1 <= len(label) <= LONGEST_LABEL or not label.isprintable() or set(label) & set("/,"):
                raise ValueError(f"a label has from 1 to {LONGEST_LABEL} characters, and neither / nor a comma")
        return labels

    @field_validator("duration")
    @classmethod
    def _long_enough(cls, seconds: float) -> float:
        if not 1 <= seconds <= 3600:
            raise ValueError("an event lasts from 1 s to 1 h")
        return seconds

    @field_validator("pre_capture")
    @classmethod
    def _not_too_early(cls, seconds: float | None) -> float | None:
        if seconds is not None and seconds > 3600:
            raise ValueError("an event begins 1 h before it is told at most")
        return seconds

    @field_validator("description_limit")
    @classmethod
    def _fits(cls, size: int) -> int:
        if not 1024 <= size <= 64 * 2**10:
            raise ValueError("a description takes from 1 KiB to 64 KiB")
        return size

    @model_validator(mode="after")
    def _meant(self) -> FrigateSettings:
        if bool(self.user) != (self.password is not None):
            raise ValueError("logging in needs both user and password; leave both out at the port that asks for none")
        if self.url.startswith("http:") and not self.allow_http and (self.user or self.secret_headers()):
            raise ValueError(
                "url without TLS shows the secrets to the network; write https://, or add allow_http: true if you "
                "mean it"
            )
        if self.visible_within > self.timeout:
            raise ValueError("visible_within has to be within timeout")
        return self

    def plain_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers without a secret in them."""
        return plain_headers(self.headers)

    def secret_headers(self) -> tuple[HeaderSecret, ...]:
        return secret_headers(self.headers)


class FrigateCamera(CameraSettings):
    id: str = Field(
        min_length=1,
        max_length=100,
        description="The camera's name in Frigate's configuration, its key under cameras; upper and lower case count.",
        examples=["front_door"],
    )
    box: tuple[Fraction, Fraction, Fraction, Fraction] | None = Field(
        default=None,
        description="Where in its picture the events happen, drawn as a frame: left, top, width, height as fractions.",
        examples=[[0.4, 0.2, 0.2, 0.5]],
    )

    @field_validator("id")
    @classmethod
    def _one_segment(cls, name: str) -> str:
        if not name.isprintable() or set(name) & set("/,") or name in (".", ".."):
            raise ValueError("write the camera's key in Frigate's configuration: no /, no comma")
        return name
