"""Meta documents, time-stamped and typed, per camera (reference 8; endpoint 15)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.vxg import answers
from bridge.simulator.vxg.answers import bad_request
from bridge.simulator.vxg.state import Cloud
from bridge.simulator.vxg.tokens import Grant

Stored = dict[str, object]


class Document(msgspec.Struct, omit_defaults=True, rename={"floats": "float"}):
    """``id`` replaces that document, or makes one of that id."""

    timestamp: str
    long: dict[str, int] = {}
    floats: dict[str, int | float] = {}
    string: dict[str, str] = {}
    raw_data: str = ""
    id: str = ""


class Named(msgspec.Struct):
    id: str


class Search(msgspec.Struct):
    filter: dict[str, object] = {}
    sort: list[str] = []
    limit: int = 20
    offset: int = 0


def write(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """POST: an array of documents; 200 with a status of its own for each."""
    assert grant.camera is not None
    documents = cloud.store.documents[grant.camera]
    results: list[dict[str, object]] = []
    for raw in answers.read(asked.body, list[msgspec.Raw]):
        try:
            document = msgspec.json.decode(raw, type=Document)
            answers.parse_time(document.timestamp, "timestamp")
        except (msgspec.MsgspecError, answers.Refused) as error:
            results.append({"status": 400, "errorDetail": str(error)})
            continue
        number = document.id or f"sim_{grant.camera}_{cloud.store.next_document():04x}"
        status = 200 if number in documents else 201
        documents[number] = {**msgspec.to_builtins(document), "id": number}
        results.append({"status": status, "id": number})
    return _results(results)


def change(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """PUT: each element names its document by id and brings the parts that change."""
    assert grant.camera is not None
    documents = cloud.store.documents[grant.camera]
    results: list[dict[str, object]] = []
    for part in answers.read(asked.body, list[dict[str, object]]):
        number = part.get("id")
        if isinstance(number, str) and number in documents:
            documents[number] |= part
            results.append({"status": 200, "id": number})
        else:
            results.append({"status": 404, "errorDetail": "Document not found"})
    return _results(results)


def delete(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    assert grant.camera is not None
    documents = cloud.store.documents[grant.camera]
    results: list[dict[str, object]] = []
    for named in answers.read(asked.body, list[Named]):
        found = documents.pop(named.id, None) is not None
        results.append({"status": 204 if found else 404, "id": named.id})
    return _results(results)


def search(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """POST filter: the documents of the token's camera, or of the whole group, that match."""
    wanted = answers.read(asked.body, Search)
    found = _found(cloud, grant, wanted)
    for name in reversed(wanted.sort):
        found.sort(key=lambda each, name=name: _key(each, name.lstrip("-")), reverse=name.startswith("-"))  # type: ignore[misc]
    shown = found[wanted.offset : wanted.offset + max(1, wanted.limit)]
    meta = {"limit": wanted.limit, "offset": wanted.offset, "total_count": len(found)}
    return answers.ok({"objects": shown, "meta": meta})


def delete_found(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    assert grant.camera is not None
    found = _found(cloud, grant, answers.read(asked.body, Search))
    for document in found:
        del cloud.store.documents[grant.camera][str(document["id"])]
    return _results([{"status": 204, "id": document["id"]} for document in found])


def _found(cloud: Cloud, grant: Grant, wanted: Search) -> list[Stored]:
    documents = [each for camera in cloud.cameras_of(grant) for each in cloud.store.documents[camera].values()]
    return [each for each in documents if _matches(each, wanted.filter)]


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "words_in": lambda value, words: all(word in str(value).lower().split() for word in str(words).lower().split()),
}


def _matches(document: Stored, condition: dict[str, object]) -> bool:
    for word, fold in (("and", all), ("or", any)):
        inner = condition.get(word)
        if inner is not None:
            if not isinstance(inner, list):
                raise bad_request(f"filter.{word}: an array is expected")
            return fold(_matches(document, each) for each in inner)
    field = condition.get("field")
    if field is None:
        return True
    value = _value(document, str(field))
    for operation, wanted in condition.items():
        if operation == "field":
            continue
        if operation not in _COMPARE:
            raise bad_request(f"filter: no operation {operation}")
        try:
            if value is None or not _COMPARE[operation](value, wanted):
                return False
        except TypeError:
            return False
    return True


def _value(document: Stored, field: str) -> object:
    group, _, name = field.partition(".")
    value = document.get(group)
    if not name:
        return str(value).removesuffix("Z") if group == "timestamp" else value
    return value.get(name) if isinstance(value, dict) else None


def _key(document: Stored, field: str) -> tuple[bool, str, float]:
    value = _value(document, field)
    number = float(value) if isinstance(value, int | float) else 0.0
    return value is not None, value if isinstance(value, str) else "", number


def _results(results: list[dict[str, object]]) -> Answer:
    errors = sum(1 for each in results if each["status"] not in (200, 201, 204))
    return answers.ok({"objects": results, "meta": {"errors_count": errors, "total_count": len(results)}})
