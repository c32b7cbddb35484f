"""A connector and a VMS as a third party would ship them: found through entry points, nothing but their settings."""

from __future__ import annotations

from pydantic import Field, model_validator

from bridge.secret import SecretRef
from bridge.units import Duration, Size
from bridge.vms.base import CameraSettings, VmsSettings
from connectors.base import Address, ConnectorSettings


class BellSettings(ConnectorSettings):
    bind: str = Field(description="Where it listens.", examples=["0.0.0.0:8080"])
    max_body: Size = Field(default=8 * 2**20, description="The largest message.")
    wait: Duration = Field(default=10.0, description="How long it waits for the rest of a message.")
    strict: bool = Field(default=False, description="Whether software senders are told why.")


class BellAddress(Address):
    path: str | None = Field(default=None, description="The path it rings at.", examples=["/gate"])
    source: str | None = Field(default=None, alias="from", description="Who rings.", examples=["10.0.0.21"])
    basic: SecretRef | None = Field(default=None, description="user:password it shows.")

    @model_validator(mode="after")
    def _rooted(self) -> BellAddress:
        if self.path is not None and not self.path.startswith("/"):
            raise ValueError("a path begins with a slash, for example /gate")
        return self


class BellConnector:
    Settings = BellSettings
    Address = BellAddress


class BoardSettings(VmsSettings):
    url: str = Field(description="Its address.", examples=["https://board.example"])


class BoardCamera(CameraSettings):
    id: int = Field(ge=1, description="Its number on the board.", examples=[4711])
    token: SecretRef = Field(description="Its token.", examples=["secret:gate-in"])


class BoardTarget:
    Settings = BoardSettings
    Camera = BoardCamera
