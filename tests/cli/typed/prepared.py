"""What examples take for granted: a site that runs, a VMS, a device that speaks all the time, and files lying about."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from bridge.simulator.secret_files import write_secrets
from tests.cli.typed.shell import ROOT, Running, Shell
from tests.end_to_end.passes import bare, post, said
from tests.free_port import free_port

SITE = """\
version: 1
site: {{name: Harbour depot, timezone: Australia/Sydney}}
vms:
  cloud: {{type: vxg, url: "{vms}", allow_http: true, settle_after: 100 ms}}
cameras:
  gate-in: {{vms: cloud, id: 4711, token: secret:gate-in}}
  gate-wide: {{vms: cloud, id: 4712, token: secret:gate-wide}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
  cable: {{type: tcp, bind: "127.0.0.1:0"}}
sensors:
  gate-lpr:
    name: Gate plate reader
    profile: cammra
    connector: lpr
    address: {{path: /gate, from: [10.0.0.21, 127.0.0.1]}}
    cameras: [gate-in, gate-wide]
    rules:
      - collapse: off
  server-room-leak: {{profile: cammra, connector: lpr, address: {{path: /leak}}, cameras: [gate-wide]}}
  weighbridge: {{profile: cammra, connector: cable, cameras: [gate-wide]}}
journal: {{path: "{journal}"}}
"""
MESSAGE = "019aa63c2f5d3b1c09fe000004"
"""The message examples speak of; here one that there is."""
ELSEWHERE = ("run", "restore")
"""Commands that want a journal which no service holds."""


class Prepared:
    """``template``: the folder in which examples are typed, or rather a copy of it for each. ``early``: those that were
    begun at once, as they take long."""

    def __init__(self, root: Path, early: Sequence[str] = ()) -> None:
        self._root = root
        self.template = root / "template"
        self.template.mkdir()
        (root / "scratch").mkdir()
        self.shell = Shell(root / "scratch")
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "HOME": str(root),
        }
        self._copies = 0
        self._made: dict[str, Path] = {}
        try:
            self._prepare()
            self.early = {line: self.typed(self.exchanged(line, self.running), self.copy()) for line in early}
        except BaseException:
            self.shell.close()
            raise

    def _prepare(self) -> None:
        self.vms_port = free_port()
        ports = f"--port {self.vms_port} --cameras 3 --group-token group-token.txt --secrets ./given"
        self.typed(f"vms-bridge simulate vxg {ports}", self.template).says("ready")
        self.vms = f"http://127.0.0.1:{self.vms_port}"
        self.journal = self._root / "journal"
        (self.template / "site.yaml").write_text(SITE.format(vms=self.vms, journal=self.journal))
        tokens = {name: (self.template / "given" / f"camera-{number}").read_text() for name, number in CAMERAS.items()}
        shutil.rmtree(self.template / "given")
        write_secrets(self.template / "secrets", {**tokens, "old-gate": "of a camera that is gone"})
        (self.template / "token.txt").write_text(tokens["gate-in"])
        self._messages()
        self.key = self._root / "vault.key"
        self.done(f"vms-bridge secret key {self.key}", self.template)
        self.environment["VMS_BRIDGE_VAULT_KEY_FILE"] = str(self.key)
        self.running = self.copy()
        service = self.typed("vms-bridge run site.yaml --json", self.running)
        service.says('"ready"')
        ready = json.loads(next(line for line in service.printed.splitlines() if '"ready"' in line))
        self.lpr, self.cable = (each["bound"] for each in ready["connectors"])
        self.typed(f"vms-bridge simulate reader http://{self.lpr}/gate --every 0.4 --faster 8", self.template)
        self.typed(
            f"vms-bridge simulate reader http://{self.lpr}/nobody --every 1 --vehicles 1 --faster 8", self.template
        )
        self.message = ""
        service.until(self._first_event, "takes anything")

    def _first_event(self) -> bool:
        told = self.done("vms-bridge events --site site.yaml --json", self.template).printed
        ids = [str(json.loads(line)["id"]) for line in told.splitlines()]
        self.message = next((each.removesuffix(".0") for each in ids if each.endswith(".0")), "")
        return bool(self.message)

    def _messages(self) -> None:
        whole = post("/gate", bare(said(1)))
        (self.template / "payload.json").write_bytes(bare(said(1)))
        (self.template / "recorded.http").write_bytes(whole)
        (self.template / "captured.http").write_bytes(whole)

    def messages(self) -> int:
        """How many the running service has taken."""
        told = self.done("vms-bridge status --json --site site.yaml", self.template).printed
        return int(json.loads(told)["messages"])

    def copy(self, made_by: str = "") -> Path:
        """A folder to type in; ``made_by``: with what this line has made in another one."""
        if made_by and made_by not in self._made:
            self._made[made_by] = self.copy()
            self.done(made_by, self._made[made_by])
        self._copies += 1
        made = self._root / f"typed-{self._copies}"
        shutil.copytree(self._made.get(made_by, self.template), made)
        return made

    def reads(self, url: str) -> Running:
        """A reader that sends there, until it is stopped."""
        return self.typed(f"vms-bridge simulate reader {url} --every 0.3 --faster 20", self.template)

    def typed(self, line: str, folder: Path, **how: object) -> Running:
        return self.shell.type(line, folder, self.environment, **how)  # type: ignore[arg-type]

    def done(self, line: str, folder: Path) -> Running:
        running = self.typed(line, folder)
        code = running.ends()
        assert code == 0, f"{line} ended with {code}: {running.told()}"
        return running

    def exchanged(self, line: str, folder: Path) -> str:
        """The line for this machine: its folders, ports and hosts, shorter times, and a message there is."""
        command = line.split()[1]
        journal = folder / "var" / "journal" if command in ELSEWHERE else self.journal
        line = line.replace("/etc/vms-bridge/secrets", str(folder / "secrets"))
        line = line.replace("/etc/vms-bridge-vault.key", str(folder / "fresh.key"))
        line = line.replace("/var/backups/", f"{folder}/")
        line = line.replace("/var/lib/vms-bridge", str(journal))
        line = line.replace("https://web.harbour.example", f"{self.vms} --allow-http")
        line = line.replace("http://127.0.0.1:8080/", f"http://{self.lpr}/")
        line = line.replace("tcp://127.0.0.1:9100", f"tcp://{self.cable}")
        line = line.replace("--only 'gate*'", "--only 'Camera*'")  # as the simulated VMS calls them
        line = line.replace(MESSAGE, self.message)
        line = re.sub(r"--for ('2 min'|'10 min')", "--for '1 s'", line).replace("--for 20s", "--for 8s")
        line = re.sub(r"(--port |0\.0\.0\.0:)\d+", lambda found: f"{_local(found[1])}{free_port()}", line)
        return line

    def close(self) -> None:
        self.shell.close()


CAMERAS = {"gate-in": 4711, "gate-wide": 4712}


def _local(before: str) -> str:
    return before.replace("0.0.0.0", "127.0.0.1")
