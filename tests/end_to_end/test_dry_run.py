"""A dry run shows, byte for byte, what the real run sends; it asks no VMS anything and leaves the journal alone."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import yaml

import mappings
from bridge.cli.wire import REMOTE_ID
from bridge.simulator.http_client import HttpClient
from bridge.simulator.http_server import Asked, Connection, HttpServer
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vehicles import CarState
from bridge.simulator.vxg import SimulatedVxg
from bridge.simulator.webhook import SimulatedWebhook
from tests.end_to_end.bridge_process import Bridge, running, until
from tests.end_to_end.passes import bare, form, post, said
from tests.end_to_end.still_clock import MOMENT
from tests.free_port import free_port

STILL = ("-m", "tests.end_to_end.still_clock")
READER = "cam:Sesame-7391"
HOOK_KEY, HOOK_TOKEN = "key-of-the-hook", "token-of-the-hook"
AT = int(MOMENT.timestamp() * 1000) - 1500
SERIAL = "B8A44F000001"

SIGNED = """\
version: 1
site: {name: Signed}
vms:
  board:
    type: webhook
    url: http://127.0.0.1:8084/in/{camera}
    allow_http: true
    headers: {Authorization: "Bearer secret:hook-token", X-Site: north}
    signature: {header: X-Signature, secret: hook-key, template: "sha256={hex}"}
cameras:
  gate: {vms: board, id: north gate}
connectors:
  lpr: {type: http, bind: 127.0.0.1:8080}
sensors:
  gate-lpr: {profile: cammra, connector: lpr, cameras: [gate], address: {path: /gate}}
""".replace("secret: hook-key", "secret: secret:hook-key")

EXAMPLES = {
    path.stem: path.read_text()
    for path in sorted(mappings.SITES.glob("*.yaml"))
    # Those that a plate reader can post to. What other VMS are sent is compared in tests/vms/conformance.
    if {each["type"] for part in ("vms", "connectors") for each in yaml.safe_load(path.read_text())[part].values()}
    <= {"vxg", "webhook", "http", "tcp"}
} | {"signed": SIGNED}


def requests_of(site: str) -> list[tuple[str, list[bytes]]]:
    """(connector, messages) in the order they are sent: each way once, pictures, an amendment, a filtered one."""
    sensors = yaml.safe_load(site)["sensors"].values()
    alone = [each.get("address", {}) for each in sensors if "from" not in each]  # those of tables have serials
    paths = [address["path"] for address in alone if "path" in address] or ["/lpr"]
    made: list[bytes] = []
    for place, path in enumerate(paths):
        car = 100 * place
        made += [
            form(path, said(car + 1, at=AT), car + 1, user=READER),
            post(path, bare(said(car + 2, CarState.UPDATE, listed="block", at=AT)), READER),
            post(path, bare(said(car + 2, CarState.LOST, listed="block", plate="9ZZ9999", at=AT + 1)), READER),
            post(path, bare(said(car + 3, listed="allow", at=AT)), READER),
            post(
                path, bare({**said(car + 4, at=AT), "plateUTF8": 'Ä"\\\u2028/%\U0001f697', "note": "x" * 9000}), READER
            ),
            post(path, b"{not json", READER),
        ]
    ways = [("lpr", made)]
    if "type: tcp" in site:
        ways.append(("lpr-tcp", [bare(said(901, serial=SERIAL, at=AT)), bare(said(902, serial=SERIAL, at=AT))]))
    return ways


class Away:
    """What stands behind a site's URLs, and every request that came, word for word."""

    def __init__(self, vms: SimulatedVxg, hooks: SimulatedWebhook) -> None:
        self.vms = vms
        self.hooks = hooks
        self.requests: list[bytes] = []
        for server in (vms.server, hooks.server):
            server.respond = self._recording(server)

    def _recording(self, server: HttpServer) -> Callable[[Asked, Connection], None]:
        respond = server.respond

        def keep(asked: Asked, connection: Connection) -> None:
            self.requests.append(asked.head + asked.body)
            respond(asked, connection)

        return keep

    @property
    def contacts(self) -> int:
        return self.vms.server.contacts + self.hooks.server.contacts


@contextlib.asynccontextmanager
async def prepared(folder: Path, site: str) -> AsyncIterator[Away]:
    """The example with its addresses turned to loopback ports of this test, and nothing else of it changed."""
    cameras = [int(number) for number in re.findall(r"id: (\d+)", site)] or 1
    async with SimulatedVxg(cameras, record_bytes=True) as vms, SimulatedWebhook(record_bytes=True) as hooks:
        for port, url in (("8083", vms.base_url), ("8084", hooks.base_url)):
            site = site.replace(f"http://127.0.0.1:{port}", url)
        for port in ("8080", "8081"):
            site = site.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}")
        (folder / "site.yaml").write_text(site)
        for table in mappings.SITES.glob("*.csv"):
            shutil.copy(table, folder)
        tokens = {name: vms.tokens[int(number)] for name, number in re.findall(r"([\w-]+): \{.*id: (\d+)", site)}
        others = {"gate-lpr": READER, "hook-token": HOOK_TOKEN, "hook-key": HOOK_KEY}
        write_secrets(folder / "secrets", {**others, **tokens})
        yield Away(vms, hooks)


async def drive(bridge: Bridge, site: str) -> int:
    """Send all of it, one after the other; how many messages that were."""
    count = 0
    for connector, messages in requests_of(site):
        if connector == "lpr":
            client = HttpClient(*bridge.bound(connector))
            for message in messages:
                assert (await client.send(message)).status == 200
            client.close()
        else:
            _, writer = await asyncio.open_connection(*bridge.bound(connector))
            writer.writelines(messages)
            await writer.drain()
            writer.close()
        count += len(messages)
    return count


def shown(bridge: Bridge, secrets: Path, away: Away) -> list[bytes]:
    """The requests a dry run printed, with the real secrets and ids in the places it names."""
    found = []
    for told in bridge.told:
        if told["what"] != "request":
            continue
        wire: bytes = told["request"].encode() if "request" in told else base64.b64decode(told["request_base64"])
        head, _, body = wire.partition(b"\r\n\r\n")
        for name in (file.name for file in secrets.iterdir()):
            head = head.replace(b"{secret:%b}" % name.encode(), (secrets / name).read_bytes())
        digest = hmac.new(HOOK_KEY.encode(), body, hashlib.sha256).hexdigest()
        head = head.replace(b"{hmac of secret:hook-key}", digest.encode())
        if REMOTE_ID.encode() in head:
            head = head.replace(REMOTE_ID.encode(), amended(away, head).encode())
        found.append(head + b"\r\n\r\n" + body)
    return found


def once(requests: list[bytes]) -> list[bytes]:
    """Event types are looked up and declared once; two lanes of a camera that begin together may both do it."""
    types = {request for request in requests if b"/event_processing/" in request}
    return [*types, *(request for request in requests if request not in types)]


_CORRECTION = re.compile(
    rb"PUT (/api/v2/storage/events/\d+/meta/)([^/]+)/ (HTTP.*?Content-Length: )\d+\r\n\r\n\{(.*)", re.DOTALL
)


def added_instead(promised: list[bytes]) -> set[bytes]:
    """A tag that the event has not is refused, and then the same is added: only the VMS's answer can tell."""
    made = set()
    for request in promised:
        found = _CORRECTION.fullmatch(request)
        if found is not None:
            path, tag, head, rest = found.groups()
            body = b'{"tag":"%b",%b' % (tag, rest)
            made.add(b"POST %b %b%d\r\n\r\n%b" % (path, head, len(body), body))
    return made


def amended(away: Away, head: bytes) -> str:
    """The VMS's own number of the one event that was amended on the camera whose token this head shows."""
    camera = next(number for number, token in away.vms.tokens.items() if token.encode() in head)
    (number,) = {event.id for event in away.vms.events_of(camera) if event.writes}
    return str(number)


@pytest.mark.parametrize("example", EXAMPLES)
async def test_what_it_prints_is_what_the_real_run_sends(tmp_path: Path, example: str) -> None:
    site = EXAMPLES[example]
    async with prepared(tmp_path, site) as away:
        wanted = sum(len(messages) for _, messages in requests_of(site))
        async with running(tmp_path, "--dry-run", "--accept", "--exit-after", str(wanted), program=STILL) as rehearsal:
            assert await drive(rehearsal, site) == wanted
            assert await rehearsal.ends() == 0
            end = await rehearsal.line("end")
        assert away.contacts == 0, "a dry run has spoken to a VMS"
        assert (end["taken"], end["messages"]) == (wanted, wanted)
        assert not (tmp_path / "journal").exists()

        async with running(tmp_path, program=STILL) as bridge:
            await drive(bridge, site)
            await all_delivered(bridge, wanted)
            assert await bridge.stop() == 0
        promised = shown(rehearsal, tmp_path / "secrets", away)
        sent = [request for request in away.requests if request not in added_instead(promised)]
        assert sorted(once(promised)) == sorted(once(sent))
        assert len(promised) >= wanted // 2


async def all_delivered(bridge: Bridge, messages: int) -> None:
    async with asyncio.timeout(20):
        while True:
            status = await bridge.status()
            states: dict[str, int] = status["deliveries"]
            open_ = sum(count for state, count in states.items() if state != "delivered")
            if status["messages"] == messages and not open_:
                return
            await asyncio.sleep(0.05)


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


async def test_beside_the_live_service_it_leaves_the_journal_alone(tmp_path: Path) -> None:
    async with prepared(tmp_path, SIGNED) as away:
        async with running(tmp_path) as bridge:
            assert (await bridge.post(post("/gate", bare(said(1))))).status == 200
            await until(lambda: len(away.hooks.record) == 1, lambda: bridge.said())
            assert await bridge.stop() == 0
        before, contacts = digests(tmp_path / "journal"), away.contacts
        words = ("--dry-run", "--accept", "--exit-after", "2")
        async with running(tmp_path, *words) as rehearsal:
            assert (await rehearsal.post(post("/gate", bare(said(2))))).status == 200
            assert (await rehearsal.post(post("/gate", bare(said(1))))).status == 200
            assert await rehearsal.ends() == 0
        assert len([told for told in rehearsal.told if told["what"] == "request"]) == 2, "it remembers nothing real"
        assert digests(tmp_path / "journal") == before
        assert away.contacts == contacts


async def test_without_accept_every_sender_is_told_to_try_later(tmp_path: Path) -> None:
    async with prepared(tmp_path, SIGNED) as away, running(tmp_path, "--dry-run", "--exit-after", "3") as rehearsal:
        for number in range(3):
            reply = await rehearsal.post(post("/gate", bare(said(number + 1))))
            assert reply.status == 503
            assert reply.headers[b"retry-after"].isdigit()
        assert await rehearsal.ends() == 0
        assert (await rehearsal.line("end"))["taken"] == 0
        assert away.contacts == 0
