"""A strict reader of the Prometheus text format 0.0.4, after its page: what a scraper, or promtool, would complain of.

https://prometheus.io/docs/instrumenting/exposition_formats/ and, for names, /docs/practices/naming/.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")


@dataclass
class Family:
    kind: str
    about: str
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)

    def value(self, **labels: str) -> float:
        """The one sample with these labels."""
        found = [value for (_, said), value in self.samples.items() if said == frozenset(labels.items())]
        assert len(found) == 1, (labels, list(self.samples))
        return found[0]

    def labels(self) -> set[str]:
        return {name for _, said in self.samples for name, _ in said}


def read(text: str) -> dict[str, Family]:
    """Families by name. Raises AssertionError, naming the line, for anything the format does not allow."""
    assert text.endswith("\n"), "the last line has no end"
    families: dict[str, Family] = {}
    about: dict[str, str] = {}
    current = ""
    for line in text[:-1].split("\n"):
        assert line, "an empty line"
        if line.startswith("# HELP "):
            name, _, said = line[7:].partition(" ")
            assert re.fullmatch(NAME, name), line
            assert said, line
            assert name not in about, f"HELP twice: {line}"
            about[name] = said
            continue
        if line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert kind in ("counter", "gauge", "histogram"), line
            assert name not in families, f"TYPE twice, or samples of one name apart: {line}"
            assert name in about, f"no HELP before: {line}"
            assert (kind == "counter") == name.endswith("_total"), (
                f"a counter, and nothing else, ends in _total: {line}"
            )
            families[name] = Family(kind, about[name])
            current = name
            continue
        assert not line.startswith("#"), line
        _sample(line, current, families)
    for name, family in families.items():
        assert family.samples, f"{name} has no samples"
        if family.kind == "histogram":
            _histogram(name, family)
    return families


def _sample(line: str, current: str, families: dict[str, Family]) -> None:
    found = SAMPLE.fullmatch(line)
    assert found, f"no sample: {line}"
    name, said, number = found[1], found[2], found[3]
    family = families[current]
    suffixes = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
    assert name in {current + suffix for suffix in suffixes}, f"a sample outside its family {current}: {line}"
    labels: dict[str, str] = {}
    at = 0
    while said is not None and at < len(said):
        label = LABEL.match(said, at)
        assert label, f"no label: {line}"
        assert label[1] not in labels, f"a label twice: {line}"
        assert not label[1].startswith("__"), line
        labels[label[1]] = label[2]
        at = label.end()
    value = math.inf if number == "+Inf" else float(number)
    assert not math.isnan(value), line
    assert family.kind == "gauge" or value >= 0, line
    key = (name, frozenset(labels.items()))
    assert key not in family.samples, f"a sample twice: {line}"
    family.samples[key] = value


def _histogram(name: str, family: Family) -> None:
    series: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = {}
    for (sample, said), value in family.samples.items():
        if sample.endswith("_bucket"):
            labels = dict(said)
            bound = labels.pop("le")
            upper = math.inf if bound == "+Inf" else float(bound)
            series.setdefault(frozenset(labels.items()), []).append((upper, value))
    assert series, name
    for labels, buckets in series.items():
        assert [bound for bound, _ in buckets] == sorted(bound for bound, _ in buckets), f"{name}: unsorted buckets"
        assert [count for _, count in buckets] == sorted(count for _, count in buckets), f"{name}: not cumulative"
        assert buckets[-1][0] == math.inf, f"{name} has no bucket +Inf"
        assert family.samples[f"{name}_count", labels] == buckets[-1][1], f"{name}: count is not its last bucket"
        assert (f"{name}_sum", labels) in family.samples
