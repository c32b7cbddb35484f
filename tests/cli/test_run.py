"""``vms-bridge run`` as its own process: ready, reload, stop; and the dry run that touches nothing."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

import mappings
from bridge.cli.ending import Code
from bridge.cli.main import main
from tests.cli.conftest import READER, SITE, Folder
from tests.cli.recorder import recording

ROOT = Path(__file__).resolve().parents[2]
HEAD, _, BODY = (mappings.PROFILES / "cammra" / "s1-new-multipart.http").read_bytes().partition(b"\r\n\r\n")
KIND = next(line.partition(": ")[2] for line in HEAD.decode().split("\r\n") if line.startswith("Content-Type"))

# Runs the command, and tells at its end what it has loaded.
PROGRAM = """
import json, sys
from bridge.cli.main import main
code = main(sys.argv[2:])
open(sys.argv[1], "w").write(json.dumps(sorted(sys.modules)))
sys.exit(code)
"""


class Running:
    def __init__(self, process: subprocess.Popen[str], log: Path, loaded: Path) -> None:
        self.process = process
        self.log = log
        self._loaded = loaded
        self.ready = json.loads(self.line()) if process.stdout else {}

    @property
    def out(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def line(self) -> str:
        line = self.out.readline()
        assert line, f"it ended: {self.log.read_text()}"
        return line

    def post(self, path: str = "/gate") -> int:
        where = self.ready["connectors"][0]["bound"]
        line = http.client.HTTPConnection(where, timeout=30)
        credentials = b64encode(READER.encode()).decode()
        line.request("POST", path, BODY, {"Content-Type": KIND, "Authorization": f"Basic {credentials}"})
        status = line.getresponse().status
        line.close()
        return status

    def told(self, words: str) -> None:
        """Wait until the log says so."""
        with self.log.open() as log:
            for _ in range(500):
                line = log.readline()
                if words in line:
                    return
                if not line:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self.process.wait(0.02)
        raise AssertionError(f"the log never says {words!r}: {self.log.read_text()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def rest(self) -> list[dict[str, Any]]:
        """What it prints until it ends by itself, without a fault."""
        printed, _ = self.process.communicate(timeout=20)
        assert self.process.returncode == Code.DONE
        return [json.loads(line) for line in printed.splitlines()]

    def loaded(self) -> set[str]:
        return set(json.loads(self._loaded.read_text()))


@contextlib.contextmanager
def run(folder: Folder, *words: str) -> Iterator[Running]:
    log, loaded = folder.path / "log", folder.path / "loaded"
    command = [sys.executable, "-c", PROGRAM, str(loaded), "run", str(folder.site)]
    command += ["--secrets", str(folder.secrets), "--json", *words]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield Running(process, log, loaded)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def test_it_says_ready_takes_events_answers_and_stops(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    with run(folder) as service:
        assert service.ready["what"] == "ready"
        assert service.ready["connectors"][0]["up"]
        assert service.post() == 200
        main(["status", "--json", "--site", str(folder.site)])
        status = json.loads(capsys.readouterr().out)
        assert (status["site"], status["pid"], status["messages"]) == ("Harbour depot", service.process.pid, 1)
        assert main(["fire", "gate-lpr", "--journal", str(folder.journal)]) == Code.DONE
        assert main(["events", "--control", service.ready["control"]]) == Code.DONE
        assert "4AB1234" in capsys.readouterr().out
        assert service.stop() == Code.DONE
    assert not (folder.journal / "control.sock").exists()
    assert main(["events", "--journal", str(folder.journal)]) == Code.DONE
    shown = capsys.readouterr().out
    assert "4AB1234" in shown
    assert "TEST" in shown
    said = (folder.path / "log").read_text()
    assert not any(secret in said for secret in folder.planted())


def test_it_loads_only_what_its_site_uses(folder: Folder) -> None:
    with run(folder) as service:
        service.post()
        assert service.stop(signal.SIGINT) == Code.DONE
        loaded = service.loaded()
    assert "connectors.http" in loaded
    unused = ("connectors.tcp", "bridge.vms.webhook", "bridge.simulator", "keyring", "httpx", "aiohttp", "jsonschema")
    assert not {name for name in loaded if name.startswith(unused)}
    commands = {name for name in loaded if name.startswith("bridge.cli.")}
    assert not commands & {f"bridge.cli.{name}" for name in ("check", "demo", "rehearsal", "attempt", "events")}


def test_a_site_with_errors_is_refused_whole_and_a_good_one_taken(folder: Folder) -> None:
    with run(folder) as service:
        folder.site.write_text(SITE.replace("cameras: [gate-in, gate-wide]", "cameras: [gate-in, gate-wied]"))
        service.process.send_signal(signal.SIGHUP)
        service.told("reload refused")
        said = service.log.read_text()
        assert "site.yaml:16:" in said
        assert "did you mean gate-wide?" in said
        assert service.post() == 200
        folder.site.write_text(SITE.replace("{path: /gate,", "{path: /other,"))
        service.process.send_signal(signal.SIGHUP)
        service.told("reloaded")
        assert service.post("/other") == 200
        assert service.stop() == Code.DONE


def test_a_second_service_on_the_same_journal_is_refused(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    with run(folder) as service:
        words = ["run", str(folder.site), "--secrets", str(folder.secrets)]
        assert main(words) == Code.REFUSED
        assert "another service is running" in capsys.readouterr().err
        assert main([*words, "--control", str(folder.path / "other.sock")]) == Code.REFUSED
        assert "journal" in capsys.readouterr().err
        assert not (folder.path / "other.sock").exists()
        assert service.post() == 200
        assert service.stop() == Code.DONE


def test_a_service_that_was_killed_leaves_nothing_in_the_way(folder: Folder) -> None:
    with run(folder) as service:
        assert service.post() == 200
        service.process.kill()
        service.process.wait(20)
    assert (folder.journal / "control.sock").exists()
    with run(folder) as service:
        assert service.ready["what"] == "ready"
        assert service.stop() == Code.DONE


def test_a_site_with_errors_is_not_run(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.site.write_text(SITE.replace("profile: cammra", "profile: camra"))
    assert main(["run", str(folder.site)]) == Code.USAGE
    assert "did you mean cammra?" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--accept"], ["--exit-after", "3"], ["--dry-run", "--exit-after", "0"]])
def test_options_that_make_no_sense_are_refused(
    folder: Folder, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(folder.site), *words]) == Code.USAGE


async def test_a_dry_run_shows_everything_and_touches_nothing(folder: Folder) -> None:
    async with recording() as vms:
        folder.site.write_text(SITE.replace("127.0.0.1:9,", f"127.0.0.1:{vms.port},"))
        with run(folder, "--dry-run", "--accept", "--exit-after", "2") as rehearsal:
            assert [rehearsal.post(), rehearsal.post()] == [200, 200]
            lines = rehearsal.rest()
        assert vms.connections == 0
    assert not folder.journal.exists()
    assert [line["what"] for line in lines].count("decided") == 2
    raised = [line for line in lines if line["what"] == "request" and line["purpose"] == "raise the event"]
    assert sorted(line["camera"] for line in raised) == ["gate-in", "gate-wide"]
    assert lines[-1] == {"what": "end", "messages": 2, "events": 1, "requests": 6, "held": 0, "taken": 2}
    said = json.dumps(lines) + (folder.path / "log").read_text()
    assert not any(secret in said for secret in folder.planted())


def test_a_dry_run_leaves_every_message_with_its_sender(folder: Folder) -> None:
    with run(folder, "--dry-run", "--exit-after", "1") as rehearsal:
        assert rehearsal.post() == 503
        lines = rehearsal.rest()
    assert (lines[-1]["messages"], lines[-1]["taken"]) == (1, 0)


def test_a_dry_run_beside_the_real_one_leaves_its_journal_alone(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    with run(folder) as service:
        with run(folder, "--dry-run", "--accept", "--exit-after", "1") as rehearsal:
            assert rehearsal.post() == 200
            assert rehearsal.process.wait(20) == Code.DONE
        main(["status", "--json", "--journal", str(folder.journal)])
        assert json.loads(capsys.readouterr().out)["messages"] == 0
        assert service.stop() == Code.DONE


def test_a_dry_run_whose_reader_goes_away_ends_by_itself(folder: Folder) -> None:
    with run(folder, "--dry-run", "--accept") as rehearsal:
        rehearsal.out.close()
        rehearsal.post()
        assert rehearsal.process.wait(20) == Code.BROKEN_PIPE
    assert "Traceback" not in (folder.path / "log").read_text()
