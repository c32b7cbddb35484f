"""What a sender reads when its message is kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Reply(BaseModel):
    """What a sender reads when its message is kept, for senders that look at more than the status."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    content_type: str = Field(
        default="application/json", pattern=r"^[\x20-\x7e]+$", description="The Content-Type of the body."
    )
    body: str = Field(max_length=4096, description="The body, as it is sent.", examples=["{}"])
