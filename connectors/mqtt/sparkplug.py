"""The payload of Sparkplug B, a protobuf, as a document. Pure; no more than the fields that the specification names.

Sparkplug 3.0.0, section 6.4 (Payload) and the sparkplug_b.proto beside it; wire format of Protocol Buffers.
What is no simple value (data sets, templates, arrays, files) is kept as base64 under ``bytes``.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterator
from typing import TypeAlias

MOST_METRICS = 1_000
MOST_FIELDS = 20_000
"""Of a whole payload; what has more is not read."""

Value: TypeAlias = int | bytes
Metric: TypeAlias = dict[str, object]

_SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}
"""Bits, by datatype: Int8 to Int64."""
_BOOLEAN = 11
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class NotSparkplug(ValueError):
    """These bytes are no payload; says why."""


def read(data: bytes) -> dict[str, object]:
    """``{"timestamp", "seq", "uuid", "metrics": [...]}``, each where it is said. Raises NotSparkplug."""
    left = [MOST_FIELDS]
    found: dict[str, object] = {}
    metrics: list[Metric] = []
    for number, value in _fields(data, left):
        if number == 2 and isinstance(value, bytes):
            if len(metrics) == MOST_METRICS:
                raise NotSparkplug(f"it has more than {MOST_METRICS} metrics")
            metrics.append(_metric(value, left))
        elif number in (1, 3) and isinstance(value, int):
            found["timestamp" if number == 1 else "seq"] = value
        elif number == 4 and isinstance(value, bytes):
            found["uuid"] = _text(value)
        elif number == 5 and isinstance(value, bytes):
            found["body"] = base64.b64encode(value).decode()
        else:
            raise NotSparkplug(f"a payload has no field {number}")
    return {**found, "metrics": metrics}


def _metric(data: bytes, left: list[int]) -> Metric:
    said = dict(_fields(data, left))
    metric: Metric = {}
    for number, name in ((2, "alias"), (3, "timestamp"), (4, "datatype")):
        if number in said:
            metric[name] = said[number]
    called = said.get(1)
    if isinstance(called, bytes):
        metric["name"] = _text(called)
    for number, name in ((5, "is_historical"), (6, "is_transient"), (7, "is_null")):
        if said.get(number):
            metric[name] = True
    if "is_null" in metric:
        return {**metric, "value": None}
    kind = said.get(4)
    for number in range(10, 19):
        if number in said:
            metric |= _value(number, said[number], kind if isinstance(kind, int) else 0)
    return metric


def _value(number: int, value: Value, datatype: int) -> Metric:
    if isinstance(value, int):
        if number in (10, 11):
            return {"value": value != 0 if datatype == _BOOLEAN else signed(value, datatype)}
        if number == 14:
            return {"value": value != 0}
    elif number in (12, 13):
        if len(value) != (4 if number == 12 else 8):
            raise NotSparkplug("a number has the wrong length")
        (double,) = struct.unpack("<f" if number == 12 else "<d", value)
        return {"value": double if math.isfinite(double) else None}
    elif number == 15:
        return {"value": _text(value)}
    elif number in (16, 17, 18):
        return {"bytes": base64.b64encode(value).decode()}
    raise NotSparkplug(f"the value of a metric has the wrong type (field {number})")


def signed(value: int, datatype: int) -> int:
    """Two's complement of the datatype's width, in an unsigned field."""
    bits = _SIGNED.get(datatype)
    if bits is None:
        return value
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _fields(data: bytes, left: list[int]) -> Iterator[tuple[int, Value]]:
    """(number, value) of each field; fixed ones as their bytes."""
    at = 0
    while at < len(data):
        left[0] -= 1
        if left[0] < 0:
            raise NotSparkplug(f"it has more than {MOST_FIELDS} fields")
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise NotSparkplug(f"it is no protobuf (wire type {wire})")
        if not number or at + length > len(data):
            raise NotSparkplug("it is cut off, or no protobuf")
        yield number, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at + place >= len(data):
            break
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return value & (1 << 64) - 1, at + place + 1
    raise NotSparkplug("it is cut off, or no protobuf")
