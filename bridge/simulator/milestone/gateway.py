"""The API Gateway as far as the bridge asks it [3-8]."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.milestone.state import Alarm, Event, State, new_id

TOKEN = "/api/idp/connect/token"  # noqa: S105 - a path
API = "/api/rest/v1"


class Users(msgspec.Struct):
    """``lifetime``: of tokens, seconds, as it is said; ``services``: client_id → its secret."""

    name: str = "bridge"
    password: str = "first pass"  # noqa: S105 - of the simulator alone
    services: dict[str, str] = {}
    lifetime: float = 3600.0
    administrator: bool = True
    tokens: set[str] = set()

    def forget(self) -> None:
        """Every token that was given is refused from now on."""
        self.tokens.clear()


class Gateway:
    """``nested``: errors stand under ``error``, the other of the two forms that have been seen [8]. ``newest_first``:
    how lists are sorted, which is not known. ``log_ins``: how often one was let in."""

    def __init__(self, state: State, users: Users, now: Callable[[], datetime]) -> None:
        self._state = state
        self._now = now
        self.users = users
        self.nested = False
        self.newest_first = True
        self.log_ins = 0

    def answer(self, asked: Asked) -> Answer:
        path = unquote(asked.path)
        if path.lower() == TOKEN:
            return self._log_in(asked)
        if not path.lower().startswith(API):
            return Answer(404)
        shown = asked.headers.get(b"authorization", b"").decode("latin-1")
        if shown.removeprefix("Bearer ") not in self.users.tokens:
            return self._error(401, "The token is not valid")
        if not self.users.administrator:
            return self._error(403, "Not allowed")
        place = path[len(API) :]
        query = {name: values[-1] for name, values in parse_qs(asked.query, keep_blank_values=True).items()}
        if asked.method == "GET":
            return self._get(place, query)
        try:
            body = json.loads(asked.body)
        except ValueError:
            return self._error(400, "Incorrect formatted JSON")
        if not isinstance(body, dict):
            return self._error(400, "Incorrect formatted JSON")
        return self._write(asked.method, place, query, body)

    def _log_in(self, asked: Asked) -> Answer:
        if asked.headers.get(b"content-type") != b"application/x-www-form-urlencoded":
            return _json(400, {"error": "invalid_request"})
        form = {name: values[-1] for name, values in parse_qs(asked.body.decode()).items()}
        users = self.users
        match form:
            case {"grant_type": "password", "client_id": "GrantValidatorClient", "username": name, "password": word}:
                right = (name, word) == (users.name, users.password)
            case {"grant_type": "client_credentials", "client_id": client, "client_secret": word}:
                right = users.services.get(client) == word
            case _:
                return _json(400, {"error": "unsupported_grant_type"})
        if not right:
            return _json(400, {"error": "invalid_grant", "error_description": f"not {form!r}"})
        self.log_ins += 1
        token = f"eyJ{secrets.token_hex(12)}"
        users.tokens.add(token)
        told = {"access_token": token, "expires_in": users.lifetime, "token_type": "Bearer"}
        return _json(200, {**told, "scope": "managementserver"})

    def _get(self, place: str, query: dict[str, str]) -> Answer:
        state = self._state
        match place.strip("/").split("/"):
            case ["cameras"]:
                shown = [each for each in state.cameras.values() if each.enabled or "disabled" in query]
                return _array([_camera(each.id, each.name, each.enabled) for each in shown])
            case ["cameras", id_]:
                found = state.cameras.get(id_.lower())
                return self._data(_camera(found.id, found.name, found.enabled) if found else None)
            case ["analyticsEvents"]:
                return _array([{"id": new_id(), "displayName": name, "name": name} for name in state.analytics_events])
            case ["userDefinedEvents"]:
                return _array([{"id": id_, "displayName": n, "name": n} for id_, n in state.user_events.items()])
            case ["alarmStates"]:
                return _array([{"id": new_id(), "name": "New"}])
            case ["alarms"]:
                return self._page([_alarm(each) for each in state.alarms if state.visible(each.seen)], query)
            case ["alarms", id_]:
                return self._data(next((_alarm(each) for each in state.alarms if each.id == id_), None))
            case ["events"]:
                with_data = query.get("include") == "data"
                events = [_event(each, with_data) for each in state.events if state.visible(each.seen)]
                return self._page(events, query)
            case ["bookmarks", id_]:
                return self._data(state.bookmarks.get(id_))
        return self._error(404, "There is no such resource")

    def _write(self, method: str, place: str, query: dict[str, str], body: dict[str, object]) -> Answer:
        state = self._state
        match [method, *place.strip("/").split("/")]:
            case ["POST", "events"]:
                kind, camera = str(body.get("type")), str(body.get("source", "")).removeprefix("cameras/")
                if kind not in state.user_events or (camera and camera not in state.cameras):
                    return self._error(404, "There is no such event type or source")
                event = Event(new_id(), kind, camera)
                state.keep(event)
                return _json(202, {"data": {"id": event.id, "type": kind}})
            case ["POST", "alarms"]:
                camera = str(body.get("source", "")).removeprefix("cameras/")
                if camera not in state.cameras:
                    return self._error(404, "There is no such source")
                at = self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
                alarm = Alarm(new_id(), str(body.get("name")), str(body.get("message")), camera, at)
                state.raise_alarm(alarm)
                return _json(202, {"data": {"id": alarm.id}})
            case ["PATCH", "alarms", id_]:
                found = next((each for each in state.alarms if each.id == id_), None)
                if found is not None and isinstance(body.get("comment"), str):
                    found.comments.append(str(body["comment"]))
                return self._data(_alarm(found) if found is not None else None, 202)
            case ["POST", "bookmarks"] if not query:
                return self._bookmark(body)
            case ["PATCH", "bookmarks", id_]:
                if id_ in state.bookmarks:
                    state.bookmarks[id_].update(body)
                return self._data(state.bookmarks.get(id_))
        return self._error(404, "There is no such resource")

    def _bookmark(self, body: dict[str, object]) -> Answer:
        match body.get("devicePath"):
            case {"type": "cameras", "id": str(camera)} if camera in self._state.cameras:
                made = {"id": new_id(), **body}
                self._state.bookmarks[str(made["id"])] = made
                return _json(201, {"result": made})
        return self._error(400, "devicePath is required")

    def _page(self, found: list[dict[str, object]], query: dict[str, str]) -> Answer:
        if self.newest_first:
            found = found[::-1]
        page, size = int(query.get("page", "0")), int(query.get("size", "10"))
        return _array(found[page * size : (page + 1) * size])

    def _data(self, found: dict[str, object] | None, status: int = 200) -> Answer:
        return _json(status, {"data": found}) if found is not None else self._error(404, "There is no such resource")

    def _error(self, status: int, text: str) -> Answer:
        told = {"httpCode": str(status), "details": [{"errorText": text}]}
        return _json(status, {"error": told} if self.nested else told)


def _camera(id_: str, name: str, enabled: bool) -> dict[str, object]:
    return {"id": id_, "displayName": name, "name": name, "enabled": enabled, "recordingEnabled": True}


def _alarm(alarm: Alarm) -> dict[str, object]:
    told: dict[str, object] = {"id": alarm.id, "name": alarm.name, "message": alarm.message, "time": alarm.time}
    return {**told, "source": f"cameras/{alarm.source}"}


def _event(event: Event, with_data: bool) -> dict[str, object]:
    told: dict[str, object] = {"id": event.id, "type": event.type, "source": f"cameras/{event.camera}"}
    if with_data and event.analytics is not None:
        values = event.analytics.values
        header = {re.sub(r".*/", "", path): text for path, text in values.items() if path.startswith("EventHeader/")}
        told["data"] = {"eventHeader": header, "vendor": {"customData": values.get("Vendor/CustomData")}}
    return told


def _array(found: list[dict[str, object]]) -> Answer:
    return _json(200, {"array": found})


def _json(status: int, value: object) -> Answer:
    return Answer(status, json.dumps(value).encode())
