"""What an event is called at this site, and how urgent it is."""

from __future__ import annotations

from bridge.decide.rules import CollapseOff, QuietRaise, Select, Set, Template
from bridge.model import Action, Collapse, Fate, State, Urgency
from bridge.profiles.expression import Expression, compile_expression
from bridge.profiles.titles import compile_title
from tests.decide.conftest import VEHICLE, Bench, door, draft, site_of


def titled(text: str) -> Template:
    return Template(text, compile_title(text))


def when(text: str) -> Expression:
    return compile_expression(text, {"event"})


LOCAL = Set("local", Urgency.ALARM, "Tür offen", titled("Tür {door} offen[ seit {since}]"))


def test_urgency_type_and_title_are_those_of_the_site() -> None:
    event = Bench(site_of(LOCAL)).say(door()).events[0]
    assert (event.urgency, event.type, event.title) == (Urgency.ALARM, "Tür offen", "Tür 7 offen")


def test_only_what_when_names_is_changed() -> None:
    strangers = Set("strangers", Urgency.ALARM, when=when('event.fields.plate == "B"'))
    bench = Bench(site_of(strangers))
    assert [bench.say(draft(plate)).events[0].urgency for plate in "AB"] == [Urgency.NOTICE, Urgency.ALARM]


def test_a_when_that_fails_changes_nothing_and_says_so() -> None:
    failing = Set("colour", Urgency.ALARM, when=when("event.fields.colour == 1"))
    event = Bench(site_of(failing)).say(draft()).events[0]
    assert (event.urgency, event.marks[0].partition(":")[0]) == (Urgency.NOTICE, "rule colour failed")


def test_a_later_rule_sees_what_an_earlier_one_made_of_the_event() -> None:
    alarms = Select("alarms", when('event.urgency == "alarm"'))
    assert Bench(site_of(LOCAL, alarms)).say(door()).verdicts[0].fate is Fate.RAISED
    assert Bench(site_of(alarms, LOCAL)).say(door()).verdicts[0].fate is Fate.FILTERED


def test_a_restore_keeps_the_urgency_of_what_it_closes_and_has_a_title_of_its_own() -> None:
    on = Set("on", Urgency.ALARM, title=titled("offen"), when=when('event.state == "active"'))
    off = Set("off", Urgency.NOTICE, title=titled("zu"), when=when('event.state == "restored"'))
    bench = Bench(site_of(on, off))
    bench.say(door())
    restored = bench.say(door(State.RESTORED)).events[0]
    assert (restored.title, restored.urgency) == ("zu", Urgency.ALARM)


def test_a_condition_made_less_urgent_is_still_one_event_however_often_it_is_told() -> None:
    bench = Bench(site_of(Set("calm", Urgency.NOTICE)))
    opened = bench.say(door(urgency=Urgency.ALARM)).events[0]
    again = bench.say(door(urgency=Urgency.ALARM)).verdicts[0]
    assert (opened.urgency, again.fate, again.event) == (Urgency.NOTICE, Fate.COLLAPSED, opened.id)


def test_a_condition_that_becomes_more_urgent_only_before_the_rules_is_part_of_the_open_event() -> None:
    bench = Bench(site_of(Set("calm", Urgency.NOTICE)))
    opened = bench.say(door()).events[0]
    for _ in range(2):
        worse = bench.say(door(urgency=Urgency.ALARM))
        assert (worse.verdicts[0].fate, worse.verdicts[0].event) == (Fate.COLLAPSED, opened.id)
        assert worse.events == ()


def test_a_thing_made_less_urgent_is_amended_and_not_raised_again() -> None:
    bench = Bench(site_of(Set("calm", Urgency.NOTICE)))
    now = Collapse(VEHICLE.key, hold=0.0, window=1800.0)
    raised = bench.say(draft("A", collapse=now, urgency=Urgency.ALARM)).events[0]
    amended = bench.say(draft("B", collapse=now, urgency=Urgency.ALARM))
    assert (amended.verdicts[0].fate, amended.events[0].id) == (Fate.AMENDED, raised.id)


def test_an_amendment_is_called_as_its_event_is() -> None:
    bench = Bench(site_of(Set("local", Urgency.ALARM, "Fahrzeug", titled("Kennzeichen {plate}"))))
    now = Collapse(VEHICLE.key, hold=0.0, window=1800.0)
    bench.say(draft("A", collapse=now))
    amended = bench.say(draft("B", collapse=now))
    event = amended.events[0]
    assert (event.type, event.title, event.urgency) == ("Fahrzeug", "Kennzeichen B", Urgency.ALARM)
    assert {each.action for each in amended.deliveries} == {Action.AMEND}


def test_what_the_profile_is_quiet_about_is_judged_like_any_event_on_demand() -> None:
    assert Bench(site_of(QuietRaise())).say(draft(quiet="heartbeat")).verdicts[0].fate is Fate.RAISED
    assert Bench(site_of(CollapseOff())).say(draft(quiet="heartbeat")).verdicts[0].fate is Fate.FILTERED


def test_rules_see_when_it_happened_what_its_pictures_show_and_whether_it_is_a_test() -> None:
    asked = Select(
        "asked", when('!event.test && event.occurred_at.startsWith("2026-01-05T09") && event.pictures.size() == 0')
    )
    decision = Bench(site_of(asked)).say(draft())
    assert (decision.verdicts[0].fate, decision.events[0].marks) == (Fate.RAISED, ())
