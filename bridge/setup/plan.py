"""What is to be done until a site works as its files say: in its VMS, in the service that runs it, with its secrets."""

from __future__ import annotations

import msgspec

from bridge.config.difference import Compared, Difference
from bridge.config.secrets import SecretStores
from bridge.config.site import Site
from bridge.setup.missing import Asked, MissingType, missing, unasked
from bridge.setup.privilege import Judgement, judge
from bridge.setup.raising import Raising, raising


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """``service``: of a running one; ``no_service``: why there is none to be asked, or why it could not be asked, and
    then ``unanswered``. ``raising``: what the sensors can raise."""

    site: Site
    asked: tuple[Asked, ...]
    raising: Raising
    secrets: Judgement
    service: Compared | None = None
    no_service: str = ""
    unanswered: bool = False

    @property
    def missing(self) -> list[MissingType]:
        return [each for asked in self.asked for each in asked.missing]

    @property
    def reloads(self) -> Difference | None:
        """What a reload would take over; None when there is nothing, or nobody, to reload."""
        service = self.service
        if service is None or self.other_file or service.running == service.digest:
            return None
        return None if service.difference.other_site else service.difference

    @property
    def other_file(self) -> bool:
        """The running service reads a site that says something else."""
        return self.service is not None and self.service.digest != self.site.digest

    @property
    def left_by_hand(self) -> tuple[str, ...]:
        """What no reload can do."""
        return self.service.difference.needs_restart if self.service is not None else ()

    @property
    def to_do(self) -> int:
        """How many things ``apply`` would do."""
        return len(self.missing) + (self.reloads is not None)

    @property
    def wrong(self) -> int:
        """How many things are wrong that ``apply`` does not mend."""
        troubles = sum(max(1, len(each.cameras)) for asked in self.asked for each in asked.troubles)
        other_site = self.service is not None and self.service.difference.other_site
        return troubles + len(self.secrets.missing) + self.other_file + self.unanswered + other_site


async def plan(
    site: Site,
    stores: SecretStores,
    *,
    offline: bool,
    service: Compared | None,
    no_service: str = "",
    unanswered: bool = False,
) -> Plan:
    """Asks the VMS unless ``offline``; changes nothing anywhere."""
    raises = raising(site)
    return Plan(
        site=site,
        asked=tuple(unasked(site) if offline else await missing(site, raises, stores)),
        raising=raises,
        secrets=judge(site, stores),
        service=service,
        no_service=no_service,
        unanswered=unanswered,
    )
