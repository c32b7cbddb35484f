"""Setting a site up handles every secret there is; none is in anything that is printed, or written but a store."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from pathlib import Path

from bridge.config.vault import VARIABLE
from bridge.simulator.http_server import Answer, Asked, Connection
from bridge.simulator.vxg import SimulatedVxg
from tests.end_to_end.bridge_process import COMMAND, ROOT, WITHIN
from tests.end_to_end.planted import files, leaks


class Desk:
    """An installer's folder; ``printed``: all that any command said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed: list[tuple[str, bytes]] = []

    async def type(self, *words: str, stdin: str = "") -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *COMMAND, *words,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: str(self.folder / "keys" / "vault")},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(WITHIN):
            printed, _ = await process.communicate(stdin.encode())
        self.printed.append((" ".join(words), printed))
        assert process.returncode is not None
        return process.returncode

    def leaks(self, planted: list[str]) -> list[str]:
        """The vault is looked into, too: of what is in it nothing may be readable."""
        kept = files(self.folder, without=self.folder / "secrets")
        return leaks(planted, [*self.printed, *kept])


def parts(tokens: list[str]) -> list[str]:
    inner = [str(json.loads(base64.b64decode(each))["token"]) for each in tokens]
    return [*tokens, *inner, *(each.rpartition(".")[2][:18] for each in inner)]


async def test_setting_up_a_site_tells_no_secret(tmp_path: Path) -> None:
    async with SimulatedVxg(3) as vms:
        desk = Desk(tmp_path)
        tokens = vms.cloud.tokens
        planted = [*parts([tokens.group, *tokens.all.values(), *tokens.watch.values()]), tokens.license]
        (tmp_path / "keys").mkdir()
        assert await desk.type("secret", "key", "keys/vault") == 0
        key = (tmp_path / "keys" / "vault").read_text().strip()
        where = ["--url", vms.base_url, "--allow-http", "--only", "4711"]
        assert await desk.type("init", "--yes", "--token-stdin", *where, stdin=tokens.group) == 0
        for form in (["--json"], ["--debug"]):
            await desk.type("cameras", "list", *form, stdin=tokens.license)
            await desk.type("cameras", "import", "--dry-run", *form, stdin="\n".join(tokens.watch.values()))
        await desk.type("cameras", "import", "--store", "vault", "--only", "4712", stdin=tokens.group)
        await desk.type("secret", "set", "account", "--store", "vault", stdin=tokens.license)
        await desk.type("secret", "set", "spare", "--store", "file", stdin=tokens.watch[4713])
        await desk.type("secret", "set", tokens.all[4713], stdin="x")
        (tmp_path / "secrets" / "spare").chmod(0o644)
        for form in ([], ["--json"]):
            await desk.type("check", "site.yaml", *form)
            await desk.type("secret", "list", *form)

        for status in (200, 401):

            def answering(asked: Asked, connection: Connection, status: int = status) -> None:
                """As debug pages do."""
                shown = asked.headers.get(b"authorization", b"").decode()
                connection.answer(Answer(status, json.dumps({"errorDetail": shown}).encode()))

            vms.server.respond = answering
            for asked in (tokens.group, tokens.all[4711]):
                assert await desk.type("cameras", "list", "--debug", stdin=asked) != 0 or status == 200
        assert not desk.leaks(planted)
        (tmp_path / "keys" / "vault").unlink()  # its own place is no leak
        assert not desk.leaks([key])
        assert len(desk.printed) > 15
