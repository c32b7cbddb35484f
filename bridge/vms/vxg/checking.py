"""Whether a camera's token opens the door, and what it may do there; changes nothing [3, 4]."""

from __future__ import annotations

import msgspec

from bridge.model import Finding
from bridge.vms.http import Answer, NotSent, Origin, SendingError
from bridge.vms.vxg.account import Account, Grant, Unusable
from bridge.vms.vxg.answers import doubts, elsewhere, why
from bridge.vms.vxg.event_types import listed
from bridge.vms.vxg.exchange import Exchange
from bridge.vms.vxg.steps import types_path

CHANNEL = "/api/v4/channel/"


class _Channel(msgspec.Struct):
    name: str = ""
    status: str = ""


async def check_camera(account: Account, exchange: Exchange, unreached: dict[Origin, str]) -> tuple[Finding, ...]:
    """``unreached``: where no connection could be made, and why: not tried for every camera again. Never raises."""
    where = f"camera {account.camera}"
    secret = f"put this camera's access token into the secret {account.ref}"
    try:
        token = account.grant(fresh=True).token
        found = []
        if token.access != "all":
            found.append(
                Finding(False, f'the token\'s access is "{token.access[:20]}": read-only', where, f'{secret}: "all"')
            )
        there = account.place()[0]
        if there in unreached:
            raise NotSent(unreached[there])
        try:
            answer, grant = await exchange(account, "GET", CHANNEL)
        except NotSent as error:
            unreached[there] = error.why
            raise
        found.append(_channel(answer, grant, account.id, where, secret))
        if found[-1].ok:
            answer, grant = await exchange(account, "GET", f"{types_path(account.id)}?limit=1")
            found.append(_types(answer, grant, where, secret))
    except Unusable as error:
        return (Finding(False, str(error), where, secret),)
    except SendingError as error:
        return (Finding(False, error.why, where, "see whether url is right and the way out of the site is open"),)
    return tuple(found)


def _channel(answer: Answer, grant: Grant, number: int, where: str, secret: str) -> Finding:
    told = why(answer, grant)
    if answer.status in (401, 403):
        doubt = doubts(grant.token, grant.origin)
        remedy = f"{secret}; or write as url where that VMS is" if elsewhere(grant.token, grant.origin) else secret
        return Finding(False, f"the token is refused ({told}){doubt}", where, remedy)
    if answer.status == 404:
        remedy = "see whether the camera is still there in VXG, and whether url is right"
        what = f"{grant.origin}{grant.prefix} has no camera {number}, or is not VXG ({told})"
        return Finding(False, what, where, remedy)
    if answer.status in (408, 425, 429) or answer.status >= 500:
        remedy = "try again; if it stays so, see whether url is right"
        return Finding(False, f"{grant.origin} cannot answer now ({told})", where, remedy)
    try:
        channel = msgspec.json.decode(answer.body, type=_Channel)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        channel = None
    if not 200 <= answer.status < 300 or channel is None:
        return Finding(False, f"{grant.origin} does not answer as VXG does ({told})", where, "see whether url is right")
    status = f", {channel.status}" if channel.status else ""
    return Finding(True, f'{grant.origin} knows it as "{channel.name}"{status}', where)


def _types(answer: Answer, grant: Grant, where: str, secret: str) -> Finding:
    if not 200 <= answer.status < 300:
        told = f"its event types cannot be read ({why(answer, grant)})"
        return Finding(False, told, where, f'{secret}: access "all"')
    if listed(answer.body) is None:
        told = f"{grant.origin} answers {answer.status} with something that is no list of event types"
        return Finding(False, told, where, "see whether url is right")
    return Finding(True, "its event types can be read", where)
