"""ZoneMinder's API as far as the bridge asks it [3, 4]. Errors repeat the whole URL, token and all, as the real do."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import parse_qs, unquote

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.picture import picture
from bridge.simulator.zoneminder.monitor import Database, Event, Monitor

VERSION = "1.36.33"
_FILTER = re.compile(r"^(?P<field>[A-Za-z0-9]+) ?(?P<operator>=|>|>=|<|<=|LIKE|REGEXP)?$")


class Users(msgspec.Struct):
    """``name`` None: it asks for no log-in. ``lifetime``: of tokens, seconds. ``sees``: these monitors alone."""

    name: str | None = "bridge"
    password: str = "first pass"  # noqa: S105 - of the simulator alone
    lifetime: float = 7200.0
    may_edit: bool = True
    sees: frozenset[int] | None = None
    tokens: dict[str, float] = {}

    def forget(self) -> None:
        """Every token that was given is refused from now on."""
        self.tokens.clear()


class Api:
    def __init__(self, monitors: dict[int, Monitor], database: Database, users: Users, base: str = "/zm") -> None:
        self._monitors = monitors
        self._database = database
        self.users = users
        self._base = base
        self.timezone = "UTC"
        self.numbers_as_text = False

    def answer(self, asked: Asked, force: Callable[[Monitor], None]) -> Answer | None:
        """None: the answer comes when the monitor has gone into alarm (``force`` was called)."""
        path = unquote(asked.path)
        if path == f"{self._base}/index.php":
            return self._view(asked)
        if not path.startswith(f"{self._base}/api/"):
            return Answer(404, b"<html>Not Found</html>", "text/html")
        place = path.removeprefix(f"{self._base}/api").removesuffix(".json")
        values = _form(asked)
        if place == "/host/login":
            return self._login(values, asked)
        if not self._known(values.get("token", "")):
            return _error(401, "Not Authenticated", asked)
        return self._route(asked, place, values, force)

    def _route(
        self, asked: Asked, place: str, values: dict[str, str], force: Callable[[Monitor], None]
    ) -> Answer | None:
        if place == "/host/getVersion":
            return _json({"version": VERSION, "apiversion": "2.0"})
        if place == "/host/daemonCheck":
            return _json({"result": 1})
        if place == "/host/getTimeZone":
            return _json({"tz": self.timezone})
        if place == "/monitors":
            seen = [self._monitor(each) for each in self._monitors.values() if self._sees(each.number)]
            return _json({"monitors": seen})
        if found := re.fullmatch(r"/monitors/(\d+)", place):
            monitor = self._monitors.get(int(found[1]))
            if monitor is None:
                return _error(404, "Invalid monitor", asked)
            return _json({"monitor": self._monitor(monitor) if self._sees(monitor.number) else []})
        if found := re.fullmatch(r"/monitors/alarm/id:(\d+)/command:(\w+)", place):
            return self._alarm(asked, int(found[1]), found[2], force)
        if found := re.fullmatch(r"/events/(\d+)", place):
            return self._save(asked, int(found[1]), values)
        if place == "/events" or place.startswith("/events/index"):
            return self._list(asked, place.removeprefix("/events").removeprefix("/index"), values)
        return _error(404, "Not Found", asked)

    # ----------------------------------------------------------------------------------------------------------- tokens

    def _login(self, values: dict[str, str], asked: Asked) -> Answer:
        users = self.users
        if users.name is None:
            return _json({"access_token": None, "access_token_expires": None, "version": VERSION})
        if values.get("user") != users.name or values.get("pass") != users.password:
            return _error(401, f'Login denied for user "{values.get("user")}"', asked)
        token = f"eyJ.{secrets.token_urlsafe(12)}.x"
        users.tokens[token] = time.monotonic() + users.lifetime
        return _json({"access_token": token, "access_token_expires": users.lifetime, "refresh_token": "eyJ.r.x"})

    def _known(self, token: str) -> bool:
        return self.users.name is None or self.users.tokens.get(token, 0.0) > time.monotonic()

    def _sees(self, monitor: int) -> bool:
        return self.users.sees is None or monitor in self.users.sees

    # ----------------------------------------------------------------------------------------------------------- alarms

    def _alarm(self, asked: Asked, number: int, command: str, force: Callable[[Monitor], None]) -> Answer | None:
        monitor = self._monitors.get(number)
        if monitor is None:
            return _error(404, "Invalid monitor", asked)
        if not self._sees(number):
            return _json({"status": "false", "code": 255, "error": ""})
        if command == "on":
            if monitor.function == "Monitor":
                return _json(
                    {"status": "x", "output": "A Monitor in monitor mode cannot handle alarms.  Please use NoDect"}
                )
            if monitor.function == "None":
                return _json({"status": "false", "code": 255, "error": "Unable to connect to monitor"})
            monitor.force(255, b"Forced Web", b"")
            force(monitor)
            return None
        if command == "off":
            monitor.cancel()
            told = "Cancelling forced alarm on/off"
            return _json({"status": told, "output": f"Monitor {number}({monitor.name})\n{told}"})
        return _error(400, "Invalid command", asked)

    @staticmethod
    def forced(monitor: Monitor) -> Answer:
        """What ``command:on`` is answered once the monitor is alarmed."""
        told = f"Alarmed event id: {monitor.last_event}"
        before = f"Monitor {monitor.number}({monitor.name})\nForcing alarm on current state: Idle, event 0\n"
        return _json({"status": told, "output": before + told})

    # ----------------------------------------------------------------------------------------------------------- events

    def _list(self, asked: Asked, filters: str, values: dict[str, str]) -> Answer:
        found = [each for each in self._database.events.values() if self._sees(each.monitor)]
        for each in filter(None, filters.split("/")):
            name, _, value = each.partition(":")
            wanted = _FILTER.match(name)
            if wanted is None:
                return _error(500, "Invalid operator", asked)
            found = [event for event in found if _matches(event, wanted["field"], wanted["operator"] or "=", value)]
        if values.get("direction") == "desc":
            found.reverse()  # of ids as of times
        limit, page = int(values.get("limit", "100")), int(values.get("page", "1"))
        shown = found[(page - 1) * limit : page * limit]
        pages = -(-len(found) // limit)
        about = {"page": page, "current": len(shown), "count": len(found), "pageCount": pages, "nextPage": page < pages}
        return _json({"events": [{"Event": self._event(each)} for each in shown], "pagination": about})

    def _save(self, asked: Asked, number: int, values: dict[str, str]) -> Answer:
        event = self._database.events.get(number)
        if asked.method != "PUT" or event is None:
            return _error(404, "Invalid event", asked)
        if not self.users.may_edit:
            return _error(401, "Insufficient privileges", asked)
        written = {name[6:-1]: value for name, value in values.items() if name.startswith("Event[")}
        if not self._database.save(event, written):
            return _error(500, "An Internal Error Has Occurred.", asked)
        return _json({"message": "Saved"})

    def _view(self, asked: Asked) -> Answer:
        values = _form(asked)
        if not self._known(values.get("token", "")):
            return Answer(200, b"<!DOCTYPE html><html>log in</html>", "text/html")
        number = int(values.get("eid", "0"))
        if values.get("view") == "image" and number in self._database.events:
            return Answer(200, picture(number), "image/jpeg")
        return Answer(404, b"", "text/html")

    def _event(self, event: Event) -> dict[str, object]:
        number = str if self.numbers_as_text else int
        return {
            "Id": number(event.id),
            "MonitorId": number(event.monitor),
            "Name": event.name,
            "Cause": event.cause,
            "Notes": event.notes,
            "StartDateTime": f"{event.started:%Y-%m-%d %H:%M:%S}",
            "EndDateTime": f"{event.ended:%Y-%m-%d %H:%M:%S}" if event.ended is not None else None,
            "MaxScore": number(event.max_score),
            "DefaultVideo": "",
        }

    def _monitor(self, monitor: Monitor) -> dict[str, object]:
        number: object = str(monitor.number) if self.numbers_as_text else monitor.number
        about = {"Id": number, "Name": monitor.name, "Function": monitor.function, "Enabled": 1}
        return {"Monitor": about, "Monitor_Status": {"Status": "Connected"}}


def _form(asked: Asked) -> dict[str, str]:
    values = parse_qs(asked.query, keep_blank_values=True)
    if asked.headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded"):
        values |= parse_qs(asked.body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: each[-1] for name, each in values.items()}


def _matches(event: Event, field: str, operator: str, value: str) -> bool:
    if field in ("Id", "MonitorId"):
        has = event.id if field == "Id" else event.monitor
        return _compared(has, operator, int(value)) if value.isdecimal() else False
    text = {"Notes": event.notes, "Cause": event.cause, "Name": event.name}.get(field)
    if text is None:
        return _compared(f"{event.started:%Y-%m-%d %H:%M:%S}", operator, value)
    if operator == "REGEXP":
        return re.search(value, text, re.IGNORECASE) is not None
    return text == value


def _compared(has: int | str, operator: str, value: int | str) -> bool:
    if operator == "=":
        return has == value
    bigger = has > value  # type: ignore[operator]
    return has == value if "=" in operator and has == value else bigger is (operator[0] == ">") and has != value


def _json(value: object) -> Answer:
    return Answer(200, json.dumps(value).encode(), "application/json; charset=UTF-8")


def _error(status: int, name: str, asked: Asked) -> Answer:
    url = asked.path + (f"?{asked.query}" if asked.query else "")
    told = {
        "name": name,
        "message": name,
        "url": url,
        "exception": {"class": "Exception", "code": status, "message": name},
    }
    return Answer(status, json.dumps({"success": False, "data": told}).encode(), "application/json; charset=UTF-8")
