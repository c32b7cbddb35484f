"""What stands under a VMS of type vxg and under each of its cameras."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from bridge.secret import SecretRef
from bridge.units import Duration, Size
from bridge.vms.base import CameraSettings
from bridge.vms.clip import ClipSettings
from bridge.vms.http import OutboundSettings, split_url
from bridge.vms.vxg.naming import EVENT_NAME


class VxgSettings(OutboundSettings):
    type: Literal["vxg"] = Field(description="VXG Cloud VMS.")
    url: str = Field(
        default="",
        description="The address of the VMS; each camera's token says it when left out.",
        examples=["https://web.harbour.example"],
    )
    allow_http: bool = Field(default=False, description="Says that you mean a VMS without TLS (a simulator, say).")
    event_names: dict[str, str] = Field(
        default={},
        description="Event types that get another name in the VMS than their own, with _ for the dot.",
        examples=[{"vehicle.identified": "plate_recognition"}],
    )
    declare_types: bool = Field(
        default=True,
        description="Declare event types a camera does not have; false: a camera without one is parked until it has.",
    )
    meta_value_limit: int = Field(
        default=255,
        ge=64,
        le=65536,
        description="Characters a tag's value may have; the VMS's limit is not documented.",
    )
    meta_tag_limit: int = Field(
        default=96, ge=32, le=1000, description="Tags an event may have; the VMS's limit is not documented."
    )
    detail_tags: int = Field(
        default=12, ge=0, le=500, description="Tags the whole message may fill before it becomes a meta document."
    )
    meta_document: Literal["when_needed", "never", "always"] = Field(
        default="when_needed", description="When the whole message is written as a meta document beside the event."
    )
    meta_document_limit: Size = Field(
        default=256 * 2**10,
        description="How much of the message goes into a meta document; all of it is in the journal.",
    )
    search_tags: tuple[str, ...] = Field(
        default=("plate",),
        description="Fields written also as a tag field_VALUE: the VMS searches names of tags, not values.",
    )
    time_digits: Literal[0, 3, 6] = Field(
        default=6, description="Digits of an event's time after the second: 0, 3 or 6."
    )
    settle_after: Duration = Field(
        default=5.0, description="How long after an event was taken the VMS's search surely finds it."
    )
    clip: ClipSettings | None = Field(
        default=None,
        description="Ask for a clip around each event of some urgency, once it was delivered; none when left out.",
        examples=[{"before": "10 s", "after": "30 s", "urgency": "alarm"}],
    )
    upload_pictures: bool = Field(default=False, description="Not possible: VXG documents no such call.")

    @field_validator("url")
    @classmethod
    def _whole(cls, text: str) -> str:
        if text:
            _, path = split_url(text)
            if "?" in path:
                raise ValueError("write the VMS's address without ?")
        return text.rstrip("/")

    @field_validator("event_names")
    @classmethod
    def _names(cls, names: dict[str, str]) -> dict[str, str]:
        for name in names.values():
            if re.fullmatch(EVENT_NAME, name) is None:
                raise ValueError(
                    f"{name[:80]} cannot name an event type: write small letters, digits and _, at most 64"
                )
        return names

    @field_validator("upload_pictures")
    @classmethod
    def _cannot(cls, wanted: bool) -> bool:
        if wanted:
            raise ValueError(
                "VXG documents no call that adds a picture to an event, and none is invented here: write "
                "upload_pictures: false; events name their pictures, the journal has them"
            )
        return wanted

    @model_validator(mode="after")
    def _meant(self) -> VxgSettings:
        if self.url.startswith("http:") and not self.allow_http:
            raise ValueError(
                "url without TLS shows every camera's token to the network; write https://, or add allow_http: true "
                "if you mean it"
            )
        return self


class VxgCamera(CameraSettings):
    id: int = Field(
        ge=1, description="The camera's number in VXG; its token has to be of this camera.", examples=[4711]
    )
    token: SecretRef = Field(description="The camera's access token, a secret.")
