"""Where in its files a part of a site stands, for what is told about it after it was read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bridge.config.document import locate, locate_key, plain
from bridge.config.faults import Entry, Faults
from bridge.config.gather import gather, twice
from bridge.config.groups import with_rows


class Places:
    """Made of the path a site was loaded from; reads its files again. What cannot be found has no place."""

    def __init__(self, path: Path) -> None:
        faults = Faults()  # whoever loaded the site has said them
        sections = gather(path, faults)
        sensors, _ = with_rows(sections.named["sensors"], sections.tables, twice, faults)
        self._one: Mapping[str, Entry] = sections.one
        self._named: Mapping[str, Mapping[str, Entry]] = {**sections.named, "sensors": sensors}

    def of(self, section: str, name: str = "", *below: str | int) -> str:
        """``of("cameras", "gate-in", "token")`` → ``site.yaml:12: cameras.gate-in.token``; the path alone where the
        file says nothing of it."""
        path = ".".join([section, *([name] if name else []), *map(str, below)])
        entry = self._entry(section, name)
        if entry is None:
            return path
        place = locate_key(entry.node, below) if below else entry.place
        document, (line, _), _ = entry.source.told(place, path)
        return f"{document.file}:{line}: {path}" if line else f"{document.file}: {path}"

    def rules(self, sensor: str) -> tuple[str, ...]:
        """A sensor's rules as they are written, one text for each."""
        entry = self._entry("sensors", sensor)
        if entry is None:
            return ()
        said = plain(locate(entry.node, ("rules",))) if _has(entry, "rules") else []
        rules = said if isinstance(said, list) else []
        texts = [_in_words(rule) for rule in rules]
        if _has(entry, "inhibit"):
            texts.insert(0, _in_words({"inhibit": plain(locate(entry.node, ("inhibit",)))}))
        return tuple(texts)

    def _entry(self, section: str, name: str) -> Entry | None:
        return self._named.get(section, {}).get(name) if name else self._one.get(section)


def _has(entry: Entry, key: str) -> bool:
    return isinstance(entry.node.value, dict) and key in entry.node.value


def _in_words(rule: object) -> str:
    """``{"debounce": "5 s", "when": "x"}`` → ``debounce: 5 s; when: x``."""
    if not isinstance(rule, dict):
        return str(rule)
    return "; ".join(f"{key}: {_value(value)}" for key, value in rule.items())


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
