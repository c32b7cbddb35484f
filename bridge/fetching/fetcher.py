"""One picture behind a link: asked for where the site allows it, bounded in time and size."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from urllib.parse import urljoin

from bridge.config.pictures import FetchSettings, host_of
from bridge.model import Part
from bridge.profiles.pictures import picture_type
from bridge.secret import SecretMissing, Secrets
from bridge.vms.http import Answer, AnswerLost, NotSent, Origin, Sender, SendingError, split_url
from bridge.vms.http.headers import Headers, credential_headers
from bridge.vms.http.settings import proxy_of
from bridge.vms.http.tls import Trust

log = logging.getLogger("bridge.fetching")

MOST_HELD = 64 * 2**20
"""Bytes of pictures that are being fetched or wait for their commit, over the whole site."""
MOST_REDIRECTS = 3
SILENT_TIMES = 3
SILENT_FOR = 30.0
"""A host that did not answer so often in a row is not asked for so many seconds."""
MOST_REMEMBERED = 1000
_HEAD = 16 * 1024


class _Without(Exception):
    """There is no picture; says why."""


class Fetcher:
    """Fetches pictures of one site. Belongs to the loop it is used on."""

    def __init__(self, settings: FetchSettings, secrets: Secrets, most_held: int = MOST_HELD) -> None:
        self._settings = settings
        self._secrets = secrets
        self._networks = settings.networks()
        self._hosts = {(host.name, host.port) for host in settings.hosts()}
        self._rewrite = {name: host_of(to) for name, to in settings.rewrite.items()}
        self._plain = (("Accept", "image/*"), ("User-Agent", "vms-bridge"))
        self._places = asyncio.Semaphore(settings.at_once)
        self._most_held = most_held
        self._held = 0
        self._under_way = 0
        self._retired = False
        self._silent: dict[Origin, tuple[int, float]] = {}
        trust = Trust(settings.tls.ca_file, settings.tls.fingerprint, settings.tls.verify)
        self._sender = Sender(
            connections=settings.at_once,
            reserved=0,
            trust=trust,
            proxy=proxy_of(settings.proxy, secrets),
            largest_answer=settings.most + _HEAD,
        )

    @property
    def held(self) -> int:
        """Bytes of pictures held now, those under way by the most they may have."""
        return self._held

    def release(self, size: int) -> None:
        """So many bytes are not held any more."""
        self._held -= size

    async def fetch(self, url: str) -> Part | str:
        """The picture, or why there is none. Never raises, takes no longer than the time-out. What it returns is
        counted as held until ``release``."""
        self._under_way += 1
        try:
            async with asyncio.timeout(self._settings.timeout), self._places:
                return await self._held_meanwhile(url)
        except TimeoutError:
            return f"not within {self._settings.timeout:g} s"
        except _Without as why:
            return str(why)
        except Exception:  # a fault of ours: its event goes without the picture, nobody else suffers
            log.exception("a picture could not be fetched")
            return "fetching it failed"
        finally:
            self._under_way -= 1
            if self._retired and not self._under_way:
                await self._sender.close()

    async def retire(self) -> None:
        """Fetch nothing more; what is under way finishes."""
        self._retired = True
        if not self._under_way:
            await self._sender.close()

    async def _held_meanwhile(self, url: str) -> Part:
        most = self._settings.most
        if self._held + most > self._most_held:
            raise _Without("too many pictures are held at once")
        self._held += most
        size = 0
        try:
            part = await self._follow(url)
            size = len(part.data)
            return part
        finally:
            self._held -= most - size

    async def _follow(self, url: str) -> Part:
        """The picture behind a link; redirects are followed on the very host only."""
        origin, path = _read(url)
        first = origin
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._ask(origin, path)
            if answer.status not in (301, 302, 303, 307, 308):
                return self._picture(answer)
            location = answer.header(b"location") or b""
            origin, path = _read(location.decode("latin-1"), f"{origin}{path}")
            if origin != first:
                raise _Without("it redirects to another host")
        raise _Without("it redirects again and again")

    def _picture(self, answer: Answer) -> Part:
        if answer.status != 200:
            raise _Without(f"the host answers {answer.status}")
        if answer.cut or len(answer.body) > self._settings.most:
            raise _Without(f"it is larger than {self._settings.most} bytes")
        kind = picture_type(answer.body)
        if kind is None:
            raise _Without("what came is no picture")
        return Part(kind, answer.body)

    async def _ask(self, origin: Origin, path: str) -> Answer:
        named = self._allowed(origin)
        headers: Headers = self._plain
        if named and self._settings.headers:
            headers = (*headers, *self._credentials())
        really = self._really(origin)
        self._heed_silence(really)
        try:
            answer = await self._sender.send("GET", really, path, headers, timeout=self._settings.timeout)
        except (NotSent, AnswerLost) as error:
            if isinstance(error, AnswerLost) or not error.busy:
                self._was_silent(really)
            raise _Without("no connection" if isinstance(error, NotSent) else "no whole answer") from None
        except SendingError:
            raise _Without("this link cannot be asked for") from None
        except asyncio.CancelledError:  # our time-out, or the sender's end; only the first says something of the host
            self._was_silent(really)
            raise
        self._silent.pop(really, None)
        return answer

    def _allowed(self, origin: Origin) -> bool:
        """Whether it is allowed by its name, so that it may see our credentials. Raises _Without when not at all."""
        host = origin.host.lower().rstrip(".")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            address = None
        if address is not None:
            if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
                address = address.ipv4_mapped
            host = str(address)
        if (host, None) in self._hosts or (host, origin.port) in self._hosts:
            return True
        if address is not None and any(address in network for network in self._networks):
            return False
        # A name is never allowed by where it leads: who answers for it could answer differently the next moment.
        raise _Without("this host is not allowed (pictures: fetch: from)")

    def _really(self, origin: Origin) -> Origin:
        to = self._rewrite.get(origin.host.lower().rstrip("."))
        if to is None:
            return origin
        return Origin(origin.secure, to.name, to.port or origin.port, origin.authority, origin.host)

    def _credentials(self) -> Headers:
        try:
            shown, _ = credential_headers(self._settings.secret_headers(), b"", self._secrets, fresh=False)
        except SecretMissing:
            raise _Without("the secret for its header is missing") from None
        return (*self._settings.plain_headers(), *shown)

    # ----------------------------------------------------------------------------------------------- hosts gone silent

    def _heed_silence(self, origin: Origin) -> None:
        times, until = self._silent.get(origin, (0, 0.0))
        if times >= SILENT_TIMES and asyncio.get_running_loop().time() < until:
            raise _Without("the host did not answer lately")

    def _was_silent(self, origin: Origin) -> None:
        times, _ = self._silent.pop(origin, (0, 0.0))
        while len(self._silent) >= MOST_REMEMBERED:
            del self._silent[next(iter(self._silent))]
        self._silent[origin] = times + 1, asyncio.get_running_loop().time() + SILENT_FOR


def _read(url: str, base: str = "") -> tuple[Origin, str]:
    """``base``: what a redirect may leave out of its address."""
    try:
        return split_url(urljoin(base, url))
    except ValueError:
        raise _Without("this is no link that can be asked for") from None
