"""Messages through a whole site on paper: decided with a memory of their own, rendered, shown."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from datetime import timedelta

import msgspec

from bridge.cli.paper import Paper
from bridge.cli.telling import Teller
from bridge.cli.wire import REMOTE_ID
from bridge.config.registry import vms_class
from bridge.config.site import Site
from bridge.decide.decide import decide, decide_timer, sensors_of
from bridge.decide.memory import Memory
from bridge.intake import MessageIds
from bridge.model import Action, Decision, Delivery, Fate, Instant, MediaId, Message, Origin, StateKey, VmsId
from bridge.routing import Router
from bridge.secret import Secrets
from bridge.vms.base import VmsTarget
from connectors.base import Address


class Anywhere(Address):
    """An address that hears everything: "as if this sensor sent it"."""

    def matches(self, origin: Origin) -> bool:
        return True


class Trial:
    """One memory for all messages, so that a stretch of a stream collapses and repeats as it would in real life."""

    def __init__(self, site: Site, secrets: Secrets, teller: Teller) -> None:
        self._site = site
        self._router = Router(site)
        self._memory = Memory()
        self._ids = MessageIds()
        self._teller = teller
        self._holds: list[tuple[float, str, StateKey]] = []
        self._secrets = secrets
        self._targets: dict[VmsId, tuple[VmsTarget, Paper]] = {}
        self._refused = False
        self._pictures: dict[MediaId, bytes] = {}

    def run(self, messages: Iterable[Message]) -> bool:
        """Show all that follows, what a timer brings between two messages too; whether every item could be read and
        is somebody's."""
        start: Instant | None = None
        for message in messages:
            start = start or message.arrived
            self._fire(start, until=message.arrived.monotonic)
            routed = self._router.route(message)
            for sensor in sensors_of(routed):
                if not self._memory.knows(sensor.id):
                    self._memory.load(sensor.id, {})
            self._follow(decide(self._site, routed, self._ids.next(message.arrived), self._memory, message.arrived))
        if start is not None:
            self._fire(start, until=math.inf)
        return not self._refused

    def _fire(self, start: Instant, until: float) -> None:
        """Decide what timers ask for until then (monotonic); ``start`` is any moment on both clocks."""
        while self._holds and self._holds[0][0] <= until:
            due, _, key = heapq.heappop(self._holds)
            later = Instant(start.utc + timedelta(seconds=due - start.monotonic), due)
            fact = self._memory.get(key.sensor, key.kind, key.key, later.utc.timestamp())
            if fact is not None and fact.due == due:
                self._follow(decide_timer(self._site, key, self._memory, later))

    def _follow(self, decision: Decision) -> None:
        at = decision.at
        self._memory.apply(decision.changes, at.utc.timestamp(), at.monotonic)
        for change in decision.changes:
            if change.value is not None and change.due_in is not None:
                heapq.heappush(self._holds, (at.monotonic + change.due_in, str(change.key), change.key))
        self._refused |= any(verdict.fate is Fate.QUARANTINED for verdict in decision.verdicts)
        self._teller.decision(decision)
        kept = decision.message.media if decision.message is not None else ()
        self._pictures |= {each.media.id: each.data for each in kept}
        events = {(event.id, event.revision): event for event in decision.events}
        for new in decision.deliveries:
            event, known_as = events[new.event, new.revision], REMOTE_ID if new.action is Action.AMEND else ""
            delivery = Delivery(event=event, camera=new.camera, vms=new.vms, action=new.action, remote_id=known_as)
            target, paper = self._target(new.vms)
            if target.can.picture and event.media:
                known = {each.id: self._pictures[each.id] for each in event.media if each.id in self._pictures}
                delivery = msgspec.structs.replace(delivery, pictures=known)
            for request in target.render(delivery):
                paper.show(request)

    def _target(self, name: VmsId) -> tuple[VmsTarget, Paper]:
        found = self._targets.get(name)
        if found is None:
            settings = self._site.vms[name].settings
            cameras = {camera.id: camera.settings for camera in self._site.cameras.values() if camera.vms == name}
            target: VmsTarget = vms_class(settings.type)(name, settings, cameras, self._secrets)
            found = self._targets[name] = target, Paper(name, target, self._secrets, self._teller)
        return found
