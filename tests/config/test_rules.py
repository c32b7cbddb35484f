"""Rules as they are written become rules as they are applied."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from bridge.config import registry
from bridge.config.difference import Change, difference
from bridge.config.document import parse, plain
from bridge.config.errors import SiteErrors
from bridge.config.rule_sections import RULES
from bridge.config.schema import site_schema
from bridge.config.site import Site
from bridge.decide.rules import (
    Armed,
    Chatter,
    ChatterOff,
    Debounce,
    Hide,
    Hiding,
    Inhibit,
    QuietRaise,
    Rule,
    Schedule,
    Set,
    Suppress,
)
from bridge.model import Urgency

from .conftest import SITE

MakeSite = Callable[..., Site]
DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "rules.md").read_text("utf-8")
SAMPLES = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
FROM_RULES = SITE[SITE.index("    rules:\n") :]


@pytest.fixture(autouse=True)
def types(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {registry.CONNECTORS: ["bell"], registry.VMS: ["board"]}
    monkeypatch.setattr(registry, "type_names", lambda group: tuple(names[group]))


@pytest.fixture
def rules(site: MakeSite) -> Callable[[str], tuple[Rule, ...]]:
    """The rules of a sensor of which these lines are written."""

    def of(lines: str) -> tuple[Rule, ...]:
        indented = "".join(f"    {line}\n" for line in lines.splitlines())
        return site((FROM_RULES, indented)).sensors["gate"].rules  # type: ignore[index]

    return of


def one(made: tuple[Rule, ...]) -> Rule:
    assert len(made) == 1
    return made[0]


def test_debounce(rules: Callable[[str], tuple[Rule, ...]]) -> None:
    assert one(rules("rules: [debounce: 5 s]")) == Debounce("rule 1: debounce", 5.0)
    made = one(rules("rules: [{debounce: 500 ms, when: event.test, alarms: true, name: short}]"))
    assert isinstance(made, Debounce)
    assert (made.name, made.seconds, made.alarms, made.when.text if made.when else "") == (
        "short", 0.5, True, "event.test",
    )  # fmt: skip


def test_suppress(rules: Callable[[str], tuple[Rule, ...]]) -> None:
    made = one(rules("rules: [{suppress: 10 min, same: [plate, lane]}]"))
    assert made == Suppress("rule 1: suppress", 600.0, ("plate", "lane"))


def test_schedule(rules: Callable[[str], tuple[Rule, ...]]) -> None:
    text = """rules:
  - schedule: {armed: [{days: mon-fri, from: "18:00", to: "06:00"}, {days: [sat, sun]}], alarms: true}"""
    armed = (Armed((0, 1, 2, 3, 4), 64800, 21600), Armed((5, 6), 0, 86400))
    assert one(rules(text)) == Schedule("rule 1: schedule", armed, alarms=True)


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("fri-mon", (0, 4, 5, 6)), ("sun", (6,)), ("'Mon, wed-thu'", (0, 2, 3)), ("[sat-sun, tue]", (1, 5, 6)),
        ("mon-sun", (0, 1, 2, 3, 4, 5, 6)),
    ],
)  # fmt: skip
def test_days_are_names_and_ranges_over_the_weekend_too(
    rules: Callable[[str], tuple[Rule, ...]], written: str, days: tuple[int, ...]
) -> None:
    made = one(rules(f'rules: [schedule: {{armed: [{{days: {written}, from: "18:00", to: "06:00"}}]}}]'))
    assert isinstance(made, Schedule)
    assert made.armed[0].days == days


def test_times_need_no_quotes(rules: Callable[[str], tuple[Rule, ...]]) -> None:
    made = one(rules("rules:\n  - schedule:\n      armed:\n        - {from: 18:30, to: 24:00}"))
    assert made == Schedule("rule 1: schedule", (Armed((0, 1, 2, 3, 4, 5, 6), 66600, 86400),))


def test_chatter(rules: Callable[[str], tuple[Rule, ...]]) -> None:
    assert one(rules("rules: [chatter: {most: 3, per: 1 min}]")) == Chatter("rule 1: chatter", 3, 60.0)
    assert one(rules("rules: [{chatter: {most: 3, per: 1 min}, alarms: true}]")) == Chatter(
        "rule 1: chatter", 3, 60.0, alarms=True
    )
    assert one(rules("rules: [chatter: off]")) == ChatterOff()


def test_what_is_hidden(rules: Callable[[str], tuple[Rule, ...]]) -> None:
    made = rules("rules: [{mask: [plate]}, {hash: [country]}, {leave_out: [detail.person.name]}]")
    assert made == (
        Hide("rule 1", Hiding.MASK, ("plate",)),
        Hide("rule 2", Hiding.HASH, ("country",)),
        Hide("rule 3", Hiding.LEAVE_OUT, ("detail.person.name",)),
    )


def test_set(rules: Callable[[str], tuple[Rule, ...]]) -> None:
    made = one(rules('rules: [set: {urgency: alarm, type: Tür, title: "Tür {lane}"}]'))
    assert isinstance(made, Set)
    assert made.title is not None
    assert (made.urgency, made.type, made.title.fill({"lane": 7})) == (Urgency.ALARM, "Tür", "Tür 7")


def test_quiet(rules: Callable[[str], tuple[Rule, ...]]) -> None:
    assert one(rules("rules: [quiet: raise]")) == QuietRaise()


@pytest.mark.parametrize(
    ("until", "moment"),
    [
        ("2026-12-01T06:00", datetime(2026, 11, 30, 19, 0, tzinfo=UTC)),  # in Sydney
        ("2026-12-01T06:00:00Z", datetime(2026, 12, 1, 6, 0, tzinfo=UTC)),
        ("2026-12-01 06:00+01:00", datetime(2026, 12, 1, 5, 0, tzinfo=UTC)),
    ],
)
def test_inhibit_ends_by_the_sensors_own_clock_unless_it_says_otherwise(
    rules: Callable[[str], tuple[Rule, ...]], until: str, moment: datetime
) -> None:
    made = rules(f"inhibit: {{why: roof works, until: {until}}}\nrules: [quiet: raise]")
    assert made == (Inhibit("roof works", moment), QuietRaise())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("inhibit: {why: a, until: 2026-12-01T06:00}", "inhibit: {why: b, until: 2026-12-01T06:00}"),
        ("inhibit: {why: a, until: 2026-12-01T06:00}", "inhibit: {why: a, until: 2026-12-01T07:00}"),
        ("rules: [debounce: 5 s]", "rules: [debounce: 6 s]"),
        ("rules: [{debounce: 5 s, when: event.test}]", "rules: [{debounce: 5 s, when: '!event.test'}]"),
        ("rules: [debounce: 5 s]", "rules: [{debounce: 5 s, alarms: true}]"),
        ("rules: [{suppress: 5 s, same: [plate]}]", "rules: [{suppress: 5 s, same: [lane]}]"),
        ("rules: [schedule: {armed: [{days: mon}]}]", "rules: [schedule: {armed: [{days: tue}]}]"),
        ("rules: [chatter: off]", "rules: [chatter: {most: 3, per: 1 s}]"),
        ("rules: [mask: [plate]]", "rules: [hash: [plate]]"),
        ("rules: [set: {title: a}]", "rules: [set: {title: b}]"),
        ("rules: [set: {urgency: alarm}]", "rules: [set: {urgency: fault}]"),
        ("rules: [{debounce: 5 s}, {suppress: 5 s}]", "rules: [{suppress: 5 s}, {debounce: 5 s}]"),
    ],
)  # fmt: skip
def test_a_rule_that_differs_changes_its_sensor_and_the_same_one_does_not(
    site: MakeSite, before: str, after: str
) -> None:
    def made(text: str) -> Site:
        return site((FROM_RULES, f"    {text}\n"))

    assert difference(made(before), made(after)).sensors == Change(changed=("gate",))
    assert not difference(made(before), made(before))
    assert made(before).digest != made(after).digest


def test_each_rule_is_on_the_page_and_each_sample_of_the_page_is_good(site: MakeSite) -> None:
    """To the checker and to an editor that has the schema."""
    whole = jsonschema.Draft202012Validator(site_schema())
    seen: set[str] = set()
    for sample in SAMPLES:
        if "sensors:" in sample:
            continue
        read = plain(parse(sample, "rules.md"))
        assert isinstance(read, dict)
        entries = read.get("rules", [])
        assert isinstance(entries, list)
        seen |= {key for entry in entries if isinstance(entry, dict) for key in entry} | set(read)
        indented = "".join(f"    {line}\n" for line in sample.splitlines())
        site((FROM_RULES, indented))
        assert [
            error.message for error in whole.iter_errors(plain(parse(SITE.replace(FROM_RULES, indented), "x")))
        ] == []
    assert {*RULES, "inhibit"} <= seen


def test_an_error_in_a_rule_is_said_beside_all_others(site: MakeSite) -> None:
    broken = (
        ("profile: cammra", "profle: cammra"),
        ("      - collapse: off\n", "      - {set: {type: x}, when: evnt.x}\n"),
    )
    with pytest.raises(SiteErrors) as caught:
        site(*broken)
    said = caught.value.render()
    assert "did you mean profile?" in said
    assert "rules[2].when: there is no variable evnt; did you mean event?" in said
