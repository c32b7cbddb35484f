"""The ways in that connect out (pollers, WebSockets, brokers): tried, or asked after at the service that has them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bridge.config.places import Places
from bridge.config.registry import connector_class
from bridge.config.site import Site
from bridge.model import ConnectorId, Finding
from bridge.proving.lines import Line, Topic, ok, wrong
from bridge.proving.running import Told, Way
from bridge.secret import Secrets
from connectors.base import Address, Connector

PROBE = 15.0
"""Seconds for one."""
AT_ONCE = 16


async def of_site(site: Site, secrets: Secrets, places: Places, told: Told | None) -> list[Line]:
    """A connector that a running service has is not tried beside it: many devices take one client alone."""
    running: Mapping[str, Way] = {way.name: way for way in told.connectors} if told is not None else {}
    room = asyncio.Semaphore(AT_ONCE)

    async def one(name: ConnectorId) -> list[Line]:
        where = places.of("connectors", name)
        if name in running:
            return [_said(running[name], where)]
        connector = _made(site, name, secrets)
        if not _connects_out(site, name, connector):
            return []  # its port is looked at elsewhere
        async with room:
            return await _probed(name, connector, where)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(name)) for name in site.connectors]
    return [line for task in tasks for line in task.result()]


def _said(way: Way, where: str) -> Line:
    if way.up:
        return ok(Topic.SENSORS, f"{way.name} works, the running service says: {way.why or 'up'}", where)
    return wrong(Topic.SENSORS, f"{way.name} is down, the running service says: {way.why}", where, "mend what it says")


def _made(site: Site, name: ConnectorId, secrets: Secrets) -> Connector:
    settings = site.connectors[name].settings
    made: Connector = connector_class(settings.type)(name, settings, _addresses(site, name), secrets)
    return made


def _connects_out(site: Site, name: ConnectorId, connector: Connector) -> bool:
    """What does not say is asked too: a probe takes nothing."""
    declared = getattr(type(connector), "reaches", None)
    if declared is None:
        return True
    return any(not reach.inbound for reach in declared(site.connectors[name].settings, _addresses(site, name)))


async def _probed(name: ConnectorId, connector: Connector, where: str) -> list[Line]:
    try:
        async with asyncio.timeout(PROBE):
            found = await connector.probe()
    except TimeoutError:
        what = f"{name}: no answer within {PROBE:g} s"
        return [wrong(Topic.SENSORS, what, where, "see whether the device runs and can be reached")]
    except (OSError, ValueError) as error:
        return [wrong(Topic.SENSORS, f"{name}: {getattr(error, 'strerror', None) or error}", where)]
    return [_line(name, finding, where) for finding in found]


def _line(name: ConnectorId, finding: Finding, where: str) -> Line:
    what = f"{name}: {finding.what}"
    return ok(Topic.SENSORS, what, where) if finding.ok else wrong(Topic.SENSORS, what, where, finding.remedy)


def _addresses(site: Site, connector: ConnectorId) -> list[Address]:
    return [
        address
        for sensor in site.sensors.values()
        for way, address in ((sensor.connector, sensor.address), *sensor.also.items())
        if way == connector
    ]
