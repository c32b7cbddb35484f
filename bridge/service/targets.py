"""The VMS of a site, each behind its target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bridge.config.registry import vms_class
from bridge.config.site import Site
from bridge.model import VmsId
from bridge.secret import Secrets
from bridge.vms.base import VmsTarget

WrapTarget = Callable[[VmsId, VmsTarget], VmsTarget]


class CannotBuild(Exception):
    """Says which VMS, and why."""


class Targets:
    """``now``: those of the running site. ``wrap``: what stands before each instead, as in a dry run."""

    def __init__(self, site: Site, secrets: Secrets, wrap: WrapTarget | None) -> None:
        self._secrets = secrets
        self._wrap = wrap
        self.now: Mapping[VmsId, VmsTarget] = {vms: self._of(site, vms) for vms in site.vms}

    async def built(self, site: Site, names: Iterable[VmsId]) -> dict[VmsId, VmsTarget]:
        """All of them, or none. Raises CannotBuild."""
        built: dict[VmsId, VmsTarget] = {}
        for vms in names:
            try:
                built[vms] = self._of(site, vms)
            except Exception as error:
                await close(built)
                raise CannotBuild(f"VMS {vms} cannot be built: {error or type(error).__name__}") from error
        return built

    def of(self, site: Site, built: Mapping[VmsId, VmsTarget]) -> dict[VmsId, VmsTarget]:
        """Those of this site: as they were built for it, the others as they are."""
        return {**{vms: self.now[vms] for vms in site.vms if vms not in built}, **built}

    def _of(self, site: Site, vms: VmsId) -> VmsTarget:
        settings = site.vms[vms].settings
        cameras = {camera.id: camera.settings for camera in site.cameras.values() if camera.vms == vms}
        target: VmsTarget = vms_class(settings.type)(vms, settings, cameras, self._secrets)
        return self._wrap(vms, target) if self._wrap is not None else target


async def close(targets: Mapping[VmsId, VmsTarget]) -> None:
    for target in targets.values():
        await target.close()
