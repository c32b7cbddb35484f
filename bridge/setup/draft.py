"""A site as far as it is written: it may lack sensors, and have errors in sections that are not asked about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bridge.config import parts
from bridge.config.document import Plain, plain
from bridge.config.errors import did_you_mean
from bridge.config.faults import Faults
from bridge.config.gather import NAMED, Sections, gather
from bridge.config.site import Vms


class DraftWrong(Exception):
    """It cannot be read so far that cameras could be put into it; the message says every reason."""


class Draft:
    """``said``: section → name → what stands there."""

    def __init__(self, path: Path, sections: Sections) -> None:
        self.path = path
        self._sections = sections
        self.said: Mapping[str, Mapping[str, Plain]] = {
            name: {key: plain(entry.node) for key, entry in sections.named[name].items()} for name in NAMED
        }

    def one_vms(self, name: str | None) -> Vms:
        """The VMS of this name, or the only one. Raises DraftWrong."""
        entries = self._sections.named["vms"]
        if name is None:
            if len(entries) != 1:
                names = ", ".join(entries)
                raise DraftWrong(
                    f"say which VMS: --vms NAME ({names})" if names else f"{self.path} has no VMS; write one"
                )
            name = next(iter(entries))
        if name not in entries:
            near = did_you_mean(name, entries) or (f"; there is {', '.join(entries)}" if entries else "")
            raise DraftWrong(f"there is no VMS {name} in {self.path}{near}")
        faults = Faults()
        made, _ = parts.vms({name: entries[name]}, faults)
        if name not in made:
            raise DraftWrong(faults.errors().render())
        return made[name]

    def file_of(self, section: str, after: str) -> Path:
        """The file that has this section, else the section ``after``, else the last of the site."""
        for wanted in (section, after):
            for entry in self._sections.named[wanted].values():
                return Path(entry.source.file)
        return self.path if not self.path.is_dir() else max(self.path.glob("*.yaml"))


def read_draft(path: Path) -> Draft:
    """Raises DraftWrong when its YAML is broken."""
    faults = Faults()
    sections = gather(path, faults)
    broken = [error for error in (faults.errors().errors if faults else ()) if error.line and not error.path]
    if broken or not sections.named["vms"]:
        told = faults.errors().render() if faults else f"{path} has no VMS; write one under vms:"
        raise DraftWrong(told)
    return Draft(path, sections)
