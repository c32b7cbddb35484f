"""The control socket: its owner's alone, one service's alone, and never in the way of the next start."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.control.door import Answered, DoorError, Nobody, call, open_door

both = pytest.mark.parametrize("unix", [True, False], ids=["unix socket", "loopback and token"])


@both
def test_only_its_owner_may_use_it(tmp_path: Path, unix: bool) -> None:
    before = os.umask(0)
    try:
        door = open_door(tmp_path / "c.sock", unix)
    finally:
        os.umask(before)
    assert stat.S_IMODE(door.path.lstat().st_mode) == 0o600
    door.close()


def test_the_rights_are_narrow_before_anybody_can_connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    listen = socket.socket.listen

    def listening(self: socket.socket, *arguments: int) -> None:
        seen.append(stat.S_IMODE(os.lstat(tmp_path / "c.sock").st_mode))
        listen(self, *arguments)

    monkeypatch.setattr(socket.socket, "listen", listening)
    open_door(tmp_path / "c.sock").close()
    assert seen == [0o600]


@both
def test_opening_leaves_the_process_its_own_umask(tmp_path: Path, unix: bool) -> None:
    before = os.umask(0o027)
    try:
        open_door(tmp_path / "c.sock", unix).close()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


@both
def test_what_a_killed_service_left_behind_is_replaced(tmp_path: Path, unix: bool) -> None:
    path = tmp_path / "c.sock"
    code = "import os; from pathlib import Path; from bridge.control.door import open_door\n"
    code += f"door = open_door(Path({str(path)!r}), {unix}); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], timeout=20)
    assert path.exists()
    door = open_door(path, unix)
    calling, token = call(path, 1.0)
    assert token == door.token
    calling.close()
    door.close()


@both
def test_a_living_service_keeps_its_socket(tmp_path: Path, unix: bool) -> None:
    door = open_door(tmp_path / "c.sock", unix)
    with pytest.raises(Answered, match="another service is running"):
        open_door(tmp_path / "c.sock", unix)
    call(door.path, 1.0)[0].close()
    door.close()


@pytest.mark.parametrize("text", ["precious", '{"port": "x"}', ""])
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.sock"
    path.write_text(text)
    with pytest.raises(DoorError, match="is not a control socket"):
        open_door(path)
    assert path.read_text() == text


@both
def test_closing_takes_its_file_away(tmp_path: Path, unix: bool) -> None:
    door = open_door(tmp_path / "c.sock", unix)
    door.close()
    assert not door.path.exists()
    with pytest.raises(Nobody):
        call(door.path, 1.0)


def test_closing_leaves_the_file_of_the_one_who_came_after(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    door = open_door(path)
    path.rename(tmp_path / "elsewhere")
    after = open_door(path)
    door.close()
    call(path, 1.0)[0].close()
    after.close()


def test_a_path_no_socket_can_have_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DoorError, match="--control"):
        open_door(tmp_path / ("x" * 120))


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DoorError, match="No such file"):
        open_door(tmp_path / "nowhere" / "c.sock")
