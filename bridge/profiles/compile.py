"""Profile YAML → CompiledProfile: every fault found at once, each at its line and column."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bridge.config.document import Document, read
from bridge.config.errors import Located
from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.model import ProfileId
from bridge.profiles import grammar, values
from bridge.profiles.compiled import CompiledProfile, MediaBy
from bridge.profiles.decoders import (
    Decoder,
    form_decoder,
    in_turn,
    json_decoder,
    pattern_decoder,
    text_decoder,
    values_decoder,
    xml_decoder,
)
from bridge.profiles.entries import Entries
from bridge.profiles.kinds import Kinds
from bridge.profiles.patterns import Pattern, PatternError
from bridge.profiles.reading import Reader
from bridge.profiles.redact import Forms, redactor
from bridge.profiles.scope import Scope
from bridge.profiles.unwrap import Unwrapper

__all__ = ["CompiledProfile", "ProfileError", "ProfileErrors", "compile_profile"]


class ProfileError(NamedTuple):
    """One fault; line and column count from 1."""

    line: int
    column: int
    message: str


class ProfileErrors(Exception):
    """The profile cannot be used. ``errors`` holds every fault found, in the order of the file."""

    def __init__(self, file: str, errors: Iterable[ProfileError]) -> None:
        self.file = file
        self.errors = list(errors)
        super().__init__("\n".join(f"{file}:{line}:{column}: {message}" for line, column, message in self.errors))


def compile_profile(text: str, file: str) -> CompiledProfile:
    """The profile that ``text`` describes; ``file`` is its name in errors. Raises ProfileErrors."""
    faults = Faults()
    document = read(text, file)
    faults.take(document.errors)
    compiled = None
    if document.root is not None:
        model = validated(grammar.ProfileDocument, Entry(document, "", (1, 1), document.root), faults)
        if model is not None:
            compiled = _Compiler(document, faults, model).compile()
    if faults or compiled is None:
        raise ProfileErrors(file, map(_error, faults.errors().errors))
    return compiled


def _error(fault: Located) -> ProfileError:
    path = fault.path.lstrip(".")
    return ProfileError(fault.line, fault.column, f"{path}: {fault.message}" if path else fault.message)


class _Compiler:
    def __init__(self, document: Document, faults: Faults, model: grammar.ProfileDocument) -> None:
        self._document = document
        self._model = model
        self._scope = Scope(document, faults, model.absent)
        self._patterns: list[tuple[Pattern, bool]] = []

    def compile(self) -> CompiledProfile:
        model = self._model
        literal = "python-literal" in model.decode
        split = self._split(model.split)
        unwraps = self._scope.paths(("unwrap",), model.unwrap)
        decoders = self._decoders(model.decode, literal)
        entries = self._entries(model.entries)
        if split or entries is not None:
            self._scope.known["outer"] = None
        bests = any(kind.best for kind in model.messages.values())
        identity = self._scope.values(("identity",), model.identity, None)
        self._scope.known["identity"] = set(model.identity)
        if bests:
            self._scope.known["best"] = {name for kind in model.messages.values() for name in kind.best}
        media = self._media(model.media)
        each = Kinds(self._scope, model)
        kinds = [each.kind(("messages", name), name, kind) for name, kind in model.messages.items()]
        return CompiledProfile(
            id=ProfileId(model.profile),
            kind=model.kind,
            heard_by=model.heard_by,
            digest=hashlib.sha256(self._document.text.encode()).hexdigest()[:16],
            reader=Reader(
                json=model.decode[0] in ("json", "python-literal"),
                decoded=in_turn(decoders),
                unwrapper=Unwrapper(unwraps, literal),
                split=split,
                labels=model.media.label,
                entries=entries,
                origins=self._scope.origins,
            ),
            splits=bool(split) or entries is not None,
            origins=self._scope.origins,
            bests=bests,
            redact=redactor(self._scope.paths(("redact",), model.redact), self._forms(model, unwraps), split),
            identity=identity,
            media=media,
            kinds=kinds,
        )

    # ------------------------------------------------------------------------------------------------ the sections

    def _split(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        paths = self._scope.paths(("split",), texts)
        for index, text in enumerate(texts):
            if "[]" in text:
                self._scope.fault(("split", index), "the path of one list is written without [], such as data.results")
        return [path for path in paths if "[]" not in path]

    def _entries(self, entries: grammar.Entries | None) -> Entries | None:
        if entries is None:
            return None
        paths = self._scope.paths(("entries",), [entries.of]) if entries.of else [()]
        return Entries(paths[0] if paths else (), entries.keys)

    def _forms(self, model: grammar.ProfileDocument, unwraps: Sequence[tuple[str, ...]]) -> Forms:
        return Forms(
            literal="python-literal" in model.decode,
            xml="xml" in model.decode,
            lines=any(isinstance(name, grammar.Lines) and name.lines == "key=value" for name in model.decode),
            patterns=tuple(self._patterns),
            unwraps=tuple(unwraps),
        )

    def _decoders(self, names: Sequence[grammar.Decoder], literal: bool) -> list[Decoder]:
        found: list[Decoder] = []
        json = False
        for index, name in enumerate(names):
            if isinstance(name, grammar.Pattern):
                try:
                    pattern = Pattern(name.regex)
                except PatternError as error:
                    self._scope.fault(("decode", index, "regex"), str(error))
                    continue
                self._patterns.append((pattern, name.each == "line"))
                found.append(pattern_decoder(pattern, name.each == "line"))
            elif isinstance(name, grammar.Lines):
                found.append(text_decoder("json" in names) if name.lines == "text" else values_decoder)
            elif name == "form":
                found.append(form_decoder(literal))
            elif name == "xml":
                found.append(xml_decoder)
            elif not json:
                json = True
                found.append(json_decoder(literal))
        return found

    def _media(self, media: grammar.Media) -> MediaBy:
        words = tuple((role, frozenset(said)) for role, said in media.roles.items())
        links = tuple(
            (role, values.first(self._scope.picks(("media", "links", role), places), self._scope.absent))
            for role, places in media.links.items()
        )
        return MediaBy(words, tuple(self._scope.keys(("media", "order"), media.order)), links)
