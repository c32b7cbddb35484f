"""Secrets whose values would be noticed anywhere, and every form in which one could leak."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

ODD = '"\\/+%&<>'
"""What JSON, URLs and HTML write otherwise: each form of a secret with these in it is another string."""


def forms(secret: str) -> set[bytes]:
    """As it is, in base64 at any place of a longer text, percent-encoded, as JSON (also within JSON), in hex."""
    raw = secret.encode()
    quoted = json.dumps(secret)[1:-1]
    found = {secret, quoted, json.dumps(quoted)[1:-1], quoted.replace("/", "\\/"), repr(secret)[1:-1]}
    found |= {quote(secret, safe=""), quote(secret), quote_plus(secret), quote(secret, safe="").lower()}
    found |= {"".join(f"\\u{ord(letter):04x}" for letter in secret), raw.hex()}
    found |= {secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")}
    for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            # Only what does not depend on the letters around it.
            whole = alphabet(b"\0" * before + raw).decode().rstrip("=")
            text = whole[(before * 8 + 5) // 6 : len(whole) - 1]
            found |= {text, quote(text, safe="")}
    return {form.encode() for form in found}


def leaks(secrets: Iterable[str], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Where which secret (by its number) shows, and in which words; the words only, for this goes into a log."""
    looked_for = [(number, form) for number, secret in enumerate(secrets) for form in forms(secret)]
    found = []
    for place, data in places:
        lower = data.lower()
        for number, form in looked_for:
            if form in data or form.lower() in lower:
                at = lower.find(form.lower())
                found.append(f"secret {number} in {place}: after {data[max(0, at - 60) : at]!r}")
    return found


def files(folder: Path, *, without: Path) -> Iterator[tuple[str, bytes]]:
    """Every file there but those of ``without``."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and without not in path.parents:
            yield str(path.relative_to(folder)), path.read_bytes()
