"""A shell as far as examples need one: words, ``< file``, ``> file``; and somebody who answers questions."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WITHIN = 30.0
"""Seconds until anything that must happen is taken for not happening."""
LONGEST = 100.0
"""The same for its end; the demo waits for a minute when its ledger does not close."""


class Running:
    """One command that was typed. ``printed`` and ``complained``: its stdout and stderr so far."""

    def __init__(self, shell: Shell, pid: int, stdout: Path, stderr: Path) -> None:
        self._shell = shell
        self.pid = pid
        self._stdout = stdout
        self._stderr = stderr

    @property
    def printed(self) -> str:
        return self._stdout.read_text("utf-8", "replace") if self._stdout.exists() else ""

    @property
    def complained(self) -> str:
        return self._stderr.read_text("utf-8", "replace") if self._stderr.exists() else ""

    def code(self) -> int | None:
        return self._shell.ask({"wait": self.pid})

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Raises AssertionError when it never holds, or the command ends before."""
        until = time.monotonic() + WITHIN
        while not holds():
            assert self.code() is None or holds(), f"it ended before {what}: {self.told()}"
            assert time.monotonic() < until, f"never {what}: {self.told()}"
            time.sleep(0.01)

    def says(self, words: str) -> None:
        self.until(lambda: words in self.printed, f"says {words!r}")

    def ends(self, number: signal.Signals | None = None) -> int:
        """Its exit code; ``number``: sent to it before."""
        if number is not None and self.code() is None:
            os.kill(self.pid, number)
        until = time.monotonic() + LONGEST
        while (code := self.code()) is None:
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"it does not end: {self.told()}")
            time.sleep(0.005)
        return code

    def told(self) -> str:
        return f"{self.printed[-2000:]}{self.complained[-2000:]}"


class Shell:
    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._count = 0
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.typed.server"],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._started: list[Running] = []

    def ask(self, question: Mapping[str, object]) -> int | None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(question) + "\n")
        answer = json.loads(self._server.stdout.readline())
        assert answer is None or isinstance(answer, int)
        return answer

    def type(
        self,
        line: str,
        folder: Path,
        environment: Mapping[str, str],
        given: str = "",
        answers: Sequence[tuple[str, str]] | None = None,
    ) -> Running:
        """Begin a line. ``given``: what is piped in where nothing else is; ``answers``: instead, somebody at a
        terminal who answers the question that has these words, and presses Enter at any other."""
        words, stdin, stdout = parsed(line)
        assert words[0] == "vms-bridge"
        self._count += 1
        out, err = self._scratch / f"{self._count}.out", self._scratch / f"{self._count}.err"
        piped = self._scratch / f"{self._count}.in"
        piped.write_text(given)
        asked: dict[str, object] = {"words": words[1:], "folder": str(folder), "environment": dict(environment)}
        to = folder / stdout if stdout else out
        if answers is None:
            asked |= {"stdin": str(folder / stdin if stdin else piped), "stdout": str(to), "stderr": str(err)}
            running = self._begun(asked, to, err)
        else:
            ours, theirs = os.openpty()
            running = self._begun({**asked, "terminal": os.ttyname(theirs)}, out, err)
            os.close(theirs)
            threading.Thread(target=_person, args=(ours, out, answers), daemon=True).start()
        return running

    def _begun(self, asked: Mapping[str, object], stdout: Path, stderr: Path) -> Running:
        pid = self.ask(asked)
        assert pid is not None
        running = Running(self, pid, stdout, stderr)
        self._started.append(running)
        return running

    def close(self) -> None:
        for running in reversed(self._started):
            running.ends(signal.SIGKILL)
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(WITHIN)


def parsed(line: str) -> tuple[list[str], str, str]:
    """(words, the file after <, the file after >)."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="<>|&;")
    lexer.whitespace_split = True
    words: list[str] = []
    files = {"<": "", ">": ""}
    tokens = iter(lexer)
    for token in tokens:
        if token in files:
            files[token] = next(tokens)
        else:
            assert not set(token) <= set("|&;"), f"this shell has no {token}: {line}"
            words.append(token)
    return words, files["<"], files[">"]


def _person(terminal: int, shown: Path, answers: Sequence[tuple[str, str]]) -> None:
    """Reads what is on the screen, answers questions, until it is gone."""
    left = list(answers)
    question = b""
    with shown.open("wb") as screen:
        while True:
            ready, _, _ = select.select([terminal], [], [], 0.1)
            if not ready:
                # Nothing more is being said, and the line is open: a question.
                if question.strip():
                    said = question.decode("utf-8", "replace")
                    answer = next((each for each in left if each[0] in said), None)
                    if answer is not None:
                        left.remove(answer)
                    os.write(terminal, f"{answer[1] if answer else ''}\n".encode())
                    question = b""
                continue
            try:
                data = os.read(terminal, 65536)
            except OSError:  # EIO: its last user has closed it
                os.close(terminal)
                return
            screen.write(data)
            screen.flush()
            question = (question + data).rpartition(b"\n")[2]
