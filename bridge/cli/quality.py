"""What tests have shown of each connector and profile, as it was when this version was made (docs/quality.md)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

QUALITIES: Mapping[str, tuple[str, str]] = {
    "samples": ("S", "decodes every sample of the reference"),
    "reconnects": ("R", "reconnects; says once when it is away and once when it is back"),
    "credentials": ("C", "refused credentials become a fault"),
    "peer": ("P", "tested against a peer that is not ours"),
    "kill": ("K", "kill test: what was acknowledged survives"),
    "cases": ("T", "recorded traffic as cases: configuration, input, expected output or error"),
    "fuzzed": ("F", "fuzzed"),
    "isolation": ("I", "isolation: one that misbehaves delays no other; counted, and measured by make bench"),
}
"""Each with its letter and in words, in the order of the tables."""


class Quality(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Shown when there are ``tests``, none of them ``failed``, and it applies.

    ``tests``: how many passed, by the function they are cases of; ``peers``: whom it was tested against.
    """

    tests: Mapping[str, int] = {}
    peers: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    does_not_apply: str = ""

    @property
    def shown(self) -> int:
        """The number of tests that show it; 0: it is not shown."""
        return 0 if self.failed or self.does_not_apply else sum(self.tests.values())


class Row(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Of one connector or profile. ``unknown``: what neither tests nor documents say, in words."""

    qualities: Mapping[str, Quality]
    unknown: tuple[str, ...] = ()

    def letters(self) -> str:
        """One place for each quality: its letter when shown, ``-`` when not, ``.`` when it does not apply."""
        return "".join(
            "." if self.qualities[name].does_not_apply else letter if self.qualities[name].shown else "-"
            for name, (letter, _) in QUALITIES.items()
        ) + ("?" if self.unknown else "")

    def told(self) -> dict[str, object]:
        """For programs: of each quality how many tests show it, or null where it does not apply; peers; unknown."""
        numbers = {name: None if each.does_not_apply else each.shown for name, each in self.qualities.items()}
        return {**numbers, "peers": list(self.qualities["peer"].peers), "unknown": list(self.unknown)}


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rows, by the names they have in a site's YAML."""

    connectors: Mapping[str, Row]
    profiles: Mapping[str, Row]


def shown() -> Shown:
    """What ships with this version."""
    import mappings

    return msgspec.json.decode(mappings.QUALITY_SHOWN.read_bytes(), type=Shown)


def legend() -> list[str]:
    letters = [f"{letter} {words}" for letter, words in QUALITIES.values()]
    return [*letters, "- not shown, . does not apply, ? something about it is UNKNOWN: vms-bridge profile show NAME"]
