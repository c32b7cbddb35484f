"""The endpoints of the Web SDK, and the three forms of its answers [2, 3, 4]."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from urllib.parse import unquote
from xml.sax.saxutils import escape

import msgspec

from bridge.simulator.genetec.directory import SYSTEM, Directory, Fail, Triggered
from bridge.simulator.genetec.query import Call, Unreadable, calls, parted, plain
from bridge.simulator.http_server import Answer, Asked

LONGEST_URL = 2048
_BAD = Answer(400, b"<!DOCTYPE html><html><body><h2>Bad Request</h2></body></html>", "text/html")
Result = list[dict[str, object]] | dict[str, object] | None


class Users(msgspec.Struct):
    """``licensed``: application ids that the licence has. ``may``: whether its user may raise anything."""

    name: str = "bridge"
    password: str = "first pass"  # noqa: S105 - of the simulator alone
    licensed: frozenset[str] = frozenset({"AbC123=="})
    active_directory: frozenset[str] = frozenset()
    may: bool = True


class Api:
    def __init__(self, directory: Directory, users: Users, base: str = "/WebSdk") -> None:
        self.directory = directory
        self.users = users
        self._base = base.lower()

    def answer(self, asked: Asked) -> Answer:
        if len(asked.path) + len(asked.query) > LONGEST_URL:
            return _BAD
        refused = self._refused(asked)
        if refused is not None:
            return refused
        if asked.method == "POST" and b"content-length" not in asked.headers:
            return Answer(411)
        if not asked.path.lower().startswith(self._base):
            return Answer(404, b"<html>Not Found</html>", "text/html")
        path = asked.path[len(self._base) :] or "/"
        try:
            return _told(asked, "Ok", self._route(asked.method, path, asked.query))
        except Fail as error:
            return _told(asked, "Fail", {"SdkErrorCode": error.code, "Message": str(error)})
        except (Unreadable, UnicodeDecodeError):
            return _BAD
        except LookupError:
            return Answer(404, b"<html>Not Found</html>", "text/html")

    def _refused(self, asked: Asked) -> Answer | None:
        scheme, _, told = asked.headers.get(b"authorization", b"").partition(b" ")
        try:
            name, _, password = base64.b64decode(told, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return Answer(401)
        user, _, application = name.partition(";")
        users = self.users
        if scheme != b"Basic" or user in users.active_directory or (user, password) != (users.name, users.password):
            return Answer(401)
        if application not in users.licensed:
            return Answer(403)
        return None

    def _route(self, method: str, path: str, query: str) -> Result:
        """Raises Fail, Unreadable, LookupError for what there is not."""
        lower = path.lower().rstrip("/")
        q = next((each[2:] for each in query.split("&") if each.startswith("q=")), "")
        doing: dict[tuple[str, str], Callable[[], Result]] = {
            ("GET", ""): lambda: None,
            ("GET", "/entity"): lambda: self._entities(q),
            ("POST", "/entity"): lambda: self._define(q),
            ("GET", "/report/entityconfiguration"): lambda: self._report(calls(q)),
            ("POST", "/action"): lambda: self._act(calls(q)),
            ("GET", "/alarm"): lambda: self._alarm(calls(q)),
            ("GET", "/activealarms"): lambda: [
                {"Alarm": each.alarm} for each in self.directory.made if isinstance(each, Triggered)
            ],
        }
        if (method, lower) in doing:
            return doing[method, lower]()
        found = re.fullmatch(r"/events/RaiseCustomEvent/([^/]+)/([^/]+)(?:/([^/]*))?", path, re.IGNORECASE)
        if method != "POST" or found is None:
            raise LookupError(path)
        if "%2f" in (found[3] or "").lower():
            raise LookupError("a slash in the message belongs into ?msg=")
        told = next((each[4:] for each in query.split("&") if each.startswith("msg=")), found[3] or "")
        self._allowed()
        self.directory.custom_event(unquote(found[1]), unquote(found[2]), unquote(told, errors="strict"))
        return {}

    def _act(self, told: list[Call]) -> Result:
        self._allowed()
        for each in told:
            if each.name.lower() != "addcamerabookmark" or each.arguments is None or len(each.arguments) != 3:
                raise Fail("InvalidAction", f"there is no action {each.name[:60]}")
            self.directory.bookmark(*each.arguments)
        return None

    def _alarm(self, told: list[Call]) -> Result:
        self._allowed()
        for each in told:
            if each.name.lower() != "triggeralarm" or each.arguments is None or len(each.arguments) not in (1, 2):
                raise Fail("InvalidAction", f"there is no action {each.name[:60]}")
            self.directory.trigger(*each.arguments)
        return None

    def _allowed(self) -> None:
        if not self.users.may:
            raise Fail("InsufficientPrivilege", "the user lacks a privilege")

    def _report(self, told: list[Call]) -> Result:
        """GUIDs alone; of a page one row too many where there are more."""
        options = dict(each.name.partition("=")[::2] for each in told if "=" in each.name)
        kinds = [each.name.partition("@")[2] for each in told if each.name.lower().startswith("entitytypes@")]
        found = [
            each
            for each in self.directory.entities.values()
            if each.kind in kinds and options.get("Name", "").lower() in each.name.lower()
        ]
        size, page = int(options.get("PageSize", "1000")), int(options.get("Page", "1"))
        start = (page - 1) * size
        return [{"Guid": each.guid} for each in found[start : start + size + 1]]

    def _entities(self, q: str) -> Result:
        """``entity=<guid>,Guid,Name,entity=<guid2>,…``."""
        rows: list[dict[str, object]] = []
        asked: list[tuple[str, list[str]]] = []
        for each in parted(unquote(q)):
            name, _, value = plain(each).partition("=")
            if name.lower() == "entity":
                asked.append((value, []))
            elif asked:
                asked[-1][1].append(name)
        for guid, names in asked:
            entity = self.directory.entity(guid)
            rows.append({name: entity.field(name) for name in names})
        return rows[0] if len(rows) == 1 else rows

    def _define(self, q: str) -> Result:
        first, *rest = parted(unquote(q))
        if first.replace("-", "").lower() != f"entity={SYSTEM}":
            raise Fail("EntityNotFound", "custom events belong to the system")
        for each in rest:
            found = re.fullmatch(r"CustomEvents\.Add\((\d+),([^,]+),(\w+)\)", each)
            if found is None:
                raise Fail("InvalidParameter", "CustomEvents.Add(number,name,type)")
            self.directory.custom_events[int(found[1])] = (found[2], found[3])
        return None


def _told(asked: Asked, status: str, result: Result) -> Answer:
    accepts = asked.headers.get(b"accept", b"").decode("latin-1").lower()
    if accepts == "text/json":
        told: dict[str, object] = {"Status": status}
        if result is not None:
            told["Result"] = result
        return Answer(200, json.dumps({"Rsp": told}).encode(), "text/json")
    if accepts == "application/jsonrequest":
        if status == "Fail" and isinstance(result, dict):
            error = {"Code": result["SdkErrorCode"], "Message": result["Message"]}
            return Answer(200, json.dumps({"rsp": {"status": "fail", "error": error}}).encode())
        return Answer(200, json.dumps({"rsp": {"status": status.lower(), "entity": result}}).encode())
    rows = result if isinstance(result, list) else [result or {}]
    cells = "".join(
        f'<Row>{"".join(f"""<Cell name="{name}">{escape(str(value))}</Cell>""" for name, value in row.items())}</Row>'
        for row in rows
    )
    body = f'<rsp status="{status.lower()}"><QueryResult>{cells}</QueryResult></rsp>'
    return Answer(200, body.encode(), "text/xml")
