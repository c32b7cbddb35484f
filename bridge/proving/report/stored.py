"""A report in a file: written as a whole or not at all, in the form its name says; and read again from JSON."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from bridge.proving.report.facts import FORMAT, Report
from bridge.proving.report.page import as_page
from bridge.proving.report.text import as_text

LARGEST = 64 * 2**20


class NotReadable(Exception):
    """This is no report, or not one this program knows; the message says why."""


def as_json(report: Report) -> str:
    told = {**msgspec.to_builtins(report), "verdict": report.verdict, "counts": report.counts}
    return msgspec.json.format(msgspec.json.encode(told), indent=1).decode() + "\n"


FORMS: Mapping[str, Callable[[Report], str]] = {".html": as_page, ".json": as_json, ".txt": as_text}


def form_of(file: Path) -> Callable[[Report], str] | None:
    """None when its name does not end in one of ``FORMS``."""
    return FORMS.get(file.suffix.lower())


def write(report: Report, file: Path) -> None:
    """Readable by its owner, and whoever the umask lets; what was there is replaced. Raises OSError, KeyError."""
    text = FORMS[file.suffix.lower()](report)
    descriptor, fresh = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        os.replace(fresh, file)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def read(file: Path) -> Report:
    """Raises NotReadable."""
    try:
        if file.stat().st_size > LARGEST:
            raise NotReadable(f"{file} is larger than any report")
        report = msgspec.json.decode(file.read_bytes(), type=Report)
    except OSError as error:
        raise NotReadable(f"{file} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotReadable(f"{file} is no report of vms-bridge selftest --report FILE.json: {error}") from error
    if report.format != FORMAT:
        raise NotReadable(f"{file} has format {report.format}, this program knows {FORMAT}")
    if report.at.tzinfo is None:
        raise NotReadable(f"{file} does not say in which zone its date is")
    return report
