"""What stands in a site file where a table speaks for many: sensors by row, and cameras by what an event says."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

KEYS = ("from", "columns", "defaults")
"""Of a group; whatever else stands beside ``from`` holds for each of its rows."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CamerasBySection(_Section):
    by: str = Field(
        min_length=1,
        description="A CEL expression over fields and identity of the event: what its cameras are looked up by.",
        examples=["fields.entity_id"],
    )
    table: str = Field(
        min_length=1,
        description="A CSV file with the columns key and camera (or cameras), beside the site file; a key may have "
        "several rows.",
        examples=["cameras.csv"],
    )
    columns: dict[str, str] = Field(
        default={},
        description="Which column of the table is what, when its headers are others.",
        examples=[{"Entity": "key", "Channel": "camera"}],
    )
    otherwise: tuple[str, ...] = Field(
        default=(),
        description="The cameras of events whose key is not in the table. Left out, these are kept in quarantine "
        "until the table has a row for them.",
        examples=[["gate-wide"]],
    )


class GroupSection(_Section):
    """What a group of sensors has beside what holds for all its rows."""

    from_: str = Field(
        alias="from",
        min_length=1,
        description="A CSV file beside the site file: each row is a sensor, each column a key of it.",
        examples=["doors.csv"],
    )
    columns: dict[str, str] = Field(
        default={},
        description="Which column of the table is which key of a sensor, when its headers are others; columns that "
        "are not named here are not read.",
        examples=[{"Door no": "id", "Controller": "identity.serial"}],
    )
    defaults: dict[str, object] = Field(
        default={},
        description="What holds for every row that does not say otherwise; the same as writing it beside from.",
        examples=[{"profile": "cammra", "cameras": ["gate-wide"]}],
    )
