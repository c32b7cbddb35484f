"""Milestone XProtect, each way. Literals: reference ``vms-milestone.md``, 2, 5, 6, 7 and 11."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from bridge.model import VmsId
from bridge.simulator.milestone import SimulatedMilestone
from bridge.simulator.milestone.state import BRIDGE_EVENT, DOCK
from bridge.vms.base import VmsTarget
from bridge.vms.milestone import MilestoneCamera, MilestoneSettings, MilestoneTarget
from tests.vms.conformance.subject import Fate, Held, Running, Subject, status
from tests.vms.conformance.wiretap import Datagramtap, Linetap, datagrams_tapped
from tests.vms.conftest import Vault

DATA = (
    '{"version":1,"action":"raise","possible_duplicate":false,"camera":{"key":"gate-in","name":"gate-in",'
    '"id":"0b4a2f7e-1111-4222-8333-944445555666"},"sensor":{"id":"door-17","name":"Door 17","kind":"door"},'
    '"event":{"id":"0197c3-1.0","revision":0,"site":"harbour","message":"0197c3-1","type":"access.denied",'
    '"title":"Access denied","state":"momentary","condition":null,"closes":null,"urgency":"notice",'
    '"occurred_at":"2026-02-03T10:15:30.250000Z","arrived_at":"2026-02-03T10:15:30.500000Z","clock":"device",'
    '"clock_offset":-0.25,"fields":{"vendor":"acme","card":"00931","reason":"expired"},'
    '"detail":{"vendor":"acme","card":"00931","reason":"expired"},"media":[],"changes":[],"marks":[],"test":false}}'
)
ANALYTICS = (
    """\
POST / HTTP/1.1\r
Host: {host}\r
Content-Type: text/xml\r
Content-Length: 1361\r
\r
<AnalyticsEvent xmlns="urn:milestone-systems"><EventHeader>\
<ID>70623ac3-fca3-5429-87e9-102c6b6ea3ca</ID><Timestamp>2026-02-03T10:15:30.250+00:00</Timestamp>\
<Class>door</Class><Type>access.denied</Type><Name>Access denied</Name><Message>vms-bridge</Message>\
<CustomTag>0197c3-1.0</CustomTag>\
<Source><FQID><ObjectId>0b4a2f7e-1111-4222-8333-944445555666</ObjectId><FolderType>0</FolderType>\
<Kind>5135BA21-F1DC-4321-806A-6CE2017343C0</Kind></FQID></Source></EventHeader>\
<Description>Door 17: Access denied; vendor: acme; card: 00931; reason: expired</Description>\
<Location>Door 17</Location>\
<Vendor><Name>vms-bridge</Name><CustomData>"""
    + DATA
    + "</CustomData></Vendor></AnalyticsEvent>"
)
LINE = (
    "Access denied [0197c3-1.0] Door 17; occurred: 2026-02-03T10:15:30.250000Z; vendor: acme; card: 00931; "
    "reason: expired; type: access.denied; urgency: notice; sensor: door-17; kind: door; site: harbour; "
    "arrived: 2026-02-03T10:15:30.500000Z; clock_offset: -0.250; "
    r"detail: {\"vendor\":\"acme\",\"card\":\"00931\",\"reason\":\"expired\"}"
)
REST = """\
POST /api/rest/v1/{place} HTTP/1.1\r
Host: {host}\r
Authorization: Bearer {token}\r
Content-Type: application/json\r
Accept: application/json\r
Content-Length: {length}\r
\r
{body}"""
ALARM = '{"name":"Access denied","message":"' + LINE + '","source":"0b4a2f7e-1111-4222-8333-944445555666"}'
BOOKMARK = (
    '{"header":"Access denied","description":"' + LINE + '","timeBegin":"2026-02-03T10:15:20.250Z",'
    '"timeTriggered":"2026-02-03T10:15:30.250Z","timeEnd":"2026-02-03T10:16:00.250Z","reference":"0197c3-1.0",'
    '"devicePath":{"type":"cameras","id":"0b4a2f7e-1111-4222-8333-944445555666"}}'
)
TOPIC = (
    """\
POST /graphql HTTP/1.1\r
Host: {host}\r
Content-Type: application/json\r
Accept: application/json\r
Content-Length: 108\r
\r
{"query":"query($n:String!){eventTopics(topicName:$n){topicAvailability{rest}}}","variables":{"n":"alerts"}}\
POST /topics/alerts HTTP/1.1\r
Host: {host}\r
Content-Type: text/json\r
Content-Length: 1443\r
\r
{"name":"vms-bridge","description":\""""
    + LINE
    + '","class":"door","subclass":"access.denied","tag":"0197c3-1.0","atLocation":'
    '{"type":"Location","name":"Door 17"},'
    '"fromSource":{"type":"Reference","uuid":"0b4a2f7e-1111-4222-8333-944445555666"},'
    '"fromVendor":{"type":"Vendor","name":"vms-bridge","customData":' + json.dumps(DATA) + "}}"
)


NO_TIME = datetime.min.replace(tzinfo=UTC)


def rest(place: str, body: str) -> str:
    return REST.replace("{place}", place).replace("{body}", body).replace("{length}", str(len(body)))


def of_data(data: str, text: str) -> Held:
    """What travels as JSON; it is the same event whether or not it was cut."""
    told = json.loads(data)
    at = datetime.fromisoformat(told["event"]["occurred_at"])
    return Held(told["event"]["id"], f"{text}\n{data}", at, told["possible_duplicate"])


def of_line(line: str, more: str = "") -> Held:
    known = re.match(r"(possible duplicate: )?.*\[([^\]]+)\] Door 17; occurred: (\S+Z)", line)
    assert known is not None
    return Held(known[2], f"{line}\n{more}", datetime.fromisoformat(known[3]), known[1] is not None)


class Milestone(Subject[SimulatedMilestone]):
    _simulated: SimulatedMilestone
    secret = "xprotect"
    besides = rb"^POST /API/IDP/connect/token "
    settings: ClassVar[Mapping[str, Any]]

    def simulator(self) -> AbstractAsyncContextManager[SimulatedMilestone]:
        self._simulated = SimulatedMilestone(visible_after=0.0)
        return self._simulated

    def port(self, sim: SimulatedMilestone) -> int:
        return sim.server.port

    def vault(self, sim: SimulatedMilestone) -> Vault:
        return Vault(xprotect=sim.users.password)

    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        self._simulated.topic_base = url
        log_in = {"gateway": url, "user": "bridge", "password": "secret:xprotect"}
        place = {name: url + path for name, path in self.settings.get("places", {}).items()} or log_in
        if self.settings.get("search"):
            place |= log_in
        own = {name: value for name, value in self.settings.items() if name != "places"}
        told = {"type": "milestone", "settle_after": "200 ms", **place, **own, **settings}
        camera = MilestoneCamera(vms="vms", id=DOCK)
        return MilestoneTarget(VmsId("vms"), MilestoneSettings.model_validate(told), {self.camera: camera}, vault)

    def meant(self, sim: SimulatedMilestone, vault: Vault) -> Mapping[str, str]:
        return {"{secret:xprotect}": next(iter(sim.users.tokens), "")}

    def rotate(self, running: Running[SimulatedMilestone]) -> str:
        running.sim.users.password = "second pass"
        running.sim.users.forget()
        return "second pass"


class Analytics(Milestone):
    name = "milestone-analytics"
    secret = ""
    raising = rb"^POST / "
    searched, backdates = False, True
    literal = ANALYTICS
    settings: ClassVar[Mapping[str, Any]] = {"places": {"event_server": ""}}

    def held(self, sim: SimulatedMilestone) -> list[Held]:
        found = []
        for event in sim.state.events:
            assert event.analytics is not None
            assert event.camera == DOCK
            values = event.analytics.values
            held = of_data(values["Vendor/CustomData"], "\n".join(values.values()))
            assert held.event == values["EventHeader/CustomTag"]
            off = held.at - datetime.fromisoformat(values["EventHeader/Timestamp"])
            assert timedelta(0) <= off < timedelta(milliseconds=1)
            found.append(held)
        return found


class AnalyticsFound(Analytics):
    """Where XProtect keeps the events, and its gateway may be asked for them."""

    name = "milestone-analytics-search"
    searched = True
    settings: ClassVar[Mapping[str, Any]] = {"places": {"event_server": ""}, "search": True}


class Alarms(Milestone):
    name = "milestone-alarms"
    raising = rb"^POST /api/rest/v1/alarms "
    searched, backdates = True, False
    literal = rest("alarms", ALARM)
    settings: ClassVar[Mapping[str, Any]] = {"way": "alarms"}

    def held(self, sim: SimulatedMilestone) -> list[Held]:
        return [of_line(alarm.message, alarm.name) for alarm in sim.state.alarms]


class Events(Milestone):
    """User-defined events: a type and a camera, and nothing of what happened."""

    name = "milestone-events"
    raising = rb"^POST /api/rest/v1/events "
    searched = backdates = False
    carries = False
    literal = rest("events", f'{{"type":"{BRIDGE_EVENT}","source":"cameras/{DOCK}","datatype":"none"}}')
    settings: ClassVar[Mapping[str, Any]] = {"way": "events", "event_type": BRIDGE_EVENT}

    def held(self, sim: SimulatedMilestone) -> list[Held]:
        return [Held("", each.type, NO_TIME) for each in sim.state.events]


class Bookmarks(Milestone):
    name = "milestone-bookmarks"
    raising = rb"^POST /api/rest/v1/bookmarks "
    searched, backdates = False, True
    doubtful = (status(500),)
    literal = rest("bookmarks", BOOKMARK)
    settings: ClassVar[Mapping[str, Any]] = {"way": "bookmarks"}

    def held(self, sim: SimulatedMilestone) -> list[Held]:
        return [of_line(str(each["description"]), str(each["header"])) for each in sim.state.bookmarks.values()]


class Generic(Milestone):
    name = "milestone-generic"
    secret = ""
    raising = rb"^$"
    speaks_http = False
    searched = backdates = False
    literal = "vms-bridge access.denied momentary notice gate-in " + LINE.replace("\\", "") + "\r\n"

    def lines_port(self, sim: SimulatedMilestone) -> int:
        return sim.source.port

    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        told = {"type": "milestone", "way": "generic", "generic": f"tcp://localhost:{lines_port}", **settings}
        camera = MilestoneCamera(vms="vms", id=DOCK)
        return MilestoneTarget(VmsId("vms"), MilestoneSettings.model_validate(told), {self.camera: camera}, vault)

    def held(self, sim: SimulatedMilestone) -> list[Held]:
        return [of_line(line.decode().split(" ", 5)[5]) for line in sim.state.lines]

    async def refuse(self, running: Running[SimulatedMilestone]) -> None:
        assert isinstance(running.lines, Linetap)
        await running.lines.close()

    def meets(self, running: Running[SimulatedMilestone], fate: Fate | bytes) -> None:
        assert isinstance(running.lines, Linetap)
        assert isinstance(fate, Fate)
        running.lines.fates.append(fate)


class GenericDatagrams(Generic):
    name = "milestone-generic-udp"
    answers = False

    def lines(self, sim: SimulatedMilestone, wire: list[bytes]) -> AbstractAsyncContextManager[Datagramtap]:
        return datagrams_tapped(sim.source.take, wire)

    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        told = {"type": "milestone", "way": "generic", "generic": f"udp://127.0.0.1:{lines_port}", **settings}
        camera = MilestoneCamera(vms="vms", id=DOCK)
        return MilestoneTarget(VmsId("vms"), MilestoneSettings.model_validate(told), {self.camera: camera}, vault)


class AiBridge(Milestone):
    name = "milestone-ai-bridge"
    secret = ""
    raising = rb"^POST /topics/alerts "
    depends = rb"^POST /graphql "  # once
    searched, backdates = False, False
    literal = TOPIC
    settings: ClassVar[Mapping[str, Any]] = {
        "way": "ai-bridge",
        "topic": "alerts",
        "places": {"ai_bridge": "/graphql"},
    }

    def meant(self, sim: SimulatedMilestone, vault: Vault) -> Mapping[str, str]:
        host = sim.asked[-1].headers[b"host"].decode() if sim.asked else ""
        return {"{host-of-the-topic}": host, "{path-of-the-topic}": "/topics/alerts"}

    def held(self, sim: SimulatedMilestone) -> list[Held]:
        found = []
        for told in sim.state.posted:
            vendor: Any = told["fromVendor"]
            found.append(of_data(vendor["customData"], str(told["description"])))
        return found
