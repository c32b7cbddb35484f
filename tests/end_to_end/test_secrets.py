"""Planted secrets are in nothing that is printed, logged, stored or answered, in whatever form, whatever goes wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from bridge.cli.main import main
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from bridge.simulator.webhook import SimulatedWebhook
from tests.end_to_end.bridge_process import Bridge, command, running, until
from tests.end_to_end.passes import form, post, said
from tests.end_to_end.planted import ODD, files, leaks

PASSWORD = f"Sesame{ODD}7391"
READER = f"cam:{PASSWORD}"
HOOK_TOKEN = f"Hook{ODD}5520-token"
HOOK_KEY = f"Sign{ODD}8812-key"
HEADER = f"Head{ODD}4417-key"

SITE = """\
version: 1
site: {{name: Secret yard}}
vms:
  cloud: {{type: vxg, url: "{cloud}", allow_http: true, timeout: 500 ms, settle_after: 100 ms}}
  board:
    type: webhook
    url: "{board}/in"
    allow_http: true
    timeout: 500 ms
    headers: {{Authorization: "Bearer secret:hook-token"}}
    signature: {{header: X-Signature, secret: "secret:hook-key"}}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
  yard: {{vms: cloud, id: 4712, token: secret:yard}}
  sign: {{vms: board}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  gate-lpr: {{profile: cammra, connector: lpr, address: {{path: /gate, basic: secret:reader}}, cameras: [gate, sign]}}
  spare-lpr: {{profile: cammra, connector: lpr, address: {{path: /spare, basic: secret:reader}}, cameras: [gate]}}
  yard: {{profile: cammra, connector: lpr, cameras: [yard], address: {{path: /yard, header: {{X-Key: secret:key}}}}}}
"""
MORE = {f"extra-{place}": "gate, sign" for place in range(5)} | {"extra-5": "yard"}
MORE |= {f"fault-{place}": "gate, yard, sign" for place in range(4)}
for name, cameras in MORE.items():  # readers whose lanes wait for nothing yet
    SITE += f"  {name}: {{{{profile: cammra, connector: lpr, address: {{{{path: /{name}}}}}, cameras: [{cameras}]}}}}\n"


class Yard:
    """The site, what stands behind it, and all the places where a secret may not be."""

    def __init__(self, folder: Path, vms: SimulatedVxg, hooks: SimulatedWebhook) -> None:
        self.folder = folder
        self.vms = vms
        self.hooks = hooks
        self.secrets = folder / "secrets"
        self.site = folder / "site.yaml"
        self.site.write_text(SITE.format(cloud=vms.base_url, board=hooks.base_url))
        self.stored = {
            "gate": vms.tokens[4711], "yard": vms.tokens[4712], "reader": READER, "key": HEADER,
            "hook-token": HOOK_TOKEN, "hook-key": HOOK_KEY,
        }  # fmt: skip
        write_secrets(self.secrets, self.stored)
        self.planted = [PASSWORD, HOOK_TOKEN, HOOK_KEY, HEADER]
        self.plant(*vms.tokens.values())
        self.printed: list[tuple[str, bytes]] = []

    def plant(self, *tokens: str) -> None:
        """Camera tokens, the token inside each, and of that the part which nobody can guess: it may be cut off."""
        for token in tokens:
            inner = str(json.loads(base64.b64decode(token))["token"])
            self.planted += [token, inner, inner.rpartition(".")[2][:18]]

    async def tell(self, *words: str) -> None:
        """Run a command and keep what it prints."""
        _, printed = await command(*words)
        self.printed.append((" ".join(words[:2]), printed))

    def leaks(self) -> list[str]:
        return leaks(self.planted, [*self.printed, *files(self.folder, without=self.secrets)])


def echoing(server: HttpServer, statuses: list[int]) -> Callable[[Asked, Connection], None]:
    """A server that answers who raises an event with what it was shown, as debug pages do; so often, then as before."""
    respond = server.respond

    def answer(asked: Asked, connection: Connection) -> None:
        if not statuses or asked.method != "POST" or "event_processing" in asked.path:
            respond(asked, connection)
            return
        shown = asked.headers.get(b"authorization", b"").decode().partition(" ")[2]
        inner = ""
        if shown.startswith("ey"):
            inner = str(json.loads(base64.b64decode(shown))["token"])
        told = {"errorType": f"refused {shown}", "errorDetail": f"who is {shown} or {inner}?", "status": 0}
        connection.answer(Answer(statuses.pop(0), json.dumps(told).encode()))

    server.respond = answer
    return answer


def payload(path: str, number: int, user: str = READER, key: str = HEADER) -> bytes:
    request = form(path, said(number), number, user=user)
    return request.replace(b"\r\nContent-Type", f"\r\nX-Key: {key}\r\nContent-Type".encode(), 1)


async def provoke(yard: Yard, bridge: Bridge) -> None:
    """Everything that goes wrong between a sensor and a VMS."""
    numbers = iter(range(1, 1000))

    async def pass_by(path: str = "/gate", user: str = READER, key: str = HEADER) -> int:
        return (await bridge.post(payload(path, next(numbers), user, key))).status

    assert [await pass_by(), await pass_by("/yard")] == [200, 200]
    assert [await pass_by(user="cam:wrong"), await pass_by("/yard", key="wrong")] == [401, 401]
    assert await pass_by("/nobody") == 200
    for body in (b"{", b"\xff\xfe", b"--x\r\n"):
        await bridge.post(post("/gate", body, READER))
    for kind in (Kind.SERVER_ERROR, Kind.CUT_AFTER, Kind.BAD_GATEWAY, Kind.LATE_ANSWER):
        yard.vms.faults.add(Fault(kind=kind, next=1, seconds=0.7))
        yard.hooks.faults.add(Fault(kind=kind, next=1, seconds=0.7))
    for number in range(4):
        assert await pass_by(f"/fault-{number}") == 200
    await until(lambda: len(yard.vms.faults.hits) >= 3 and len(yard.hooks.faults.hits) >= 2, bridge.said)
    yard.vms.faults.clear()
    yard.hooks.faults.clear()
    await until(lambda: len(yard.vms.record) >= 10 and len(yard.hooks.record) >= 5, bridge.said)
    for place, status in enumerate((400, 500, 404, 200, 401, 403)):  # the last two park
        told, rung = [status], [status]
        echoing(yard.vms.server, told)
        if status != 403:
            echoing(yard.hooks.server, rung)
        assert await pass_by(f"/extra-{place}") == 200
        await until(lambda told=told: not told, bridge.said)
        await until(lambda rung=rung, status=status: not rung or status == 403, bridge.said)


async def spoil_secrets(yard: Yard, bridge: Bridge) -> None:
    """A secret that others may read, one that is no text, one that is no token, one that is gone, one that is wrong."""
    gate, token = yard.secrets / "gate", yard.stored["gate"]
    numbers = iter(range(2000, 3000))  # of a reader whose lane waits for nothing else
    cut, watching = token[: len(token) // 2], yard.vms.cloud.tokens.watch[4711]
    yard.plant(watching)
    yard.planted.append(cut)
    for value in (token.encode() + b"\xff", cut.encode(), watching.encode(), yard.stored["yard"].encode()):
        gate.write_bytes(value)
        await asyncio.sleep(1.1)  # a secret is kept for a second
        await bridge.post(payload("/spare", next(numbers)))
    gate.chmod(0o644)
    await bridge.post(payload("/spare", next(numbers)))
    await asyncio.sleep(1.1)
    gate.unlink()
    await bridge.post(payload("/spare", next(numbers)))
    await asyncio.sleep(1.1)
    fresh = yard.vms.rotate(4711)
    yard.plant(fresh)
    write_secrets(yard.secrets, {"gate": fresh})
    await until(lambda: any(event.meta["sensor"] == "spare-lpr" for event in yard.vms.record), bridge.said)
    echoing(yard.vms.server, [302])
    await bridge.post(payload("/spare", next(numbers)))
    await bridge.says("a redirection")


def misplaced(site: str, yard: Yard) -> list[str]:
    """The site as somebody writes it who has not understood references: the secret itself, here and there."""
    token, quoted = yard.stored["gate"], json.dumps(HOOK_TOKEN)
    return [
        site.replace("secret:gate,", f"{token},").replace("secret:gate}", f"{token}}}"),
        site.replace("token: secret:gate", f"tokn: {token}"),
        site.replace("token: secret:gate", f"token: [{token}]"),
        site.replace("secret:gate}", f"secret:{token}}}"),
        site.replace("basic: secret:reader", f"basic: {json.dumps(READER)}"),
        site.replace("{X-Key: secret:key}", f"{{Authorization: {json.dumps(HEADER)}}}"),
        site.replace('"Bearer secret:hook-token"', quoted),
        site.replace('"secret:hook-key"', json.dumps(HOOK_KEY)),
        site.replace('secret: "secret:hook-key"', f"sekret: {json.dumps(HOOK_KEY)}"),
        site.replace("token: secret:gate", f"token: {token}\n   : {token}"),
        site.replace("token: secret:gate", f'token: "{token}'),
        site.replace("type: vxg", f"type: {token}"),
        site.replace("vms: cloud, id: 4711", f"vms: {token}, id: 4711"),
        site.replace("cameras: [gate, sign]", f"cameras: [gate, {token}]"),
        site.replace("profile: cammra", f"profile: {token}"),
        site.replace("connector: lpr", f"connector: {token}").replace("  gate: {", f"  {token}: {{"),
    ]


async def test_no_secret_is_told_whatever_goes_wrong(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms, SimulatedWebhook() as hooks:
        yard = Yard(tmp_path, vms, hooks)
        site = yard.site.read_text()
        async with running(tmp_path, "--log-level", "debug", environment={"PYTHONASYNCIODEBUG": "1"}) as bridge:
            tap = asyncio.create_task(_listen(bridge))
            await provoke(yard, bridge)
            await spoil_secrets(yard, bridge)
            for broken in misplaced(site, yard)[:6]:
                yard.site.write_text(broken)
                before = bridge.said().count("reload refused")
                bridge.signal(signal.SIGHUP)
                await until(lambda before=before: bridge.said().count("reload refused") > before, bridge.said)
                yard.printed.append(("POST /reload", await bridge.ask("POST", "/reload")))
            yard.site.write_text(site)
            for path in ("/status", "/events?limit=1000", "/deliveries?limit=1000", "/nothing"):
                yard.printed.append((path, await bridge.ask("GET", path)))
            for words in (["status"], ["events", "--json"], ["dead", "list"], ["fire", "gate-lpr"]):
                await yard.tell(*words, "--site", str(yard.site))
            running_leaks = yard.leaks()  # with the journal as it lies there while it is used
            code = await bridge.stop()
            yard.printed += [("tap", await tap), ("stdout", json.dumps(bridge.told).encode())]
        assert code == 0
        assert not running_leaks
        assert not yard.leaks()
        parked = [
            line for line in bridge.said().splitlines() if "token is refused" in line or "the secret gate" in line
        ]
        assert len(parked) >= 2, "hardly anything went wrong"
        assert len(vms.record) + len(hooks.record) > 10


async def _listen(bridge: Bridge) -> bytes:
    """All the tap says, until the service ends."""
    reader, writer = await asyncio.open_unix_connection(str(bridge.control))
    writer.write(b"GET /tap HTTP/1.1\r\nHost: x\r\n\r\n")
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_no_secret_is_told_by_a_command_or_a_dry_run(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms, SimulatedWebhook() as hooks:
        yard = Yard(tmp_path, vms, hooks)
        recorded = tmp_path / "recorded.http"
        recorded.write_bytes(form("/gate", said(1), 1))
        for form_ in ([], ["--json"]):
            await yard.tell("try", str(yard.site), str(recorded), "--sensor", "gate-lpr", *form_)
            await yard.tell("check", str(yard.site), *form_)
        async with running(tmp_path, "--dry-run", "--accept", "--exit-after", "3", "--log-level", "debug") as rehearsal:
            for number, path in enumerate(("/gate", "/yard", "/gate"), 1):
                assert (await rehearsal.post(payload(path, number))).status == 200
            assert await rehearsal.ends() == 0
        yard.printed.append(("dry run", json.dumps(rehearsal.told).encode()))
        assert b"{secret:gate}" in yard.printed[-1][1]
        assert b"{hmac of secret:hook-key}" in yard.printed[-1][1]
        assert not yard.leaks()


async def test_a_site_with_the_secret_itself_in_it_is_refused_without_repeating_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with SimulatedVxg(2) as vms, SimulatedWebhook() as hooks:
        yard = Yard(tmp_path, vms, hooks)
        for place, broken in enumerate(misplaced(yard.site.read_text(), yard)):
            yard.site.write_text(broken)
            for words in (["check"], ["check", "--json"], ["run"], ["run", "--dry-run", "--json"]):
                code = main([*words[:1], str(yard.site), *words[1:]])
                told = "".join(capfd.readouterr())
                assert code in (1, 2), f"{place} {words} {told}"
                assert "site.yaml" in told
                yard.printed.append((f"{' '.join(words)} of {place}", told.encode()))
        yard.site.unlink()  # its own place is no leak
        assert not yard.leaks()


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
async def test_a_secret_others_may_read_is_refused_and_not_told(tmp_path: Path) -> None:
    async with SimulatedVxg(2) as vms, SimulatedWebhook() as hooks:
        yard = Yard(tmp_path, vms, hooks)
        (yard.secrets / "gate").chmod(0o640)
        async with running(tmp_path) as bridge:
            assert (await bridge.post(payload("/gate", 1))).status == 200
            await bridge.says("chmod 600")
            assert await bridge.stop() == 0
        assert not vms.record
        assert not yard.leaks()


def test_the_search_itself_finds_each_form() -> None:
    """Else an empty result would say nothing."""
    token = base64.b64encode(json.dumps({"token": "share.INNER-55667788", "camid": 1}).encode()).decode()
    for secret in (PASSWORD, HOOK_KEY, token, "share.INNER-55667788"):
        told = {
            "plain": f"password {secret}!",
            "json": json.dumps({"a": f"x{secret}y"}),
            "json in json": json.dumps({"a": json.dumps({"b": secret})}),
            "basic": base64.b64encode(f"cam:{secret}".encode()).decode(),
            "base64": base64.b64encode(secret.encode()).decode(),
            "shifted": base64.b64encode(b"ab" + secret.encode() + b"rest").decode(),
            "url": quote(secret, safe=""),
            "form": quote_plus(f"password={secret}"),
            "repr": repr({"a": secret}),
        }
        for how, text in told.items():
            assert leaks([secret], [("here", text.encode())]), how
    assert not leaks([PASSWORD, token], [("here", b"password: secret:reader, token {secret:gate}")])
