"""Digifort's HTTP API: signing in three ways, global events, cameras, and one envelope in three forms [2 to 5].

The numbers of its codes and their words are illustrative: the real ones are not documented."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Callable
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import msgspec

from bridge.simulator.http_server import Answer, Asked

IDLE = 60.0
_Data = dict[str, object]


class Users(msgspec.Struct):
    """``as_typed``: a safe session wants the user's name as it is written. ``may``: whether its user may trigger.
    ``status``: of HTTP, when it is refused."""

    name: str = "Bridge"
    password: str = "first pass"  # noqa: S105 - of the simulator alone
    as_typed: bool = False
    may: bool = True
    status: int = 200


class Triggered(msgspec.Struct, frozen=True):
    event: str
    message: str
    at: float


class Refused(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Api:
    """``form``: JSON, XML or TEXT whatever is asked for; "" for what is asked for. ``mark``: with a byte order mark."""

    def __init__(self, events: list[str], cameras: dict[str, str], now: Callable[[], float] = time.monotonic) -> None:
        self.events = events
        self.cameras = cameras
        self.users = Users()
        self.triggered: list[Triggered] = []
        self.sessions: dict[str, tuple[str, float]] = {}
        self.given: dict[str, str] = {}
        """Number of a session → the nonce it was given, of all there ever were."""
        self.form = ""
        self.mark = False
        self.bare_names = False
        """Global events are told by name alone, not as objects."""
        self._now = now

    def answer(self, asked: Asked) -> Answer:
        values = dict(parse_qsl(asked.query, keep_blank_values=True, errors="strict"))
        form = self.form or values.get("ResponseFormat", "XML").upper()
        if not asked.path.lower().startswith("/interface/") or asked.method != "GET":
            return Answer(404, b"<html>Not Found</html>", "text/html")
        try:
            data = self._route(asked.path.lower().removeprefix("/interface/"), values, asked)
        except Refused as refused:
            status = self.users.status if refused.code == 2 else 200
            return self._told(form, refused.code, str(refused), {}, status)
        except LookupError:
            return Answer(404, b"<html>Not Found</html>", "text/html")
        return self._told(form, 0, "OK", data, 200)

    def digest(self, number: str) -> str:
        """What AuthData has to be in this session."""
        user = self.users.name if self.users.as_typed else self.users.name.upper()
        return _md5(f"{self.given[number]}:{user}:{_md5(self.users.password)}")

    def _route(self, place: str, values: dict[str, str], asked: Asked) -> _Data:
        if place == "createauthsession":
            number = str(32 + len(self.given))
            self.given[number] = f"{0x164EF22C9A0B4D11 + len(self.given):X}"
            self.sessions[number] = (self.given[number], self._now())
            return {"Session": {"ID": int(number), "NOnce": self.given[number]}}
        if not self._let_in(values, asked):
            raise Refused(2, "Access denied")
        if place == "updateauthsession":
            return {}
        if place == "globalevents/triggerglobalevent":
            return self._trigger(values)
        if place == "globalevents/getglobalevents":
            return {"GlobalEvents": [each if self.bare_names else {"Name": each} for each in self.events]}
        if place == "cameras/getcameras":
            wanted = values.get("Fields", "Name,Description").split(",")
            rows = [{"Name": name, "Description": about} for name, about in self.cameras.items()]
            return {"Cameras": [{key: each[key] for key in wanted if key in each} for each in rows]}
        if place == "server/getinfo":
            return {"Info": {"Version": "7.4.0.0"}}
        raise LookupError(place)

    def _trigger(self, values: dict[str, str]) -> _Data:
        if not self.users.may:
            raise Refused(4, "No right")
        known = {each.casefold() for each in self.events}
        if values.get("Event", "").casefold() not in known:
            raise Refused(1, "Event not found")
        self.triggered.append(Triggered(values["Event"], values.get("OverrideOperatorMessage", ""), self._now()))
        return {}

    def _let_in(self, values: dict[str, str], asked: Asked) -> bool:
        users = self.users
        number = values.get("AuthSession", "")
        if number in self.sessions:
            if self._now() > self.sessions[number][1] + IDLE:
                del self.sessions[number]
                return False
            self.sessions[number] = (self.sessions[number][0], self._now())
            return values.get("AuthData") == self.digest(number)
        if "AuthUser" in values:
            return (values["AuthUser"].upper(), values.get("AuthPass")) == (users.name.upper(), users.password)
        scheme, _, told = asked.headers.get(b"authorization", b"").partition(b" ")
        try:
            name, _, password = base64.b64decode(told, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return scheme == b"Basic" and (name.upper(), password) == (users.name.upper(), users.password)

    def _told(self, form: str, code: int, message: str, data: _Data, status: int) -> Answer:
        if form == "JSON":
            told: _Data = {"Code": code, "Message": message}
            if data:
                told["Data"] = data
            body, kind = json.dumps({"Response": told}), "application/json"
        elif form == "TEXT":
            body, kind = f"RESPONSE_CODE={code}\r\nRESPONSE_MESSAGE={message}\r\n", "text/plain"
        else:
            inner = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
            body, kind = f'<?xml version="1.0"?><Response>{inner}</Response>', "text/xml"
        return Answer(status, (b"\xef\xbb\xbf" if self.mark else b"") + body.encode(), kind)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
