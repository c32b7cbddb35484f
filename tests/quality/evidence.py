"""What several runs have shown, put together: which tests passed, and which failed or did not run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from bridge.cli.quality import Quality
from tests.quality.claims import Claim

Subject = str


class Told(msgspec.Struct, frozen=True):
    test: str
    outcome: str
    shows: tuple[Claim, ...]


class Run(msgspec.Struct, frozen=True):
    """A file that ``--quality`` wrote."""

    tests: tuple[Told, ...]


class Key(NamedTuple):
    subject: Subject
    quality: str


def read(file: Path) -> Run:
    return msgspec.json.decode(file.read_bytes(), type=Run)


def function_of(test: str) -> str:
    """A parametrised test's name without its parameters."""
    return test.partition("[")[0]


def together(runs: Iterable[Run]) -> dict[Key, Quality]:
    """Of every claim that any test made. A test that failed in any of the runs failed, and so what it claims; one that
    was left out counts as not there."""
    outcomes: dict[str, set[str]] = defaultdict(set)
    claims: dict[str, tuple[Claim, ...]] = {}
    for run in runs:
        for told in run.tests:
            outcomes[told.test].add(told.outcome)
            claims[told.test] = told.shows
    passed: dict[Key, Counter[str]] = defaultdict(Counter)
    failed: dict[Key, set[str]] = defaultdict(set)
    peers: dict[Key, set[str]] = defaultdict(set)
    for test, told_claims in claims.items():
        for claim in told_claims:
            key = Key(claim.subject, claim.quality)
            passed[key] += Counter()
            if "failed" in outcomes[test]:
                failed[key].add(function_of(test))
            elif "passed" in outcomes[test]:
                passed[key][function_of(test)] += 1
                peers[key] |= {peer.strip() for peer in claim.peer.split(",")} - {""}
    return {
        key: Quality(
            tests=dict(sorted(tests.items())),
            peers=tuple(sorted(peers[key], key=str.lower)),
            failed=tuple(sorted(failed[key])),
        )
        for key, tests in passed.items()
    }
