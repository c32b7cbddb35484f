"""The simulator's own API, outside /api/: faults, outages, rotation, the record. For tests and installers only.

| call | what it does |
|---|---|
| GET /simulator/ | counts, cameras, what is switched on |
| GET /simulator/credentials | license key, group token, tokens by camera |
| GET /simulator/record[?camera=N] | every event held, one JSON object a line, in order of arrival |
| GET /simulator/documents?camera=N | the camera's meta documents |
| GET, POST, DELETE /simulator/faults; DELETE /simulator/faults/N | a fault on (its fields as in ``Fault``), off |
| POST /simulator/away {"seconds": 5} | refuse connections for so long |
| POST /simulator/lag {"seconds": 5} | the search shows events so much later, from now on |
| POST /simulator/clock {"seconds": 60} | its clock is so far ahead |
| POST /simulator/camera {"camera": 4711, "online": false} | a camera stops sending, or sends again |
| POST /simulator/rotate {"camera": 4711} | a new token; the old one is refused |
| POST /simulator/aliases {"type": "known type"} | map event types to known types |
| POST /simulator/reset | forget events, documents and faults |
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import msgspec

from bridge.simulator.faults import Fault
from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.vxg import answers
from bridge.simulator.vxg.store import Raised

if TYPE_CHECKING:
    from bridge.simulator.vxg.server import SimulatedVxg

PREFIX = "/simulator/"


class Seconds(msgspec.Struct):
    seconds: float


class OfCamera(msgspec.Struct):
    camera: int
    online: bool = True


def work(vms: SimulatedVxg, asked: Asked) -> Answer:
    """Never raises."""
    what, _, which = asked.path.removeprefix(PREFIX).strip("/").partition("/")
    try:
        return _work(vms, asked, what, which)
    except msgspec.MsgspecError as error:
        return answers.error(400, "bad_request", str(error))
    except (KeyError, ValueError) as error:
        return answers.error(400, "bad_request", f"no such camera or number: {error}")
    except answers.Refused as refused:
        return refused.answer


def _work(vms: SimulatedVxg, asked: Asked, what: str, which: str) -> Answer:
    decode = msgspec.json.decode
    query = vms.cloud.query_of(asked)
    match asked.method, what:
        case "GET", "":
            return answers.ok(summary(vms))
        case "GET", "credentials":
            tokens = vms.cloud.tokens
            return answers.ok(
                {"license_key": tokens.license, "group": tokens.group, "all": tokens.all, "watch": tokens.watch}
            )
        case "GET", "record":
            camera = int(query["camera"]) if "camera" in query else None
            events = [event for event in vms.record if camera is None or event.camera == camera]
            return Answer(200, b"".join([as_line(event) for event in events]), "application/x-ndjson")
        case "GET", "documents":
            return answers.ok(list(vms.cloud.store.documents[int(query["camera"])].values()))
        case "GET", "faults":
            on = [{"id": number, "fault": fault, "hits": hits} for number, fault, hits in vms.faults.on()]
            return answers.ok(on)
        case "POST", "faults":
            return answers.created({"id": vms.faults.add(decode(asked.body, type=Fault))})
        case "DELETE", "faults":
            if not which:
                vms.faults.clear()
            elif not vms.faults.remove(int(which)):
                raise answers.not_found("Fault")
            return answers.DELETED
        case "POST", "away":
            vms.go_away_for(decode(asked.body, type=Seconds).seconds)
            return answers.ok({})
        case "POST", "lag":
            vms.cloud.search_lag = decode(asked.body, type=Seconds).seconds
            return answers.ok({})
        case "POST", "clock":
            vms.cloud.clock_skew = decode(asked.body, type=Seconds).seconds
            return answers.ok({})
        case "POST", "camera":
            which_one = decode(asked.body, type=OfCamera)
            vms.cloud.store.cameras[which_one.camera].online = which_one.online
            return answers.ok({})
        case "POST", "rotate":
            return answers.ok({"token": vms.rotate(decode(asked.body, type=OfCamera).camera)})
        case "POST", "aliases":
            vms.cloud.store.aliases.update(decode(asked.body, type=dict[str, str]))
            return answers.ok(vms.cloud.store.aliases)
        case "POST", "reset":
            vms.reset()
            return answers.ok({})
        case _:
            raise answers.not_found("Page")


def summary(vms: SimulatedVxg) -> dict[str, object]:
    counts = dict.fromkeys(vms.cloud.store.cameras, 0)
    for event in vms.record:
        counts[event.camera] = counts.get(event.camera, 0) + 1
    return {
        "events": len(vms.record),
        "by_camera": counts,
        "connections": vms.server.contacts,
        "requests": vms.server.requests,
        "faults_done": {kind.value: times for kind, times in vms.faults.hits.items()},
        "search_lag": vms.cloud.search_lag,
        "strict": vms.cloud.strict,
    }


def as_line(event: Raised) -> bytes:
    """One event of the record as a line of JSON; head and body as base64 when the record keeps bytes."""
    shown: dict[str, object] = {
        "order": event.order,
        "id": event.id,
        "camid": event.camera,
        "name": event.name,
        "time": answers.show_time(event.time),
        "meta": event.meta,
        "arrived": event.arrived,
        "writes": event.writes,
    }
    if event.head:
        shown["head"] = base64.b64encode(event.head).decode()
        shown["body"] = base64.b64encode(event.posted).decode()
    return msgspec.json.encode(shown) + b"\n"
