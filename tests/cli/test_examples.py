"""Every command's help has an example, and every example does what it says when it is typed.

As it stands, but for what ``Prepared.exchanged`` names: this machine's folders, ports and hosts, shorter times, and the
id of a message there is. A person who is asked is stood in for.
"""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable, Iterator, Mapping

import pytest

from bridge.cli.main import COMMANDS, _parser
from tests.cli.typed.prepared import Prepared
from tests.cli.typed.shell import Running, parsed

pytestmark = pytest.mark.skipif(not hasattr(os, "login_tty"), reason="types into forks of a process, at a terminal")


def helps(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser, and those of its words."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from helps(below)


def of(command: str) -> list[argparse.ArgumentParser]:
    _, whole = _parser(command)
    (action,) = (each for each in whole._actions if isinstance(each, argparse._SubParsersAction))
    return list(helps(action.choices[command]))


def examples(parser: argparse.ArgumentParser) -> list[str]:
    """The lines under "example" in what --help prints."""
    _, _, below = parser.format_help().partition("\nexample")
    return [line.strip() for line in below.splitlines()[1:] if line.strip().startswith("vms-bridge ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_and_of_every_word_of_it_has_an_example(command: str) -> None:
    for parser in of(command):
        lines = examples(parser)
        assert lines, f"{parser.prog} --help has no example"
        for line in lines:
            assert f"{line} ".startswith(f"{parser.prog} "), f"{line!r} is under the help of {parser.prog}"
            parsed(line)


# ------------------------------------------------------------------------------------------------------------- typed

DEMO = "vms-bridge demo --for 20s"
"""Goes on for a while, so it is begun early and looked at last."""

QUESTIONS = {
    "vms-bridge init": [("Address of the VMS", "{vms}"), ("Do you mean it", "yes"), ("token", "{group}")],
    "vms-bridge apply site.yaml": [("Do this?", "yes")],
}
"""Examples a person is asked by, and what is answered."""

PIPED = {
    "vms-bridge cameras list": "group-token.txt",
    "vms-bridge cameras import": "group-token.txt",
    "vms-bridge secret set": "token.txt",
}
"""What stands in for somebody who pastes a token."""

Ending = Callable[[Running, Prepared], int]


def stopped(words: str, number: signal.Signals = signal.SIGTERM) -> Ending:
    """It goes on until it is told to stop; that it works, it has shown by these words."""

    def end(running: Running, _: Prepared) -> int:
        running.says(words)
        return running.ends(number)

    return end


def somebody_speaks(running: Running, prepared: Prepared) -> int:
    """A reader speaks to the port that is listened at; told to stop, it says what it has learned."""
    running.until(lambda: "listening on" in running.complained, "listens")
    bound = running.complained.partition("listening on ")[2].split()[0]
    reader = prepared.reads(f"http://{bound}/gate")
    running.until(lambda: running.complained.count("\n") > 1 or running.code() is not None, "hears anybody")
    code = running.ends(signal.SIGINT)
    reader.ends(signal.SIGKILL)  # it would try for a while to get rid of what nobody took
    assert "cammra" in running.printed
    return code


def five_messages(running: Running, prepared: Prepared) -> int:
    """A reader speaks to the rehearsal, and it ends by itself."""
    running.says("ready")
    bound = running.printed.partition("lpr on ")[2].split()[0].rstrip(";,")
    reader = prepared.reads(f"http://{bound}/gate")
    code = running.ends()
    reader.ends(signal.SIGKILL)  # it would try for a while to get rid of what nobody took
    return code


def taken(running: Running, prepared: Prepared) -> int:
    """A reader's messages are taken; stopped, it says how many."""
    before = prepared.messages()
    running.until(lambda: prepared.messages() > before, "takes a message")
    code = running.ends(signal.SIGTERM)
    assert "messages were taken" in running.printed
    return code


ENDINGS: dict[str, Ending] = {
    "vms-bridge run site.yaml --secrets": stopped("ready"),
    "vms-bridge run site.yaml --dry-run": five_messages,
    "vms-bridge demo": stopped("raised", signal.SIGINT),
    "vms-bridge status --watch": stopped("Harbour depot", signal.SIGINT),
    "vms-bridge tap --site": stopped("gate-lpr", signal.SIGINT),
    "vms-bridge learn": somebody_speaks,
    "vms-bridge simulate vxg": stopped("ready"),
    "vms-bridge simulate webhook": stopped("ready"),
    "vms-bridge simulate zoneminder": stopped("ready"),
    "vms-bridge simulate genetec": stopped("ready"),
    "vms-bridge simulate digifort": stopped("ready"),
    "vms-bridge simulate milestone": stopped("ready"),
    "vms-bridge simulate frigate": stopped("ready"),
    "vms-bridge simulate nx": stopped("ready"),
    "vms-bridge simulate reader": taken,
}
"""Examples that do not end by themselves; the longest beginning counts. All others end with 0."""

TO_DO = 5
"""``plan`` has found something to do."""

BEFORE = {
    "vms-bridge profile test profiles/": "vms-bridge profile new my-reader --from captured.http --kind lpr",
    "vms-bridge test-mode server-room-leak --end": "vms-bridge test-mode server-room-leak --for 30m",
    "vms-bridge inhibit server-room-leak --end": "vms-bridge inhibit server-room-leak --for 2h --why works",
}
"""What was typed before."""

FILES = {
    "vms-bridge replay": "vms-bridge record lpr --site site.yaml --into monday.jsonl --most 2",
    "vms-bridge restore": "vms-bridge backup --site site.yaml --into depot.tar",
    "vms-bridge report": "vms-bridge selftest site.yaml --camera gate-in --sensor gate-lpr --report handover.json",
}
"""What has made the files they name."""

GONE = {"vms-bridge init": "site.yaml", "vms-bridge secret set gate-in --store vault": "secrets/gate-in"}
"""What must not be there."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    made = Prepared(tmp_path_factory.mktemp("x"), early=[DEMO])
    yield made
    made.close()


def longest(table: Mapping[str, object], line: str) -> str:
    return max((each for each in table if line.startswith(each)), key=len, default="")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("command", sorted(COMMANDS, key=lambda command: command == "demo"))
def test_every_example_does_what_it_says(command: str, prepared: Prepared) -> None:
    lines = dict.fromkeys(line for parser in of(command) for line in examples(parser))
    for line in lines:
        typed(line, prepared)


def typed(line: str, prepared: Prepared) -> None:
    ending = ENDINGS.get(longest(ENDINGS, line)) if line != DEMO else None
    running = prepared.early.get(line) or begun(line, prepared)
    try:
        code = ending(running, prepared) if ending else running.ends()
    except AssertionError as error:
        raise AssertionError(f"{line}\n{error}") from None
    fine = (0, 130) if ending else (0, TO_DO) if line.startswith("vms-bridge plan") else (0,)
    assert code in fine, f"{line}\nended with {code}: {running.told()}"
    complained = running.complained
    for word in ("Traceback", "vms-bridge: ", "ERROR", "internal fault"):
        assert word not in complained, f"{line}\n{complained}"


def begun(line: str, prepared: Prepared) -> Running:
    folder = prepared.copy(FILES.get(longest(FILES, line), ""))
    if gone := GONE.get(longest(GONE, line)):
        (folder / gone).unlink()
    if before := BEFORE.get(longest(BEFORE, line)):
        prepared.done(before, folder)
    given = PIPED.get(longest(PIPED, line))
    facts = {"vms": prepared.vms, "group": (folder / "group-token.txt").read_text().strip()}
    answers = [(words, answer.format(**facts)) for words, answer in QUESTIONS.get(line, ())]
    return prepared.typed(
        prepared.exchanged(line, folder),
        folder,
        given=(folder / given).read_text() if given else "",
        answers=answers or None,
    )
