"""A simulated CAMMRA reader's memory: search.cgi behind a digest log-in (reference "CAMMRA", section 9).

What passes while a reader's push is lost is to be had from here: ``async with SimulatedSearch() as memory: …
memory.remember(Sighting…)``, then ask ``memory.url``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import TracebackType
from urllib.parse import parse_qsl, quote
from xml.sax.saxutils import escape

import msgspec

from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.picture import picture

SEARCH = ("/local/fflprapp/search.cgi", "/local/fflprapp/search_o.cgi", "/local/fflprapp/events.cgi")
IMAGE = "/local/fflprapp/tools.cgi"
REALM = "AXIS_ACCC8E000001"
_DIRECTIONS = {"in": 2, "out": 3}
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """One vehicle that passed. ``car``: the reader's carID; ``listed``: allow, block or nothing."""

    at: datetime
    car: int
    plate: str
    direction: str = "in"
    roi: int = 1
    country: str = "CZE"
    listed: str = ""
    description: str = ""
    confidence: float = 0.88


class SimulatedSearch:
    """``bare_and``: an & in texts is not escaped, as some readers send it. ``milliseconds``: TS is in ms, not us.

    ``nonce`` may be changed: the next request is told so (stale), as after a restart. ``asked``: queries taken.
    """

    def __init__(self, *, host: str = "127.0.0.1", login: str = "bridge:simulated", milliseconds: bool = False) -> None:
        self.passages: list[Passage] = []
        self.user, _, self.password = login.partition(":")
        self.milliseconds = milliseconds
        self.bare_and = False
        self.nonce = "a1b2c3d4e5f60718"
        self.asked: list[dict[str, str]] = []
        self.refused = 0
        self.server = HttpServer(self._respond, host=host)

    async def __aenter__(self) -> SimulatedSearch:
        await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.server.stop()

    @property
    def url(self) -> str:
        return f"http://{self.server.host}:{self.server.port}{SEARCH[0]}"

    def remember(self, passage: Passage) -> None:
        self.passages.append(passage)

    def _respond(self, asked: Asked, connection: Connection) -> None:
        if not self._logged_in(asked):
            self.refused += 1
            challenge = f'Digest realm="{REALM}", nonce="{self.nonce}", algorithm=MD5, qop="auth"'
            connection.answer(Answer(401, headers=(("WWW-Authenticate", challenge),)))
        elif asked.path in SEARCH:
            query = {name.lower(): value for name, value in parse_qsl(asked.query)}
            self.asked.append(query)
            connection.answer(Answer(200, self._found(query), "application/xml"))
        elif asked.path == IMAGE:
            connection.answer(Answer(200, picture(sum(asked.query.encode())), "image/jpeg"))
        else:
            connection.answer(Answer(404))

    def _logged_in(self, asked: Asked) -> bool:
        """RFC 7616 section 3.4, with MD5 and qop auth as cameras have it."""
        scheme, _, shown = asked.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme.lower() != "digest":
            return False
        given = {name: quoted or bare for name, quoted, bare in _PARAMETER.findall(shown)}
        uri = asked.path + ("?" + asked.query if asked.query else "")
        if given.get("nonce") != self.nonce or given.get("uri") != uri:
            return False
        who = _md5(f"{self.user}:{REALM}:{self.password}")
        what = _md5(f"{asked.method}:{uri}")
        middle = ":".join([self.nonce, given.get("nc", ""), given.get("cnonce", ""), given.get("qop", "")])
        return given.get("username") == self.user and given.get("response") == _md5(f"{who}:{middle}:{what}")

    def _found(self, query: Mapping[str, str]) -> bytes:
        """``TimestampFrom`` and ``TimestampTo`` are microseconds, whatever the vendor's page calls them."""
        begin, end = int(query.get("timestampfrom") or 0), int(query.get("timestampto") or 2**62)
        found = [each for each in self.passages if begin <= _microseconds(each.at) <= end]
        if query.get("roi_id"):
            found = [each for each in found if each.roi == int(query["roi_id"])]
        found.sort(key=lambda each: each.at)
        offset, limit = int(query.get("offset") or 0), int(query.get("limit") or 50)
        now = max((_microseconds(each.at) for each in self.passages), default=0)
        shown = "".join([self._event(each) for each in found[offset : offset + limit]])
        head = '<?xml version="1.0" encoding="UTF-8"?>\n'
        return f"{head}<events><currentTimestampUs>{now}</currentTimestampUs>{shown}</events>\n".encode()

    def _event(self, of: Passage) -> str:
        at = _microseconds(of.at)
        stamp = of.at.strftime("%Y%m%d%H%M%S")
        image = f"{IMAGE}?action=getImage&name=3/{stamp}lp_{quote(of.plate)}_{of.car}.jpg"
        said: dict[str, object] = {
            "TS": at // 1000 if self.milliseconds else at,
            "MOD_TS": of.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
            "CAR_ID": of.car,
            "LPR": of.plate,
            "LPR_UTF8": of.plate,
            "LPR_UNICODE": "".join(f"\\u{ord(letter):04x}" for letter in of.plate),
            "RTIME": 0,
            "ACTION": "Accepted" if of.listed == "allow" else "No action",
            "ACT_PARAM": {"allow": "Allow list", "block": "Block list"}.get(of.listed, ""),
            "THRESHOLD": f"{of.confidence:.6f}",
            "LP_X": 612, "LP_Y": 540, "LP_W": 148, "LP_H": 40,
            "ROI_ID": of.roi,
            "DIRECTION": _DIRECTIONS.get(of.direction, 0),
            "LP_BMP": image,
            "COUNTRY": of.country,
            "LP_LIST_MODE": of.listed,
            "LP_DESCRIPTION": of.description,
        }  # fmt: skip
        told = [f"<{name}>{value if self.bare_and else escape(str(value))}</{name}>" for name, value in said.items()]
        return f"<event>{''.join(told)}</event>"


def _microseconds(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, at.tzinfo)) // timedelta(microseconds=1)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
