"""The files of a new profile: its YAML, the captured message with its secrets masked, and a first expectation."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import yaml

from bridge.model import Draft, Message
from bridge.profiles.compile import ProfileErrors, compile_profile
from bridge.profiles.compiled import CompiledProfile
from bridge.profiles.examples import read_message, without_credentials
from bridge.profiles.sketch import NothingRead, sketch

_HEAD = re.compile(rb"[A-Z]+ \S+ HTTP/1\.[01]\r?\n")
_CREDENTIALS = re.compile(rb"(?im)^((?:proxy-)?authorization|cookie|[\w-]*(?:key|token|secret)[\w-]*):[^\r\n]*")
_QUERY = re.compile(rb"\?\S*")


class CannotBegin(Exception):
    """Nothing was written; the text says why and what to do."""


class Begun(msgspec.Struct, frozen=True):
    """The files that were written, and what was read in the message."""

    profile: Path
    example: Path
    expectation: Path
    decoder: str
    items: int


def begin(name: str, kind: str, title: str, captured: Path, folder: Path) -> Begun:
    """Write the profile ``name`` for the device that sent what is in ``captured`` into ``folder``.

    Raises CannotBegin; an existing profile is never overwritten.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", name):
        raise CannotBegin(f"{name!r} cannot be a profile's name: use small letters, digits and -")
    target = folder / f"{name}.yaml"
    if target.exists():
        raise CannotBegin(f"{target} is there already; give another name, or remove it first")
    try:
        data = captured.read_bytes()
    except OSError as error:
        raise CannotBegin(f"{captured} cannot be read: {error.strerror}") from error
    suffix = _suffix(captured, data)
    examples = folder / name
    examples.mkdir(parents=True, exist_ok=True)
    example = examples / f"captured{suffix}"
    example.write_bytes(data)
    try:
        found = sketch(name, kind, title, read_message(example))
        profile = compile_profile(found.text, str(target))
        message = profile.redact(read_message(example))
        example.write_bytes(_masked(data, suffix, read_message(example), message))
        expectation = example.with_suffix(".expect.yaml")
        expectation.write_text(_expectation(profile, message), "utf-8")
    except (NothingRead, ProfileErrors) as error:
        example.unlink()
        raise CannotBegin(f"{captured} cannot be read as a message: {error}") from error
    target.write_text(found.text, "utf-8")
    return Begun(target, example, expectation, found.decoder, len(found.items))


def _suffix(captured: Path, data: bytes) -> str:
    """How the example's file ends, which says how it is read: a recorded request has its head."""
    if captured.suffix in (".http", ".snmp", ".ws"):
        return captured.suffix
    return ".http" if _HEAD.match(data) else ".tcp"


def _masked(data: bytes, suffix: str, before: Message, after: Message) -> bytes:
    """The captured bytes without what must not be kept: credentials in the head, and what the profile redacts."""
    if suffix == ".snmp":
        return without_credentials(data)
    if suffix != ".http":
        return after.body if after.body != before.body else data
    blank = re.search(rb"\r?\n\r?\n", data)
    head, body = (data[: blank.start()], data[blank.end() :]) if blank else (data, b"")
    first, _, rest = head.replace(b"\r\n", b"\n").partition(b"\n")
    first = _QUERY.sub(b"", first)
    rest = _CREDENTIALS.sub(lambda found: found[1] + b": (masked)", rest)
    if before.parts:
        for old, new in zip(before.parts, after.parts, strict=True):
            if old.data != new.data:
                body = body.replace(old.data, new.data)
    elif before.body != after.body:
        body = after.body
    rest = re.sub(rb"(?im)^content-length:[^\n]*", b"Content-Length: %d" % len(body), rest)
    return b"\r\n".join([first, *rest.split(b"\n")]) + b"\r\n\r\n" + body


def _expectation(profile: CompiledProfile, message: Message) -> str:
    """What the profile makes of the message now, in the words of an expectation."""
    items: list[dict[str, object]] = []
    for item in profile.items(message):
        draft = profile.draft(item, ZoneInfo("UTC")) if not hasattr(item, "why") else item
        if not isinstance(draft, Draft):
            items.append({"malformed": draft.why})
            continue
        told: dict[str, object] = {"type": draft.type, "title": draft.title, "fields": dict(draft.fields)}
        if draft.occurred_at is not None:
            told["occurred_at"] = draft.occurred_at.isoformat(timespec="microseconds")
        items.append(told)
    about = "As the first sketch of the profile reads it. Correct it by hand to what the device means."
    return yaml.safe_dump({"about": about, "zone": "UTC", "items": items}, sort_keys=False, allow_unicode=True)
