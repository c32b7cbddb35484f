"""What is supervised, what is a fault and where trouble is told: what it becomes, and what is said when it is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.config.difference import difference
from bridge.config.errors import SiteErrors
from bridge.config.site import FaultLimits, Site, Supervision
from bridge.trouble.settings import TroubleMail, TroubleSyslog, TroubleWebhook

from .conftest import SITE

Load = Callable[..., Site]
ROOT = Path(__file__).resolve().parents[2]

BELLS = "max_body: 2 MiB}"
RULES = "    rules:"
TROUBLE = """\
trouble:
  - {type: webhook, url: https://oncall.example/in, headers: {Authorization: "Bearer secret:oncall"}}
  - {type: syslog, host: 10.0.0.5, transport: tcp, facility: local0, faults: true}
  - {type: mail, host: mail.example, sender: a@b.example, to: [c@d.example], user: x, password: secret:mail}
"""


def of_gate(site: Site) -> Supervision | None:
    (sensor,) = site.sensors.values()
    return sensor.supervise


def faults(site: Load, *replacements: tuple[str, str], text: str = SITE) -> str:
    with pytest.raises(SiteErrors) as refused:
        site(*replacements, text=text)
    return refused.value.render()


def test_a_sensor_is_supervised_as_it_says_and_else_as_its_connector_says(site: Load) -> None:
    connector = (BELLS, "max_body: 2 MiB, supervise: {silent_after: 10 min, clock: 30 s}}")
    assert of_gate(site()) is None
    assert of_gate(site(connector)) == Supervision(silent_after=600.0, clock=30.0)
    own = (RULES, "    supervise: {silent_after: 1 h, heartbeat: 2 min}\n    rules:")
    assert of_gate(site(connector, own)) == Supervision(silent_after=3600.0, heartbeat=120.0, clock=30.0)
    assert of_gate(site(own)) == Supervision(silent_after=3600.0, heartbeat=120.0)
    assert of_gate(site(connector, (RULES, "    supervise: off\n    rules:"))) is None


def test_what_is_a_fault_and_the_ways_of_trouble_are_part_of_the_site(site: Load) -> None:
    limits = ("[gate-wide]}}", "[gate-wide], alarm_within: 60 s, disk_low: 2 GiB}}")
    made = site(limits, text=SITE + TROUBLE)
    assert made.faults == FaultLimits(alarm_within=60.0, disk_low=2 * 2**30)
    assert [type(each) for each in made.trouble] == [TroubleWebhook, TroubleSyslog, TroubleMail]
    assert [each.faults for each in made.trouble] == [False, True, False]
    assert site().faults == FaultLimits()
    assert site().trouble == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (RULES, "    supervise: {}\n    rules:", "name at least one of silent_after, heartbeat and clock"),
        (RULES, "    supervise: {silent_after: 10}\n    rules:", "write a number and a unit"),
        (RULES, "    supervise: {silent_after: 500 ms}\n    rules:", "write 1 s or more"),
        (RULES, "    supervise: {silent: 10 min}\n    rules:", "there is no key silent here"),
        (RULES, "    supervise: maybe\n    rules:", "off"),
        (BELLS, "max_body: 2 MiB, supervise: {silnt_after: 1 h}}", "did you mean silent_after?"),
        ("[gate-wide]}}", "[gate-wide], alarm_wihtin: 60 s}}", "did you mean alarm_within?"),
        ("[gate-wide]}}", "[gate-wide], alarm_within: 60.0}}", "write a number and a unit"),
        ("  gate:\n", "  bridge:\n", "bridge is the bridge itself; give it another name"),
    ],
)
def test_what_is_wrong_is_said(site: Load, old: str, new: str, said: str) -> None:
    assert said in faults(site, (old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("type: syslog", "type: sylog", "site.yaml:23:12: trouble[1].type: there is no way sylog to tell trouble; did"),
        ("type: webhook, ", "", "trouble[0].type: type is missing; write one of type: webhook, syslog, mail, mqtt"),
        ("Bearer secret:oncall", "Bearer hunter2", "never the secret itself"),
        ("https://oncall", "http://oncall", "allow_http: true if you mean it"),
        ("local0", "locl0", "facilities are"),
        ("user: x, ", "", "a log-in needs both user and password"),
        ("c@d.example", "nobody", "write a mail address as name@host"),
    ],
)
def test_what_is_wrong_with_a_way_is_said_at_its_place(site: Load, old: str, new: str, said: str) -> None:
    assert old in TROUBLE
    told = faults(site, text=SITE + TROUBLE.replace(old, new))
    assert said in told
    assert "hunter2" not in told


def test_trouble_that_is_no_list_is_said(site: Load) -> None:
    assert "trouble is a list of ways" in faults(site, text=SITE + "trouble: {type: webhook}\n")


def test_what_is_supervised_restarts_no_connector(site: Load) -> None:
    before, after = site(), site((BELLS, "max_body: 2 MiB, supervise: {silent_after: 10 min}}"))
    changed = difference(before, after)
    assert changed.sensors.changed == ("gate",)
    assert not changed.connectors
    assert not changed.connectors_to_restart
    assert before.digest != after.digest
    assert difference(before, site(text=SITE + TROUBLE)).site_changed


def test_the_page_shows_what_can_be_written(site: Load) -> None:
    (sample,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "supervision.md").read_text(), re.DOTALL)
    rest = SITE.partition("vms:")[2].partition("connectors:")[0]
    text = f"version: 1\nvms:{rest}{sample}".replace("type: http\n", "type: bell\n")
    made = site(text=text)
    (sensor,) = made.sensors.values()
    assert sensor.supervise == Supervision(silent_after=600.0, heartbeat=120.0, clock=30.0)
    assert len(made.trouble) == 2
    assert made.faults == FaultLimits(), "it shows the defaults"


def test_every_type_of_fault_stands_on_the_page() -> None:
    from bridge.supervision.kinds import KINDS

    text = (ROOT / "docs" / "supervision.md").read_text()
    for kind in KINDS.values():
        assert f"`{kind.type}`" in text
