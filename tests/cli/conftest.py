"""A small site in a folder of its own, with secrets whose values would be noticed anywhere."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

SITE = """\
version: 1
site: {name: Harbour depot, timezone: Australia/Sydney}
vms:
  cloud: {type: vxg, url: http://127.0.0.1:9, allow_http: true}
cameras:
  gate-in: {vms: cloud, id: 4711, token: secret:gate-in}
  gate-wide: {vms: cloud, id: 4712, token: secret:gate-wide}
connectors:
  lpr: {type: http, bind: "127.0.0.1:0"}
sensors:
  gate-lpr:
    name: Gate plate reader
    profile: cammra
    connector: lpr
    address: {path: /gate, basic: secret:reader}
    cameras: [gate-in, gate-wide]
    rules:
      - collapse: "off"
"""

READER = "cam:Sesame-7391"
INNER = "share.INNER-5566778899"


def token(camera: int) -> str:
    said = {"token": f"{INNER}-{camera}", "access": "all", "camid": camera, "api": "127.0.0.1"}
    return base64.b64encode(json.dumps(said).encode()).decode()


@dataclass
class Folder:
    path: Path

    @property
    def site(self) -> Path:
        return self.path / "site.yaml"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    @property
    def journal(self) -> Path:
        return self.path / "journal"

    def planted(self) -> list[str]:
        """Every way in which a secret of this site could be told."""
        known = [READER.partition(":")[2], INNER, token(4711), token(4712)]
        return [*known, *(base64.b64encode(value.encode()).decode().rstrip("=") for value in (READER, *known))]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.site.write_text(SITE)
    made.secrets.mkdir(mode=0o700)
    for name, value in {"reader": READER, "gate-in": token(4711), "gate-wide": token(4712)}.items():
        descriptor = os.open(made.secrets / name, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value)
    return made
