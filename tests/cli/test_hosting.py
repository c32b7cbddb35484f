"""What a service stands on before it opens its journal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.cli.hosting import open_control


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="it is seen by /proc which folder is synced")
def test_the_name_of_a_folder_made_for_the_control_socket_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    journal = tmp_path / "a" / "b"
    open_control(None, journal).close()
    assert journal.is_dir()
    assert synced == [tmp_path, tmp_path / "a"]  # else a power cut takes the folder, and the whole journal in it
