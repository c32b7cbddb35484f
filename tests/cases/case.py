"""A case: a folder with a site, a conversation with a device of it, and what has to come of it.

``site.yaml``           the configuration. ``${NAME}`` is the port at which the device is, for a connector of this name
                        that connects; one that listens has port 0, so that any is taken
``secrets.yaml``        what its ``secret:NAME`` are, where it has some: NAME: text
``profiles/``           profiles of its own, where it has some
``conversation.txt``    what was said, with the same ports: see ``conversation``
``recording.jsonl``     or, in its place, what ``vms-bridge record`` wrote
``expected.yaml``       the ``events``, and what became of the ``rest``
``error.txt``           what is wrong, a line for each: ``quarantined, WHOSE: why``, ``fault: WHAT: why``, ``over: WHAT:
                        …``; of a site that ``check`` refuses, what it says. ``…`` stands for anything
"""

from __future__ import annotations

import asyncio
import functools
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from bridge.cli import recording
from bridge.config.errors import SiteErrors
from bridge.config.load import load
from bridge.config.site import Site
from bridge.model import Message
from tests.cases.conversation import Conversation, read
from tests.cases.house import WITHIN, House, running
from tests.cases.player import NotAsRecorded, Player
from tests.cases.ports import own_port
from tests.cases.told import Plain, Told, as_yaml
from tests.connectors.conftest import Vault

FOLDER = Path(__file__).resolve().parent
_DATAGRAMS = ("udp", "snmp", "snmp-poll")
_ANY = re.compile(r"(127\.0\.0\.1):0\b")
_PORT = re.compile(r"\$\{([a-z0-9-]+)\}")


def _yaml(text: str) -> Any:
    """Safely read, in C where that is there."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def with_ports(text: str, ports: Mapping[str, int]) -> str:
    """Every ``${NAME}`` of these as its port."""
    return _PORT.sub(lambda found: str(ports.get(found[1], found[0])), text)


class Case:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site_text = (folder / "site.yaml").read_text()
        written = _yaml(self.site_text)
        self.connectors: dict[str, str] = {name: each["type"] for name, each in written["connectors"].items()}
        self.profiles: set[str] = {each["profile"] for each in written["sensors"].values()}
        self._conversation = folder / "conversation.txt"

    @property
    def name(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"

    @functools.cached_property
    def expected(self) -> dict[str, Plain]:
        file = self.folder / "expected.yaml"
        return cast("dict[str, Plain]", _yaml(file.read_text())) if file.exists() else {}

    @property
    def errors(self) -> list[str]:
        file = self.folder / "error.txt"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def datagrams(self) -> list[str]:
        return [name for name, kind in self.connectors.items() if kind in _DATAGRAMS]

    # ------------------------------------------------------------------------------------------------------- playing

    async def play(self, scratch: Path, quiet: float | None = None) -> Told:
        """What comes of it; ``scratch``: an empty folder. Waits until all that is expected was told, or with ``quiet``
        until nothing was for so many seconds. Raises NotAsRecorded, Unreadable."""
        player = Player(dict.fromkeys(_PORT.findall(self.site_text)), self.datagrams)
        wrong: NotAsRecorded | None = None
        try:
            await player.open_doors()
            told = Told({f":{port}": f":${{{name}}}" for name, port in player.ports.items()})
            site = self.site(scratch, player.ports)
            if isinstance(site, SiteErrors):
                told.refused += [each.replace(f"{scratch}/", "") for each in site.render().splitlines()]
                return told
            conversation = self.conversation(player.ports)
            at = conversation.at if conversation is not None else next(self._recorded()).arrived.utc
            async with running(site, self.secrets(), at, scratch / "journal", told) as house:
                try:
                    if conversation is not None:
                        await player.play(conversation, house)
                    else:
                        await self._replay(house)
                    await self._all_told(told, quiet)
                except NotAsRecorded as error:  # said by itself, not as one of a group
                    wrong = error
                told.links_are_over()
                await player.close()  # nobody has to wait for a goodbye then
        finally:
            await player.close()
        if wrong is not None:
            raise wrong
        return told

    def site(self, scratch: Path, ports: Mapping[str, int]) -> Site | SiteErrors:
        """With these ports, from files in ``scratch``. Any port, 0, becomes one that nobody else was given."""
        text = _ANY.sub(lambda found: f"{found[1]}:{own_port()}", with_ports(self.site_text, ports))
        (scratch / "site.yaml").write_text(text)
        if (self.folder / "profiles").exists():
            shutil.copytree(self.folder / "profiles", scratch / "profiles")
        try:
            return load(scratch / "site.yaml")
        except SiteErrors as errors:
            return errors

    def conversation(self, ports: Mapping[str, int]) -> Conversation | None:
        """With these ports; None where the case has a recording. Raises Unreadable."""
        return read(with_ports(self._conversation.read_text(), ports)) if self._conversation.exists() else None

    def secrets(self) -> Vault:
        file = self.folder / "secrets.yaml"
        vault = Vault()
        vault.texts = _yaml(file.read_text()) if file.exists() else {}
        return vault

    def _recorded(self) -> Iterator[Message]:
        return recording.read(self.folder / "recording.jsonl")

    async def _replay(self, house: House) -> None:
        """The messages of a recording, each at its moment."""
        before = 0.0
        for message in self._recorded():
            await house.wait(message.arrived.monotonic - before)
            before = message.arrived.monotonic
            await house.submit(message)

    async def _all_told(self, told: Told, quiet: float | None) -> None:
        """A connection that is closed now would be a fault, so first all has to be there. What comes too much is seen
        after the site has stopped; what does not come, when the time is up."""
        try:
            async with asyncio.timeout(WITHIN if quiet is None else None):
                while quiet is not None or self.differs(told):
                    told.news.clear()
                    async with asyncio.timeout(quiet):
                        await told.news.wait()
        except TimeoutError:
            pass  # for whoever compares

    # ----------------------------------------------------------------------------------------------------- comparing

    def differs(self, told: Told) -> str:
        """What came in another way than expected, in words; "" when nothing did."""
        if told.expected != self.expected:
            return f"expected.yaml:\n{as_yaml(self.expected)}\nbut told was:\n{as_yaml(told.expected)}"
        pattern = "\n".join(re.escape(line).replace("…", ".*") for line in self.errors)
        if not re.fullmatch(pattern, "\n".join(told.errors)):
            return "\n".join(["error.txt:", *self.errors, "", "but told was:", *told.errors])
        return ""

    def write_expected(self, told: Told) -> None:
        """For a person to check, line by line."""
        for name, text in (("expected.yaml", as_yaml(told.expected)), ("error.txt", "\n".join(told.errors) + "\n")):
            file = self.folder / name
            if text.strip() in ("", "{}"):
                file.unlink(missing_ok=True)
            else:
                file.write_text(text)


def all_cases() -> list[Case]:
    return [Case(file.parent) for file in sorted(FOLDER.glob("*/*/site.yaml"))]
