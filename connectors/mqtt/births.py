"""What Sparkplug nodes and devices named at their birth: later they say numbers for it, which here become names again.

The names are kept in the journal with the birth that told them, so that a restart of the bridge needs no new birth. A
death whose ``bdSeq`` is not that of the birth is one of an earlier connection, and says so (``stale``).
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from bridge.model import ConnectorId, Position
from connectors.base import Intake
from connectors.mqtt import sparkplug

PREFIX = "spBv1.0/"
MOST_KNOWN = 2_000
"""Nodes and devices whose names are in memory; those of others are read again from the journal."""

_BIRTHS, _DEATHS = ("NBIRTH", "DBIRTH"), ("NDEATH", "DDEATH")


class Names(msgspec.Struct):
    """Of one node or device. ``types``: the datatype of each alias, which data messages leave out."""

    names: dict[int, str] = {}
    types: dict[int, int] = {}
    bd_seq: int | None = None


class Births:
    """``read`` gives documents; nothing else here waits but for the journal."""

    def __init__(self, name: ConnectorId, intake: Intake) -> None:
        self._name = name
        self._intake = intake
        self._known: OrderedDict[str, Names] = OrderedDict()

    async def read(self, topic: str, payload: bytes) -> tuple[bytes, Position | None]:
        """The document as JSON, and what is to be kept with it. What cannot be read stays as it is: for quarantine."""
        key = _whose(topic)
        if key is None or payload[:1] in (b"{", b""):
            return payload, None
        body, born = document(topic, payload, await self._of(key))
        if born is None:
            return body, None
        self._remember(key, born)
        return body, Position(self._position(key), msgspec.json.encode(born).decode())

    async def _of(self, key: str) -> Names:
        known = self._known.get(key)
        if known is None:
            known = _kept(await self._intake.position(self._position(key)))
            self._remember(key, known)
        return known

    def _remember(self, key: str, names: Names) -> None:
        self._known[key] = names
        self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _position(self, key: str) -> str:
        return f"sparkplug {self._name} {key}"


def document(topic: str, payload: bytes, known: Names) -> tuple[bytes, Names | None]:
    """A payload as JSON, with the names that are known; and those that it tells itself, if it is a birth."""
    levels = topic.split("/")
    try:
        found = sparkplug.read(payload)
    except sparkplug.NotSparkplug:
        return payload, None
    metrics = found.pop("metrics")
    assert isinstance(metrics, list)
    what, born = levels[2], None
    if what in _BIRTHS:
        born = _names(metrics)
        metrics.insert(0, {"name": "(birth)"})
    elif what in _DEATHS:
        said = next((each.get("value") for each in metrics if each.get("name") == "bdSeq"), None)
        stale = said is not None and known.bd_seq is not None and said != known.bd_seq
        metrics = [{"name": "(death)", "stale": True} if stale else {"name": "(death)"}]
    else:
        _name_all(metrics, known)
    said_by = {"group": levels[1], "node": levels[3], "device": "/".join(levels[4:]), "type": what}
    return msgspec.json.encode({**said_by, **found, "metrics": metrics}), born


def _whose(topic: str) -> str | None:
    """``GROUP/NODE`` or ``GROUP/NODE/DEVICE``; None when the topic is of another kind (the host's state)."""
    levels = topic.split("/")
    if len(levels) not in (4, 5):
        return None
    return "/".join((levels[1], *levels[3:]))


def _name_all(metrics: list[sparkplug.Metric], known: Names) -> None:
    for metric in metrics:
        alias = metric.get("alias")
        if "name" in metric or not isinstance(alias, int):
            continue
        metric["name"] = known.names.get(alias, f"alias {alias}")
        kind, value = known.types.get(alias), metric.get("value")
        if kind is not None and "datatype" not in metric and type(value) is int:
            metric["value"] = sparkplug.signed(value, kind)


def _names(metrics: list[sparkplug.Metric]) -> Names:
    made = Names()
    for metric in metrics:
        name, alias, kind, value = (metric.get(each) for each in ("name", "alias", "datatype", "value"))
        if isinstance(alias, int) and isinstance(name, str):
            made.names[alias] = name
            if isinstance(kind, int):
                made.types[alias] = kind
        if name == "bdSeq" and isinstance(value, int):
            made.bd_seq = value
    return made


def _kept(position: Position | None) -> Names:
    if position is None:
        return Names()
    try:
        return msgspec.json.decode(position.value, type=Names)
    except msgspec.MsgspecError:
        return Names()
