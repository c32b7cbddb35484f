"""One request on the wire, once, and what comes of it."""

from __future__ import annotations

from bridge.model import Blocked, Outcome
from bridge.vms.datagrams import Datagrams
from bridge.vms.http import Sender, SendingError, split_url
from bridge.vms.http.outcome import unanswered
from bridge.vms.milestone.ai_bridge import Topic
from bridge.vms.milestone.answers import analytics, made
from bridge.vms.milestone.gateway import Gateway
from bridge.vms.milestone.generic import say, throw
from bridge.vms.milestone.settings import MilestoneSettings
from bridge.vms.milestone.steps import Kind, Step
from bridge.vms.tokens import Refused


class Sending:
    """``gateway``: None where the site names none."""

    def __init__(self, sender: Sender, settings: MilestoneSettings, gateway: Gateway | None) -> None:
        self._sender = sender
        self._settings = settings
        self._gateway = gateway
        self._topic = Topic(sender, settings.timeout)
        self._datagrams = Datagrams(settings.generic) if settings.generic.startswith("udp:") else None

    async def send(self, step: Step, urgent: bool) -> Outcome:
        """Never raises."""
        try:
            match step.kind:
                case Kind.GENERIC if self._datagrams is not None:
                    return await throw(step, self._datagrams, self._settings.timeout)
                case Kind.GENERIC:
                    return await say(step, self._settings)
                case Kind.ANALYTICS:
                    return await self._analytics(step, urgent)
                case Kind.REST:
                    return await self._rest(step, urgent)
                case Kind.LOOK_UP:
                    return await self._topic.look_up(step, urgent)
                case Kind.TOPIC:
                    return await self._topic.post(step, urgent)
        except Refused as error:
            return Blocked(str(error), whole_vms=True)
        except SendingError as error:
            return unanswered(error)

    async def _analytics(self, step: Step, urgent: bool) -> Outcome:
        origin, path = split_url(step.url)
        answer = await self._sender.send(
            step.method, origin, path, step.headers, step.body, self._settings.timeout, urgent
        )
        return analytics(answer, step.name, step.gives, bool(self._settings.event_names))

    async def _rest(self, step: Step, urgent: bool) -> Outcome:
        assert self._gateway is not None
        answer = await self._gateway.ask(step.method, step.path, step.headers, step.body, urgent)
        return made(answer, step.amends)

    def close(self) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
