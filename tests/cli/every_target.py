"""Every VMS, each way, as a site names it, with what the references say that it can: never read from the bridge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from bridge.simulator.digifort import SimulatedDigifort
from bridge.simulator.frigate import SimulatedFrigate
from bridge.simulator.genetec import SimulatedGenetec
from bridge.simulator.genetec.server import ALARM, CAMERAS, CUSTOM_EVENT
from bridge.simulator.milestone import SimulatedMilestone
from bridge.simulator.milestone.state import BRIDGE_EVENT, DOCK, GATE
from bridge.simulator.nx import SimulatedNx
from bridge.simulator.vxg import SimulatedVxg
from bridge.simulator.webhook import SimulatedWebhook
from bridge.simulator.zoneminder import SimulatedZoneMinder

SITE = """\
version: 1
site: {{name: Yard, timezone: UTC}}
vms:
  yard: {{{vms}}}
cameras:
  {camera}: {{vms: yard{more}}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  lpr: {{name: Gate reader, profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [{camera}]}}
"""
HTTP = "allow_http: true, timeout: 20 s"
NX_DOCK, NX_GATE = "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "3f2504e0-4f89-11d3-9a0c-0305e82c3302"
UNASKED = "cannot be asked for what it has recorded"


@dataclass(frozen=True)
class Target:
    """``vms``: what stands under it in the site, ``{url}`` and what ``places`` says filled in. ``lists``: the ids of
    its cameras, by the names the site gets; none: it cannot tell, and says ``unlisted``. ``found``: its events can be
    looked up. ``media``: what ``events media`` tells of an event, ``without`` what it says that it cannot. ``types``:
    what ``plan`` says of event types. ``timed``: its clock can be asked. ``alike``: the commands see no difference to
    this other one."""

    name: str
    simulator: Callable[[], Any]
    vms: str
    more: str = ""
    camera: str = "dock"
    secrets: Callable[[Any], Mapping[str, str]] = field(default=lambda sim: {})
    places: Callable[[Any], Mapping[str, object]] = field(default=lambda sim: {})
    lists: Mapping[str, object] = field(default_factory=dict)
    unlisted: str = ""
    found: bool = False
    media: tuple[str, ...] = ()
    without: str = UNASKED
    clips: bool = False
    types: str = "it takes events of any type"
    timed: bool = True
    alike: str = ""

    def site(self, sim: Any) -> str:
        url = getattr(sim, "base_url", "")
        return SITE.format(vms=self.vms.format(url=url, **self.places(sim)), camera=self.camera, more=self.more)


def users(sim: Any) -> Any:
    """Who may log in there."""
    return getattr(sim, "users", None) or sim.api.users


def its_password(sim: Any) -> Mapping[str, str]:
    return {"yard": users(sim).password}


def milestone() -> SimulatedMilestone:
    return SimulatedMilestone(visible_after=0.0)


def zoneminder() -> SimulatedZoneMinder:
    return SimulatedZoneMinder(picture_every=0.01, stays_open=0.05, second=0.05)


def _with_pictures(sim: SimulatedVxg) -> Mapping[str, object]:
    sim.cloud.event_images, sim.cloud.clip_takes = True, 0.05
    return {}


def _topics(sim: SimulatedMilestone) -> Mapping[str, object]:
    sim.topic_base = sim.base_url
    return {}


_MILESTONE: dict[str, Any] = {
    "simulator": milestone,
    "more": f", id: {DOCK}",
    "secrets": its_password,
    "lists": {"dock": DOCK, "gate": GATE, "yard": "2d6c4a90-3333-4444-8555-b66667777888"},
}
_GATEWAY = f'type: milestone, gateway: "{{url}}", user: bridge, password: secret:yard, {HTTP}'
_BARE: dict[str, Any] = {
    "simulator": milestone,
    "more": f", id: {DOCK}",
    "unlisted": "only the API Gateway tells the cameras",
    "timed": False,
}
_ZONEMINDER: dict[str, Any] = {
    "simulator": zoneminder,
    "more": ", id: 1",
    "secrets": its_password,
    "lists": {"dock": 1, "gate": 2, "yard": 3},
    "found": True,
    "media": ("picture", "clip"),
}
_NX: dict[str, Any] = {
    "simulator": SimulatedNx,
    "more": f", id: {NX_DOCK}",
    "secrets": its_password,
    "lists": {"dock": NX_DOCK, "gate": NX_GATE},
}
_NX_VMS = f'type: nx, url: "{{url}}", user: bridge, password: secret:yard, settle_after: 200 ms, {HTTP}'
_GENETEC = f'type: genetec, url: "{{url}}", user: bridge, password: secret:yard, application: secret:app, {HTTP}'
_DIGIFORT = f'type: digifort, url: "{{url}}", user: Bridge, password: secret:yard, {HTTP}'
_ALARM = "alarm_for: 1 s, confirm_within: 15 s"
_ZM = f'type: zoneminder, url: "{{url}}", user: bridge, password: secret:yard, {_ALARM}, {HTTP}'
_TIMELY = "settle_after: 200 ms"


def _of_genetec(sim: SimulatedGenetec) -> Mapping[str, str]:
    return {"yard": sim.users.password, "app": next(iter(sim.users.licensed))}


TARGETS = (
    Target(
        "vxg",
        lambda: SimulatedVxg(cameras=1),
        f'type: vxg, url: "{{url}}", {_TIMELY}, {HTTP}',
        ", id: 4711, token: secret:gate",
        secrets=lambda sim: {"gate": sim.tokens[4711]},
        places=_with_pictures,
        lists={"dock": 4711},
        found=True,
        media=("picture", "clip", "video"),
        clips=True,
        types="declare vehicle_identified",
    ),
    Target(
        "webhook",
        SimulatedWebhook,
        'type: webhook, url: "{url}/in/{{camera}}"',
        unlisted="does not tell which cameras it has",
        timed=False,
    ),
    Target(
        "zoneminder-socket", vms=f"{_ZM}, trigger_port: {{port}}", places=lambda sim: {"port": sim.trigger.port},
        **_ZONEMINDER,
    ),
    Target("zoneminder-rest", vms=f"{_ZM}, way: rest", **_ZONEMINDER),
    Target(
        "frigate",
        SimulatedFrigate,
        f'type: frigate, url: "{{url}}", user: bridge, password: secret:yard, duration: 20 s, {_TIMELY}, {HTTP}',
        ", id: loading_dock",
        secrets=its_password,
        lists={"boiler-room": "boiler_room", "dock": "loading_dock", "front-gate": "front_gate"},
        found=True,
        media=("picture", "clip", "video"),
    ),
    Target(
        "genetec",
        SimulatedGenetec,
        _GENETEC,
        f", id: {CAMERAS[0]}",
        secrets=_of_genetec,
        lists={"dock": CAMERAS[0], "gate": CAMERAS[1]},
    ),
    Target(
        "genetec-every-way",
        SimulatedGenetec,
        f"{_GENETEC}, ways: [event, bookmark, alarm], custom_event: {CUSTOM_EVENT}, alarm: {ALARM}",
        f", id: {CAMERAS[0]}",
        secrets=_of_genetec,
        lists={"dock": CAMERAS[0], "gate": CAMERAS[1]},
        types="made in it by a person (custom events and alarms)",
    ),
    *(
        Target(
            name,
            SimulatedDigifort,
            f"{_DIGIFORT}, sign_in: {sign_in}",
            ", id: CAM01",
            secrets=its_password,
            lists={"dock": "CAM01", "gate": "CAM02"},
            types="made in it by a person (global events)",
            alike=alike,
        )
        for name, sign_in, alike in (("digifort", "session", ""), ("digifort-basic", "basic", "digifort"))
    ),
    Target(
        "milestone-analytics",
        vms='type: milestone, event_server: "{url}"',
        types="made in it by a person (analytics events)",
        **_BARE,
    ),
    Target(
        "milestone-analytics-search",
        vms=f'{_GATEWAY}, event_server: "{{url}}", search: true, {_TIMELY}',
        found=True,
        without="how XProtect gives pictures and video is not documented",
        types="made in it by a person (analytics events)",
        **_MILESTONE,
    ),
    Target(
        "milestone-alarms",
        vms=f"{_GATEWAY}, way: alarms, {_TIMELY}",
        found=True,
        without="how XProtect gives pictures and video is not documented",
        **_MILESTONE,
    ),
    Target("milestone-bookmarks", vms=f"{_GATEWAY}, way: bookmarks", **_MILESTONE),
    Target(
        "milestone-events",
        vms=f"{_GATEWAY}, way: events, event_type: {{type}}",
        places=lambda sim: {"type": BRIDGE_EVENT},
        types="made in it by a person (user-defined events)",
        **_MILESTONE,
    ),
    Target(
        "milestone-ai-bridge",
        vms='type: milestone, way: ai-bridge, topic: alerts, ai_bridge: "{url}/graphql"',
        places=_topics,
        types="made in it by a person (the topic of a registered app)",
        **_BARE,
    ),
    Target(
        "milestone-generic",
        vms='type: milestone, way: generic, generic: "tcp://127.0.0.1:{port}"',
        places=lambda sim: {"port": sim.source.port},
        types="made in it by a person (generic events)",
        **_BARE,
    ),
    Target(
        "nx-bookmark", vms=f"{_NX_VMS}, way: bookmark", found=True, media=("picture",),
        without="its address for recorded video is not known", **_NX,
    ),
    Target(
        "nx-both", vms=f"{_NX_VMS}, way: both", found=True, media=("picture",), alike="nx-bookmark",
        without="its address for recorded video is not known", **_NX,
    ),
    Target("nx-event", vms=f"{_NX_VMS}, way: event", **_NX),
    Target(
        "nx-createEvent", vms=f"{_NX_VMS}, way: event, api: v3", alike="nx-event",
        **{**_NX, "simulator": lambda: SimulatedNx(version="6.0")},
    ),
)  # fmt: skip

NOBODY = SimpleNamespace(
    base_url="http://127.0.0.1:9", trigger=SimpleNamespace(port=6802), source=SimpleNamespace(port=1235),
    cloud=SimpleNamespace(),
)  # fmt: skip
"""In the place of a simulator, where a site is read and nobody asked."""
