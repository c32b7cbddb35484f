"""What a sensor's address says of its points: where a value stands, how it is written, and what of it is told."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.model import Origin
from bridge.units import Duration
from connectors.base import Address
from connectors.modbus.levels import Thresholds
from connectors.modbus.values import Order, Written, bits_of

Table: TypeAlias = Literal["coil", "discrete_input", "input_register", "holding_register"]
TABLES: tuple[Table, ...] = ("coil", "discrete_input", "input_register", "holding_register")
BITS: tuple[Table, ...] = ("coil", "discrete_input")


class ReadSettings(BaseModel):
    """One value: where it stands and how it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    coil: int | None = Field(default=None, ge=0, description="Its address among the coils.")
    discrete_input: int | None = Field(default=None, ge=0, description="Its address among the discrete inputs.")
    input_register: int | None = Field(default=None, ge=0, description="Its address among the input registers.")
    holding_register: int | None = Field(default=None, ge=0, description="Its address among the holding registers.")
    as_: Written = Field(default="uint16", alias="as", description="How the number is written in its registers.")
    word_order: Order = Field(default="big", description="big: the register with the higher part comes first.")
    byte_order: Order = Field(default="big", description="little: the two bytes of each register are swapped.")
    bit: int | None = Field(default=None, ge=0, le=63, description="One bit of the number; 0 is the lowest.")
    mask: int | None = Field(
        default=None, ge=1, lt=2**64, description="Only these bits of the number, shifted down; 0x00FF is the low byte."
    )
    scale: float = Field(default=1.0, description="What the number is multiplied by.")
    offset: float = Field(default=0.0, description="What is added then.")
    absent: tuple[int, ...] = Field(
        default=(),
        description="Numbers, as they are read, that mean that there is no value.",
        examples=[[32768, 65535]],
    )

    @field_validator("scale")
    @classmethod
    def _not_nothing(cls, scale: float) -> float:
        if not scale:
            raise ValueError("a scale of 0 makes every value the same")
        return scale

    @property
    def table(self) -> Table | None:
        """The one that is named; None for none."""
        return next((each for each in TABLES if getattr(self, each) is not None), None)

    @property
    def number(self) -> int:
        """Its address as it is written."""
        table = self.table
        return 0 if table is None else int(getattr(self, table))

    @property
    def label(self) -> str:
        """``input_register 30012.3``"""
        bit = "" if self.bit is None else f".{self.bit}"
        return f"{self.table} {self.number}{bit}"

    @model_validator(mode="after")
    def _of_one_table(self) -> ReadSettings:
        named = [each for each in TABLES if getattr(self, each) is not None]
        if len(named) > 1:
            raise ValueError(f"{named[0]} and {named[1]}: a value stands in one of them")
        if not named:
            return self
        of_registers = {"as_", "word_order", "byte_order", "bit", "mask", "scale", "offset", "absent"}
        said = sorted(name.rstrip("_") for name in self.model_fields_set & of_registers)
        if named[0] in BITS and said:
            raise ValueError(f"{said[0]} is for registers: a {named[0]} is on or off")
        if self.as_.startswith("float") and (self.bit is not None or self.mask is not None):
            raise ValueError(f"bit and mask are for whole numbers, not for {self.as_}")
        if self.bit is not None and self.mask is not None:
            raise ValueError("give bit or mask")
        if self.bit is not None and self.bit >= bits_of(self.as_):
            raise ValueError(f"{self.as_} has the bits 0 to {bits_of(self.as_) - 1}")
        return self


class PointSettings(ReadSettings):
    """A value whose changes are told."""

    of: str = Field(
        default="",
        max_length=40,
        pattern=r"^([a-z][a-z0-9-]*)?$",
        description="What it is a contact or a measure of: leak, door, smoke, panic, temperature …",
    )
    normally: Literal["open", "closed"] = Field(
        default="open", description="closed: it is on while the contact reads 0, as those that a cut wire shall trip."
    )
    active: tuple[int, ...] = Field(
        default=(), description="Numbers of a register with which it is on; any but 0 when left out.", examples=[[1, 3]]
    )
    thresholds: Thresholds | None = Field(default=None, description="From where on a measured value is told.")
    change: float | None = Field(
        default=None, gt=0, description="A value is told whenever it differs by so much from what was told last."
    )
    measure: str = Field(default="", max_length=20, description="What it is measured in.", examples=["°C"])
    at_start: Literal["state", "event"] | None = Field(
        default=None, description="As the connector's, for this point alone."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> PointSettings:
        if self.thresholds is not None and self.change is not None:
            raise ValueError("give thresholds or change; for both, read the value as two points")
        measured = "thresholds" if self.thresholds is not None else "change" if self.change is not None else ""
        for said in sorted({"active", "normally", "bit"} & self.model_fields_set) if measured else ():
            raise ValueError(f"{said} is for a contact, {measured} for a measured value")
        if measured and self.table in BITS:
            raise ValueError(f"{measured} is for registers: a {self.table} is on or off")
        return self


Read = TypeVar("Read", bound=ReadSettings)


def _somewhere(read: Read) -> Read:
    """For one of several: each says for itself that it names no table."""
    if read.table is None:
        raise ValueError(f"name what is read: {', '.join(TABLES)}")
    return read


class ModbusAddress(Address, PointSettings):
    """A sensor's point, or its points by name; and what is read along to be told with them."""

    unit: int = Field(default=1, ge=0, le=255, description="The device on the line, or behind the gateway.")
    every: Duration | None = Field(
        default=None, description="How often it is read; the connector's poll when left out."
    )
    points: dict[str, Annotated[PointSettings, AfterValidator(_somewhere)]] = Field(
        default={}, description="Several points of one sensor, by names of your choice.",
        examples=[{"leak": {"input_register": 12, "bit": 0, "of": "leak"}}],
    )  # fmt: skip
    values: dict[str, Annotated[ReadSettings, AfterValidator(_somewhere)]] = Field(
        default={}, description="Values that are read with the points and told with their changes.",
        examples=[{"distance": {"input_register": 1}}],
    )  # fmt: skip

    @model_validator(mode="after")
    def _something(self) -> ModbusAddress:
        own = self.model_fields_set & set(PointSettings.model_fields)
        if self.points and own:
            raise ValueError(f"{sorted(own)[0].rstrip('_')} belongs to one point: write it below points")
        if not self.points and self.table is None:
            raise ValueError("name what is read: coil, discrete_input, input_register, holding_register, or points")
        return self

    @field_validator("every")
    @classmethod
    def _some(cls, seconds: float | None) -> float | None:
        if seconds is not None and seconds < 0.01:
            raise ValueError("write 10 ms or more")
        return seconds

    def all_points(self) -> dict[str, PointSettings]:
        """Its points by name; one alone by what it reads."""
        return self.points or {self.label: self}

    def place(self) -> str:
        """``unit 3 input_register 30012.0``, of several points the first and how many more."""
        labels = [each.label for each in self.all_points().values()]
        more = f" +{len(labels) - 1}" if labels[1:] else ""
        return f"unit {self.unit} {labels[0]}{more}"

    @cached_property
    def digest(self) -> str:
        """Tells it from others of the same place: the same register with other thresholds, say."""
        said = self.model_dump_json(exclude={"identity"}, exclude_defaults=True)
        return hashlib.blake2b(said.encode(), digest_size=6).hexdigest()

    def matches(self, origin: Origin) -> bool:
        return origin.attributes.get("address", self.digest) == self.digest
