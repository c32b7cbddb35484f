"""Fetching what VXG gives a link to. Links are signed and run out [7]: nothing of ours is ever sent along."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urljoin

from bridge.vms.http import Origin, Sender, SendingError, split_url
from bridge.vms.recorded import CannotTell

MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = (("Accept", "*/*"), ("User-Agent", "vms-bridge"))


class Links:
    """``own`` speaks to VXG's host, ``others`` to any other, where VXG's one trusted certificate is not expected."""

    def __init__(self, own: Sender, others: Sender, timeout: float) -> None:
        self._own = own
        self._others = others
        self._timeout = timeout

    async def fetch(self, vms: Origin, link: str) -> AsyncIterator[bytes]:
        """The bytes behind a link. Raises CannotTell, also when they end too soon."""
        origin, path = _taken_apart(urljoin(f"{vms}/", link), vms)
        for _ in range(MOST_REDIRECTS + 1):
            sender = self._own if origin.host == vms.host else self._others
            try:
                async with sender.download(origin, path, _HEADERS, self._timeout) as answer:
                    if answer.status == 200:
                        _no_page(answer.header(b"content-type"), origin)
                        async for piece in answer.pieces(self._timeout):
                            yield piece
                        return
                    status, location = answer.status, answer.header(b"location")
            except SendingError as error:
                raise CannotTell(f"{origin}: {error.why}") from None
            if status not in _REDIRECTS or location is None:
                raise CannotTell(f"{origin} answers {status} instead of the picture or video{_hint(status)}")
            origin, path = _taken_apart(urljoin(f"{origin}{path}", location.decode("latin-1")), vms)
        raise CannotTell("VXG's link redirects again and again")


def _taken_apart(link: str, vms: Origin) -> tuple[Origin, str]:
    try:
        origin, path = split_url(link)
    except ValueError:
        raise CannotTell("VXG gave a link that is none") from None
    if vms.secure and not origin.secure:
        raise CannotTell(f"VXG gave a link without TLS, to {origin}: it is not followed")
    return origin, path


def _no_page(kind: bytes | None, origin: Origin) -> None:
    """A log-in page, or an error that says 200."""
    if kind is not None and kind.lower().startswith((b"text/", b"application/json")):
        raise CannotTell(f"{origin} answers with a page instead of the picture or video")


def _hint(status: int) -> str:
    return ": links run out; ask again" if status in (401, 403, 404, 410) else ""
