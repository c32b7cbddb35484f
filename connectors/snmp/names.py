"""Names of object identifiers, from MIB files somebody dropped into a folder; without any, a few that every device has.

Our own reader and not a MIB compiler: it takes only names, numbers and enumerations, so that a MIB is read although
those it imports are missing, and although it breaks rules, as many vendors' do (SMIv1 and v2: RFC 1155, RFC 2578).
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

log = logging.getLogger("connectors.snmp")

MOST_FILES = 1000
LARGEST = 4 * 2**20
"""Bytes of one file; a longer one is no MIB."""

ROOTS: Mapping[str, str] = {
    "iso": "1", "org": "1.3", "dod": "1.3.6", "internet": "1.3.6.1", "directory": "1.3.6.1.1", "mgmt": "1.3.6.1.2",
    "mib-2": "1.3.6.1.2.1", "system": "1.3.6.1.2.1.1", "interfaces": "1.3.6.1.2.1.2", "transmission": "1.3.6.1.2.1.10",
    "snmp": "1.3.6.1.2.1.11", "experimental": "1.3.6.1.3", "private": "1.3.6.1.4", "enterprises": "1.3.6.1.4.1",
    "security": "1.3.6.1.5", "snmpV2": "1.3.6.1.6", "snmpDomains": "1.3.6.1.6.1", "snmpModules": "1.3.6.1.6.3",
    "zeroDotZero": "0.0",
}  # fmt: skip

ALWAYS: Mapping[str, str] = {
    "sysDescr": "1.3.6.1.2.1.1.1", "sysObjectID": "1.3.6.1.2.1.1.2", "sysUpTime": "1.3.6.1.2.1.1.3",
    "sysContact": "1.3.6.1.2.1.1.4", "sysName": "1.3.6.1.2.1.1.5", "sysLocation": "1.3.6.1.2.1.1.6",
    "ifIndex": "1.3.6.1.2.1.2.2.1.1", "ifDescr": "1.3.6.1.2.1.2.2.1.2", "ifType": "1.3.6.1.2.1.2.2.1.3",
    "ifAdminStatus": "1.3.6.1.2.1.2.2.1.7", "ifOperStatus": "1.3.6.1.2.1.2.2.1.8",
    "ifName": "1.3.6.1.2.1.31.1.1.1.1", "ifAlias": "1.3.6.1.2.1.31.1.1.1.18",
    "snmpTrapOID": "1.3.6.1.6.3.1.1.4.1", "snmpTrapEnterprise": "1.3.6.1.6.3.1.1.4.3",
    "snmpTrapAddress": "1.3.6.1.6.3.18.1.3",
    "coldStart": "1.3.6.1.6.3.1.1.5.1", "warmStart": "1.3.6.1.6.3.1.1.5.2", "linkDown": "1.3.6.1.6.3.1.1.5.3",
    "linkUp": "1.3.6.1.6.3.1.1.5.4", "authenticationFailure": "1.3.6.1.6.3.1.1.5.5",
    "egpNeighborLoss": "1.3.6.1.6.3.1.1.5.6",
}  # fmt: skip

_WORDS_IN = re.compile(r'--.*?(?:--|$)|"[^"]*"|::=|[A-Za-z][\w-]*|-?\d+|[{}();,|.]', re.MULTILINE)
_MACROS = {
    "OBJECT-TYPE", "NOTIFICATION-TYPE", "MODULE-IDENTITY", "OBJECT-IDENTITY", "OBJECT-GROUP", "NOTIFICATION-GROUP",
    "MODULE-COMPLIANCE", "AGENT-CAPABILITIES", "TRAP-TYPE",
}  # fmt: skip


class _Said(msgspec.Struct):
    """What a module says of one name: below which other name, by which numbers."""

    parent: str
    arcs: tuple[str, ...]
    words: Mapping[int, str]


class Names:
    """Implements ``connectors.snmp.document.Naming``."""

    def __init__(self, oids: Mapping[str, str], words: Mapping[str, Mapping[int, str]]) -> None:
        """``oids``: names by object identifier; ``words``: enumerations by name."""
        self._oids = oids
        self._words = words
        self.named = functools.lru_cache(maxsize=4096)(self._named)

    def __len__(self) -> int:
        return len(self._oids)

    def _named(self, oid: str) -> tuple[str, str]:
        above, instance = oid, ""
        while above:
            name = self._oids.get(above)
            if name is not None:
                return name, instance
            above, _, last = above.rpartition(".")
            instance = f"{last}.{instance}" if instance else last
        return "", ""

    def word(self, name: str, value: int) -> str:
        words = self._words.get(name)
        return words.get(value, "") if words is not None else ""


def read(folder: str) -> Names:
    """The names in every file of a folder, and those that are always known. Slow: seconds for hundreds of MIBs.

    Raises OSError when the folder cannot be read. A file that is no MIB gives no names.
    """
    modules: list[dict[str, _Said]] = []
    if folder:
        for file in sorted(Path(folder).iterdir())[:MOST_FILES]:
            if file.is_file() and file.stat().st_size <= LARGEST:
                modules.append(parse(file.read_text("utf-8", "replace")))
    return _resolved(modules)


def parse(text: str) -> dict[str, _Said]:
    """What one file says, by name. Anything that is not understood is passed over."""
    found: dict[str, _Said] = {}
    spoken = [said_word for said_word in _WORDS_IN.findall(text) if not said_word.startswith(("--", '"'))]
    at = 0
    name = macro = enterprise = ""
    words: dict[int, str] = {}
    while at < len(spoken):
        said_word = spoken[at]
        if said_word in _MACROS or (said_word == "OBJECT" and spoken[at + 1 : at + 2] == ["IDENTIFIER"]):
            before = spoken[at - 1] if at else ""
            if before[:1].islower():
                name, macro, enterprise, words = before, said_word, "", {}
        elif said_word == "ENTERPRISE" and macro == "TRAP-TYPE":
            enterprise = next((each for each in spoken[at + 1 : at + 4] if each[0].isalpha()), "")
        elif said_word == "{" and name and macro == "OBJECT-TYPE" and not words:
            words = _enumeration(spoken, at)
        elif said_word == "::=" and name:
            if macro == "TRAP-TYPE":
                number = spoken[at + 1 : at + 2]
                if enterprise and number and number[0].isdecimal():
                    found[name] = _Said(enterprise, ("0", *number), {})
            else:
                place = _place(spoken, at + 1)
                if place is not None:
                    found[name] = _Said(*place, words)
            name = macro = ""
        at += 1
    return found


def _enumeration(spoken: list[str], at: int) -> dict[int, str]:
    """``{ up(1), down(2) }`` → {1: "up", 2: "down"}; empty when it is something else."""
    words: dict[int, str] = {}
    at += 1
    while spoken[at + 1 : at + 2] == ["("] and spoken[at + 3 : at + 4] == [")"]:
        try:
            words[int(spoken[at + 2])] = spoken[at]
        except ValueError:
            return {}
        at += 4
        if spoken[at : at + 1] != [","]:
            break
        at += 1
    return words


def _place(spoken: list[str], at: int) -> tuple[str, tuple[str, ...]] | None:
    """``{ parent 1 }`` or ``{ iso org(3) dod(6) 1 }`` → (parent, numbers)."""
    if spoken[at : at + 1] != ["{"]:
        return None
    inside: list[str] = []
    for said_word in spoken[at + 1 : at + 64]:
        if said_word == "}":
            break
        inside.append(said_word)
    else:
        return None
    if not inside:
        return None
    arcs = tuple(said_word for said_word in inside[1:] if said_word.isdecimal())
    if inside[0].isdecimal():
        return "", (inside[0], *arcs)
    if inside[1:2] == ["("]:  # iso(1)
        return "", arcs
    return inside[0], arcs


def _resolved(modules: list[dict[str, _Said]]) -> Names:
    everywhere = {name: (module, said) for module in modules for name, said in module.items()}
    oids: dict[str, str] = {oid: name for name, oid in ALWAYS.items()}
    words: dict[str, Mapping[int, str]] = {
        "ifAdminStatus": {1: "up", 2: "down", 3: "testing"},
        "ifOperStatus": {1: "up", 2: "down", 3: "testing", 4: "unknown", 5: "dormant", 6: "notPresent"},
    }
    lost = 0
    for module in modules:
        for name, said in module.items():
            oid = _oid(module, said, everywhere)
            if not oid:
                lost += 1
                continue
            oids[oid] = name
            if said.words:
                words[name] = said.words
    if lost:
        log.info("%d names of the MIBs stand below names that no file in the folder has", lost)
    return Names(oids, words)


def _oid(module: Mapping[str, _Said], said: _Said, everywhere: Mapping[str, tuple[Mapping[str, _Said], _Said]]) -> str:
    """ "" when a name above it is not known."""
    arcs: list[str] = []
    for _ in range(128):  # no name stands deeper, and a circle ends here
        arcs[:0] = said.arcs
        if not said.parent:
            return ".".join(arcs)
        above = module.get(said.parent)
        if above is None:
            if said.parent in ROOTS:
                return ".".join((ROOTS[said.parent], *arcs))
            if said.parent in ALWAYS:
                return ".".join((ALWAYS[said.parent], *arcs))
            if said.parent not in everywhere:
                return ""
            module, above = everywhere[said.parent]
        said = above
    return ""
