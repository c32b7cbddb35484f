"""Ports the site listens on: free, ours, or somebody else's."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from bridge.proving import ports
from bridge.proving.lines import Grade
from tests.proving.conftest import closed_port, written

WHERE = "site.yaml:9: connectors.lpr.bind"


def test_a_port_that_nobody_has_is_free_and_stays_so() -> None:
    bind = f"127.0.0.1:{closed_port()}"
    assert ports.look(bind, "tcp", WHERE).grade is Grade.OK
    assert ports.look(bind, "tcp", WHERE).what.endswith("is free")
    assert ports.look(bind, "udp", WHERE).what.endswith("is free")


@pytest.mark.parametrize(("kind", "protocol"), [(socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")])
def test_a_port_that_another_program_has_is_wrong_and_says_which(kind: socket.SocketKind, protocol: str) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        line = ports.look(bind, protocol, WHERE)
        assert line.grade is Grade.WRONG
        assert f"process {os.getpid()}" in line.what
        assert line.where == WHERE
        assert "bind another" in line.remedy
        assert ports.look(bind, protocol, WHERE, process=os.getpid()).grade is Grade.OK
        ours = ports.look(bind, protocol, WHERE, held={bind}, process=1)
        assert (ours.grade, "our own running service" in ours.what) == (Grade.OK, True)


def test_an_address_this_machine_does_not_have_is_wrong() -> None:
    line = ports.look("192.0.2.77:8080", "tcp", WHERE)
    assert line.grade is Grade.WRONG
    assert "does not have that address" in line.what


def test_every_port_of_a_site_is_looked_at_once(tmp_path: Path) -> None:
    there = written(tmp_path, connector=f'{{type: http, bind: "127.0.0.1:{closed_port()}"}}')
    (line,) = ports.of_site(there.site, there.places, (), None)
    assert line.grade is Grade.OK
    assert line.where == f"{there.path}:8: connectors.lpr.bind"
