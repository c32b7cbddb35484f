"""The page of ``GET /metrics``: every name, its unit, what it means. docs/metrics.md has the table; a test compares.

Labels are names from the site file, or words of this program: nothing a sender says, so that no sender can make more
of them. Sensors and cameras are named only where ``observe: {by: [...]}`` asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar, get_args

import msgspec

from bridge.journal.contract import Figures, Totals
from bridge.metrics.exposition import Exposition, Sample
from bridge.metrics.meters import Meters, by_urgency
from bridge.metrics.process import ProcessFigures
from bridge.model import ConnectorId, Fate, Outcome, SensorId, Urgency, VmsId

Name = TypeVar("Name", bound=str)

P = "vms_bridge_"
OUTCOMES: tuple[type[Outcome], ...] = get_args(Outcome)
"""Those that have not been yet are told as 0, so that the first one is seen to come."""


class Endpoint(msgspec.Struct, frozen=True):
    name: str
    up: bool
    behind: int
    told: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is made of, besides the meters. ``heard``: epoch seconds; ``now`` likewise."""

    version: str
    site: str
    mode: str
    now: float
    totals: Totals
    figures: Figures
    clips: Mapping[str, int]
    limit: int
    refused: Mapping[tuple[ConnectorId, str], int]
    links: Mapping[str, bool]
    counts: Mapping[str, Mapping[str, int]]
    endpoints: Iterable[Endpoint]
    parked_cameras: Mapping[str, int]
    parked_vms: Mapping[str, bool]
    conditions: int
    sensors: int
    heard: Mapping[SensorId, float]
    live: bool
    ready: bool
    process: ProcessFigures


def page(meters: Meters, facts: Facts) -> bytes:
    exposition = Exposition()
    _service(exposition, facts)
    _taken(exposition, meters, facts)
    _delivered(exposition, meters, facts)
    _clips(exposition, facts)
    _journal(exposition, meters, facts)
    _process(exposition, facts.process)
    return exposition.text()


def _service(to: Exposition, facts: Facts) -> None:
    about = {"version": facts.version, "site": facts.site, "mode": facts.mode}
    to.gauge(f"{P}info", "Which program runs which site, and how (take, or observe in a dry run).", [(about, 1)])
    to.gauge(f"{P}live", "1 while the pipeline moves; what /health/live says.", [({}, facts.live)])
    to.gauge(f"{P}ready", "1 while what is sent now is kept; what /health/ready says.", [({}, facts.ready)])
    to.gauge(f"{P}conditions", "What is wrong now, each said once in the log and in status.", [({}, facts.conditions)])
    to.gauge(f"{P}sensors", "Sensors of the site.", [({}, facts.sensors)])
    to.gauge(f"{P}connector_up", "1 while the connector's way in works.", _named("connector", facts.links))
    counts = facts.counts.items()
    counted = [({"connector": name, "what": what}, count) for name, found in counts for what, count in found.items()]
    to.counter(f"{P}connector_counts_total", "What connectors count, each under its own names.", counted)
    each = list(facts.endpoints)
    to.gauge(f"{P}endpoint_up", "1 while the endpoint works.", [({"endpoint": one.name}, one.up) for one in each])
    behind = [({"endpoint": one.name}, one.behind) for one in each]
    to.gauge(f"{P}endpoint_behind_events", "Events the endpoint's receiver has not got yet, at most.", behind)
    told = [({"endpoint": one.name}, one.told) for one in each]
    to.counter(f"{P}endpoint_told_total", "Events told to the endpoint's receiver.", told)


def _taken(to: Exposition, meters: Meters, facts: Facts) -> None:
    counts = {(ConnectorId(name), fate.value): 0 for name in facts.links for fate in Fate} | meters.messages
    messages = [({"connector": connector, "fate": fate}, count) for (connector, fate), count in counts.items()]
    about = "Messages kept, by what became of them; of one with several items the best."
    to.counter(f"{P}messages_total", about, messages)
    refused = [({"connector": each, "reason": reason}, count) for (each, reason), count in facts.refused.items()]
    to.counter(f"{P}messages_refused_total", "Messages whose senders were told to send them later.", refused)
    to.counter(f"{P}events_total", "Events raised.", _named("urgency", by_urgency(meters.events)))
    to.counter(
        f"{P}amendments_total", "Corrections of raised events.", _named("urgency", by_urgency(meters.amendments))
    )
    if meters.by_sensor is not None:
        by_sensor = _named("sensor", meters.by_sensor)
        to.counter(f"{P}sensor_events_total", "Events raised, by sensor.", by_sensor)
        about = "When the sensor was last heard, seconds since 1970."
        to.gauge(f"{P}sensor_last_heard_timestamp_seconds", about, _named("sensor", facts.heard))


def _delivered(to: Exposition, meters: Meters, facts: Facts) -> None:
    counts = {(VmsId(name), kind): 0 for name in facts.parked_vms for kind in OUTCOMES} | meters.deliveries
    outcomes = [({"vms": vms, "outcome": kind.__name__.lower()}, count) for (vms, kind), count in counts.items()]
    to.counter(f"{P}deliveries_total", "Attempts to deliver that have ended, by outcome.", outcomes)
    if meters.by_camera is not None:
        by_camera = _named("camera", meters.by_camera)
        to.counter(f"{P}camera_deliveries_total", "Events delivered, by camera.", by_camera)
    about = "From an event's arrival to its being on the VMS."
    to.histogram(
        f"{P}delivery_seconds",
        about,
        [
            ({"vms": vms, "urgency": urgency.name.lower()}, histogram)
            for vms, histograms in meters.delivery_seconds.items()
            for urgency, histogram in zip(Urgency, histograms, strict=True)
        ],
    )
    waiting = [(_queue(vms, urgency), size) for (vms, urgency), size in facts.totals.open_bytes.items()]
    to.gauge(f"{P}backlog_bytes", "Undelivered events.", waiting)
    queues = facts.figures.queues.items()
    lanes = [(_queue(vms, urgency), queue.lanes) for (vms, urgency), queue in queues]
    to.gauge(f"{P}backlog_lanes", "Lanes (sensor, camera, urgency) in which something waits or is being sent.", lanes)
    ages = [(_queue(vms, urgency), max(0.0, facts.now - queue.oldest)) for (vms, urgency), queue in queues]
    to.gauge(f"{P}oldest_undelivered_age_seconds", "Since when the event that waits longest has been here.", ages)
    open_now = {state: facts.totals.deliveries.get(state, 0) for state in ("pending", "begun")}
    to.gauge(f"{P}undelivered", "Deliveries that wait, or (begun) are being sent.", _named("state", open_now))
    parked = _named("vms", facts.parked_cameras)
    to.gauge(f"{P}parked_cameras", "Cameras whose events wait until somebody acts.", parked)
    to.gauge(
        f"{P}vms_parked", "1 while all events of the VMS wait until somebody acts.", _named("vms", facts.parked_vms)
    )


def _clips(to: Exposition, facts: Facts) -> None:
    counts = {state.replace(" ", "_"): count for state, count in facts.clips.items()}
    about = "Clips asked for around events that are still kept, by what became of them."
    to.gauge(f"{P}clips", about, _named("state", counts))


def _journal(to: Exposition, meters: Meters, facts: Facts) -> None:
    totals, figures = facts.totals, facts.figures
    about = "Items by what became of them, since the journal was made."
    to.counter(f"{P}journal_items_total", about, _named("fate", totals.items))
    ended = {state: count for state, count in totals.deliveries.items() if state not in ("pending", "begun")}
    about = "Deliveries that have ended, since the journal was made."
    to.counter(f"{P}journal_deliveries_total", about, _named("state", ended))
    about = "From a batch's being written to its being safe on disk."
    to.histogram(f"{P}journal_commit_seconds", about, [({}, meters.commit_seconds)])
    to.gauge(f"{P}journal_bytes", "What the journal takes on disk, pictures included.", [({}, totals.size)])
    to.gauge(f"{P}journal_limit_bytes", "The most it may take.", [({}, facts.limit)])
    to.gauge(f"{P}journal_free_bytes", "What the journal's disk has left.", [({}, figures.free)])
    to.gauge(f"{P}media_bytes", "Pictures in the journal.", [({}, figures.media)])
    to.gauge(f"{P}state_facts", "Remembered facts of all sensors; counted once a minute.", [({}, figures.facts)])
    to.gauge(f"{P}quarantined_items", "Items nobody could read or nobody listens for.", [({}, figures.quarantined)])
    about = "Items not even quarantined, because their sender's share was full."
    to.counter(f"{P}quarantine_dropped_total", about, [({}, figures.quarantine_dropped)])


def _process(to: Exposition, process: ProcessFigures) -> None:
    to.counter("process_cpu_seconds_total", "Processor time of this process, user and system.", [({}, process.cpu)])
    to.gauge("process_start_time_seconds", "When this process began, seconds since 1970.", [({}, process.started)])
    if process.resident is not None:
        to.gauge("process_resident_memory_bytes", "Memory this process has.", [({}, process.resident)])
    if process.descriptors is not None:
        to.gauge("process_open_fds", "Open files and sockets of this process.", [({}, process.descriptors)])


def _queue(vms: str, urgency: Urgency) -> dict[str, str]:
    return {"vms": vms, "urgency": urgency.name.lower()}


def _named(label: str, values: Mapping[Name, float]) -> list[Sample]:
    return [({label: name}, value) for name, value in values.items()]
