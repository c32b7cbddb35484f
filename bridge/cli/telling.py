"""A decision and a request, as a dry run and ``try`` show them: for people as text, for programs as JSON lines."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping

from bridge.cli.showing import local
from bridge.control import records
from bridge.model import CameraId, Decision, EventId, Verdict, VmsId


class Teller:
    """Writes to stdout. Bodies go out as the bytes they are, so that what is shown is what would be sent."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self.gone = False
        """Whether nobody reads any more; what is told then goes nowhere."""

    def decision(self, decision: Decision) -> None:
        if self._json:
            self._write(records.line(records.of_decision(decision)))
            return
        lines = []
        kept = decision.message
        if kept is not None:
            origin = kept.message.origin
            place = f" {origin.place}" if origin.place else ""
            lines.append(
                f"{local(decision.at.utc)}  {kept.message.connector} from {origin.peer}{place}: message {kept.id}"
            )
        elif decision.about is not None:
            lines.append(f"{local(decision.at.utc)}  message {decision.about}, more of it")
        else:
            lines.append(f"{local(decision.at.utc)}  a hold has ended")
        lines += [f"  item {verdict.index}: {_verdict(verdict)}" for verdict in decision.verdicts]
        for event in decision.events:
            what = (
                "raises"
                if event.revision == 0
                else f"amends ({', '.join(event.changes)}) as revision {event.revision} of"
            )
            lines.append(
                f"  {what} {event.id}: {event.urgency.name.lower()} {event.type} {event.state.value}: {event.title}"
            )
            marks = ", ".join(event.marks)
            when = f"{event.occurred_at.isoformat()} (clock: {event.clock.value})"
            lines.append(f"    occurred {when}" + (f"; {marks}" if marks else ""))
            fields = ", ".join(f"{name}={value}" for name, value in event.fields.items())
            lines.append(f"    {fields}")
        cameras: dict[EventId, list[str]] = {}
        for new in decision.deliveries:
            cameras.setdefault(new.event, []).append(new.camera)
        lines += [f"    to {', '.join(names)}" for names in cameras.values()]
        self._write(("\n".join(lines) + "\n").encode())

    def request(self, vms: VmsId, camera: CameraId | None, purpose: str, wire: bytes) -> None:
        """One request, byte for byte, the values of secrets by their names."""
        if self._json:
            told: dict[str, object] = {"what": "request", "vms": vms, "camera": camera, "purpose": purpose}
            try:
                told["request"] = wire.decode()
            except UnicodeDecodeError:
                told["request_base64"] = base64.b64encode(wire).decode()
            self._write(records.line(told))
            return
        where = f"{vms} {camera}" if camera else str(vms)
        self._write(f"--- {where}: {purpose} ({len(wire)} bytes)\n".encode() + wire + b"\n---\n")

    def problem(self, vms: VmsId, camera: CameraId | None, why: str) -> None:
        """What would keep a request from being sent in a real run."""
        if self._json:
            self._write(records.line({"what": "problem", "vms": vms, "camera": camera, "why": why}))
        else:
            self._write(f"!!! {vms}{f' {camera}' if camera else ''}: {why}\n".encode())

    def end(self, text: str, counts: Mapping[str, object]) -> None:
        """The last line."""
        self._write((json.dumps({"what": "end", **counts}) if self._json else text).encode() + b"\n")

    def _write(self, text: bytes) -> None:
        if self.gone:
            return
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            self.gone = True


def _verdict(verdict: Verdict) -> str:
    sensor = f" ({verdict.sensor})" if verdict.sensor else ""
    by = f" by {verdict.rule}" if verdict.rule else ""
    into = f" into {verdict.event}" if verdict.event else ""
    why = f": {verdict.why}" if verdict.why else ""
    return f"{verdict.fate.value}{sensor}{by}{into}{why}"
