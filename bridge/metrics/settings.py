"""What stands under ``observe``: the port where a monitoring system asks how the bridge is."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.listening import Bind


class ObserveSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    bind: Bind = Field(
        default="127.0.0.1:9464",
        description="Where GET /metrics, /health/live and /health/ready are answered, without a password: bind an "
        "address that only the monitoring system reaches. They name connectors and VMS, never what a sensor said.",
        examples=["127.0.0.1:9464"],
    )
    by: tuple[Literal["sensor", "camera"], ...] = Field(
        default=(),
        description="Also count by sensor, or by camera: a time series for each of them.",
        examples=[["sensor"]],
    )
