"""The little of GraphQL a simulated OMNI Platform has: ``events`` with filter by date, order and pages.

Not a GraphQL server: variables are put into the query's text, and what is asked for is read from that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bridge.simulator.omni.documents import Happening, listed

_DATE = re.compile(r"\bdate\s*:\s*\{([^}]*)\}")
_BOUND = re.compile(r"\b(gte|gt|lte|lt|exact)\s*:\s*\"([^\"]*)\"")
_NUMBER = r"\b{}\s*:\s*(\d+)"


def answer(body: bytes, events: Sequence[Happening]) -> bytes:
    """The answer to a posted query, as the endpoint /event-service/graphql gives it; errors come with status 200."""
    try:
        asked = msgspec.json.decode(body)
        query = _with_variables(asked["query"], asked.get("variables") or {})
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return _error("Must provide query string.")
    if re.search(r"\bevents\s*\(", query) is None:
        return _error("Cannot query this field.")
    bounds = [bound for dates in _DATE.findall(query) for bound in _BOUND.findall(dates)]
    try:
        wanted = [(name, _moment(text)) for name, text in bounds]
    except ValueError:
        return _error("DateTime cannot represent the value.")
    found = [each for each in events if all(_within(each.at, name, moment) for name, moment in wanted)]
    found.sort(key=lambda each: (each.at, each.number), reverse=re.search(r"\bdate\s*:\s*DESC", query) is not None)
    offset, limit = _number(query, "offset", 0), _number(query, "limit", 20)
    page = [listed(each) for each in found[offset : offset + limit]]
    return msgspec.json.encode({"data": {"events": {"totalCount": len(found), "collectionItems": page}}})


def _with_variables(query: str, variables: dict[str, object]) -> str:
    _, brace, body = query.partition("{")  # the head declares them, with their types
    return re.sub(
        r"\$(\w+)",
        lambda found: msgspec.json.encode(variables[found[1]]).decode() if found[1] in variables else "null",
        brace + body,
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _within(at: datetime, name: str, bound: datetime) -> bool:
    match name:
        case "gte":
            return at >= bound
        case "gt":
            return at > bound
        case "lte":
            return at <= bound
        case "lt":
            return at < bound
        case _:
            return at == bound


def _number(query: str, name: str, otherwise: int) -> int:
    found = re.search(_NUMBER.format(name), query)
    return otherwise if found is None else int(found[1])


def _error(message: str) -> bytes:
    return msgspec.json.encode({"data": None, "errors": [{"message": message}]})
