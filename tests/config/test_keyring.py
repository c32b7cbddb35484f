"""The keyring is asked only where it answers without asking anybody."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bridge.config import keyring
from bridge.config.keyring import password
from bridge.config.secrets import SecretStores
from bridge.secret import SecretMissing, SecretRef

ROOT = Path(__file__).resolve().parents[2]

PROMPTING = """
from pathlib import Path
from keyring.backend import KeyringBackend

class Prompting(KeyringBackend):
    priority = 99
    def __init__(self):
        Path("made").touch()
        super().__init__()
    def get_password(self, service, username):
        return input("Password: ")
    def set_password(self, service, username, password): ...
    def delete_password(self, service, username): ...
"""

ASKING = """
from bridge.config.secrets import SecretStores
from bridge.secret import SecretMissing, SecretRef
try: SecretStores().get(SecretRef("gate-in"))
except SecretMissing as missing: print(missing)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux has for a keyring")
@pytest.mark.parametrize("chosen", ["", "prompting.Prompting"])
def test_a_backend_that_would_prompt_is_never_made(tmp_path: Path, chosen: str) -> None:
    """As it is installed with keyrings.alt: highest priority, or even chosen by the environment."""
    (tmp_path / "prompting.py").write_text(PROMPTING)
    info = tmp_path / "prompting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: prompting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[keyring.backends]\nprompting = prompting\n")
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PYTHON_KEYRING_BACKEND": chosen, "HOME": str(tmp_path)}
    environment = {name: value for name, value in environment.items() if value}
    ran = subprocess.run(
        [sys.executable, "-c", ASKING],
        cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "the keyring (no session bus, as usual for a service)" in ran.stdout
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux has for a keyring")
def test_a_session_bus_that_is_not_there_is_no_keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nobody")
    with pytest.raises(SecretMissing, match=r"not usable|not installed"):
        password("gate-in")


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux has for a keyring")
def test_the_keyring_is_not_imported_while_another_store_has_the_secret(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom bridge.config.secrets import SecretStores\nfrom bridge.secret import SecretRef\n"
        "SecretStores().get(SecretRef('gate-in'))\n"
        "assert not {'keyring', 'secretstorage', 'bridge.config.keyring'} & set(sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={"VMS_BRIDGE_SECRET_GATE_IN": "x"}, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_a_keyrings_value_is_kept_for_a_minute() -> None:
    asked: list[str] = []
    seconds = 0.0

    def answering(name: str) -> str | None:
        asked.append(name)
        return "abc"

    store = SecretStores(environment={}, keyring=answering, monotonic=lambda: seconds)
    for at in (0.0, 30.0, 59.0, 61.0):
        seconds = at
        assert store.get(SecretRef("gate-in")).reveal() == "abc"
    assert asked == ["gate-in", "gate-in"]


def test_a_keyring_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(keyring, "BOUND", 0.05)
    monkeypatch.setattr(keyring, "_ask", lambda name: str(released.wait(10)))
    with pytest.raises(SecretMissing, match=r"no answer within 0\.05 s"):
        password("gate-in")
    released.set()


def test_a_keyring_that_cannot_be_used_is_left_alone_for_a_minute() -> None:
    asked: list[str] = []
    seconds = 0.0

    def unusable(name: str) -> str | None:
        asked.append(name)
        raise SecretMissing("locked")

    store = SecretStores(environment={}, keyring=unusable, monotonic=lambda: seconds)
    for at in (0.0, 1.0, 59.0, 61.0):
        seconds = at
        with pytest.raises(SecretMissing, match=r"the keyring \(locked\)"):
            store.get(SecretRef("gate-in"))
    assert asked == ["gate-in", "gate-in"]
