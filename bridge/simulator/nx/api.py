"""What a simulated Nx answers: generic events, bookmarks, devices [3, 4, 5, 8]."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.nx.users import Users, error, said
from bridge.simulator.picture import picture

VERSIONS = {"4.2": 0, "5.1": 2, "6.0": 3, "6.1": 4}
"""Version of the VMS → the newest REST version it has."""
SERVER = "a7e0c1f2-0000-4000-8000-000000007001"
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?")
_STATES = {"generic": ("started", "stopped", "instant"), "createEvent": ("Active", "Inactive", "Undefined")}


class Rule(msgspec.Struct, frozen=True):
    """Keywords, case sensitive; an empty one takes any."""

    source: str = ""
    caption: str = ""
    description: str = ""

    def takes(self, event: Mapping[str, object]) -> bool:
        return all(str(event.get(name, "")).find(getattr(self, name)) >= 0 for name in Rule.__struct_fields__)


class Api:
    """``events``: every generic event that was taken, with ``call`` and ``devices``; ``log``: of them those that a
    rule took. ``bookmarks``: by id."""

    def __init__(self, devices: Mapping[str, str], users: Users, version: str = "6.1") -> None:
        self.devices = dict(devices)
        self.users = users
        self.newest = VERSIONS[version]
        self.rules: list[Rule] = []
        self.events: list[dict[str, object]] = []
        self.log: list[dict[str, object]] = []
        self.bookmarks: dict[str, dict[str, object]] = {}
        self.most = 1000
        self._now = 1_700_000_000_000

    def answer(self, asked: Asked) -> Answer:
        path = unquote(asked.path)
        if path == "/api/createEvent":
            return self.users.refusal(asked) or self._create_event(asked)
        found = re.fullmatch(r"/rest/v(\d)(/.*)", path)
        if found is None or not 1 <= int(found[1]) <= self.newest:
            return error(404, "notFound", "No such path")
        version, place = int(found[1]), found[2]
        if place == "/login/sessions" and asked.method == "POST":
            return self.users.log_in(asked)
        if place.startswith("/login/users/"):
            name = place.removeprefix("/login/users/")
            return said({"username": name, "type": "local", "methods": self.users.methods})
        refused = self.users.refusal(asked)
        if refused is not None:
            return refused
        if place.startswith("/login/sessions/") and asked.method == "DELETE":
            self.users.tokens.pop(place.removeprefix("/login/sessions/"), None)
            return said({})
        return self._rest(asked, version, place)

    def _rest(self, asked: Asked, version: int, place: str) -> Answer:
        if place == "/devices":
            return said(
                [{"id": f"{{{id_}}}" if version < 3 else id_, "name": name} for id_, name in self.devices.items()]
            )
        if place == "/events/generic" and version >= 4 and asked.method == "POST":
            return self._generic(asked)
        if found := re.fullmatch(r"/devices/([^/]+)/image", place):
            return Answer(200, picture(1), "image/jpeg") if found[1] in self.devices else _unknown(found[1])
        if found := re.fullmatch(r"/devices/([^/]+)/bookmarks(?:/([^/]+))?", place):
            device, bookmark = found[1], found[2]
            if device not in self.devices and device != "*":
                return _unknown(device)
            if bookmark is None:
                return self._make(asked, version, device) if asked.method == "POST" else self._search(asked, device)
            return self._one(asked, bookmark)
        return error(404, "notFound", "No such path")

    # ------------------------------------------------------------------------------------------------- generic events

    def _generic(self, asked: Asked) -> Answer:
        event = msgspec.json.decode(asked.body, type=dict[str, object])
        wrong = self._wrong(event, "generic")
        if wrong:
            return error(422, "invalidParameter", wrong)
        told = event.get("deviceIds", [])
        named = [str(each) for each in told] if isinstance(told, list) else [str(told)]
        unknown = [each for each in named if each not in self.devices]
        if unknown and "_strict=true" in asked.query:
            return error(422, "invalidParameter", "Invalid parameter `deviceIds`")
        if not self.users.may_make:
            return error(403, "forbidden", "Forbidden")
        self._taken(event, "generic", named)
        return said({})

    def _create_event(self, asked: Asked) -> Answer:
        if asked.method == "POST":
            event = msgspec.json.decode(asked.body, type=dict[str, object])
        else:
            event = {name: values[-1] for name, values in parse_qs(asked.query).items()}
        wrong = self._wrong(event, "createEvent")
        metadata = event.get("metadata", "{}")
        if not isinstance(metadata, str):
            wrong = "Invalid parameter `metadata`"
        if wrong:
            return said({"error": "3", "errorString": wrong, "reply": None})
        if not self.users.may_make:
            return said({"error": "4", "errorString": "Forbidden", "reply": None})
        refs = msgspec.json.decode(str(metadata), type=dict[str, list[str]]).get("cameraRefs", [])
        self._taken(event, "createEvent", refs)
        return said({"error": "0", "errorString": "", "reply": {}})

    @staticmethod
    def _wrong(event: Mapping[str, object], call: str) -> str:
        at = event.get("timestamp", "now")
        if not isinstance(at, str) or not (at.isdecimal() or at == "now" or _LOCAL.fullmatch(at)):
            return "Invalid parameter `timestamp`"
        if event.get("state", _STATES[call][-1]) not in _STATES[call]:
            return "Invalid parameter `state`"
        return ""

    def _taken(self, event: dict[str, object], call: str, devices: list[str]) -> None:
        told = {**event, "call": call, "devices": devices}
        self.events.append(told)
        if any(rule.takes(event) for rule in self.rules):
            self.log.append(told)

    # ------------------------------------------------------------------------------------------------------ bookmarks

    def _make(self, asked: Asked, version: int, device: str) -> Answer:
        body = msgspec.json.decode(asked.body, type=dict[str, object])
        for name in ("name", "durationMs"):
            if name not in body:
                return error(400, "missingParameter", f"Missing required parameter: {name}")
        if not self.users.may_make:
            return error(403, "forbidden", "Forbidden")
        plain = str(uuid.uuid4())
        self._now += 1000
        id_ = f"{plain}_{SERVER}" if version >= 3 else plain
        made = {"id": id_, "deviceId": device, "creationTimeMs": self._now, "creatorUserId": "1", **body}
        self.bookmarks[id_] = made
        return said(made)

    def _search(self, asked: Asked, device: str) -> Answer:
        query = {name: values[-1] for name, values in parse_qs(asked.query).items()}
        first, last = int(query.get("startTimeMs", "0")), int(query.get("endTimeMs", str(2**62)))
        found = [each for each in self.bookmarks.values() if device in ("*", each["deviceId"])]
        found = [each for each in found if _start(each) <= last and _start(each) + _number(each["durationMs"]) >= first]
        if "text" in query:
            words = query["text"].lower()
            found = [each for each in found if words in f"{each['name']} {each['description']} {each['tags']}".lower()]
        return said(found[: min(self.most, int(query.get("limit", "1000")))])

    def _one(self, asked: Asked, id_: str) -> Answer:
        held = self.bookmarks.get(id_)
        if held is None:
            return error(404, "notFound", "No such bookmark")
        if asked.method == "PATCH":
            held.update(msgspec.json.decode(asked.body, type=dict[str, object]))
        elif asked.method == "DELETE":
            del self.bookmarks[id_]
        return said(held)


def _unknown(device: str) -> Answer:
    return error(404, "notFound", f"Device {device} is not found")


def _number(value: object) -> int:
    return int(str(value))


def _start(bookmark: Mapping[str, object]) -> int:
    return _number(bookmark["startTimeMs"])
