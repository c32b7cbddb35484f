"""What is set for a Modbus device or line."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from bridge.units import Duration
from connectors.base import ConnectorSettings

Addressing: TypeAlias = Literal["zero", "one", "modicon"]


class ModbusSettings(ConnectorSettings):
    """One device or gateway, or one serial line with all that is on it."""

    type: Literal["modbus"] = "modbus"
    host: str = Field(default="", description="A device or gateway in the network.", examples=["10.0.0.40"])
    port: int = Field(default=502, ge=1, le=65535, description="Its TCP port.")
    framing: Literal["tcp", "rtu"] = Field(
        default="tcp", description="rtu: a gateway that passes on what is on its line as it is (RTU over TCP)."
    )
    serial: str = Field(default="", description="A serial line instead of a host.", examples=["/dev/ttyUSB0"])
    baud: int = Field(default=19200, ge=300, le=4_000_000, description="Bits a second on the serial line.")
    parity: Literal["none", "even", "odd"] = Field(default="even", description="On the serial line.")
    stop_bits: Literal[1, 2] | None = Field(
        default=None, description="On the serial line: 1, or 2 without parity, unless said otherwise."
    )
    poll: Duration = Field(default=0.5, description="How often each point is read, unless its address says otherwise.")
    timeout: Duration = Field(default=1.0, description="How long a device may take to answer, or to be connected to.")
    pause: Duration = Field(
        default=0.0, description="Silence between an answer and the next question, for devices that need it."
    )
    addressing: Addressing = Field(
        default="zero",
        description="How addresses are written: zero: as on the wire; one: one more; modicon: 40001 is the first.",
    )
    gap: int = Field(
        default=8,
        ge=0,
        le=124,
        description="So many registers (16 times as many bits) that no point needs are read along to save a question.",
    )
    most: int = Field(
        default=125, ge=1, le=125, description="So many registers (16 times as many bits) are asked for at once."
    )
    at_start: Literal["state", "event"] = Field(
        default="state",
        description="What a point that is read for the first time tells when it is on: its state, or an event.",
    )
    repeat: Duration | None = Field(
        default=None,
        description="The state of each point is told again so often, for rules that ask by the hour and for silence.",
        examples=["10 min"],
    )
    observe: Literal["poll", "wait"] = Field(
        default="poll", description="What a dry run does; wait: it does not ask, for devices that allow one connection."
    )

    @field_validator("poll", "timeout", "repeat")
    @classmethod
    def _some(cls, seconds: float | None) -> float | None:
        if seconds is not None and seconds < 0.01:
            raise ValueError("write 10 ms or more")
        return seconds

    @model_validator(mode="after")
    def _one_line(self) -> ModbusSettings:
        if bool(self.host) == bool(self.serial):
            raise ValueError("give host or serial: one device or gateway in the network, or one serial line")
        return self

    @property
    def line(self) -> str:
        """What is polled, for people."""
        return self.serial or f"{self.host}:{self.port}"
