"""Frigate's API as far as the bridge asks it: log-in, configuration, events, pictures [1, 2, 5, 6]."""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote

import msgspec

from bridge.simulator.frigate.events import Created, Event, Table
from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.picture import picture


class Users(msgspec.Struct):
    """``name`` None: the port that asks for no log-in. ``enabled`` false: the other one, with auth switched off.
    ``lifetime``: of a log-in, seconds; from ``renew`` before its end on it is renewed. ``most_failures``: log-ins that
    may fail."""

    name: str | None = "bridge"
    password: str = "first pass"  # noqa: S105 - of the simulator alone
    role: str = "admin"
    enabled: bool = True
    cookie: str = "frigate_token"
    lifetime: float = 86_400.0
    renew: float = 0.0
    most_failures: int | None = None
    failures: int = 0
    log_ins: int = 0
    sessions: dict[str, float] = {}

    def open(self) -> str:
        """A new session's token."""
        claims = {"sub": self.name, "role": self.role, "exp": int(time.time() + self.lifetime)}
        parts = [{"alg": "HS256"}, claims]
        text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        token = f"{text}.{secrets.token_urlsafe(12)}"
        self.sessions[token] = time.monotonic() + self.lifetime
        return token

    def forget(self) -> None:
        """Every log-in is refused from now on."""
        self.sessions.clear()


class Api:
    def __init__(self, table: Table, users: Users, base: str = "") -> None:
        self._table = table
        self.users = users
        self.version = "0.17.0-abc1234"
        self.describes = True
        """Whether it has descriptions; old ones answer as for any path they do not know."""
        self.clips_after = 0.0
        """Seconds after its end until an event's clip is stored."""
        self._base = base

    def answer(self, asked: Asked) -> Answer:
        path = unquote(asked.path)
        if not path.startswith(f"{self._base}/api/"):
            return Answer(404, b"<html>404 Not Found</html>", "text/html")
        place = path.removeprefix(self._base)
        if asked.method != "GET" and b"origin" in asked.headers and b"x-csrf-token" not in asked.headers:
            return _said(401, "Missing CSRF header")
        if place == "/api/login":
            return self._login(asked)
        token = self._token(asked)
        if self.users.name is not None and self.users.enabled and not self._valid(token):
            return Answer(401, b'{"message":"Unauthorized"}')
        if asked.method != "GET" and self.users.name is not None and self.users.role != "admin":
            return Answer(403, b'{"detail":"Role %b not authorized"}' % self.users.role.encode())
        return self._renewed(self._route(asked, place), token)

    def _route(self, asked: Asked, place: str) -> Answer:
        match asked.method, place.split("/")[2:]:
            case "GET", ["version"]:
                return Answer(200, self.version.encode(), "text/plain")
            case "GET", ["config"]:
                return _json(200, {"cameras": self._cameras()})
            case "GET", ["events"]:
                return self._list(asked)
            case "GET", ["events", id_]:
                found = self._table.get(id_)
                return _json(200, found.row()) if found is not None else _json(404, "Event not found")
            case "POST", ["events", camera, label, "create"]:
                return self._create(asked, camera, label)
            case "POST", ["events", id_, "description"] if self.describes:
                return self._describe(asked, id_)
            case "POST", ["events", id_, "sub_label"]:
                return self._sub_label(asked, id_)
            case "PUT", ["events", id_, "end"]:
                return self._end(asked, id_)
            case "GET", ["events", id_, name] if name in ("snapshot.jpg", "thumbnail.jpg", "clip.mp4"):
                return self._media(id_, name)
            case "GET", [camera, "start", first, "end", last, "clip.mp4"]:
                return self._video(camera, first, last)
        return Answer(404, b'{"detail":"Not Found"}')

    # ----------------------------------------------------------------------------------------------------------- log-in

    def _login(self, asked: Asked) -> Answer:
        users = self.users
        if users.name is None or not users.enabled:
            return _json(404, {"message": "Authentication is disabled"})
        users.log_ins += 1
        if users.most_failures is not None and users.failures >= users.most_failures:
            return Answer(429, b'{"error":"Rate limit exceeded"}', headers=(("Retry-After", "7"),))
        told = _body(asked)
        if told is None or (told.get("user"), told.get("password")) != (users.name, users.password):
            users.failures += 1
            return _json(401, {"message": "Login failed"})
        return Answer(200, b"", headers=(self._set_cookie(users.open()),))

    def _set_cookie(self, token: str) -> tuple[str, str]:
        return "Set-Cookie", f"{self.users.cookie}={token}; HttpOnly; Path=/; SameSite=lax"

    def _token(self, asked: Asked) -> str:
        """The bearer header counts before the cookie."""
        bearer = asked.headers.get(b"authorization", b"").decode("latin-1")
        if bearer.startswith("Bearer "):
            return bearer.removeprefix("Bearer ")
        found = re.search(
            rf"(?:^|;\s*){self.users.cookie}=([^;]*)", asked.headers.get(b"cookie", b"").decode("latin-1")
        )
        return found[1] if found else ""

    def _valid(self, token: str) -> bool:
        return self.users.sessions.get(token, 0.0) > time.monotonic()

    def _renewed(self, answer: Answer, token: str) -> Answer:
        ends = self.users.sessions.get(token)
        if ends is None or ends - time.monotonic() > self.users.renew:
            return answer
        headers = (*answer.headers, self._set_cookie(self.users.open()))
        return Answer(answer.status, answer.body, answer.content_type, headers)

    # ----------------------------------------------------------------------------------------------------------- events

    def _cameras(self) -> dict[str, object]:
        return {
            name: {"enabled": camera.enabled, "record": {"enabled": camera.records}, "detect": {"fps": 5}}
            for name, camera in self._table.cameras.items()
        }

    def _list(self, asked: Asked) -> Answer:
        values = {name: each[-1] for name, each in parse_qs(asked.query, keep_blank_values=True).items()}
        try:
            return _json(200, [each.row() for each in self._table.listed(values)])
        except ValueError:
            return _invalid("query", "Input should be a valid number")

    def _create(self, asked: Asked, camera: str, label: str) -> Answer:
        if camera not in self._table.cameras:
            return _said(404, f"{camera} is not a valid camera.")
        if not label:
            return _said(404, f"{label} must be set.")
        try:
            body = msgspec.json.decode(asked.body or b"{}", type=Created)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _invalid("body", str(error))
        made = self._table.create(camera, label, body)
        return _json(200, {"success": True, "message": "Successfully created event.", "event_id": made.id})

    def _describe(self, asked: Asked, id_: str) -> Answer:
        found, body = self._table.get(id_), _body(asked)
        if body is None or not isinstance(body.get("description"), str):
            return _invalid("body", "Input should be a valid dictionary")
        if found is None:
            return _said(404, f"Event {id_} not found")
        found.data["description"] = body["description"]
        if self._table.on_written is not None:
            self._table.on_written(found)
        return _json(200, {"success": True, "message": f"Event {id_} description is now {found.description[:20]}"})

    def _sub_label(self, asked: Asked, id_: str) -> Answer:
        found, body = self._table.get(id_), _body(asked)
        text = body.get("subLabel") if body is not None else None
        if not isinstance(text, str) or len(text) > 100:
            return _invalid("body", "String should have at most 100 characters")
        if found is None:
            return _said(404, f"Event {id_} not found.")
        found.sub_label = text
        return _json(200, {"success": True, "message": f"Event {id_} sub label set to {text}"})

    def _end(self, asked: Asked, id_: str) -> Answer:
        found, body = self._table.get(id_), _body(asked)
        if body is None:
            return _invalid("body", "Field required")
        if found is None:
            return _said(404, f"{id_} must be set and valid.")
        at = body.get("end_time")
        end = float(at) if isinstance(at, int | float) and at else time.time()
        if end < found.start_time:
            return _said(400, "end_time must be after start_time")
        found.end_time = end
        return _said(200, "Event successfully ended.")

    # --------------------------------------------------------------------------------------------------------- pictures

    def _media(self, id_: str, name: str) -> Answer:
        found = self._table.get(id_)
        if found is None:
            return _said(404, "Event not found")
        if name != "clip.mp4":
            return Answer(200, picture(len(id_)), "image/jpeg")
        if not found.has_clip or found.end_time is None or found.end_time + self.clips_after > time.time():
            return _said(404, "No recordings found for the specified time range")
        return Answer(200, b"\0\0\0\x18ftypmp42" + _id(found), "video/mp4")

    def _video(self, camera: str, first: str, last: str) -> Answer:
        found = self._table.cameras.get(camera)
        if found is None or not found.records or not (first.isdecimal() and last.isdecimal()):
            return _said(404, "No recordings found for the specified time range")
        return Answer(200, b"\0\0\0\x18ftypmp42" + f"{camera} {first} {last}".encode(), "video/mp4")


def _id(event: Event) -> bytes:
    return event.id.encode()


def _body(asked: Asked) -> Mapping[str, object] | None:
    try:
        told = json.loads(asked.body)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _json(status: int, value: object) -> Answer:
    return Answer(status, json.dumps(value).encode())


def _said(status: int, message: str) -> Answer:
    return _json(status, {"success": status == 200, "message": message})


def _invalid(where: str, message: str) -> Answer:
    return _json(422, {"detail": [{"loc": [where], "msg": message, "type": "value_error"}]})
