"""What stands in a request's query: secrets, and for some senders the message itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import unquote_plus, unquote_to_bytes

from connectors.http.methods import in_query

WHOLE = ""
"""In place of a parameter's name: the whole query is the message."""

_FORM = "application/x-www-form-urlencoded"
_MOST = 1000


def shown_in(query: bytes, asked: Collection[bytes]) -> dict[bytes, bytes]:
    """The values of the parameters some address expects a secret in, by ``methods.in_query`` of their name."""
    found: dict[bytes, bytes] = {}
    for pair in query.split(b"&", _MOST)[:_MOST]:
        name, _, value = pair.partition(b"=")
        where = in_query(unquote_plus(name.decode("latin-1")))
        if where in asked:
            found.setdefault(where, unquote_to_bytes(value.replace(b"+", b" ")))
    return found


def message_in(query: bytes, names: Sequence[str], secret: Collection[bytes]) -> tuple[bytes, str] | None:
    """The message and its content type: the value of the first of these parameters that is there, or for WHOLE the
    query as a form, without the secrets in it. None when there is neither."""
    for name in names:
        if name == WHOLE:
            form = b"&".join(pair for pair in query.split(b"&") if pair and not _is_secret(pair, secret))
            if form:
                return form, _FORM
            continue
        where = in_query(name)
        value = shown_in(query, (where,)).get(where)
        if value and where not in secret:
            return value, "application/json" if value.lstrip()[:1] in (b"{", b"[") else "text/plain"
    return None


def _is_secret(pair: bytes, secret: Collection[bytes]) -> bool:
    return in_query(unquote_plus(pair.partition(b"=")[0].decode("latin-1"))) in secret
