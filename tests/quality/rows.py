"""The rows of the table: every connector that is registered, every profile that ships; what was shown of them, why a
quality does not apply, and what is UNKNOWN."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

import mappings
from bridge.cli.quality import QUALITIES, Quality, Row, Shown
from bridge.config.document import parse, plain
from bridge.config.registry import BUILT_IN, CONNECTORS
from tests.quality.evidence import Key


class Wrong(ValueError):
    """What was said by hand or by a mark does not fit; one line for each."""


class Hand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    does_not_apply: Mapping[str, str] = {}
    unknown: tuple[str, ...] = ()


class ByHand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``mappings/quality/by-hand.yaml``. ``profiles`` holds for all of them."""

    connectors: Mapping[str, Hand]
    profiles: Hand


def by_hand() -> ByHand:
    text = mappings.QUALITY_BY_HAND.read_text("utf-8")
    return msgspec.convert(plain(parse(text, "by-hand.yaml")), ByHand)


def unknown_of(profile: str) -> tuple[str, ...]:
    """What its profile says is UNKNOWN of a device."""
    document = plain(parse((mappings.PROFILES / f"{profile}.yaml").read_text("utf-8"), profile))
    assert isinstance(document, dict)
    return msgspec.convert(document.get("unknown", ()), tuple[str, ...])


def connectors() -> list[str]:
    return sorted(BUILT_IN[CONNECTORS])


def profiles() -> list[str]:
    return sorted(file.stem for file in mappings.PROFILES.glob("*.yaml"))


def made_of(evidence: Mapping[Key, Quality]) -> Shown:
    """Raises Wrong: a mark names what there is not, or shows what is said not to apply."""
    hand = by_hand()
    wrong = [f"by-hand.yaml: there is no connector {name}" for name in hand.connectors.keys() - set(connectors())]
    everything = {f"connector:{name}" for name in connectors()} | {f"profile:{name}" for name in profiles()}
    wrong += [
        f"{_tests(evidence[key])}: there is no {key.subject}" for key in evidence if key.subject not in everything
    ]
    wrong += [
        f"{_tests(evidence[key])}: no quality is {key.quality}" for key in evidence if key.quality not in QUALITIES
    ]
    wrong += [
        f"{_tests(found)}: peer of {key.subject} without the name of the program"
        for key, found in evidence.items()
        if key.quality == "peer" and found.tests and not found.peers
    ]

    def row(subject: str, does_not_apply: Mapping[str, str], unknown: tuple[str, ...]) -> Row:
        found: dict[str, Quality] = {}
        for name in QUALITIES:
            shown = evidence.get(Key(subject, name), Quality())
            if name in does_not_apply and (shown.tests or shown.failed):
                wrong.append(f"{subject}: {name} is said not to apply, and {_tests(shown)} shows it")
            found[name] = Quality(does_not_apply=does_not_apply[name]) if name in does_not_apply else shown
        return Row(found, unknown)

    told = {name: hand.connectors.get(name, Hand()) for name in connectors()}
    shown = Shown(
        connectors={name: row(f"connector:{name}", told[name].does_not_apply, told[name].unknown) for name in told},
        profiles={name: row(f"profile:{name}", hand.profiles.does_not_apply, unknown_of(name)) for name in profiles()},
    )
    if wrong:
        raise Wrong("\n".join(sorted(wrong)))
    return shown


def _tests(found: Quality) -> str:
    return ", ".join([*found.tests, *found.failed]) or "a test that was left out"
