"""A token is changed in its store while the service runs: the camera that was parked goes on, with no restart."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.config.keeping import keep
from bridge.config.secrets import SecretStores, Store
from bridge.config.vault import CREDENTIAL, VARIABLE, new_key
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.end_to_end.bridge_process import command, running, until
from tests.end_to_end.passes import form, said

SITE = """\
version: 1
site: {{name: Rotating yard}}
vms:
  cloud: {{type: vxg, url: "{cloud}", allow_http: true, settle_after: 100 ms}}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
connectors:
  lpr: {{type: http, bind: "127.0.0.1:0"}}
sensors:
  gate-lpr: {{profile: cammra, connector: lpr, address: {{path: /gate}}, cameras: [gate]}}
"""

# A Secret Service as the bridge uses it, for machines without one; what it holds is a file.
SECRET_SERVICE = """
import json, os
from pathlib import Path

class Item:
    def __init__(self, value): self.value = value
    def is_locked(self): return False
    def get_secret(self): return self.value.encode()

class Connection:
    def close(self): pass

def dbus_init(): return Connection()

def search_items(connection, attributes):
    held = json.loads(Path(os.environ["HELD"]).read_text())
    name = attributes["username"]
    assert attributes["service"] == "vms-bridge"
    return [Item(held[name])] if name in held else []
"""

Put = Callable[[str], None]


def in_files(folder: Path) -> tuple[Put, dict[str, str]]:
    return lambda value: write_secrets(folder / "secrets", {"gate": value}), {}


def in_systemd(folder: Path) -> tuple[Put, dict[str, str]]:
    credentials = folder / "credentials"
    return lambda value: write_secrets(credentials, {"gate": value}), {"CREDENTIALS_DIRECTORY": str(credentials)}


def in_vault(folder: Path) -> tuple[Put, dict[str, str]]:
    new_key(folder / "key")
    environment = {VARIABLE: str(folder / "key")}

    def put(value: str) -> None:
        keep(SecretStores(folder / "secrets", environment=environment), {"gate": value}, Store.VAULT)

    return put, environment


def in_vault_with_credential(folder: Path) -> tuple[Put, dict[str, str]]:
    """As a unit with LoadCredential gives the key."""
    put, _ = in_vault(folder)
    credentials = folder / "credentials"
    credentials.mkdir()
    (credentials / CREDENTIAL).write_text((folder / "key").read_text())
    return put, {"CREDENTIALS_DIRECTORY": str(credentials)}


def in_keyring(folder: Path) -> tuple[Put, dict[str, str]]:
    import json

    package = folder / "fake" / "secretstorage"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(SECRET_SERVICE)
    (package / "exceptions.py").write_text("class SecretStorageException(Exception): pass\n")
    root = Path(__file__).resolve().parents[2]
    held = folder / "held.json"

    def put(value: str) -> None:
        fresh = folder / "held.new"
        fresh.write_text(json.dumps({"gate": value}))
        fresh.replace(held)

    path = f"{folder / 'fake'}{os.pathsep}{root}"
    return put, {"PYTHONPATH": path, "HELD": str(held), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}


@pytest.mark.parametrize("store", [in_files, in_systemd, in_vault, in_vault_with_credential, in_keyring])
async def test_a_changed_token_unparks_its_camera(
    tmp_path: Path, store: Callable[[Path], tuple[Put, dict[str, str]]]
) -> None:
    async with SimulatedVxg(1) as vms:
        (tmp_path / "site.yaml").write_text(SITE.format(cloud=vms.base_url))
        put, environment = store(tmp_path)
        put(vms.tokens[4711])
        async with running(tmp_path, environment=environment) as bridge:
            assert (await bridge.post(form("/gate", said(1), 1))).status == 200
            await until(lambda: len(vms.record) == 1, bridge.said)
            fresh = vms.rotate(4711)
            assert (await bridge.post(form("/gate", said(2), 2))).status == 200
            await bridge.says("the token is refused")
            put(fresh)
            await until(lambda: len(vms.record) == 2, bridge.said)
            await bridge.says("its secret was changed")
            assert bridge.said().count("its secret was changed") == 1
            assert await bridge.stop() == 0
        assert fresh not in bridge.said()


async def test_an_import_rotates_a_token_under_a_running_service(tmp_path: Path) -> None:
    """As an administrator does it whose VMS has given all cameras new tokens."""
    async with SimulatedVxg(1) as vms:
        (tmp_path / "site.yaml").write_text(SITE.format(cloud=vms.base_url))
        write_secrets(tmp_path / "secrets", {"gate": vms.tokens[4711]})
        async with running(tmp_path) as bridge:
            fresh = vms.rotate(4711)
            assert (await bridge.post(form("/gate", said(1), 1))).status == 200
            await bridge.says("the token is refused")
            (tmp_path / "secrets" / "group").touch(0o600)
            (tmp_path / "secrets" / "group").write_text(vms.cloud.tokens.group)
            words = ["cameras", "import", "--refresh", "--with", "group", "--site", str(tmp_path / "site.yaml")]
            code, printed = await command(*words)
            assert code == 0, printed
            assert b"secret replaced" in printed
            await until(lambda: len(vms.record) == 1, bridge.said)
            assert await bridge.stop() == 0
        assert vms.tokens[4711] == fresh
        assert fresh.encode() not in printed
