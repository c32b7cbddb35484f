"""Which cameras a licence key, a group token or some camera tokens open, each with its own access token [3].

Asked are documented calls alone: ``GET /api/v3/channels/`` with LKey, ``GET /api/v5/channels/`` with SI, and
``GET /api/v4/channel/`` with each camera token that was pasted. What is asked with goes nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from bridge.secret import Secrets
from bridge.vms.credentials import CannotDiscover, Discovered
from bridge.vms.http import Origin, Sender, SendingError, sender_for, split_url
from bridge.vms.vxg.answers import doubts
from bridge.vms.vxg.settings import VxgSettings
from bridge.vms.vxg.token import Kind, Token, TokenUnreadable, kind_of, parse, parse_group

PAGE = 100
"""Cameras asked for at once; clients use up to 1000 [3], but an answer with previews has to fit into a megabyte."""
MOST_PAGES = 1000
_CHANNEL = "/api/v4/channel/"
Shape = TypeVar("Shape")

_LISTS = {Kind.LICENCE: "/api/v3/channels/", Kind.GROUP: "/api/v5/channels/"}


class _Tokens(msgspec.Struct):
    all: str | None = None


class _Channel(msgspec.Struct):
    id: int
    name: str | None = None
    status: str | None = None
    token: str | None = None
    access_tokens: _Tokens | None = None


class _About(msgspec.Struct):
    total_count: int | None = None
    next: str | None = None


class _Page(msgspec.Struct):
    objects: list[msgspec.Raw]
    meta: _About | None = None


class _One(msgspec.Struct):
    name: str | None = None
    status: str | None = None


async def discover(settings: VxgSettings, credentials: str, secrets: Secrets) -> list[Discovered]:
    """``credentials`` as pasted: a licence key, a group token, or camera tokens, one a line. Raises CannotDiscover."""
    pasted = _taken_apart(credentials)
    sender = sender_for(settings, secrets)
    try:
        asking = _Asking(sender, settings)
        kind = kind_of(pasted[0])
        if kind is Kind.CAMERA:
            return [await asking.camera(text) for text in pasted]
        assert kind is not None
        return await asking.listed(kind, pasted[0])
    except SendingError as error:
        raise CannotDiscover(f"{error.why}; see whether url is right and the way out of the site is open") from None
    finally:
        await sender.close()


def _taken_apart(credentials: str) -> list[str]:
    """One a line; a single one may be broken over several, as mail programs do."""
    lines = [line.strip() for line in credentials.splitlines() if line.strip()]
    kinds = [kind_of(line) for line in lines]
    if lines and all(kind is Kind.CAMERA for kind in kinds):
        return list(dict.fromkeys(lines))
    if not lines:
        raise CannotDiscover("nothing was given; paste a group token, a licence key or camera access tokens")
    if len(lines) == 1 and kinds[0] in _LISTS:
        return lines
    if not any(kinds) and kind_of(credentials) in (Kind.CAMERA, Kind.GROUP):
        return [credentials]
    if any(kind in _LISTS for kind in kinds):
        raise CannotDiscover("give one group token or one licence key, or camera tokens alone, one a line")
    wrong = ", ".join(str(number) for number, kind in enumerate(kinds, 1) if kind is None)
    raise CannotDiscover(
        f"line {wrong} is no credential of VXG: access tokens and group tokens are long texts that begin with ey, "
        "a licence key begins with v3. or srv."
    )


class _Asking:
    def __init__(self, sender: Sender, settings: VxgSettings) -> None:
        self._sender = sender
        self._settings = settings

    async def listed(self, kind: Kind, text: str) -> list[Discovered]:
        """All pages. Which fields ``next`` keeps is not sure [3], so pages are counted by ourselves."""
        token = parse_group(text) if kind is Kind.GROUP else None
        text = "".join(text.split()) if token is None else token.text
        origin, prefix = self._place(token)
        found: dict[int, Discovered] = {}
        seen = 0
        for _ in range(MOST_PAGES):
            path = f"{prefix}{_LISTS[kind]}?limit={PAGE}&offset={seen}"
            body = await self._get(origin, path, f"{kind.value} {text}", _NAMED[kind], token)
            page = _decoded(body, _Page, origin)
            before = len(found)
            for raw in page.objects:
                channel = _decoded(bytes(raw), _Channel, origin)
                found[channel.id] = _of_list(channel)
            seen += len(page.objects)
            about = page.meta or _About()
            more = seen < about.total_count if about.total_count is not None else about.next is not None
            if not more or len(found) == before:
                return list(found.values())
        raise CannotDiscover(f"{origin} lists cameras without end; {len(found)} were read")

    async def camera(self, text: str) -> Discovered:
        try:
            token = parse(text)
        except TokenUnreadable as error:
            raise CannotDiscover(str(error)) from None
        origin, prefix = self._place(token)
        what = f"the token of camera {token.camera}"
        one = _decoded(await self._get(origin, prefix + _CHANNEL, f"Acc {token.text}", what, token), _One, origin)
        return _of_token(token, one.name or "", one.status or "")

    def _place(self, token: Token | None) -> tuple[Origin, str]:
        if self._settings.url:
            origin, path = split_url(self._settings.url)
            return origin, path.rstrip("/")
        if token is None:
            raise CannotDiscover("a licence key does not say where its VMS is: write url: under the VMS in the site")
        return token.base(self._settings.allow_http)

    async def _get(self, origin: Origin, path: str, authorization: str, what: str, token: Token | None) -> bytes:
        headers = (("Authorization", authorization), ("Accept", "application/json"))
        answer = await self._sender.send("GET", origin, path, headers, b"", self._settings.timeout)
        if answer.status in (401, 403):
            doubt = doubts(token, origin) if token is not None else ""
            raise CannotDiscover(
                f"{origin} refuses {what} ({answer.status}){doubt}; see whether it is whole and still valid"
            )
        if not 200 <= answer.status < 300:
            raise CannotDiscover(f"{origin} answers {answer.status}; see whether url is right")
        if answer.cut:
            raise CannotDiscover(f"{origin} answers with more than is taken")
        return answer.body


_NAMED: Mapping[Kind, str] = {Kind.LICENCE: "this licence key", Kind.GROUP: "this group token"}


def _of_list(channel: _Channel) -> Discovered:
    text = channel.token or (channel.access_tokens.all if channel.access_tokens is not None else None) or ""
    name, status = channel.name or "", channel.status or ""
    note = "the VMS gave no token with access all for it"
    if text:
        try:
            token = parse(text)
        except TokenUnreadable:
            note = "the VMS gave a token for it that cannot be read"
        else:
            if token.camera == channel.id:
                return _of_token(token, name, status)
            note = f"the VMS gave a token of camera {token.camera} for it"
    return Discovered(name, status, {"id": channel.id}, {}, note)


def _of_token(token: Token, name: str, status: str) -> Discovered:
    note = "" if token.access == "all" else f'its token\'s access is "{token.access[:20]}": read-only, "all" is needed'
    return Discovered(name, status, {"id": token.camera}, {"token": token.text}, note)


def _decoded(body: bytes, shape: type[Shape], origin: Origin) -> Shape:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise CannotDiscover(f"{origin} does not answer as VXG does; see whether url is right") from None
