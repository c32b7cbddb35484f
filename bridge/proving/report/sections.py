"""A report as sections of rows: the same for text and page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bridge.proving.lines import Grade, Line
from bridge.proving.report.facts import Report
from bridge.proving.round_trip import RoundTrip

Row = tuple[str, ...]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """``rows`` have as many cells as ``head``. ``graded``: the first cell is a grade. ``note`` stands under the title,
    ``empty`` in the place of rows where there are none."""

    title: str
    head: Row
    rows: tuple[Row, ...]
    graded: bool = False
    note: str = ""
    empty: str = "none"


def heading(report: Report) -> list[tuple[str, str]]:
    """What stands on top: (what, its value)."""
    found = report.counts
    return [
        ("Site", f"{report.site} ({report.site_id})"),
        ("Date", f"{report.at.isoformat(sep=' ', timespec='seconds')} ({report.timezone})"),
        ("State of the site's files", report.digest),
        ("Program", f"vms-bridge {report.version} on {report.machine}, tried as user {report.user}"),
        ("Tried", f"all probes; {_trips_made(report)}"),
        ("Found", ", ".join(f"{count} {grade}" for grade, count in found.items())),
        ("Result", report.verdict),
    ]


def _trips_made(report: Report) -> str:
    if not report.tried:
        return "no round trips"
    made = sum(bool(trip.event) for trip in report.trips)
    return f"test events on {made} of {len(report.cameras)} cameras, marked selftest: {report.mark}"


def sections(report: Report) -> tuple[Section, ...]:
    """In the order in which they are read at a handover: what is not right, who is shown where, the proof, the rest."""
    return (
        _open(report),
        _mapping(report),
        _trips(report),
        _cameras(report),
        _ports(report),
        _credentials(report),
        _rules(report),
        _lines(report),
    )


def _open(report: Report) -> Section:
    rows = [
        (line.grade.value, line.topic.value, line.what, line.where, line.remedy)
        for grade in (Grade.WRONG, Grade.WARN, Grade.UNKNOWN)
        for line in report.lines
        if line.grade is grade
    ]
    if not report.tried:
        rows.append(("unknown", "round trip", "no round trip was made", "", "vms-bridge selftest SITE"))
    return Section(
        title="Wrong, to be watched, or not proven",
        head=("", "about", "what", "where", "what to do"),
        rows=tuple(rows),
        graded=True,
        note="unknown: neither proven nor found wrong.",
        empty="nothing: all that was tried is as it should be",
    )


def _mapping(report: Report) -> Section:
    rows = [
        (
            sensor.name,
            sensor.id,
            sensor.kind,
            sensor.location,
            f"{sensor.connector} ({sensor.speaks}), {sensor.profile}",
            "; ".join([*([", ".join(sensor.cameras)] if sensor.cameras else []), *_if(sensor.table)]),
        )
        for sensor in report.sensors
    ]
    head = ("sensor", "its id", "kind", "location", "how it is heard, profile", "cameras its events stand on")
    return Section(title="Sensors and their cameras", head=head, rows=tuple(rows))


def _trips(report: Report) -> Section:
    return Section(
        title="Test events found again",
        head=("", "camera", "by sensor", "event", "kept", "delivered", "found", "note"),
        rows=tuple(_trip(trip) for trip in report.trips),
        graded=True,
        note="seconds from the moment the test event was asked for; kept: safe on this machine's disk.",
        empty="no round trip was made",
    )


def _trip(trip: RoundTrip) -> Row:
    taken = (trip.kept, trip.delivered, trip.found)
    times = tuple("" if seconds is None else f"{seconds:.2f} s" for seconds in taken)
    event = f"{trip.title} ({trip.event}" + (f", there {trip.remote_id})" if trip.remote_id else ")")
    return (
        trip.grade.value,
        f"{trip.camera} in {trip.vms}",
        trip.sensor,
        event if trip.event else "",
        *times,
        trip.note,
    )


def _cameras(report: Report) -> Section:
    types = {vms.name: f"{vms.name} ({vms.type}, {vms.where})" for vms in report.vms}
    rows = [
        (
            camera.name,
            camera.id,
            types.get(camera.vms, camera.vms),
            camera.number,
            ", ".join(camera.sensors) + (", faults of the bridge" if camera.faults else ""),
        )
        for camera in report.cameras
    ]
    head = ("camera", "its id here", "VMS", "its id there", "shows events of")
    return Section(title="VMS and cameras", head=head, rows=tuple(rows))


def _ports(report: Report) -> Section:
    rows = [
        (
            port.source,
            port.destination,
            port.protocol,
            "any" if port.port is None else str(port.port),
            port.speaks,
            port.why,
        )
        for port in report.ports
    ]
    outside = ", ".join("an address its files do not say" if each == "?" else each for each in report.outside)
    note = f"connections leave the site's own networks to: {outside}" if outside else "no connection leaves the site"
    head = ("from", "to", "protocol", "port", "speaks", "for")
    return Section(title="Firewall", head=head, rows=tuple(rows), note=note)


def _credentials(report: Report) -> Section:
    rows = [
        (each.secret, each.where or "missing", each.opens or "it does not say", ", ".join(each.used_by))
        for each in report.credentials
    ]
    return Section(
        title="Credentials",
        head=("secret (its name)", "kept in", "what it opens", "used by"),
        rows=tuple(rows),
        note="; ".join(report.excess) if report.excess else "none opens more than it is used for, as far as they say",
    )


def _rules(report: Report) -> Section:
    rows = [
        (sensor.name, str(number), rule) for sensor in report.sensors for number, rule in enumerate(sensor.rules, 1)
    ]
    rows += [(sensor.name, "supervised", sensor.supervised) for sensor in report.sensors if sensor.supervised]
    return Section(
        title="What is done to events",
        head=("sensor", "rule", "as it is written (docs/rules.md)"),
        rows=tuple(rows),
        empty="every event is shown as it comes",
    )


def _lines(report: Report) -> Section:
    return Section(
        title="All that was tried",
        head=("", "about", "what", "where", "took"),
        rows=tuple(_row(line) for line in report.lines),
        graded=True,
    )


def _row(line: Line) -> Row:
    took = "" if line.seconds is None else f"{line.seconds * 1000:.1f} ms"
    return line.grade.value, line.topic.value, line.what, line.where, took


def _if(text: str) -> Sequence[str]:
    return [text] if text else []


SIGNATURES = ("Handed over by (name, firm)", "Taken over by (name, firm)", "Place, date", "Signatures")
UNPROVEN = (
    "A test event shows the way from this machine to the VMS. It does not show that a sensor reports what it should: "
    "let each one be set off once and look for its event."
)


def printable(text: str) -> str:
    """Without what a terminal or a reader would obey: control characters, and those that turn the writing around."""
    return "".join(_REPLACED.get(char, char) if char.isprintable() or char in _REPLACED else "�" for char in text)


_REPLACED = {
    "\n": " ",
    "\t": " ",
    **dict.fromkeys("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "�"),
}


def cells(rows: Iterable[Row]) -> list[Row]:
    return [tuple(printable(cell) for cell in row) for row in rows]
