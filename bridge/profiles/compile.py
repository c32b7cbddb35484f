"""Profile YAML → CompiledProfile: every fault found at once, each at its line and column."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from bridge.config.document import Document, locate, read
from bridge.config.errors import Located, did_you_mean
from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.model import ProfileId, State, Urgency
from bridge.profiles import grammar, titles, values
from bridge.profiles.best import best_of
from bridge.profiles.compiled import CollapseBy, CompiledProfile, Dedup, Hold, Kind, MediaBy
from bridge.profiles.conditions import CompleteBy
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
from bridge.profiles.evaluation import ExpressionFailed
from bridge.profiles.expression import Expression, ExpressionError, compile_expression
from bridge.profiles.lexer import tokens, uses
from bridge.profiles.patterns import Pattern, PatternError
from bridge.profiles.reading import Reader
from bridge.profiles.redact import Forms, PathError, parse_path, redactor
from bridge.profiles.times import TimeOf, time_reader
from bridge.profiles.unwrap import Unwrapper
from bridge.profiles.values import Pick, Read, Seen

__all__ = ["CompiledProfile", "ProfileError", "ProfileErrors", "compile_profile"]

T = TypeVar("T")
Out = TypeVar("Out")
Path = tuple[str | int, ...]


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


def _never(_: Seen) -> None:
    return None


class _Compiler:
    def __init__(self, document: Document, faults: Faults, model: grammar.ProfileDocument) -> None:
        self._document = document
        self._faults = faults
        self._model = model
        self._absent = frozenset(model.absent)
        self._patterns: list[tuple[Pattern, bool]] = []
        self._origins = False
        self._known: dict[str, set[str] | None] = {"item": None, "origin": None}
        """The variables an expression may use here, and their members where those are known."""

    def compile(self) -> CompiledProfile:
        model = self._model
        literal = "python-literal" in model.decode
        split = self._split(model.split)
        unwraps = self._paths("unwrap", model.unwrap)
        decoders = self._decoders(model.decode, literal)
        entries = self._entries(model.entries)
        if split or entries is not None:
            self._known["outer"] = None
        self._bests = any(kind.best for kind in model.messages.values())
        identity = self._values(("identity",), model.identity, None)
        self._known["identity"] = set(model.identity)
        if self._bests:
            self._known["best"] = {name for kind in model.messages.values() for name in kind.best}
        media = self._media(model.media)
        kinds = [self._kind(("messages", name), name, kind) for name, kind in model.messages.items()]
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
                origins=self._origins,
            ),
            splits=bool(split) or entries is not None,
            origins=self._origins,
            bests=self._bests,
            redact=redactor(self._paths("redact", model.redact), self._forms(model, unwraps), split),
            identity=identity,
            media=media,
            kinds=kinds,
        )

    def _fault(self, path: Path, message: str) -> None:
        assert self._document.root is not None
        node = locate(self._document.root, path)
        said = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        self._faults.add(self._document, (node.line, node.column), said, message)

    # ----------------------------------------------------------------------------------------- expressions, values

    def _expression(self, path: Path, text: str) -> Expression:
        """The compiled expression; one that is always null after saying what is wrong with it."""
        try:
            compiled = compile_expression(text, set(self._known))
        except ExpressionError as error:
            self._fault(path, str(error))
            return compile_expression("null == null")
        for use in uses(tokens(text))[0]:
            self._origins |= use.name == "origin"
            members = self._known.get(use.name)
            if members is not None and use.member is not None and use.member not in members:
                near = did_you_mean(use.member, members) or f"; so far there is {', '.join(sorted(members)) or 'none'}"
                self._fault(path, f"{use.name} has no {use.member} here{near}")
        return compiled

    def _pick(self, path: Path, alternative: grammar.Alternative) -> Pick:
        if (alternative.expression is None) == (alternative.key_like is None):
            self._fault(path, "write an expression such as item.name, or {key_like: name}")
            return _never
        if alternative.key_like is not None:
            return values.pick_like(alternative.key_like)
        assert alternative.expression is not None
        return values.pick(self._expression(path, alternative.expression))

    def _picks(self, path: Path, alternatives: Sequence[grammar.Alternative]) -> list[Pick]:
        return [self._pick((*path, index), each) for index, each in enumerate(alternatives)]

    def _value(self, path: Path, value: grammar.Value) -> Read:
        return values.reader(
            self._picks((*path, "from"), value.from_),
            values.cut_out(values.NORMALISERS[value.as_], value.after, value.before)
            if value.after or value.before
            else values.NORMALISERS[value.as_],
            self._absent,
            value.map,
            frozenset(value.absent),
            value.otherwise,
        )

    def _values(
        self, path: Path, named: Mapping[str, grammar.Value], known: set[str] | None
    ) -> tuple[tuple[str, Read], ...]:
        """``known`` grows with each name, so that a value sees those before it."""
        found: list[tuple[str, Read]] = []
        for name, value in named.items():
            found.append((name, self._value((*path, name), value)))
            if known is not None:
                known.add(name)
        return tuple(found)

    def _keys(self, path: Path, keys: Sequence[Sequence[grammar.Alternative]]) -> list[Pick]:
        return [
            values.first(self._picks((*path, index), alternatives), self._absent)
            for index, alternatives in enumerate(keys)
        ]

    def _true(self, path: Path, text: str | None) -> Callable[[Seen], bool]:
        """Whether the expression is true; one that fails is not."""
        if text is None:
            return lambda _: True
        evaluate = self._expression(path, text).evaluate

        def holds(seen: Seen) -> bool:
            try:
                return evaluate(seen) is True
            except ExpressionFailed:
                return False

        return holds

    def _choice(
        self,
        path: Path,
        cases: Sequence[grammar.Case[T]],
        make: Callable[[Path, T], Out],
        otherwise: Out | None = None,
    ) -> Callable[[Seen], Out]:
        """The first case that holds. Without ``otherwise`` the last one must hold always."""
        made: list[tuple[Callable[[Seen], bool], Out]] = []
        last: Out | None = otherwise
        for index, case in enumerate(cases):
            here = (*path, index)
            result = make(here, case.is_)
            if case.when is None:
                if index < len(cases) - 1:
                    self._fault((*here, "is"), "this is always so, and what follows is never reached; put it last")
                last = result
                break
            made.append((self._true((*here, "when"), case.when), result))
        else:
            if otherwise is None and cases:
                self._fault(path, "none may be true; end the list with a plain value that always holds")
        final: Out = last  # type: ignore[assignment]  # None only after a fault, or where None is meant
        if not made:
            return lambda _: final
        choices = tuple(made)

        def choose(seen: Seen) -> Out:
            for holds, result in choices:
                if holds(seen):
                    return result
            return final

        return choose

    # ------------------------------------------------------------------------------------------------ the sections

    def _paths(self, key: str, texts: Sequence[str]) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        for index, text in enumerate(texts):
            try:
                found.append(parse_path(text))
            except PathError as error:
                self._fault((key, index), str(error))
        return found

    def _split(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        paths = self._paths("split", texts)
        for index, text in enumerate(texts):
            if "[]" in text:
                self._fault(("split", index), "the path of one list is written without [], such as data.results")
        return [path for path in paths if "[]" not in path]

    def _entries(self, entries: grammar.Entries | None) -> Entries | None:
        if entries is None:
            return None
        paths = self._paths("entries", [entries.of]) if entries.of else [()]
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
                    self._fault(("decode", index, "regex"), str(error))
                    continue
                self._patterns.append((pattern, name.each == "line"))
                found.append(pattern_decoder(pattern, name.each == "line"))
            elif isinstance(name, grammar.Lines):
                found.append(text_decoder if name.lines == "text" else values_decoder)
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
            (role, values.first(self._picks(("media", "links", role), places), self._absent))
            for role, places in media.links.items()
        )
        return MediaBy(words, tuple(self._keys(("media", "order"), media.order)), links)

    def _kind(self, path: Path, name: str, kind: grammar.MessageKind) -> Kind:
        self._known.pop("fields", None)
        self._known.pop("best", None)
        when = self._when((*path, "when"), kind.when)
        best = tuple((each, self._best((*path, "best", each), of)) for each, of in kind.best.items())
        if self._bests:
            self._known["best"] = set(kind.best)
        known: set[str] = set()
        self._known["fields"] = known
        fields = self._values((*path, "fields"), kind.fields, known)
        condition = self._keys((*path, "condition"), kind.condition)
        if not condition and any(case.is_ != "momentary" for case in kind.state):
            self._fault((*path, "state"), "what is active or restored needs a condition: what is on or off")
        complete = self._complete((*path, "complete"), name, kind)
        if kind.ends_after is not None and not condition:
            self._fault((*path, "ends_after"), "what ends after a while needs a condition: what is on or off")
        return Kind(
            name=name,
            when=when,
            type=self._choice((*path, "type"), kind.type, lambda _, text: text),
            title=self._title((*path, "title"), kind.title, known),
            state=self._choice((*path, "state"), kind.state, lambda _, text: State(text), State.MOMENTARY),
            urgency=self._choice(
                (*path, "urgency"), kind.urgency, lambda _, text: Urgency[text.upper()], Urgency.NOTICE
            ),
            condition=values.joined(condition) if condition else None,
            fields=fields,
            times=tuple(self._time((*path, "time", index), time) for index, time in enumerate(kind.time)),
            dedup=self._dedup((*path, "dedup"), name, kind.dedup),
            collapse=self._collapse((*path, "collapse"), kind.collapse, known),
            quiet=self._quiet((*path, "quiet"), kind.quiet),
            complete=complete,
            best=best,
            more=None if kind.more is None else values.first(self._picks((*path, "more"), kind.more), self._absent),
            ends_after=kind.ends_after,
            types=tuple(dict.fromkeys(case.is_ for case in kind.type)),
            always_quiet=any(case.when is None for case in kind.quiet),
        )

    def _best(self, path: Path, best: grammar.Best) -> Pick:
        ways: list[tuple[str, ...]] = []
        for index, text in enumerate(best.by):
            try:
                ways.append(parse_path(text))
            except PathError as error:
                self._fault((*path, "by", index), str(error))
        return best_of([values.first([pick], self._absent) for pick in self._picks((*path, "of"), best.of)], ways)

    def _complete(self, path: Path, name: str, kind: grammar.MessageKind) -> CompleteBy | None:
        complete = kind.complete
        if complete is None:
            return None
        if kind.condition and kind.condition[:-1] != complete.scope:
            self._fault(
                (*path, "scope"), "these must be the keys of condition but its last one, which conditions lists"
            )
        scope = values.joined(self._keys((*path, "scope"), complete.scope))
        if self._model.split:
            self._known["items"] = None
        conditions = self._expression((*path, "conditions"), complete.conditions)
        self._known.pop("items", None)
        used, _, elements = uses(tokens(complete.conditions))
        shared = {use.name for use in used} <= {"items", "outer"} | elements
        return CompleteBy(scope, conditions.evaluate, name if shared else "")

    def _when(self, path: Path, when: grammar.When | None) -> Callable[[Seen], bool]:
        if when is None:
            return lambda _: True
        if (when.expression is None) == (when.any is None):
            self._fault(path, "write an expression, or {any: [item.one, item.other]}")
            return lambda _: False
        if when.any is None:
            return self._true(path, when.expression)
        present = values.first(self._picks((*path, "any"), when.any), self._absent)
        return lambda seen: present(seen) is not None

    def _title(self, path: Path, cases: Sequence[grammar.Case[str]], known: set[str]) -> Callable[[Seen], str]:
        def make(here: Path, template: str) -> Callable[[titles.Fields], str]:
            for name in titles.names_in(template):
                if name and name not in known:
                    self._fault(here, f"there is no field {name}{did_you_mean(name, known)}")
            try:
                return titles.compile_title(template)
            except titles.TitleError as error:
                self._fault(here, str(error))
                return lambda _: ""

        choose = self._choice(path, cases, make)
        return lambda seen: choose(seen)(seen["fields"])

    def _time(self, path: Path, time: grammar.Time) -> TimeOf:
        expression = self._expression((*path, "from"), time.from_)
        return time_reader(values.first([values.pick(expression)], self._absent), time.format, time.zone)

    def _dedup(self, path: Path, name: str, dedup: grammar.Dedup | None) -> Dedup | None:
        if dedup is None:
            return None
        if dedup.of is not None and dedup.of not in self._model.messages:
            self._fault((*path, "of"), f"there is no kind {dedup.of}{did_you_mean(dedup.of, self._model.messages)}")
        return Dedup(
            dedup.of or name,
            values.joined(self._keys((*path, "key"), dedup.key)),
            values.joined_present(self._keys((*path, "also"), dedup.also)),
            dedup.window,
        )

    def _collapse(self, path: Path, collapse: grammar.CollapseOf | None, known: set[str]) -> CollapseBy | None:
        if collapse is None:
            return None
        for index, name in enumerate(collapse.amend):
            if name not in known:
                self._fault((*path, "amend", index), f"there is no field {name}{did_you_mean(name, known)}")
        cases = [
            Hold(
                self._true((*path, "cases", index, "when"), case.when),
                case.hold,
                case.rank,
                values.joined(self._keys((*path, "cases", index, "begins"), case.begins)) if case.begins else None,
            )
            for index, case in enumerate(collapse.cases)
        ]
        key = values.joined(self._keys((*path, "key"), collapse.key))
        loose = values.joined(self._keys((*path, "loose"), collapse.loose)) if collapse.loose else None
        says_less = collapse.loose == collapse.key
        return CollapseBy(key, collapse.window, tuple(collapse.amend), tuple(cases), loose, says_less)

    def _quiet(self, path: Path, cases: Sequence[grammar.Case[str]]) -> Callable[[Seen], str | None]:
        if not cases:
            return _never
        reason: Callable[[Seen], str] = self._choice(path, cases, lambda _, text: text, "")
        return lambda seen: reason(seen) or None
